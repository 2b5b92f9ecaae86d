//! Steps: the lines of a pipeline as they ran.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

use crate::time::Millis;

/// Where a step stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Success,
    /// It failed, and so does the task.
    Failure,
    /// It was not run: its condition did not hold, or an earlier step failed.
    Skipped,
    /// The task was cancelled before or while it ran.
    Cancelled,
    /// It failed, and `continue-on-error` says that the task goes on as if it had not.
    ErrorWithContinue,
}

impl StepStatus {
    /// Whether the step will not change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// The name used on the wire, `error-with-continue` for instance.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::ErrorWithContinue => "error-with-continue",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The number of a step: `0` sets the task up, `1`, `2`, .. are the pipeline's, `completed` cleans up.
///
/// On the wire it is text, as in the published API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum StepCount {
    /// The set-up (0) or a step of the pipeline (from 1).
    Number(u32),
    /// The clean-up after the last step.
    Completed,
}

impl StepCount {
    /// The pseudo-step that checks the repository out and reads the pipeline.
    pub const SET_UP: Self = Self::Number(0);
}

impl PartialSchema for StepCount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(completed|[0-9]{1,6})$"))
            .description(Some("`0` for the set-up, `1`, `2`, .. for the pipeline's steps, `completed` for the clean-up."))
            .examples(["1"])
            .build()
            .into()
    }
}

impl ToSchema for StepCount {}

/// Text that names no step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidStepCount;

impl fmt::Display for InvalidStepCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stepCount is `completed` or a number from 0 to 999999")
    }
}

impl std::error::Error for InvalidStepCount {}

impl FromStr for StepCount {
    type Err = InvalidStepCount;

    fn from_str(text: &str) -> Result<Self, InvalidStepCount> {
        if text == "completed" {
            return Ok(Self::Completed);
        }
        if text.is_empty() || text.len() > 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidStepCount);
        }
        text.parse().map(Self::Number).map_err(|_| InvalidStepCount)
    }
}

impl TryFrom<String> for StepCount {
    type Error = InvalidStepCount;

    fn try_from(text: String) -> Result<Self, InvalidStepCount> {
        text.parse()
    }
}

impl From<StepCount> for String {
    fn from(count: StepCount) -> String {
        count.to_string()
    }
}

impl fmt::Display for StepCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Completed => f.write_str("completed"),
        }
    }
}

/// A step of a task.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// The display name: the step's `name`, or `Run <its command as written>`.
    pub run: String,
    /// Which step it is.
    #[serde(rename = "stepCount")]
    pub step_count: StepCount,
    /// Where it stands.
    pub status: StepStatus,
    /// The key under which later expressions find it in `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How long it ran, in seconds with two decimals; 0 when it was skipped or cancelled; absent until it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_time: Option<f64>,
    /// When it began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_time: Option<Millis>,
    /// Why it failed: `exit code 2`, `killed by signal 9 (SIGKILL)`, ..
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it left for later steps, as `steps.<id>.outputs` has it, with secrets masked; absent when there is nothing.
    /// Only the steps of a single task have them, not those of one in a list.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub outputs: Map<String, Value>,
    /// How many times it was started; absent when that was once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::StepCount;

    #[test]
    fn step_count_is_digits_or_completed_and_nothing_else() {
        for text in ["0", "1", "42", "completed"] {
            assert_eq!(
                text.parse::<StepCount>().map(|count| count.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["", "-1", "+1", "1.0", "../1", "Completed", "1000000", "1\0"] {
            assert!(text.parse::<StepCount>().is_err(), "{text:?}");
        }
    }
}
