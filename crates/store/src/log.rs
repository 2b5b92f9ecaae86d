//! The index of log segments. The bytes are in the object store.

use flowcd_model::{id::TaskId, step::StepCount};

use crate::{Claim, Error, Lease, Result, Store};

/// A piece of a step's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The step that wrote it.
    pub step_count: StepCount,
    /// The offset of its first byte in the step's log.
    pub first_byte: u64,
    /// How many bytes of the log it stands for.
    pub n_bytes: u64,
    /// How many newlines there are before it.
    pub first_line: u64,
    /// How many newlines there are in it.
    pub n_lines: u64,
    /// The object that holds it; `None` where the log's size limit left a gap.
    pub object: Option<String>,
    /// Where in the object its compressed frame begins.
    pub object_offset: u64,
    /// How long the compressed frame is.
    pub object_bytes: u64,
}

/// How long a step's log is, gaps included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogSize {
    /// In bytes.
    pub n_bytes: u64,
    /// In newlines.
    pub n_lines: u64,
}

impl Store {
    /// Adds segments to the log of the claimed task. Adding the same one again changes nothing.
    pub async fn append_segments(&self, claim: &Claim, segments: Vec<Segment>) -> Result<Lease> {
        let _ = (claim, segments);
        Err(Error::Stopped)
    }

    /// Puts `segments` in the place of all segments of a step of the claimed task.
    pub async fn replace_segments(
        &self,
        claim: &Claim,
        step_count: StepCount,
        segments: Vec<Segment>,
    ) -> Result<Lease> {
        let _ = (claim, step_count, segments);
        Err(Error::Stopped)
    }

    /// At most `limit` segments in order, beginning with the one that covers `from_byte`.
    pub async fn segments(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
        from_byte: u64,
        limit: i64,
    ) -> Result<Vec<Segment>> {
        let _ = (task_id, step_count, from_byte, limit);
        Err(Error::Stopped)
    }

    /// How long a step's log is; `None` when there is nothing yet.
    pub async fn log_size(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
    ) -> Result<Option<LogSize>> {
        let _ = (task_id, step_count);
        Err(Error::Stopped)
    }

    /// The last segments in order, as few as hold `lines` newlines together; all when there are fewer newlines.
    pub async fn log_tail(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
        lines: u64,
    ) -> Result<Vec<Segment>> {
        let _ = (task_id, step_count, lines);
        Err(Error::Stopped)
    }

    /// The objects that hold the logs of a task, for their deletion.
    pub async fn task_objects(&self, task_id: &TaskId) -> Result<Vec<String>> {
        let _ = task_id;
        Err(Error::Stopped)
    }
}
