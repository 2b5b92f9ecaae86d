//! Reads a pipeline file.
//!
//! What would make a step do something else than its author thinks is an error, or a warning where the file has
//! worked so far; both say the file, the line and the column. Reading goes on after an error, so that all of them can
//! be told at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flowcd_model::pipeline::InputSpec;
use serde_json::{Map, Value};

use crate::lint::{self, Diagnostic, Severity, code};

mod broken;
pub(crate) mod finding;
pub(crate) mod input;
pub(crate) mod key;
mod node;
pub(crate) mod reader;
pub(crate) mod source;
mod value;

#[cfg(test)]
mod tests;

use finding::{Finding, Findings, Level, Note};
use reader::Reader;
use source::Place;

/// The longest pipeline file.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// A pipeline as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pipeline {
    /// Its name.
    pub name: Option<String>,
    /// The environment of every step. Each step's `env` has it already.
    pub env: Map<String, Value>,
    /// The inputs that it declares, in order.
    pub inputs: Vec<InputSpec>,
    /// How long all steps together may take.
    pub timeout: Option<Duration>,
    /// Whether untrusted expressions inside `run` reach the shell by the environment and not by the text.
    pub is_strict: bool,
    /// The steps in order. Empty when the file has none, which is for the caller to refuse.
    pub steps: Vec<StepSpec>,
    /// What is odd about the file without being wrong: `file:line:column: what`.
    pub warnings: Vec<String>,
}

/// A step as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StepSpec {
    /// The shell script.
    pub run: Option<String>,
    /// The plugin. `run` wins where both are given.
    pub plugin: Option<String>,
    /// The plugin's inputs. Strings at any depth are templates.
    pub inputs: Map<String, Value>,
    /// The display name as written.
    pub name: Option<String>,
    /// The key in `steps`.
    pub id: Option<String>,
    /// The `if`; a YAML boolean is `true` or `false`.
    pub condition: Option<String>,
    /// The pipeline's environment, which its own lies over. Strings are templates; there are numbers, booleans and
    /// nulls, too. All steps share one: a file with many steps and many variables must not become a copy for each.
    pub env: Arc<Map<String, Value>>,
    /// Its own environment.
    pub own_env: Map<String, Value>,
    /// Files in the workspace that its environment is read from, beneath `own_env`.
    pub env_files: Vec<String>,
    /// The folder to run in, relative to the workspace.
    pub working_directory: Option<String>,
    /// Whether the task goes on when this step fails.
    pub continue_on_error: bool,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// What runs the script, where that is said: the step's own `shell`, or the pipeline's.
    pub shell: Option<String>,
    /// Whether and how it is tried again.
    pub retry: Option<Retry>,
    /// What it gives to later steps: templates by name.
    pub outputs: Map<String, Value>,
    /// The variables, as `git.message`, whose untrusted text can become a part of the script.
    pub untrusted: BTreeSet<String>,
    /// Where it stands in the file.
    pub place: Place,
}

/// How a step that fails is tried again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Retry {
    /// How many attempts there are after the first.
    pub max: u32,
    /// How long to wait before each of them.
    pub delay: Duration,
    /// The exit codes that another attempt may help against; without a list any.
    pub exit_codes: Option<Vec<i32>>,
}

impl StepSpec {
    /// What to call the step: its name, or `Run <its command as written>`.
    pub(crate) fn display_name(&self) -> String {
        match (&self.name, self.run.as_ref().or(self.plugin.as_ref())) {
            (Some(name), _) => name.clone(),
            (None, Some(what)) => format!("Run {what}"),
            (None, None) => "Run".to_owned(),
        }
    }
}

/// A pipeline file that cannot be used, and where: `file:line:column: what`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct PipelineError {
    file: String,
    line: u64,
    column: u64,
    message: String,
}

impl PipelineError {
    fn new(file_name: &str, diagnostic: &Diagnostic) -> Self {
        let message = match &diagnostic.help {
            Some(help) => format!("{} ({help})", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        Self {
            file: file_name.to_owned(),
            line: diagnostic.line,
            column: diagnostic.column,
            message,
        }
    }
}

/// Reads the text of a pipeline file. `file_name` is for the messages.
pub(crate) fn parse_pipeline(file_name: &str, source: &[u8]) -> Result<Pipeline, PipelineError> {
    let (mut pipeline, findings) = read(source);
    for finding in findings {
        let told = PipelineError::new(file_name, &finding.diagnostic);
        match finding.level {
            Level::Refused => return Err(told),
            Level::Fails | Level::Odd => pipeline.warnings.push(told.to_string()),
            Level::Advice => {}
        }
    }
    Ok(pipeline)
}

/// Everything that there is to say about the text of a pipeline file.
pub(crate) fn diagnostics(source: &[u8]) -> Vec<Diagnostic> {
    let (pipeline, findings) = read(source);
    let mut diagnostics: Vec<Diagnostic> = findings
        .into_iter()
        .map(|finding| finding.diagnostic)
        .collect();
    // Whoever runs a pipeline refuses one without steps, and it alone: what it declares can be read all the same.
    if pipeline.steps.is_empty()
        && diagnostics
            .iter()
            .all(|found| found.severity != Severity::Error)
    {
        let mut findings = Findings::new("");
        let note = Note::refused(code::NO_STEPS, "the pipeline has no steps");
        findings.add_at(
            Place::START,
            note.help("write `steps:` and begin each step with `- run: `"),
        );
        diagnostics.extend(findings.finish().into_iter().map(|found| found.diagnostic));
    }
    diagnostics
}

fn read(source: &[u8]) -> (Pipeline, Vec<Finding>) {
    let refused = |text: &str, place: Place, note: Note| {
        let mut findings = Findings::new(text);
        findings.add_at(place, note);
        (Pipeline::default(), findings.finish())
    };
    if source.len() > MAX_BYTES {
        let message = format!("the file is longer than {MAX_BYTES} bytes");
        return refused("", Place::START, Note::refused(code::TOO_LARGE, message));
    }
    let text = match std::str::from_utf8(source) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(err) => {
            let before = String::from_utf8_lossy(&source[..err.valid_up_to()]);
            let place = source::Source::new(&before).place(before.len());
            let note = Note::refused(code::YAML, "the file is not UTF-8");
            return refused("", place, note.help("save it as UTF-8"));
        }
    };
    let mut findings = Findings::new(text);
    match node::read(text) {
        Ok(root) => {
            let mut reader = Reader::new(findings);
            reader.read(root);
            lint::inspect(&mut reader);
            (reader.pipeline, reader.findings.finish())
        }
        Err(broken) => {
            broken::explain(broken, &mut findings);
            (Pipeline::default(), findings.finish())
        }
    }
}
