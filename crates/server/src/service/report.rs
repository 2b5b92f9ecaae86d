//! Tells Git hosts how the deployments of their commits go.
//!
//! What is to be told is in the database, written with the change that it is about. A pass takes what is due and sends
//! it beside everything else: no task waits for a host, and no host for another one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flowcd_model::{
    step::StepStatus,
    task::{Task, TaskStatus},
    time::Millis,
};
use flowcd_store::{StatusReport, Told};
use rand::RngExt;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use crate::{
    error::Result,
    host::{Account, CommitState, CommitStatus, HostError},
    service::{
        dispatch::PIPELINE_FILE,
        provider::{Place, find_account, place_of},
    },
    state::AppState,
    work::task_url,
};

/// How many reports are on their way at once.
const MAX_SENDING: usize = 16;
/// How long one may be on its way; some hosts are asked twice for it.
const SEND_TIMEOUT: Duration = Duration::from_secs(45);
/// Nobody else sends a report for so long, whatever becomes of us.
const LEASE_MS: i64 = 90_000;
/// The pause after the first failure; it doubles with each one ..
const FIRST_PAUSE_MS: i64 = 5_000;
/// .. up to this, which a quarter may be added to: ten minutes.
const MAX_PAUSE_MS: i64 = 480_000;
/// The pause where a user has to do something first.
const FIRST_TOKEN_PAUSE_MS: i64 = 60_000;
const MAX_TOKEN_PAUSE_MS: i64 = 6 * 3_600_000;
/// The pause while a task has no commit yet.
const NO_COMMIT_PAUSE_MS: i64 = 2_000;
const MAX_NO_COMMIT_PAUSE_MS: i64 = 30_000;
/// Nobody wants to know any more how a task went that ended so long ago.
const GIVE_UP_MS: i64 = 24 * 3_600_000;
/// A host that does not answer is left alone for so long: each attempt takes the place of a report to another host.
const DOWN_MS: i64 = 15_000;
/// The longest name of a repository or pipeline in a context; Codeup takes 50 characters in all.
const MAX_LABEL_CHARS: usize = 25;

/// The reports that are on their way.
#[derive(Debug)]
pub(crate) struct Reports {
    free: Arc<Semaphore>,
    sending: TaskTracker,
    /// The hosts that do not answer, and until when they are left alone.
    down: Mutex<HashMap<String, Millis>>,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(MAX_SENDING)),
            sending: TaskTracker::new(),
            down: Mutex::default(),
        }
    }
}

impl Reports {
    /// Waits for what is on its way, which ends when the server is asked to stop.
    pub(crate) async fn end(&self) {
        self.sending.close();
        self.sending.wait().await;
    }

    fn down(&self) -> MutexGuard<'_, HashMap<String, Millis>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when a host is left alone, if it is.
    fn down_until(&self, origin: &str, now: Millis) -> Option<Millis> {
        let mut down = self.down();
        down.retain(|_, until| *until > now);
        down.get(origin).copied()
    }
}

/// One pass: begins to tell what is due to be told.
pub(crate) async fn tell_due(state: &AppState) -> Result<()> {
    loop {
        let now = Millis::now();
        // Mostly there is nothing, and this only reads.
        let next = state.store.next_status_report().await?;
        if next.is_none_or(|next| next > now) {
            return Ok(());
        }
        let n_free = state.reports.free.available_permits();
        let limit = i64::try_from(n_free).unwrap_or(i64::MAX);
        if limit == 0 {
            // The end of any of them wakes us.
            return Ok(());
        }
        let due = state
            .store
            .claim_status_reports(now, LEASE_MS, limit)
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        for report in due {
            let Ok(permit) = state.reports.free.clone().acquire_owned().await else {
                return Ok(());
            };
            let sender = state.clone();
            state.reports.sending.spawn(async move {
                tell(&sender, report).await;
                drop(permit);
                // The task may be further by now.
                sender.work.ring();
            });
        }
    }
}

async fn tell(state: &AppState, report: StatusReport) {
    let told = tokio::select! {
        told = attempt(state, &report) => told,
        // Whoever comes next begins with it.
        () = state.stopping.cancelled() => Told::Again {
            time: Millis::now(),
            problem: "the server was stopped".to_owned(),
        },
    };
    state.metrics.status_report_tried(match &told {
        Told::Sent => "sent",
        Told::Again { .. } => "put_off",
        Told::Never => "dropped",
    });
    let id = &report.task.id;
    if let Err(err) = state.store.told(id, report.status, told).await {
        // It is due again when the lease is over.
        error!(task.id = %id, error = &err as &dyn std::error::Error, "Cannot keep that the host of task `{id}` was told");
    }
}

/// Tries to tell the host, once.
async fn attempt(state: &AppState, report: &StatusReport) -> Told {
    let StatusReport {
        task, application, ..
    } = report;
    let Some(place) = place_of(state, application) else {
        return Told::Never;
    };
    if task.commit.is_empty() {
        return match report.status.is_final() {
            true => Told::Never,
            false => again(
                pause(
                    report.n_attempts,
                    NO_COMMIT_PAUSE_MS,
                    MAX_NO_COMMIT_PAUSE_MS,
                ),
                "the commit is not known yet".to_owned(),
            ),
        };
    }
    let provider = application.provider;
    let account = match find_account(state, &task.user_id, provider, &place.origin).await {
        Ok(Some(account)) => account,
        Ok(None) => {
            debug!(task.id = %task.id, "Nobody has an account to tell {} of task `{}` with", place.origin, task.id);
            return Told::Never;
        }
        Err(err) => {
            let pause = pause(report.n_attempts, FIRST_PAUSE_MS, MAX_PAUSE_MS);
            return again(pause, err.to_string());
        }
    };
    let now = Millis::now();
    if let Some(until) = state.reports.down_until(&place.origin, now) {
        let pause = until.since_ms(now) + jitter(FIRST_PAUSE_MS);
        return again(pause, format!("{} does not answer", place.origin));
    }
    match send(state, report, &account, &place).await {
        Ok(()) => {
            debug!(task.id = %task.id, "Told {} of task `{}`: {}", place.origin, task.id, report.status);
            Told::Sent
        }
        Err(err) => after_failure(state, report, &place, &err),
    }
}

async fn send(
    state: &AppState,
    report: &StatusReport,
    account: &Account,
    place: &Place,
) -> std::result::Result<(), HostError> {
    let status = CommitStatus {
        state: match report.status {
            TaskStatus::Pending => CommitState::Pending,
            TaskStatus::Running => CommitState::Running,
            TaskStatus::Success => CommitState::Success,
            TaskStatus::Failure => CommitState::Failure,
            TaskStatus::Cancelled => CommitState::Cancelled,
        },
        context: context(report),
        description: description(&report.task, report.status),
        target_url: Some(task_url(&state.base_url, &report.task.id)),
    };
    let sending = state
        .hosts
        .set_status(account, &place.repo, &report.task.commit, &status);
    match tokio::time::timeout(SEND_TIMEOUT, sending).await {
        Ok(sent) => sent,
        Err(_) => Err(HostError::Unreachable {
            origin: place.origin.clone(),
            reason: "it took too long".to_owned(),
        }),
    }
}

/// What becomes of a report that the host did not take.
fn after_failure(state: &AppState, report: &StatusReport, place: &Place, err: &HostError) -> Told {
    let id = &report.task.id;
    let now = Millis::now();
    let (first_ms, max_ms) = match err {
        HostError::Unreachable { .. } => {
            let until = now.plus_ms(DOWN_MS);
            state.reports.down().insert(place.origin.clone(), until);
            (FIRST_PAUSE_MS, MAX_PAUSE_MS)
        }
        // Its owner may store another one.
        HostError::Unauthorized { .. } => (FIRST_TOKEN_PAUSE_MS, MAX_TOKEN_PAUSE_MS),
        // A page of a proxy, for instance, in the place of the host.
        HostError::Malformed { .. } => (FIRST_PAUSE_MS, MAX_PAUSE_MS),
        err if err.is_temporary() => (FIRST_PAUSE_MS, MAX_PAUSE_MS),
        err => {
            warn!(task.id = %id, "Does not tell of task `{id}` any more: {err}");
            return Told::Never;
        }
    };
    if now.since_ms(report.task.updated_time) > GIVE_UP_MS {
        warn!(task.id = %id, "Gave up to tell of task `{id}`: {err}");
        return Told::Never;
    }
    if report.n_attempts == 0 {
        warn!(task.id = %id, "Cannot tell of task `{id}` now: {err}");
    }
    let asked_ms = err.retry_after().map_or(0, |wait| {
        i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
    });
    let pause_ms = pause(report.n_attempts, first_ms, max_ms).max(asked_ms);
    again(pause_ms, err.to_string())
}

fn again(pause_ms: i64, problem: String) -> Told {
    Told::Again {
        time: Millis::now().plus_ms(pause_ms),
        problem,
    }
}

/// How long to wait after `n_attempts` failures and this one. Spread, so that what failed together does not come back
/// together.
fn pause(n_attempts: i64, first_ms: i64, max_ms: i64) -> i64 {
    let n_doublings = n_attempts.clamp(0, 30);
    let longest = first_ms.saturating_mul(1 << n_doublings).min(max_ms);
    longest + jitter(longest / 4)
}

fn jitter(max_ms: i64) -> i64 {
    rand::rng().random_range(0..=max_ms)
}

/// Who says so. One for each pipeline of each application, since a status takes the place of one with the same name:
/// other users, and other servers, may deploy the same commit.
fn context(report: &StatusReport) -> String {
    let application = &report.application;
    let label = match report.pipeline_file.as_str() {
        PIPELINE_FILE => &application.repo_name,
        file => file,
    };
    // The end of a path says more than its beginning.
    let n_left_out = label.chars().count().saturating_sub(MAX_LABEL_CHARS);
    let label: String = label.chars().skip(n_left_out).collect();
    format!("flowcd/{label}/{}", application.id)
}

fn description(task: &Task, status: TaskStatus) -> String {
    match status {
        TaskStatus::Pending => "waiting for a runner".to_owned(),
        TaskStatus::Running => "running".to_owned(),
        TaskStatus::Cancelled => "cancelled".to_owned(),
        TaskStatus::Success => match (task.started_time, task.finished_time) {
            (Some(start), Some(end)) => {
                format!("succeeded after {}", duration(end.since_ms(start)))
            }
            _ => "succeeded".to_owned(),
        },
        TaskStatus::Failure => failure(task),
    }
}

fn failure(task: &Task) -> String {
    let failed = task
        .steps
        .iter()
        .flatten()
        .find(|step| step.status == StepStatus::Failure);
    match (failed, &task.error) {
        (Some(step), _) => match &step.error {
            Some(error) => format!("step `{}` failed: {error}", step.run),
            None => format!("step `{}` failed", step.run),
        },
        (None, Some(error)) => format!("failed: {error}"),
        (None, None) => "failed".to_owned(),
    }
}

/// A time as people say it.
fn duration(ms: i64) -> String {
    let s = ms.max(0) / 1_000;
    match (s / 3_600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST_PAUSE_MS, MAX_PAUSE_MS, duration, pause};

    #[test]
    fn pauses_double_up_to_their_end() {
        for (n_attempts, least_ms) in [
            (0, 5_000),
            (1, 10_000),
            (3, 40_000),
            (7, 480_000),
            (i64::MAX, 480_000),
        ] {
            let found = pause(n_attempts, FIRST_PAUSE_MS, MAX_PAUSE_MS);
            let expected = least_ms..=least_ms + least_ms / 4;
            assert!(expected.contains(&found), "{n_attempts}: {found}");
        }
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        for (ms, expected) in [
            (-5, "0 s"),
            (12_900, "12 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }
}
