//! A run from its beginning to its end: set up, the steps in order, clean up.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowcd_model::{
    step::{Step, StepCount, StepStatus},
    time::Millis,
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    event::Event,
    expr,
    job::{Job, Outcome, Source},
    log::StepLog,
    mask::Masks,
    process::kill_marked,
    standing::Standing,
    workdir::Workdir,
};

/// A name is for people; a script of a megabyte is not one.
const MAX_NAME_BYTES: usize = 4096;

/// A run on its way.
pub(crate) struct Run {
    pub(crate) job: Job,
    pub(crate) cancel: CancellationToken,
    pub(crate) masks: Arc<Masks>,
    pub(crate) standing: Standing,
    events: mpsc::Sender<Event>,
    steps: Vec<Step>,
    /// What the steps wrote to their summary files, unmasked.
    summary: String,
    /// That of `masks` when everything that was told so far was masked.
    masked_version: u64,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: StepStatus,
    pub(crate) error: Option<String>,
    /// When it began, if it did.
    pub(crate) began: Option<Instant>,
    /// What it left for later steps, unmasked.
    pub(crate) outputs: Map<String, Value>,
    pub(crate) n_attempts: u32,
}

impl Ending {
    /// Of a step that was not run.
    pub(crate) fn unrun(status: StepStatus) -> Self {
        Self {
            status,
            error: None,
            began: None,
            outputs: Map::new(),
            n_attempts: 0,
        }
    }
}

impl Run {
    pub(crate) fn new(job: Job, events: mpsc::Sender<Event>, cancel: CancellationToken) -> Self {
        Self {
            masks: Arc::new(masks_of(&job)),
            standing: Standing::new(),
            steps: Vec::new(),
            summary: String::new(),
            masked_version: 0,
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
                    let what = match n_killed {
                        1 => "a process that was left behind".to_owned(),
                        n => format!("{n} processes that were left behind"),
                    };
                    log.line(&format!("Ended {what}")).await;
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
        StepLog::new(&self.events, step_count, &self.masks)
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

    /// A step that has not begun. Its name is masked with what is known to be secret so far.
    pub(crate) fn pending_step(&self, number: usize, name: &str, id: Option<&str>) -> Step {
        let name = self.masks.text(name);
        let end = name.floor_char_boundary(MAX_NAME_BYTES);
        Step {
            run: name[..end].to_owned(),
            step_count: step_count(number),
            status: StepStatus::Pending,
            id: id.map(|id| self.masks.text(id)),
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

    /// The step ended.
    pub(crate) async fn end(&mut self, number: usize, ending: Ending) {
        self.standing.note(ending.status);
        self.mask_again().await;
        let outputs = self.masked(Value::Object(ending.outputs));
        if let Some(step) = self.steps.get_mut(number) {
            step.status = ending.status;
            step.error = ending.error.map(|error| self.masks.text(&error));
            step.process_time = Some(ending.began.map_or(0.0, process_time));
            step.attempts = Some(ending.n_attempts).filter(|n| *n > 1);
            if let Value::Object(outputs) = outputs {
                step.outputs = outputs;
            }
            let event = Event::Step(step.clone());
            self.tell(event).await;
        }
    }

    /// The steps as they are told.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds to the task's summary, unless that would make it longer than `limit`.
    pub(crate) async fn add_summary(&mut self, text: &str, limit: usize) -> Result<(), ()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let is_apart = self.summary.is_empty() || self.summary.ends_with('\n');
        let n_bytes = self.summary.len() + text.len() + usize::from(!is_apart);
        if n_bytes > limit {
            return Err(());
        }
        if !is_apart {
            self.summary.push('\n');
        }
        self.summary.push_str(text);
        self.tell_summary().await;
        Ok(())
    }

    async fn tell_summary(&self) {
        let summary = self.masks.text(&self.summary);
        self.tell(Event::Summary(summary)).await;
    }

    /// Masks what was told of all steps so far once more, when there is more to mask than there was.
    async fn mask_again(&mut self) {
        let version = self.masks.version();
        if std::mem::replace(&mut self.masked_version, version) == version {
            return;
        }
        let mut steps = self.steps.clone();
        for step in &mut steps {
            step.run = self.masks.text(&step.run);
            step.id = step.id.as_ref().map(|id| self.masks.text(id));
            step.error = step.error.as_ref().map(|error| self.masks.text(error));
            let outputs = std::mem::take(&mut step.outputs);
            if let Value::Object(outputs) = self.masked(Value::Object(outputs)) {
                step.outputs = outputs;
            }
        }
        if steps != self.steps {
            self.steps = steps;
            self.tell(Event::Steps(self.steps.clone())).await;
        }
        if !self.summary.is_empty() {
            self.tell_summary().await;
        }
    }

    /// The value with everything masked in it that can be read there.
    fn masked(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.masks.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.masked(value)).collect(),
            Value::Object(values) => values
                .into_iter()
                .map(|(name, value)| (self.masks.text(&name), self.masked(value)))
                .collect(),
            Value::Number(_) => {
                let text = expr::text(&value);
                let masked = self.masks.text(&text);
                if masked == text {
                    value
                } else {
                    Value::String(masked)
                }
            }
            Value::Null | Value::Bool(_) => value,
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

/// What is secret from the beginning.
fn masks_of(job: &Job) -> Masks {
    let mut values: BTreeSet<String> = job
        .secrets
        .values()
        .map(|secret| secret.expose_secret().to_owned())
        .collect();
    for name in ["secrets", "cloudSecrets"] {
        if let Some(value) = job.contexts.overlay.get(name) {
            add_scalars(value, &mut values);
        }
    }
    if let Source::Git(checkout) = &job.source
        && let Some(credential) = &checkout.credential
    {
        let password = credential.password.expose_secret();
        // As it goes over the wire.
        values.insert(STANDARD.encode(format!("{}:{password}", credential.username)));
        values.insert(password.to_owned());
    }
    Masks::new(values)
}

/// Every text and number in a value.
fn add_scalars(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(_) | Value::Number(_) => {
            texts.insert(expr::text(value));
        }
        Value::Array(values) => values.iter().for_each(|value| add_scalars(value, texts)),
        Value::Object(values) => values.values().for_each(|value| add_scalars(value, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
