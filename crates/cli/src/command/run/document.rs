//! How a run ended, as a document.

use flowcd_model::{
    log::StatusEvent,
    step::{Step, StepCount, StepStatus},
    task::TaskStatus,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// How a run ended.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    status: TaskStatus,
    /// Whether it came to its end, which it does unless it is killed.
    completed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    steps: Vec<DocumentStep<'a>>,
}

#[derive(Debug, Serialize)]
struct DocumentStep<'a> {
    #[serde(rename = "stepCount")]
    step_count: StepCount,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    status: StepStatus,
    process_time: Option<f64>,
    outputs: &'a Map<String, Value>,
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
}

impl<'a> Document<'a> {
    pub(super) fn new(
        end: &'a StatusEvent,
        is_complete: bool,
        summary: Option<&'a str>,
        steps: &'a [Step],
    ) -> Self {
        Self {
            status: end.status,
            completed: is_complete,
            error: end.error.as_deref(),
            summary,
            steps: steps.iter().map(DocumentStep::new).collect(),
        }
    }
}

impl<'a> DocumentStep<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            step_count: step.step_count,
            name: &step.run,
            id: step.id.as_deref(),
            status: step.status,
            process_time: step.process_time,
            outputs: &step.outputs,
            error: step.error.as_deref(),
            attempts: step.attempts,
        }
    }
}
