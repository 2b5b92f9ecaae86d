//! Logs of steps, whole or followed live.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    id::TaskId,
    step::{Step, StepCount},
    task::TaskStatus,
    time::Millis,
};

/// Which part of a step's log to read.
///
/// Offsets count the bytes that the step wrote (after masking), so they stay valid when a long log loses its middle.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// The task.
    pub task_id: TaskId,
    /// Which step: `0`, `1`, .. or `completed`.
    #[param(value_type = String, example = "1")]
    pub step_count: StepCount,
    /// The first byte to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0)]
    pub from: Option<u64>,
    /// At most this many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub limit: Option<u64>,
    /// Only the last so many lines; not together with `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100_000)]
    pub tail: Option<u64>,
}

impl LogQuery {
    /// The whole log of a step.
    pub fn new(task_id: TaskId, step_count: StepCount) -> Self {
        Self {
            task_id,
            step_count,
            from: None,
            limit: None,
            tail: None,
        }
    }
}

/// What `GET task/events` sends: the whole life of a task. The SSE event's name is the variant's.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase", tag = "event", content = "data")]
pub enum TaskEvent {
    /// The task's status changed, or is told for the first time.
    Status(StatusEvent),
    /// A step changed, or is told for the first time.
    Step(Step),
    /// Bytes of a step's log.
    Log(LogEvent),
    /// The task has ended and everything was told; the stream closes.
    End(StatusEvent),
}

/// Where the task stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusEvent {
    /// The task.
    pub task_id: TaskId,
    /// Where it stands.
    pub status: TaskStatus,
    /// Whether somebody asked to cancel it.
    #[serde(rename = "cancelRequested")]
    pub is_cancel_requested: bool,
    /// Why it failed, where no step says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it last changed.
    #[serde(rename = "updated_time")]
    pub updated_time: Millis,
}

/// Bytes of a step's log. Exactly one of `text`, `base64` and `omittedBytes` is there.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// The step that wrote them.
    pub step_count: StepCount,
    /// The offset of the first byte.
    pub from: u64,
    /// The offset after the last byte.
    pub to: u64,
    /// The bytes, where they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in base64, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// How many bytes the log's size limit left out here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted_bytes: Option<u64>,
}
