//! Running tasks: claim what is pending, drive the engine, record what it says, settle what was lost.
//!
//! The claim loop is level-triggered: it looks at the database, woken by a dispatch in this process or by a timer,
//! so a lost signal costs seconds and never a task.

mod drive;
mod job;
mod record;
mod runner;
mod sweep;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flowcd_engine::{Limits, git::RepoPolicy};
use flowcd_model::id::{AppId, TaskId, UserId};
use flowcd_store::Store;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{logs::Logs, metrics::Metrics};

pub(crate) use runner::Runners;
pub(crate) use sweep::{settle_dead_runs, sweep_forever};

/// How long a claim is good for without a heartbeat.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How often a runner says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How often to look for pending tasks when nothing wakes us: another server may have accepted some.
const POLL: Duration = Duration::from_secs(1);
/// Followers share this many channels; a follower woken by another task's change looks and waits again.
const N_CHANNELS: usize = 64;

/// Where people find a task.
pub(crate) fn task_url(base_url: &str, id: &TaskId) -> String {
    format!("{base_url}/deployments/{id}")
}

/// What the runners need to know.
#[derive(Clone)]
pub(crate) struct WorkConfig {
    /// The name this server claims tasks under; it stays the same for a data folder.
    pub(crate) instance: String,
    /// Where the folders of running tasks are.
    pub(crate) work_dir: PathBuf,
    /// Where the mirrors of repositories are.
    pub(crate) mirrors: PathBuf,
    /// Where installed plugins are.
    pub(crate) plugins: PathBuf,
    /// The npm registry that plugins are installed from; npm's own setting when there is none.
    pub(crate) plugin_registry: Option<String>,
    /// Certificates that npm trusts beside its own.
    pub(crate) plugin_ca_file: Option<PathBuf>,
    /// Where the cache plugin keeps what is to last.
    pub(crate) caches: PathBuf,
    /// How many tasks run at once.
    pub(crate) n_runners: usize,
    /// Which repositories may be checked out.
    pub(crate) policy: RepoPolicy,
    /// The engine's limits.
    pub(crate) limits: Limits,
    /// How long logs are kept after their task has ended; for ever when `None`.
    pub(crate) log_retention: Option<Duration>,
    /// How long deliveries are kept; for ever when `None`.
    pub(crate) delivery_retention: Option<Duration>,
    /// How many deliveries of an application are kept.
    pub(crate) max_deliveries: u32,
    /// The server's base URL, for `task.url`.
    pub(crate) base_url: String,
}

impl WorkConfig {
    /// Where the mirrors of a user are. They answer without asking the host, so nobody may see the copy that another
    /// user's credential fetched.
    fn mirrors_of(&self, user_id: &UserId) -> PathBuf {
        self.mirrors.join(user_id.as_str())
    }

    /// Where the cache plugin keeps what code from forks of an application's repository leaves.
    fn fork_caches_of(&self, user_id: &UserId, app_id: &AppId) -> PathBuf {
        self.caches
            .join(user_id.as_str())
            .join(format!("{app_id}.forks"))
    }

    /// Where the cache plugin keeps what is to last for an application.
    fn caches_of(&self, user_id: &UserId, app_id: &AppId) -> PathBuf {
        self.caches.join(user_id.as_str()).join(app_id.as_str())
    }
}

/// The part of running tasks that the rest of the server talks to.
#[derive(Clone)]
pub(crate) struct Work {
    inner: Arc<Inner>,
}

struct Inner {
    config: WorkConfig,
    store: Store,
    logs: Logs,
    metrics: Metrics,
    /// Rung when there may be a pending task.
    pending: Notify,
    /// Rung when a task has another status than before.
    moved: Notify,
    /// The tasks that run in this process, and how to cancel them.
    running: Mutex<HashMap<TaskId, CancellationToken>>,
    channels: Vec<watch::Sender<u64>>,
    hasher: RandomState,
}

impl Work {
    /// Work that has not begun.
    pub(crate) fn new(config: WorkConfig, store: Store, logs: Logs, metrics: Metrics) -> Self {
        let channels = (0..N_CHANNELS).map(|_| watch::Sender::new(0)).collect();
        let inner = Inner {
            config,
            store,
            logs,
            metrics,
            pending: Notify::new(),
            moved: Notify::new(),
            running: Mutex::default(),
            channels,
            hasher: RandomState::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Says that there may be a pending task.
    pub(crate) fn wake(&self) {
        self.inner.pending.notify_one();
        self.ring();
    }

    /// Tells the runner of a task that it is to be cancelled, where it runs in this process; elsewhere the runner
    /// hears of it with its next heartbeat.
    pub(crate) fn cancel(&self, task: &TaskId) {
        if let Some(token) = self.inner.running().get(task) {
            token.cancel();
        }
    }

    /// Says that a task or its log changed.
    pub(crate) fn changed(&self, task: &TaskId) {
        self.channel(task)
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Says that a task has another status than before.
    pub(crate) fn moved(&self, task: &TaskId) {
        self.ring();
        self.changed(task);
    }

    /// Says that there may be news for the Git hosts.
    pub(crate) fn ring(&self) {
        self.inner.moved.notify_one();
    }

    /// Returns when there may be news for the Git hosts, at once where there were since the last time.
    pub(crate) async fn next_move(&self) {
        self.inner.moved.notified().await;
    }

    /// Where the mirrors of a user are.
    pub(crate) fn mirrors_of(&self, user_id: &UserId) -> PathBuf {
        self.inner.config.mirrors_of(user_id)
    }

    /// Removes what the cache plugin kept for an application that is gone.
    pub(crate) async fn remove_caches(&self, user_id: &UserId, app_id: &AppId) {
        let config = &self.inner.config;
        let folders = [
            config.caches_of(user_id, app_id),
            config.fork_caches_of(user_id, app_id),
        ];
        for folder in folders {
            let removed =
                tokio::task::spawn_blocking(move || flowcd_engine::workdir::remove(&folder)).await;
            // The application is gone, so a cache that stays is waste and nothing worse.
            if let Err(source) = removed.unwrap_or_else(|source| Err(std::io::Error::other(source)))
            {
                error!(app.id = %app_id, %source, "Cannot remove the caches of application `{app_id}`");
            }
        }
    }

    /// A receiver that wakes when the task may have changed.
    pub(crate) fn watch(&self, task: &TaskId) -> watch::Receiver<u64> {
        self.channel(task).subscribe()
    }

    fn channel(&self, task: &TaskId) -> &watch::Sender<u64> {
        let place = self.inner.hasher.hash_one(task) as usize % self.inner.channels.len();
        &self.inner.channels[place]
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
