//! Driving one task: a claim becomes a job, the engine runs it, its events are recorded, its end is written once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use flowcd_engine::{Event, Job, Outcome};
use flowcd_model::{
    step::{Step, StepCount},
    task::{Task, TaskStatus},
    time::Millis,
};
use flowcd_store::{Claim, ClaimedTask, Final, Lease, Progress};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info, warn};

use super::{
    HEARTBEAT, LEASE, Work,
    job::{job, resolve_commit},
    record,
    runner::Ending,
};
use crate::logs::Chunk;

/// A segment is cut when it holds this much ..
const SEGMENT_BYTES: usize = 256 * 1024;
/// .. or when its first byte has waited this long, so that a follower sees it ..
const SEGMENT_AGE: Duration = Duration::from_millis(100);
/// .. or, after a pause, already after this: the first line of a step comes at once, and a step that ends right
/// away still becomes a single write.
const FIRST_SEGMENT_AGE: Duration = Duration::from_millis(4);
/// Engine events that may wait for the recorder.
const EVENT_QUEUE: usize = 32;
/// Entries that may wait to be written: with segments of 256 KiB, 4 MiB.
const RECORD_QUEUE: usize = 16;

/// Runs a claimed task to its end, and writes that end.
pub(super) async fn drive(work: &Work, claimed: ClaimedTask, ending: &Ending) {
    let task = claimed.task.clone();
    let claim = Arc::new(claimed.claim.clone());
    work.inner
        .metrics
        .queue_wait_seconds
        .observe(Millis::now().since_ms(task.created_time).max(0) as f64 / 1000.0);
    work.moved(&task.id);
    let cancel = CancellationToken::new();
    work.inner.running().insert(task.id.clone(), cancel.clone());
    // Ends with this function, however that ends: a claim that nobody works on must run out.
    let heartbeat = AbortOnDropHandle::new(tokio::spawn(beat(
        work.clone(),
        claim.clone(),
        cancel.clone(),
    )));
    let mut claimed = claimed;
    let resolved = tokio::select! {
        resolved = resolve_commit(work, &mut claimed) => Some(resolved),
        () = cancel.cancelled() => None,
        () = ending.end.cancelled() => {
            Some(Err("the server was stopped while the task ran".to_owned()))
        }
    };
    let outcome = match resolved.map(|resolved| resolved.and_then(|()| job(work, claimed))) {
        Some(Ok(job)) => run(work, &claim, job, &cancel, ending).await,
        Some(Err(error)) => ended_before_start(&task, TaskStatus::Failure, Some(error)),
        None => ended_before_start(&task, TaskStatus::Cancelled, None),
    };
    drop(heartbeat);
    finish(work, &claim, outcome).await;
    work.inner.running().remove(&task.id);
}

/// Writes the end of a run, again and again while the database is away, as long as the lease may be ours.
async fn finish(work: &Work, claim: &Claim, outcome: Outcome) {
    let task = &claim.task_id;
    let status = outcome.status;
    let end = Final {
        status,
        steps: outcome.steps,
        error: outcome.error,
    };
    let give_up = Instant::now() + LEASE;
    loop {
        match work.inner.store.finish(claim, end.clone()).await {
            Ok(Lease::Held { .. }) => {
                work.inner.metrics.task_finished(status);
                info!(task.id = %task, task.status = %status, "Finished task `{task}`: {status}");
                break;
            }
            Ok(Lease::Lost) => {
                warn!(task.id = %task, "Lost the claim on task `{task}`; its end was written by somebody else");
                break;
            }
            Err(source) => {
                error!(task.id = %task, error = &source as &dyn std::error::Error, "Cannot write the end of task `{task}`");
                if Instant::now() > give_up {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
    work.moved(task);
}

/// Keeps the claim, and passes on a cancellation that was asked for elsewhere.
async fn beat(work: Work, claim: Arc<Claim>, cancel: CancellationToken) {
    let mut timer = tokio::time::interval(HEARTBEAT);
    timer.tick().await;
    loop {
        timer.tick().await;
        match work
            .inner
            .store
            .heartbeat(&claim, LEASE.as_millis() as i64)
            .await
        {
            Ok(Lease::Held {
                is_cancel_requested: false,
            }) => {}
            Ok(Lease::Held {
                is_cancel_requested: true,
            }) => cancel.cancel(),
            Ok(Lease::Lost) => {
                let task = &claim.task_id;
                warn!(task.id = %task, "Lost the claim on task `{task}`; ending what runs of it");
                cancel.cancel();
                return;
            }
            Err(source) => {
                let task = &claim.task_id;
                warn!(task.id = %task, error = &source as &dyn std::error::Error, "No heartbeat for task `{task}`");
            }
        }
    }
}

/// Runs a job and records its events.
async fn run(
    work: &Work,
    claim: &Arc<Claim>,
    job: Job,
    cancel: &CancellationToken,
    ending: &Ending,
) -> Outcome {
    let (events_tx, events) = mpsc::channel(EVENT_QUEUE);
    let (entries, entries_rx) = mpsc::channel(RECORD_QUEUE);
    let recorder = record::record(work.clone(), claim.clone(), entries_rx, cancel.clone());
    let recorder = tokio::spawn(recorder);
    let engine_cancel = cancel.child_token();
    let marker = job.marker.clone();
    let engine = tokio::spawn(flowcd_engine::run(job, events_tx, engine_cancel.clone()));
    let mut run = Run {
        work,
        entries,
        steps: Vec::new(),
        buffers: BTreeMap::new(),
        flushed_at: None,
    };
    let (ended, aborted) = (&engine_cancel, engine.abort_handle());
    let is_server_stopping = run.pump(events, ending, ended, &aborted).await;
    let steps = std::mem::take(&mut run.steps);
    drop(run);
    if let Err(source) = recorder.await {
        error!(task.id = %claim.task_id, %source, "The recorder of task `{}` ended badly", claim.task_id);
    }
    let mut outcome = engine.await.unwrap_or_else(|source| {
        if source.is_cancelled() {
            return Outcome { status: TaskStatus::Cancelled, steps, error: None };
        }
        error!(task.id = %claim.task_id, %source, "The engine of task `{}` ended badly", claim.task_id);
        Outcome { status: TaskStatus::Failure, steps, error: Some("internal error of the engine".to_owned()) }
    });
    if ending.kill.is_cancelled() {
        // The engine did not come to this.
        let killed =
            tokio::task::spawn_blocking(move || flowcd_engine::process::kill_marked(&marker));
        if let Err(source) = killed.await {
            error!(task.id = %claim.task_id, %source, "Cannot kill what task `{}` left behind", claim.task_id);
        }
    }
    if is_server_stopping && outcome.status == TaskStatus::Cancelled && !cancel.is_cancelled() {
        // Nobody asked to cancel it, so it is not "cancelled".
        outcome.status = TaskStatus::Failure;
        outcome.error = Some("the server was stopped while the task ran".to_owned());
    }
    outcome
}

/// Output that waits to become a segment.
struct Buffer {
    bytes: BytesMut,
    /// When the first byte came, for its age, and as people write it.
    since: Instant,
    time: Millis,
}

/// The state between the engine and the recorder.
struct Run<'a> {
    work: &'a Work,
    entries: mpsc::Sender<record::Entry>,
    steps: Vec<Step>,
    /// Output that is not yet a segment, by step.
    buffers: BTreeMap<StepCount, Buffer>,
    flushed_at: Option<Instant>,
}

impl Run<'_> {
    /// Passes events on until the engine is done. Answers whether the server ended the run because it stops.
    async fn pump(
        &mut self,
        mut events: mpsc::Receiver<Event>,
        Ending { end, kill }: &Ending,
        engine_cancel: &CancellationToken,
        engine: &AbortHandle,
    ) -> bool {
        let mut is_killed = false;
        let mut is_stopping = false;
        loop {
            let flush_at = self.flush_at();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.take(event).await,
                    None => break,
                },
                () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => self.flush_all().await,
                () = end.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    engine_cancel.cancel();
                }
                () = kill.cancelled(), if !is_killed => {
                    is_killed = true;
                    engine.abort();
                }
            }
        }
        let open: Vec<_> = self.buffers.keys().copied().collect();
        for step in open {
            self.end_output(step).await;
        }
        // The clean-up has no event of its own that says it is over.
        self.send(record::Entry::OutputEnd {
            step: StepCount::Completed,
        })
        .await;
        is_stopping
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Output { step_count, bytes } => self.output(step_count, bytes).await,
            Event::CheckedOut { message, .. } => {
                self.send(record::Entry::Progress(Progress {
                    message: Some(message),
                    ..Progress::default()
                }))
                .await;
            }
            Event::Steps(steps) => {
                self.steps = steps;
                self.send_steps().await;
            }
            Event::Summary(summary) => {
                self.send(record::Entry::Progress(Progress {
                    summary: Some(summary),
                    ..Progress::default()
                }))
                .await;
            }
            Event::Step(step) => {
                let step_count = step.step_count;
                if step.status.is_final() {
                    self.end_output(step_count).await;
                    let seconds = step.process_time.unwrap_or_default();
                    self.work.inner.metrics.step_finished(step.status, seconds);
                }
                match self
                    .steps
                    .iter_mut()
                    .find(|known| known.step_count == step_count)
                {
                    Some(known) => *known = step,
                    None => self.steps.push(step),
                }
                self.send_steps().await;
            }
        }
    }

    async fn output(&mut self, step: StepCount, bytes: Bytes) {
        if !self.buffers.contains_key(&step) && bytes.len() >= SEGMENT_BYTES {
            self.send_bytes(step, bytes, Millis::now()).await;
            return;
        }
        let buffer = self.buffers.entry(step).or_insert_with(|| Buffer {
            bytes: BytesMut::new(),
            since: Instant::now(),
            time: Millis::now(),
        });
        buffer.bytes.extend_from_slice(&bytes);
        if buffer.bytes.len() >= SEGMENT_BYTES {
            self.flush(step).await;
        }
    }

    /// When the oldest byte that waits has waited long enough.
    fn flush_at(&self) -> Option<Instant> {
        let since = self.buffers.values().map(|buffer| buffer.since).min()?;
        let is_first = self
            .flushed_at
            .is_none_or(|flushed_at| since - flushed_at > SEGMENT_AGE);
        Some(
            since
                + if is_first {
                    FIRST_SEGMENT_AGE
                } else {
                    SEGMENT_AGE
                },
        )
    }

    async fn flush_all(&mut self) {
        let steps: Vec<_> = self.buffers.keys().copied().collect();
        for step in steps {
            self.flush(step).await;
        }
    }

    async fn flush(&mut self, step: StepCount) {
        if let Some(Buffer { bytes, time, .. }) = self.buffers.remove(&step) {
            self.send_bytes(step, bytes.freeze(), time).await;
        }
    }

    async fn send_bytes(&mut self, step: StepCount, mut bytes: Bytes, time: Millis) {
        self.flushed_at = Some(Instant::now());
        while !bytes.is_empty() {
            let bytes = bytes.split_to(bytes.len().min(SEGMENT_BYTES));
            let chunk = Chunk { bytes, time };
            self.send(record::Entry::Output { step, chunk }).await;
        }
    }

    async fn end_output(&mut self, step: StepCount) {
        self.flush(step).await;
        self.send(record::Entry::OutputEnd { step }).await;
    }

    async fn send_steps(&self) {
        self.send(record::Entry::Progress(Progress {
            steps: Some(self.steps.clone()),
            ..Progress::default()
        }))
        .await;
    }

    async fn send(&self, entry: record::Entry) {
        // The recorder goes away only when the claim is lost; then nothing is ours to record.
        _ = self.entries.send(entry).await;
    }
}

fn ended_before_start(task: &Task, status: TaskStatus, error: Option<String>) -> Outcome {
    Outcome {
        status,
        steps: task.steps.clone().unwrap_or_default(),
        error,
    }
}
