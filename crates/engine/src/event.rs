//! What a run tells while it goes on.

use bytes::Bytes;
use flowcd_model::step::{Step, StepCount};

/// Something that happened in a run. Every text and every byte in it is masked already.
#[derive(Clone, Debug)]
pub enum Event {
    /// The commit was checked out.
    CheckedOut {
        /// The commit in full.
        commit: String,
        /// Its message, subject and body.
        message: String,
    },
    /// All steps known so far, the set-up first: once at the start, again when the pipeline was read, and whenever
    /// something in what was told of them has turned out to be secret.
    Steps(Vec<Step>),
    /// One step changed; its `step_count` says which.
    Step(Step),
    /// Bytes of a step's log, in order. `completed` has a log, too, but is not an element of the steps.
    Output {
        /// Whose log it is.
        step_count: StepCount,
        /// The bytes.
        bytes: Bytes,
    },
    /// What the steps so far wrote to their summary files, in Markdown: the whole of it, each time it grew.
    Summary(String),
}
