//! Recording a run: log bytes to segments, step changes to the row.
//!
//! The recorder works behind the engine. What piles up while it writes is written together the next time, so a
//! pipeline of many short steps costs few commits, and a slow disk slows the engine only when the queue is full.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flowcd_model::step::StepCount;
use flowcd_store::{Claim, Error, Lease, Progress, Segment};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{LEASE, Work};
use crate::logs::{Chunk, Rows, StepLog};

/// Something to record, in the order it happened.
pub(super) enum Entry {
    /// Bytes of a step's output, masked.
    Output {
        /// The step.
        step: StepCount,
        /// The bytes, a segment's worth at most, and when they came.
        chunk: Chunk,
    },
    /// The step prints nothing more.
    OutputEnd {
        /// The step.
        step: StepCount,
    },
    /// The steps, the message and the summary as they are now.
    Progress(Progress),
}

/// The most entries written together.
const BATCH: usize = 64;

/// What a step prints without a pause is gathered for so long, or until it is so much, and becomes one object: a file
/// for every segment costs more than its bytes, most of all where many were removed just before.
const GATHER: Duration = Duration::from_millis(50);
const GATHERED_BYTES: usize = 4 * 1024 * 1024;

/// How long to wait when the database is away.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// Records what arrives until the sender is gone or the claim is lost. Each write says whether the task is to be
/// cancelled; `cancel` fires then, as it does when the claim is lost.
pub(super) async fn record(
    work: Work,
    claim: Arc<Claim>,
    mut entries: mpsc::Receiver<Entry>,
    cancel: CancellationToken,
) -> Lease {
    let mut recorder = Recorder {
        work,
        claim,
        open: BTreeMap::new(),
    };
    let mut batch = Vec::with_capacity(BATCH);
    // Nothing was written yet, so what comes first does not wait.
    let mut gather_until = Instant::now();
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        gather(&mut entries, &mut batch, gather_until).await;
        gather_until = Instant::now() + GATHER;
        match recorder.write(batch.drain(..)).await {
            Ok(Lease::Lost) => {
                cancel.cancel();
                return Lease::Lost;
            }
            // Asked for elsewhere, or before this run could be told.
            Ok(Lease::Held {
                is_cancel_requested: true,
            }) => cancel.cancel(),
            Ok(Lease::Held { .. }) => {}
            // The run goes on: a gap in the log is less harm than a deployment torn in the middle.
            Err(source) => {
                recorder.open.values_mut().for_each(StepLog::distrust_index);
                let task = &recorder.claim.task_id;
                error!(task.id = %task, error = &source as &dyn std::error::Error, "Cannot record task `{task}`");
            }
        }
    }
    Lease::Held {
        is_cancel_requested: false,
    }
}

/// Adds to a batch that is only output what arrives until `until`. What says that something changed does not wait.
async fn gather(entries: &mut mpsc::Receiver<Entry>, batch: &mut Vec<Entry>, until: Instant) {
    let mut n_seen = 0;
    let mut n_bytes = 0;
    loop {
        for entry in &batch[n_seen..] {
            match entry {
                Entry::Output { chunk, .. } => n_bytes += chunk.bytes.len(),
                Entry::OutputEnd { .. } | Entry::Progress(_) => return,
            }
        }
        n_seen = batch.len();
        if n_bytes >= GATHERED_BYTES {
            return;
        }
        match timeout_at(until, entries.recv_many(batch, BATCH)).await {
            Ok(n_received) if n_received > 0 => {}
            _ => return,
        }
    }
}

struct Recorder {
    work: Work,
    claim: Arc<Claim>,
    open: BTreeMap<StepCount, StepLog>,
}

impl Recorder {
    async fn write(&mut self, batch: impl Iterator<Item = Entry>) -> Result<Lease, Error> {
        let mut outputs: Vec<(StepCount, Vec<Chunk>, bool)> = Vec::new();
        let mut progress: Option<Progress> = None;
        for entry in batch {
            match entry {
                Entry::Output { step, chunk } => match outputs.last_mut() {
                    Some((last, chunks, false)) if *last == step => chunks.push(chunk),
                    _ => outputs.push((step, vec![chunk], false)),
                },
                Entry::OutputEnd { step } => match outputs.last_mut() {
                    Some((last, _, is_ended @ false)) if *last == step => *is_ended = true,
                    _ => outputs.push((step, Vec::new(), true)),
                },
                Entry::Progress(newer) => match &mut progress {
                    Some(older) => {
                        older.steps = newer.steps.or(older.steps.take());
                        older.message = newer.message.or(older.message.take());
                        older.commit = newer.commit.or(older.commit.take());
                        older.summary = newer.summary.or(older.summary.take());
                    }
                    None => progress = Some(newer),
                },
            }
        }
        let work = self.work.clone();
        let mut lease = Lease::Held {
            is_cancel_requested: false,
        };
        let mut appended = Vec::new();
        for (step, chunks, is_ended) in outputs {
            let n_bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
            work.inner.metrics.log_bytes_total.inc_by(n_bytes as u64);
            match self.write_step(step, chunks, is_ended).await {
                Rows::Append(rows) => appended.extend(rows),
                Rows::Replace(rows, dropped) => {
                    // They are among those that replace all.
                    appended.retain(|row: &Segment| row.step_count != step);
                    lease = self.insist(Write::Replace(step, rows)).await?;
                    if lease != Lease::Lost
                        && let Err(source) = work.inner.logs.delete_objects(dropped).await
                    {
                        let task = &self.claim.task_id;
                        warn!(task.id = %task, error = &source as &dyn std::error::Error, "Cannot delete old segments of task `{task}`");
                    }
                }
            }
        }
        if !appended.is_empty() {
            lease = self.insist(Write::Append(appended)).await?;
        }
        // After the log: whoever sees a step ended finds all of its output.
        if let Some(progress) = progress {
            lease = self.insist(Write::Progress(progress)).await?;
        }
        work.changed(&self.claim.task_id);
        Ok(lease)
    }

    async fn write_step(&mut self, step: StepCount, chunks: Vec<Chunk>, is_ended: bool) -> Rows {
        let task = &self.claim.task_id;
        let logs = &self.work.inner.logs;
        let log = self
            .open
            .entry(step)
            .or_insert_with(|| StepLog::new(task.clone(), step));
        if !is_ended {
            return log.append(logs, chunks).await;
        }
        let rows = log.finish(logs, chunks).await;
        self.open.remove(&step);
        rows
    }

    /// Writes again and again while the database is away, as long as the lease may be ours.
    async fn insist(&self, write: Write) -> Result<Lease, Error> {
        let (store, claim) = (&self.work.inner.store, &self.claim);
        let give_up = Instant::now() + LEASE;
        loop {
            let written = match write.clone() {
                Write::Append(rows) => store.append_segments(claim, rows).await,
                Write::Replace(step, rows) => store.replace_segments(claim, step, rows).await,
                Write::Progress(progress) => store.save_progress(claim, progress).await,
            };
            match written {
                Err(source) if source.is_temporary() && Instant::now() < give_up => {
                    let task = &claim.task_id;
                    warn!(task.id = %task, error = &source as &dyn std::error::Error, "Cannot record task `{task}` now, and try again");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                done => return done,
            }
        }
    }
}

/// Something to write to the database.
#[derive(Clone)]
enum Write {
    Append(Vec<Segment>),
    Replace(StepCount, Vec<Segment>),
    Progress(Progress),
}
