//! What a debug run tells beside what every run does: lines that begin with `debug: `.

use std::{borrow::Cow, time::Instant};

use crate::{git::Git, log::StepLog, run::Run};

impl Run {
    /// Tells something, in a debug run.
    pub(crate) async fn debug(&self, log: &mut StepLog, text: &str) {
        if self.job.options.is_debug {
            log.line(&format!("debug: {text}")).await;
        }
    }

    /// Tells how long something took, in a debug run.
    pub(crate) async fn debug_time(&self, log: &mut StepLog, what: &str, began: Instant) {
        let seconds = began.elapsed().as_secs_f64();
        self.debug(log, &format!("{what} took {seconds:.2} s"))
            .await;
    }

    /// Tells what git was called with, in a debug run.
    pub(crate) async fn debug_git(&self, log: &mut StepLog, git: &Git) {
        for line in git.trace.iter().flat_map(|trace| trace.lines()) {
            self.debug(log, &line).await;
        }
    }

    /// Tells the whole environment of a process, in a debug run.
    pub(crate) async fn debug_environment(&self, log: &mut StepLog, env: &[(String, String)]) {
        for (name, value) in env {
            self.debug(log, &format!("environment: {name}={}", in_a_line(value)))
                .await;
        }
    }
}

/// A text as it is, or as JSON has it where it would be more than one line. Both are forms that are masked.
pub(crate) fn in_a_line(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => serde_json::Value::from(text).to_string().into(),
        false => text.into(),
    }
}
