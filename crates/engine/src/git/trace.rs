//! What git was called with and how long that took, for runs that are to be looked into.

use std::{
    ffi::OsString,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// More calls than any checkout takes.
const MAX_LINES: usize = 1000;

/// The calls of git, in order. Credentials are never among the arguments: git gets them by its environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Notes a call that ended.
    pub(super) fn note(&self, args: &[OsString], took: Duration, result: &str) {
        let mut line = "git".to_owned();
        for arg in args {
            let arg = arg.to_string_lossy();
            line.push(' ');
            // What a terminal would act on, or a reader take for two words.
            match arg.contains(|c: char| c.is_control() || c.is_whitespace()) {
                true => line.push_str(&format!("{arg:?}")),
                false => line.push_str(&arg),
            }
        }
        let seconds = took.as_secs_f64();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MAX_LINES {
            lines.push(format!("{line} ({result}, {seconds:.2} s)"));
        }
    }

    /// The calls so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clone()
    }
}
