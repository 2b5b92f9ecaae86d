//! The claim loop: one look for as many tasks as there are free runners.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{LEASE, POLL, Work, drive};

/// Beside the drain timeout: what a step that was asked to end may take, and a little more.
const GRACE: Duration = Duration::from_secs(6);

/// How what runs is ended when the server stops.
#[derive(Clone, Default)]
pub(super) struct Ending {
    /// As a cancel does: what cleans up still runs.
    pub(super) end: CancellationToken,
    /// At once.
    pub(super) kill: CancellationToken,
}

/// The runners of this server, at work.
pub(crate) struct Runners {
    /// No more claims.
    stop: CancellationToken,
    ending: Ending,
    loop_handle: tokio::task::JoinHandle<()>,
}

impl Runners {
    /// Begins to claim and run tasks.
    pub(crate) fn start(work: &Work) -> Self {
        let stop = CancellationToken::new();
        let ending = Ending::default();
        let loop_handle = tokio::spawn(claim_forever(work.clone(), stop.clone(), ending.clone()));
        Self {
            stop,
            ending,
            loop_handle,
        }
    }

    /// Stops claiming, gives running tasks `drain_timeout` to end, then ends them, and gives what they have to clean
    /// up as long again; answers when none runs any more.
    pub(crate) async fn stop(self, drain_timeout: Duration) {
        self.stop.cancel();
        let mut loop_handle = self.loop_handle;
        if timeout(drain_timeout, &mut loop_handle).await.is_ok() {
            return;
        }
        warn!("Ending the tasks that still run after {drain_timeout:?}");
        self.ending.end.cancel();
        if timeout(drain_timeout + GRACE, &mut loop_handle)
            .await
            .is_ok()
        {
            return;
        }
        warn!("Killing the tasks that did not end");
        self.ending.kill.cancel();
        if let Err(source) = loop_handle.await {
            error!(%source, "The runners ended badly");
        }
    }
}

async fn claim_forever(work: Work, stop: CancellationToken, ending: Ending) {
    let free = Arc::new(Semaphore::new(work.inner.config.n_runners));
    let mut runs = JoinSet::new();
    loop {
        while runs.try_join_next().is_some() {}
        let permit = tokio::select! {
            // First: a long queue must not be claimed further while the server stops.
            biased;
            () = stop.cancelled() => break,
            permit = free.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        // Armed before the look, so that a dispatch in between wakes us.
        let pending = work.inner.pending.notified();
        let config = &work.inner.config;
        match work
            .inner
            .store
            .claim_task(&config.instance, LEASE.as_millis() as i64)
            .await
        {
            Ok(Some(claimed)) => {
                info!(task.id = %claimed.task.id, "Claimed task `{}`", claimed.task.id);
                let (work, ending) = (work.clone(), ending.clone());
                runs.spawn(async move {
                    drive::drive(&work, claimed, &ending).await;
                    drop(permit);
                });
                continue;
            }
            Ok(None) => {}
            Err(source) => error!(
                error = &source as &dyn std::error::Error,
                "Cannot look for pending tasks"
            ),
        }
        tokio::select! {
            () = pending => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => break,
        }
    }
    while runs.join_next().await.is_some() {}
}
