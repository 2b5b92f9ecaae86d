//! A run from its beginning to its end: set up, the steps in order, clean up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowcd_model::{
    step::{Step, StepCount, StepStatus},
    task::TaskStatus,
    time::Millis,
};
use secrecy::ExposeSecret;
use serde_json::Map;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    event::Event,
    expr::GlobalStatus,
    job::{Job, Outcome, Source},
    log::StepLog,
    mask::MaskSet,
    process::kill_marked,
    workdir::Workdir,
};

/// A name is for people; a script of a megabyte is not one.
const MAX_NAME_BYTES: usize = 4096;

/// A run on its way.
pub(crate) struct Run {
    pub(crate) job: Job,
    pub(crate) cancel: CancellationToken,
    pub(crate) mask: Arc<MaskSet>,
    pub(crate) standing: Standing,
    events: mpsc::Sender<Event>,
    steps: Vec<Step>,
}

/// How the run stands so far.
#[derive(Debug)]
pub(crate) struct Standing {
    status: GlobalStatus,
    /// A failure or a cancel is not undone by what comes after it.
    is_locked: bool,
    /// When it was cancelled.
    cancelled_at: Option<Instant>,
}

impl Standing {
    pub(crate) fn status(&self) -> GlobalStatus {
        self.status
    }

    /// How long it was cancelled already; `None` when it is not.
    pub(crate) fn cancelled_for(&self) -> Option<Duration> {
        self.cancelled_at.map(|at| at.elapsed())
    }

    /// A step ended like this.
    pub(crate) fn note(&mut self, status: StepStatus) {
        let (status, is_locked) = match status {
            StepStatus::Success => (GlobalStatus::Success, false),
            StepStatus::ErrorWithContinue => (GlobalStatus::ErrorWithContinue, false),
            StepStatus::Failure => (GlobalStatus::Failure, true),
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Skipped
            | StepStatus::Cancelled => return,
        };
        if !self.is_locked {
            (self.status, self.is_locked) = (status, is_locked);
        }
    }

    /// The run was cancelled. It stays so, and it does not matter what was before.
    pub(crate) fn cancel(&mut self) {
        (self.status, self.is_locked) = (GlobalStatus::Cancelled, true);
        self.cancelled_at.get_or_insert_with(Instant::now);
    }

    fn task_status(&self) -> TaskStatus {
        match self.status {
            GlobalStatus::Failure => TaskStatus::Failure,
            GlobalStatus::Cancelled => TaskStatus::Cancelled,
            // Pending: every step was skipped, and none of them failed.
            GlobalStatus::Pending | GlobalStatus::Success | GlobalStatus::ErrorWithContinue => {
                TaskStatus::Success
            }
        }
    }
}

impl Run {
    pub(crate) fn new(job: Job, events: mpsc::Sender<Event>, cancel: CancellationToken) -> Self {
        Self {
            mask: Arc::new(mask_of(&job)),
            standing: Standing {
                status: GlobalStatus::Pending,
                is_locked: false,
                cancelled_at: None,
            },
            steps: Vec::new(),
            job,
            events,
            cancel,
        }
    }

    pub(crate) async fn finish(mut self) -> Outcome {
        if let Some(mut ready) = self.set_up().await {
            self.run_steps(&mut ready).await;
        }
        self.clean_up().await;
        Outcome {
            status: self.standing.task_status(),
            steps: self.steps,
            error: None,
        }
    }

    async fn clean_up(&self) {
        let mut log = self.log(StepCount::Completed);
        log.line("Cleaning up task").await;
        let marker = self.job.marker.clone();
        let dir = self.job.dir.clone();
        let work = tokio::task::spawn_blocking(move || {
            let n_killed = kill_marked(&marker);
            let removed = Workdir::new(&dir).and_then(|workdir| workdir.remove());
            (n_killed, removed)
        });
        match work.await {
            Ok((n_killed, removed)) => {
                if n_killed > 0 {
                    log.line(&format!("Ended {n_killed} processes that were left behind"))
                        .await;
                }
                if let Err(error) = removed {
                    log.line(&format!(
                        "Warning: cannot remove the task's folder: {error}"
                    ))
                    .await;
                    tracing::warn!(task.id = %self.job.task_id, %error, "Could not remove the folder of task `{}`", self.job.task_id);
                }
            }
            Err(error) => {
                log.line(&format!("Warning: the clean-up broke off: {error}"))
                    .await;
            }
        }
        log.finish().await;
    }

    pub(crate) fn log(&self, step_count: StepCount) -> StepLog {
        StepLog::new(&self.events, step_count, &self.mask)
    }

    /// Tells an event. When nobody listens any more the run goes on all the same.
    pub(crate) async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    /// Adds steps, and tells the whole list.
    pub(crate) async fn add_steps(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
        self.tell(Event::Steps(self.steps.clone())).await;
    }

    /// A step that has not begun.
    pub(crate) fn pending_step(&self, number: usize, name: &str, id: Option<&str>) -> Step {
        let name = self.mask.text(name);
        let end = name.floor_char_boundary(MAX_NAME_BYTES);
        Step {
            run: name[..end].to_owned(),
            step_count: step_count(number),
            status: StepStatus::Pending,
            id: id.map(|id| self.mask.text(id)),
            process_time: None,
            started_time: None,
            error: None,
            outputs: Map::new(),
            attempts: None,
        }
    }

    /// The step begins to run.
    pub(crate) async fn begin(&mut self, number: usize) -> Instant {
        if let Some(step) = self.steps.get_mut(number) {
            step.status = StepStatus::Running;
            step.started_time = Some(Millis::now());
            let event = Event::Step(step.clone());
            self.tell(event).await;
        }
        Instant::now()
    }

    /// The step ended; `began` is when it did begin, if it did.
    pub(crate) async fn end(
        &mut self,
        number: usize,
        status: StepStatus,
        error: Option<&str>,
        began: Option<Instant>,
    ) {
        self.standing.note(status);
        if let Some(step) = self.steps.get_mut(number) {
            step.status = status;
            step.error = error.map(|error| self.mask.text(error));
            step.process_time = Some(began.map_or(0.0, process_time));
            let event = Event::Step(step.clone());
            self.tell(event).await;
        }
    }
}

/// The place of a step in the list is its number: the set-up is the first.
pub(crate) fn step_count(number: usize) -> StepCount {
    StepCount::Number(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Seconds with two decimals.
fn process_time(began: Instant) -> f64 {
    let hundredths = (began.elapsed().as_secs_f64() * 100.0).round();
    hundredths / 100.0
}

fn mask_of(job: &Job) -> MaskSet {
    let mut values: Vec<String> = job
        .secrets
        .values()
        .map(|secret| secret.expose_secret().to_owned())
        .collect();
    if let Source::Git(checkout) = &job.source
        && let Some(credential) = &checkout.credential
    {
        let password = credential.password.expose_secret();
        // As it goes over the wire.
        values.push(STANDARD.encode(format!("{}:{password}", credential.username)));
        values.push(password.to_owned());
    }
    MaskSet::new(values)
}
