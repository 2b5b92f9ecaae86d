//! Reads a pipeline file.
//!
//! What would make a step do something else than its author thinks is an error, or a warning where the file has
//! worked so far; both say the file, the line and the column.

use std::{collections::BTreeSet, time::Duration};

use flowcd_model::pipeline::InputSpec;
use serde_json::{Map, Value};

use crate::{expr, spelling};

mod node;

#[cfg(test)]
mod tests;

use node::{Key, Kind, Node};

pub(crate) use node::Place;

/// The longest pipeline file.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// The keys of a pipeline. The last ones are notes for people: the application's trigger decides what triggers.
const PIPELINE_KEYS: [&str; 9] = [
    "name",
    "env",
    "inputs",
    "steps",
    "shell",
    "timeout-minutes",
    "strict-expressions",
    "triggers",
    "runtimes",
];
/// The keys of a step.
const STEP_KEYS: [&str; 15] = [
    "name",
    "id",
    "run",
    "plugin",
    "inputs",
    "if",
    "env",
    "working-directory",
    "continue-on-error",
    "env-file",
    "outputs",
    "retry",
    "shell",
    "timeout-minutes",
    "uses",
];

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
    /// Its environment over the pipeline's. Strings are templates; there are numbers, booleans and nulls, too.
    pub env: Map<String, Value>,
    /// Its own environment, without the pipeline's.
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

/// Reads the text of a pipeline file. `file_name` is for the messages.
pub(crate) fn parse_pipeline(file_name: &str, source: &[u8]) -> Result<Pipeline, PipelineError> {
    let mut reader = Reader {
        file_name,
        warnings: Vec::new(),
    };
    if source.len() > MAX_BYTES {
        let message = format!("the file is longer than {MAX_BYTES} bytes");
        return Err(reader.error(Place::START, message));
    }
    let source = std::str::from_utf8(source).map_err(|err| {
        let before = String::from_utf8_lossy(&source[..err.valid_up_to()]);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        let place = Place {
            line: before.matches('\n').count() as u64 + 1,
            column: last_line.chars().count() as u64 + 1,
        };
        reader.error(place, "the file is not UTF-8")
    })?;
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let root = node::read(source).map_err(|(place, message)| reader.error(place, message))?;
    let mut pipeline = reader.pipeline(root)?;
    pipeline.warnings = reader.warnings;
    Ok(pipeline)
}

/// Makes a pipeline of a document and collects warnings on the way.
struct Reader<'f> {
    file_name: &'f str,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn pipeline(&mut self, root: Node) -> Result<Pipeline, PipelineError> {
        let mut pipeline = Pipeline::default();
        let mut steps = Vec::new();
        let mut shell = None;
        for (key, value) in self.mapping(root, "a pipeline")? {
            match key.text.as_str() {
                "name" => pipeline.name = self.text(value, "name")?,
                "env" => pipeline.env = self.env(value)?,
                "steps" => steps = self.list(value)?,
                "inputs" => pipeline.inputs = self.input_specs(value)?,
                "shell" => shell = self.text(value, "shell")?,
                "timeout-minutes" => pipeline.timeout = self.timeout(&value)?,
                "strict-expressions" => {
                    pipeline.is_strict = matches!(value.kind, Kind::Bool(true));
                }
                "triggers" | "runtimes" => {}
                _ => self.unknown_key(&key, "pipeline", &PIPELINE_KEYS),
            }
        }
        let mut ids = BTreeSet::new();
        for step in steps {
            let place = step.place;
            let mut step = self.step(step, &pipeline.env)?;
            step.place = place;
            step.shell = step.shell.or_else(|| shell.clone());
            if let Some(id) = step.id.as_ref().filter(|id| !ids.insert((*id).clone())) {
                self.warn(place, format!("the id `{id}` is taken by an earlier step, whose outcome this one's replaces"));
            }
            pipeline.steps.push(step);
        }
        Ok(pipeline)
    }

    fn step(&mut self, node: Node, env: &Map<String, Value>) -> Result<StepSpec, PipelineError> {
        let place = node.place;
        let mut step = StepSpec {
            env: env.clone(),
            ..StepSpec::default()
        };
        for (key, value) in self.mapping(node, "a step")? {
            match key.text.as_str() {
                "name" => step.name = self.text(value, "name")?,
                "id" => step.id = self.text(value, "id")?,
                "run" => step.run = self.script(value)?,
                "plugin" => step.plugin = self.text(value, "plugin")?,
                "inputs" => step.inputs = self.values(value)?,
                "if" => step.condition = self.condition(value)?,
                "env" => {
                    step.own_env = self.env(value)?;
                    step.env.extend(step.own_env.clone());
                }
                "working-directory" => {
                    step.working_directory = self.text(value, "working-directory")?
                }
                "continue-on-error" => step.continue_on_error = self.continue_on_error(&value),
                "script" => {
                    return Err(self.error(key.place, "`script` is not supported (use `run`)"));
                }
                "env-file" => step.env_files = self.env_files(value)?,
                "outputs" => step.outputs = self.env(value)?,
                "retry" => step.retry = self.retry(value)?,
                "shell" => step.shell = self.text(value, "shell")?,
                "timeout-minutes" => step.timeout = self.timeout(&value)?,
                "uses" => step.plugin = self.text(value, "uses")?,
                _ => self.unknown_key(&key, "step", &STEP_KEYS),
            }
        }
        match (&step.run, &step.plugin) {
            (None, None) => Err(self.error(place, "a step needs `run` or `plugin`")),
            (Some(_), Some(_)) => {
                self.warn(
                    place,
                    "the step has `run` and `plugin`; `plugin` is ignored",
                );
                Ok(step)
            }
            _ => Ok(step),
        }
    }

    /// A shell script: text and nothing that only looks like it. Blank, it is a script that does nothing.
    fn script(&mut self, node: Node) -> Result<Option<String>, PipelineError> {
        match node.kind {
            Kind::Null => Ok(None),
            Kind::Text(text) => {
                self.check_template(node.place, "run", expr::check(&text));
                Ok(Some(self.without_nul(node.place, "run", text)?))
            }
            kind => Err(self.error(node.place, format!("`run` is text, not {}", kind.name()))),
        }
    }

    fn condition(&mut self, node: Node) -> Result<Option<String>, PipelineError> {
        let place = node.place;
        let Some(text) = self.text(node, "if")? else {
            return Ok(None);
        };
        self.check_template(place, "if", expr::check_condition(&text));
        Ok(Some(text))
    }

    fn continue_on_error(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Bool(value) => *value,
            kind => {
                let message = format!(
                    "`continue-on-error` is true or false; {} counts as false",
                    kind.name()
                );
                self.warn(node.place, message);
                false
            }
        }
    }

    fn env(&mut self, node: Node) -> Result<Map<String, Value>, PipelineError> {
        let mut env = Map::new();
        for (key, node) in self.mapping(node, "`env`")? {
            let name = key.text;
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(self.error(
                    key.place,
                    format!("{name:?} cannot be the name of a variable"),
                ));
            }
            let place = node.place;
            let label = format!("env.{name}");
            let value = match node.kind {
                Kind::Null => Value::Null,
                Kind::Bool(value) => Value::Bool(value),
                Kind::Number(number) => {
                    let value = Value::Number(number);
                    let text = expr::text(&value);
                    if let Some(written) = node.written.filter(|written| *written != text) {
                        self.warn(
                            place,
                            format!("`{label}` is the number {text}; quote it to keep `{written}`"),
                        );
                    }
                    value
                }
                Kind::Text(text) => {
                    self.check_template(place, &label, expr::check(&text));
                    Value::String(text)
                }
                kind @ (Kind::List(_) | Kind::Map(_)) => {
                    let message = format!(
                        "`{label}` is text, a number or a boolean, not {}",
                        kind.name()
                    );
                    return Err(self.error(place, message));
                }
            };
            env.insert(name, value);
        }
        Ok(env)
    }

    fn values(&self, node: Node) -> Result<Map<String, Value>, PipelineError> {
        let entries = self.mapping(node, "`inputs`")?;
        Ok(entries
            .into_iter()
            .map(|(key, node)| (key.text, value_of(node)))
            .collect())
    }

    fn input_specs(&self, node: Node) -> Result<Vec<InputSpec>, PipelineError> {
        self.mapping(node, "`inputs`")?
            .into_iter()
            .map(|(key, node)| {
                let mut value = value_of(node);
                if let Value::Object(map) = &mut value {
                    map.insert("name".to_owned(), key.text.into());
                }
                serde_json::from_value(value)
                    .map_err(|error| self.error(key.place, error.to_string()))
            })
            .collect()
    }

    fn timeout(&self, node: &Node) -> Result<Option<Duration>, PipelineError> {
        let minutes = match &node.kind {
            Kind::Number(number) => number.as_f64().unwrap_or_default(),
            _ => 0.0,
        };
        Duration::try_from_secs_f64(minutes * 60.0)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .map(Some)
            .ok_or_else(|| {
                self.error(
                    node.place,
                    "`timeout-minutes` is a number of minutes above 0",
                )
            })
    }

    fn env_files(&self, node: Node) -> Result<Vec<String>, PipelineError> {
        match node.kind {
            Kind::List(items) => items
                .into_iter()
                .filter_map(|item| self.text(item, "env-file").transpose())
                .collect(),
            _ => Ok(self.text(node, "env-file")?.into_iter().collect()),
        }
    }

    fn retry(&self, node: Node) -> Result<Option<Retry>, PipelineError> {
        let place = node.place;
        let value = value_of(node);
        let number = |value: &Value| value.as_u64().and_then(|max| u32::try_from(max).ok());
        let fail = || self.error(place, "`retry` is a number or a mapping with `max`");
        let max = number(value.get("max").unwrap_or(&value)).ok_or_else(fail)?;
        let delay = value
            .get("delay-seconds")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let exit_codes = value.get("on-exit-codes").and_then(Value::as_array);
        Ok(Some(Retry {
            max,
            delay: Duration::from_secs(delay),
            exit_codes: exit_codes.map(|codes| {
                codes
                    .iter()
                    .filter_map(|code| i32::try_from(code.as_i64()?).ok())
                    .collect()
            }),
        }))
    }

    /// A mapping's entries; none for nothing.
    fn mapping(&self, node: Node, what: &str) -> Result<Vec<(Key, Node)>, PipelineError> {
        match node.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::Null => Ok(Vec::new()),
            kind => Err(self.error(
                node.place,
                format!("{what} is a mapping, not {}", kind.name()),
            )),
        }
    }

    fn list(&self, node: Node) -> Result<Vec<Node>, PipelineError> {
        match node.kind {
            Kind::List(items) => Ok(items),
            Kind::Null => Ok(Vec::new()),
            kind => Err(self.error(
                node.place,
                format!("`steps` is a list, not {}", kind.name()),
            )),
        }
    }

    /// A scalar as text; `None` for nothing and for blank text.
    fn text(&self, node: Node, key: &str) -> Result<Option<String>, PipelineError> {
        let text = match node.kind {
            Kind::Null => return Ok(None),
            Kind::Text(text) => text,
            Kind::Bool(value) => value.to_string(),
            Kind::Number(number) => node.written.unwrap_or_else(|| number.to_string()),
            kind => {
                return Err(self.error(node.place, format!("`{key}` is text, not {}", kind.name())));
            }
        };
        let text = self.without_nul(node.place, key, text)?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// No process can be given a NUL. One in a variable fails the step as one from a template does, and not the file.
    fn without_nul(&self, place: Place, key: &str, text: String) -> Result<String, PipelineError> {
        match text.contains('\0') {
            true => Err(self.error(place, format!("`{key}` has a NUL"))),
            false => Ok(text),
        }
    }

    /// A template that can never be rendered fails its step, if and when that runs; here it is only foretold.
    fn check_template(&mut self, place: Place, key: &str, result: Result<(), expr::ExprError>) {
        if let Err(err) = result {
            self.warn(place, format!("`{key}` will fail: {err}"));
        }
    }

    fn unknown_key(&mut self, key: &Key, of: &str, keys: &[&str]) {
        let hint = spelling::hint(&key.text, keys.iter().copied());
        self.warn(
            key.place,
            format!("`{}` is no key of a {of} and is ignored{hint}", key.text),
        );
    }

    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push(self.error(place, message).to_string());
    }

    fn error(&self, place: Place, message: impl Into<String>) -> PipelineError {
        PipelineError {
            file: self.file_name.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
        }
    }
}

fn value_of(node: Node) -> Value {
    match node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(value),
        Kind::Number(number) => Value::Number(number),
        Kind::Text(text) => Value::String(text),
        Kind::List(items) => items.into_iter().map(value_of).collect(),
        Kind::Map(entries) => entries
            .into_iter()
            .map(|(key, node)| (key.text, value_of(node)))
            .collect(),
    }
}
