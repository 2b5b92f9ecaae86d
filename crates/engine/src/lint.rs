//! Everything that can be said about a pipeline file without running it.
//!
//! A run says a part of the same in the log of its set-up, so that nothing is known to one and not to the other: the
//! findings are made while the file is read, and [`lint()`] only tells them all.

use serde_json::Value;

use crate::{parse, schema};

pub(crate) mod code;
mod reference;
mod step;
mod template;
mod untrusted;

#[cfg(test)]
mod tests;

pub(crate) use template::inspect;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The pipeline cannot run, or a step of it cannot.
    Error,
    /// The pipeline runs, and may do something else than its author thinks.
    Warning,
}

/// Something to say about a place in a pipeline file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which kind of thing it is, one of [`CODES`].
    pub code: &'static str,
    /// The line, from 1.
    pub line: u64,
    /// The column of the first character, from 1.
    pub column: u64,
    /// The column after the last character, on the same line.
    pub end_column: u64,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Every code that a diagnostic can have, and what it stands for.
pub const CODES: &[(&str, &str)] = &code::ALL;

/// Everything that there is to say about the text of a pipeline file, in the order of the file.
pub fn lint(source: &[u8]) -> Vec<Diagnostic> {
    parse::diagnostics(source)
}

/// The JSON Schema of a pipeline file, for editors.
pub fn pipeline_schema() -> Value {
    schema::pipeline()
}
