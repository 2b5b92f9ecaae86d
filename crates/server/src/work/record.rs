//! Recording a run: log bytes to segments, step changes to the row.
//!
//! The recorder works behind the engine. What piles up while it writes is written together the next time, so a
//! pipeline of many short steps costs few commits, and a slow disk slows the engine only when the queue is full.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use flowcd_model::step::StepCount;
use flowcd_store::{Claim, Lease, Progress};
use tokio::sync::mpsc;
use tracing::error;

use super::Work;
use crate::logs::{LogError, Rows, StepLog};

/// Something to record, in the order it happened.
pub(super) enum Entry {
    /// Bytes of a step's output, masked.
    Output {
        /// The step.
        step: StepCount,
        /// The bytes: a segment's worth at most.
        bytes: Bytes,
    },
    /// The step prints nothing more.
    OutputEnd {
        /// The step.
        step: StepCount,
    },
    /// The steps and the message as they are now.
    Progress(Progress),
}

/// The most entries written together.
const BATCH: usize = 64;

/// Records what arrives until the sender is gone or the claim is lost.
pub(super) async fn record(
    work: Work,
    claim: Arc<Claim>,
    mut entries: mpsc::Receiver<Entry>,
) -> Lease {
    let mut recorder = Recorder {
        work,
        claim,
        open: BTreeMap::new(),
    };
    let mut batch = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        match recorder.write(batch.drain(..)).await {
            Ok(Lease::Lost) => return Lease::Lost,
            Ok(Lease::Held { .. }) => {}
            // The run goes on: a gap in the log is less harm than a deployment torn in the middle.
            Err(source) => {
                let task = &recorder.claim.task_id;
                error!(task.id = %task, error = &source as &dyn std::error::Error, "Cannot record task `{task}`");
            }
        }
    }
    Lease::Held {
        is_cancel_requested: false,
    }
}

struct Recorder {
    work: Work,
    claim: Arc<Claim>,
    open: BTreeMap<StepCount, StepLog>,
}

impl Recorder {
    async fn write(&mut self, batch: impl Iterator<Item = Entry>) -> Result<Lease, LogError> {
        let mut outputs: Vec<(StepCount, Vec<Bytes>, bool)> = Vec::new();
        let mut progress: Option<Progress> = None;
        for entry in batch {
            match entry {
                Entry::Output { step, bytes } => match outputs.last_mut() {
                    Some((last, chunks, false)) if *last == step => chunks.push(bytes),
                    _ => outputs.push((step, vec![bytes], false)),
                },
                Entry::OutputEnd { step } => match outputs.last_mut() {
                    Some((last, _, is_ended @ false)) if *last == step => *is_ended = true,
                    _ => outputs.push((step, Vec::new(), true)),
                },
                Entry::Progress(newer) => match &mut progress {
                    Some(older) => {
                        older.steps = newer.steps.or(older.steps.take());
                        older.message = newer.message.or(older.message.take());
                    }
                    None => progress = Some(newer),
                },
            }
        }
        let store = self.work.inner.store.clone();
        let mut lease = Lease::Held {
            is_cancel_requested: false,
        };
        let mut appended = Vec::new();
        for (step, chunks, is_ended) in outputs {
            let n_bytes: usize = chunks.iter().map(Bytes::len).sum();
            self.work
                .inner
                .metrics
                .log_bytes_total
                .inc_by(n_bytes as u64);
            match self.write_step(step, chunks, is_ended).await? {
                Rows::Append(rows) => appended.extend(rows),
                Rows::Replace(rows, dropped) => {
                    lease = store.replace_segments(&self.claim, step, rows).await?;
                    if matches!(lease, Lease::Held { .. }) {
                        self.work.inner.logs.delete_objects(dropped).await?;
                    }
                }
            }
        }
        if !appended.is_empty() {
            lease = store.append_segments(&self.claim, appended).await?;
        }
        // After the log: whoever sees a step ended finds all of its output.
        if let Some(progress) = progress {
            lease = store.save_progress(&self.claim, progress).await?;
        }
        self.work.changed(&self.claim.task_id);
        Ok(lease)
    }

    async fn write_step(
        &mut self,
        step: StepCount,
        chunks: Vec<Bytes>,
        is_ended: bool,
    ) -> Result<Rows, LogError> {
        let task = &self.claim.task_id;
        let log = self
            .open
            .entry(step)
            .or_insert_with(|| StepLog::new(task.clone(), step));
        if !is_ended {
            return log.append(&self.work.inner.logs, chunks).await;
        }
        let rows = log.finish(&self.work.inner.logs, chunks).await;
        self.open.remove(&step);
        rows
    }
}
