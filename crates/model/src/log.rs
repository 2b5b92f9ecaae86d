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
    /// Put the time in front of every line, as in `2022-11-18T09:57:12.123Z hello`. Offsets count the step's bytes still.
    #[serde(
        default,
        skip_serializing_if = "std::ops::Not::not",
        rename = "timestamps"
    )]
    #[param(required = false)]
    pub with_times: bool,
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
            with_times: false,
        }
    }
}

/// From which byte on to tell when a step's log was printed.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogTimesQuery {
    /// The task.
    pub task_id: TaskId,
    /// Which step: `0`, `1`, .. or `completed`.
    #[param(value_type = String, example = "1")]
    pub step_count: StepCount,
    /// The first byte of interest; the log's first when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0)]
    pub from: Option<u64>,
}

/// When the bytes of a step's log were printed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogTimes {
    /// In the order of the bytes. Empty for a log that was written by a version that kept no times.
    pub times: Vec<LogTime>,
    /// Up to which byte these tell: ask from here on for more. What was asked for when there is nothing more, yet.
    pub next: u64,
}

/// When a stretch of a step's log was printed, exact to a tenth of a second.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogTime {
    /// The offset of its first byte. It goes on to the next one's.
    pub from: u64,
    /// When it was printed.
    pub time: Millis,
}

/// Puts the time in front of every line of a log, in UTC and to the millisecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineStamper {
    is_in_line: bool,
}

impl LineStamper {
    /// Adds `bytes`, the first of which has the offset `from`, to `out`. Lines of which `times` tells nothing stay as
    /// they are.
    pub fn push(&mut self, from: u64, bytes: &[u8], times: &[LogTime], out: &mut Vec<u8>) {
        let mut offset = from;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_in_line
                && let Some(place) = times.partition_point(|it| it.from <= offset).checked_sub(1)
            {
                out.extend(times[place].time.precise().bytes());
                out.push(b' ');
            }
            out.extend(line);
            offset += line.len() as u64;
            self.is_in_line = !line.ends_with(b"\n");
        }
    }

    /// Says that what comes next begins a line, as behind what names a gap.
    pub fn begin_line(&mut self) {
        self.is_in_line = false;
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

#[cfg(test)]
mod tests {
    use super::{LineStamper, LogTime};
    use crate::time::Millis;

    #[test]
    fn every_line_has_the_time_of_its_first_byte() {
        let times = [(10, 1_668_765_432_000), (14, 1_668_765_432_123)];
        let times = times.map(|(from, time)| LogTime {
            from,
            time: Millis(time),
        });
        let (mut stamper, mut out) = (LineStamper::default(), Vec::new());
        stamper.push(8, b"a\n", &times, &mut out);
        stamper.push(10, b"b\ncc", &times, &mut out);
        stamper.push(14, b"c\n\n", &times, &mut out);
        stamper.push(17, b"", &times, &mut out);
        let expected = "a\n2022-11-18T09:57:12.000Z b\n2022-11-18T09:57:12.000Z ccc\n2022-11-18T09:57:12.123Z \n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
