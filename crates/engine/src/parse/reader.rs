//! Makes a pipeline of a document, and goes on after what is wrong with it.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Pipeline, StepSpec,
    finding::{Findings, Note},
    input,
    key::{self, Entry, PIPELINE_KEYS, PipelineKey, STEP_KEYS, Shape, StepKey},
    node::{Key, Kind, Node},
    value,
};
use crate::lint::code;

/// A text with expressions in it.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) field: Field,
    /// The index of its step; none for the pipeline's own.
    pub(crate) step: Option<usize>,
    pub(crate) text: String,
    /// The bytes of the file that spell it.
    pub(crate) span: Range<usize>,
}

/// What a template is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    If,
    Run,
    /// A variable.
    Env(String),
    /// An input of a plugin, by its path.
    Input(String),
    Output(String),
}

impl Field {
    /// What to call it in a message.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::If => "if".to_owned(),
            Self::Run => "run".to_owned(),
            Self::Env(name) => format!("env.{name}"),
            Self::Input(path) => format!("inputs.{path}"),
            Self::Output(name) => format!("outputs.{name}"),
        }
    }
}

/// Where the parts of a step stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepSpans {
    pub(crate) step: Range<usize>,
    pub(crate) id: Range<usize>,
    pub(crate) plugin: Range<usize>,
    pub(crate) shell: Range<usize>,
    pub(crate) outputs: Range<usize>,
}

/// Makes a pipeline of a document.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    pub(crate) pipeline: Pipeline,
    pub(crate) templates: Vec<Template>,
    /// For each step of the pipeline.
    pub(crate) spans: Vec<StepSpans>,
    pub(crate) findings: Findings<'s>,
    /// The index of the step that is being read.
    step: Option<usize>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(findings: Findings<'s>) -> Self {
        Self {
            pipeline: Pipeline::default(),
            templates: Vec::new(),
            spans: Vec::new(),
            findings,
            step: None,
        }
    }

    /// Reads the document.
    pub(super) fn read(&mut self, root: Node) {
        let mut steps = Vec::new();
        let mut shell = (None, 0..0);
        let what = "a pipeline";
        for (key, name, node) in self.entries(root, what, &PIPELINE_KEYS) {
            match key {
                PipelineKey::Name => self.pipeline.name = self.text(node, name),
                PipelineKey::Env => self.pipeline.env = self.env(node),
                PipelineKey::Inputs => {
                    self.pipeline.inputs = input::declarations(&mut self.findings, node);
                }
                PipelineKey::Shell => {
                    let span = node.span.clone();
                    shell = (self.text(node, name), span);
                }
                PipelineKey::TimeoutMinutes => {
                    self.pipeline.timeout = value::timeout(&mut self.findings, &node);
                }
                PipelineKey::StrictExpressions => {
                    let is_strict = value::boolean(&mut self.findings, &node, name);
                    self.pipeline.is_strict = is_strict.unwrap_or_default();
                }
                PipelineKey::Steps => steps = self.list_of_steps(node),
                PipelineKey::Note => {}
            }
        }
        let env = Arc::new(self.pipeline.env.clone());
        for (index, node) in steps.into_iter().enumerate() {
            self.step = Some(index);
            let mut step = self.step(node);
            step.env = Arc::clone(&env);
            if let (None, Some(spans)) = (&step.shell, self.spans.last_mut()) {
                step.shell = shell.0.clone();
                spans.shell = shell.1.clone();
            }
            self.pipeline.steps.push(step);
        }
        self.find_duplicate_ids();
    }

    fn step(&mut self, node: Node) -> StepSpec {
        let mut spans = StepSpans {
            step: node.span.clone(),
            ..StepSpans::default()
        };
        let mut step = StepSpec {
            place: self.findings.source().place(node.span.start),
            ..StepSpec::default()
        };
        let is_map = matches!(node.kind, Kind::Map(_) | Kind::Null);
        let mut has_odd_run = node.has_key("script");
        let mut plugin_inputs = None;
        for (key, name, node) in self.entries(node, "a step", &STEP_KEYS) {
            let span = node.span.clone();
            let is_text = matches!(node.kind, Kind::Null | Kind::Text(_));
            match key {
                StepKey::Name => step.name = self.text(node, name),
                StepKey::Id => {
                    step.id = self.text(node, name);
                    spans.id = span;
                }
                StepKey::If => step.condition = self.condition(node),
                StepKey::Run => {
                    let is_null = matches!(node.kind, Kind::Null);
                    step.run = self.script(node);
                    has_odd_run |= step.run.is_none() && !is_null;
                }
                StepKey::Plugin | StepKey::Uses => {
                    if key == StepKey::Uses {
                        let note = Note::advice(code::LEGACY, "`uses` is the old name of `plugin`");
                        self.findings.add(&span, note.help("write `plugin`"));
                    }
                    step.plugin = self.text(node, name).or(step.plugin);
                    spans.plugin = span;
                    has_odd_run |= !is_text;
                }
                StepKey::Inputs => {
                    step.inputs = self.plugin_inputs(node);
                    plugin_inputs = Some(span);
                }
                StepKey::Env => step.own_env = self.env(node),
                StepKey::EnvFile => step.env_files = value::env_files(&mut self.findings, node),
                StepKey::WorkingDirectory => step.working_directory = self.text(node, name),
                StepKey::Shell => {
                    step.shell = self.text(node, name);
                    spans.shell = span;
                }
                StepKey::TimeoutMinutes => {
                    step.timeout = value::timeout(&mut self.findings, &node);
                }
                StepKey::Retry => step.retry = value::retry(&mut self.findings, node),
                StepKey::ContinueOnError => {
                    step.continue_on_error =
                        value::continue_on_error(&mut self.findings, &node, name);
                }
                StepKey::Outputs => {
                    step.outputs = self.outputs(node);
                    spans.outputs = span;
                }
            }
        }
        // What is there and is not text has been refused already.
        if is_map && !has_odd_run {
            self.check_what_runs(&step, &spans, plugin_inputs.as_ref());
        }
        self.spans.push(spans);
        step
    }

    fn check_what_runs(
        &mut self,
        step: &StepSpec,
        spans: &StepSpans,
        inputs: Option<&Range<usize>>,
    ) {
        match (&step.run, &step.plugin) {
            (None, None) => {
                let note = Note::refused(code::BAD_VALUE, "a step needs `run` or `plugin`");
                self.findings.add(&spans.step, note);
            }
            (Some(_), Some(_)) => {
                let message = "the step has `run` and `plugin`; `plugin` is ignored";
                let note = Note::odd(code::IGNORED, message).help("make two steps of them");
                self.findings.add(&spans.step, note);
            }
            (Some(_), None) => {
                if let Some(span) = inputs {
                    let message = "`inputs` are for a plugin; a `run` step does not see them";
                    let note = Note::advice(code::IGNORED, message).help("set `env` instead");
                    self.findings.add(span, note);
                }
            }
            (None, Some(_)) => {}
        }
    }

    fn find_duplicate_ids(&mut self) {
        let mut seen = BTreeSet::new();
        for (step, spans) in self.pipeline.steps.iter().zip(&self.spans) {
            let Some(id) = &step.id else { continue };
            if !seen.insert(id) {
                let message = format!(
                    "the id `{id}` is taken by an earlier step, whose outcome this one's replaces"
                );
                let note = Note::odd(code::DUPLICATE_ID, message).help("give it another id");
                self.findings.add(&spans.id, note);
            }
        }
    }

    /// The steps. A mapping whose keys begin with `-` is a list whose blanks have been forgotten.
    fn list_of_steps(&mut self, node: Node) -> Vec<Node> {
        let help = match &node.kind {
            Kind::Map(entries) if entries.iter().all(|(key, _)| key.text.starts_with('-')) => {
                "write a blank after each `-`"
            }
            _ => "begin each step with `- `",
        };
        value::list(&mut self.findings, node, "`steps` is", help)
    }

    fn condition(&mut self, node: Node) -> Option<String> {
        let span = node.span.clone();
        let text = self.text(node, "if")?;
        self.template(Field::If, &text, span);
        Some(text)
    }

    /// A shell script: text and nothing that only looks like it. Blank, it is a script that does nothing.
    fn script(&mut self, node: Node) -> Option<String> {
        let Node { kind, written, .. } = node;
        let text = match kind {
            Kind::Null => return None,
            Kind::Text(text) => text,
            kind => {
                let help = match (&kind, written) {
                    (Kind::List(_), _) => "write the commands on lines of their own under `run: |`".to_owned(),
                    (_, Some(written)) => format!("put it in quotes: \"{written}\""),
                    _ => "put a script that begins with `{` in quotes, or on a line of its own under `run: |`".to_owned(),
                };
                let message = format!("`run` is text, not {}", kind.name());
                self.findings.add(
                    &node.span,
                    Note::refused(code::BAD_VALUE, message).help(help),
                );
                return None;
            }
        };
        self.template(Field::Run, &text, node.span.clone());
        value::without_nul(&mut self.findings, &node.span, "run", text)
    }

    fn env(&mut self, node: Node) -> Map<String, Value> {
        let mut env = Map::new();
        for (key, node) in value::mapping(&mut self.findings, node, "`env` is") {
            if key.text.is_empty() || key.text.contains(['=', '\0']) {
                let message = format!("{:?} cannot be the name of a variable", key.text);
                self.findings
                    .add(&key.span, Note::refused(code::BAD_NAME, message));
                continue;
            }
            let field = Field::Env(key.text.clone());
            if let Some(value) = self.scalar(node, field) {
                env.insert(key.text, value);
            }
        }
        env
    }

    fn outputs(&mut self, node: Node) -> Map<String, Value> {
        let mut outputs = Map::new();
        for (key, node) in value::mapping(&mut self.findings, node, "`outputs` is") {
            let field = Field::Output(key.text.clone());
            if let Some(value) = self.scalar(node, field) {
                outputs.insert(key.text, value);
            }
        }
        outputs
    }

    /// The value of a variable or an output.
    fn scalar(&mut self, node: Node, field: Field) -> Option<Value> {
        let value = value::scalar(&mut self.findings, &node, &field.label())?;
        if let Value::String(text) = &value {
            self.template(field, text, node.span);
        }
        Some(value)
    }

    fn plugin_inputs(&mut self, node: Node) -> Map<String, Value> {
        let mut inputs = Map::new();
        for (key, node) in value::mapping(&mut self.findings, node, "`inputs` is") {
            let value = self.plugin_input(node, &key.text);
            inputs.insert(key.text, value);
        }
        inputs
    }

    /// A plugin's input at any depth. The document itself is only so deep.
    fn plugin_input(&mut self, node: Node, path: &str) -> Value {
        match node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(number) => Value::Number(number),
            Kind::Text(text) => {
                self.template(Field::Input(path.to_owned()), &text, node.span);
                Value::String(text)
            }
            Kind::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.plugin_input(item, &format!("{path}.{index}")))
                .collect(),
            Kind::Map(entries) => entries
                .into_iter()
                .map(|(key, node)| {
                    let value = self.plugin_input(node, &format!("{path}.{}", key.text));
                    (key.text, value)
                })
                .collect(),
        }
    }

    fn text(&mut self, node: Node, name: &str) -> Option<String> {
        value::text(&mut self.findings, node, name)
    }

    fn template(&mut self, field: Field, text: &str, span: Range<usize>) {
        // What has no braces is only looked at where it is an expression without them.
        if field == Field::If || text.contains("{{") {
            self.templates.push(Template {
                field,
                step: self.step,
                text: text.to_owned(),
                span,
            });
        }
    }

    /// The entries of a mapping whose keys are known. What is said of the others is said here.
    fn entries<K: Copy>(
        &mut self,
        node: Node,
        what: &str,
        keys: &'static [Entry<K>],
    ) -> Vec<(K, &'static str, Node)> {
        let mut known = Vec::new();
        // A key whose value is a mapping, with nothing under it.
        let mut empty = None;
        for (key, node) in value::mapping_of(&mut self.findings, node, what, keys) {
            value::refuse_tag(&mut self.findings, &key, &node);
            let entry = keys.iter().find(|entry| entry.name == key.text);
            match entry {
                Some(entry) => {
                    let takes_mapping = matches!(
                        entry.shape,
                        Shape::Templates | Shape::PluginInputs | Shape::InputSpecs
                    );
                    let is_null = matches!(node.kind, Kind::Null);
                    empty = Some(entry.name).filter(|_| takes_mapping && is_null);
                    known.push((entry.key, entry.name, node));
                }
                None => self.unknown_key(&key, what, keys, empty),
            }
        }
        known
    }

    fn unknown_key<K>(&mut self, key: &Key, what: &str, keys: &[Entry<K>], empty: Option<&str>) {
        let text = &key.text;
        let note = match text.as_str() {
            "script" => Note::refused(code::UNKNOWN_KEY, "`script` is not supported")
                .help("use `run`, which is a shell script"),
            // Room for anchors that steps share.
            text if text.starts_with("x-") => return,
            _ => {
                let of = what.trim_start_matches("a ");
                let message = format!("`{text}` is no key of a {of} and is ignored");
                let help = key::advice(keys, text)
                    .or_else(|| key::absence(text).map(str::to_owned))
                    .or_else(|| Some(format!("indent it to make it a part of `{}`", empty?)));
                Note::odd(code::UNKNOWN_KEY, message).hint(help)
            }
        };
        self.findings.add(&key.span, note);
    }
}
