//! Steps that do not do what they look like.

use std::{ops::Range, path::Path};

use serde_json::Map;

use super::code;
use crate::{
    expr::{self, GlobalStatus, Reference, Scope},
    parse::{
        Pipeline, StepSpec,
        finding::{Findings, Note},
        reader::{Field, StepSpans, Template},
    },
    shell::Shell,
};

/// Plugins that are a part of the program and have no version of their own.
const NATIVE_SCOPE: &str = "@serverless-cd/";
const NATIVE: [&str; 5] = [
    "cache",
    "checkout",
    "ding-talk",
    "npm-publish",
    "send-email",
];

/// Adds what there is to say about each step.
pub(super) fn inspect(
    pipeline: &Pipeline,
    templates: &[Template],
    references: &[Vec<Reference>],
    spans: &[StepSpans],
    findings: &mut Findings<'_>,
) {
    for (template, references) in templates.iter().zip(references) {
        if template.field == Field::If {
            check_condition(template, references, findings);
        }
    }
    for (step, spans) in pipeline.steps.iter().zip(spans) {
        check_id(step, spans, findings);
        check_shell(step, spans, findings);
        if step.run.is_none()
            && let Some(plugin) = &step.plugin
        {
            check_plugin(plugin, &spans.plugin, findings);
        }
    }
}

/// An `if` that says the same whatever happens, and not `true`.
fn check_condition(template: &Template, references: &[Reference], findings: &mut Findings<'_>) {
    let text = &template.text;
    // What can be read has been.
    if expr::check_condition(text).is_err() {
        return;
    }
    if let Some(part) = text_around(text) {
        let note = Note::odd(
            code::NEVER_RUNS,
            "the step never runs: text around an expression is never exactly `true`",
        );
        let help = "write the whole condition as one expression, without braces: `a && b`";
        findings.add_in(template, &part, note.help(help));
        return;
    }
    // Without a variable and without a call there is nothing that a run could change.
    if !references.is_empty() || text.contains('(') {
        return;
    }
    let scope = Scope {
        vars: &Map::new(),
        status: GlobalStatus::Pending,
        workspace: Path::new(""),
        allowance: None,
    };
    if expr::condition(text, &scope).is_ok_and(|runs| !runs) {
        // Nobody writes that by accident, so a run says nothing of it.
        let note = Note::advice(
            code::NEVER_RUNS,
            "the step never runs: its `if` is never `true`",
        );
        findings.add_in(template, &(0..text.len()), note);
    }
}

/// The first text that stands beside the expressions of a condition with braces.
fn text_around(text: &str) -> Option<Range<usize>> {
    // Each end of braces is tried, and nobody writes a condition this long.
    if text.len() > 4096 || !text.contains("{{") {
        return None;
    }
    let mut at = 0;
    let mut has_expression = false;
    let mut outside = None;
    loop {
        let expression = next_expression(text, at);
        let end = expression.as_ref().map_or(text.len(), |span| span.start);
        let between = text[at..end].trim();
        if outside.is_none() && !between.is_empty() {
            let start = at + (text[at..end].len() - text[at..end].trim_start().len());
            outside = Some(start..start + between.len());
        }
        match expression {
            Some(span) => at = span.end,
            None => return outside.filter(|_| has_expression),
        }
        has_expression = true;
    }
}

/// The next braces that hold an expression, from `at` on.
fn next_expression(text: &str, at: usize) -> Option<Range<usize>> {
    let opening = at + text[at..].find("{{")?;
    let has_dollar = text[at..opening].ends_with('$');
    let start = opening - usize::from(has_dollar);
    // The first `}}` can be a part of a string.
    text[opening..]
        .match_indices("}}")
        .map(|(length, _)| start..opening + length + 2)
        .find(|span| expr::check_condition(&text[span.clone()]).is_ok())
}

/// An id that is no name can only be said in brackets.
fn check_id(step: &StepSpec, spans: &StepSpans, findings: &mut Findings<'_>) {
    let Some(id) = &step.id else {
        if !step.outputs.is_empty() {
            let message = "nobody can read the outputs of a step without an `id`";
            let note = Note::advice(code::IGNORED, message).help("give the step an `id`");
            findings.add(&spans.outputs, note);
        }
        return;
    };
    let is_name = id.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && id.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_name {
        let message =
            format!("the id `{id}` is no name, and `steps.{id}` would not mean this step");
        let note = Note::advice(code::BAD_NAME, message);
        let help = format!("use letters, digits and `_`, or write `steps[\"{id}\"]`");
        findings.add(&spans.id, note.help(help));
    }
}

fn check_shell(step: &StepSpec, spans: &StepSpans, findings: &mut Findings<'_>) {
    if let Err(error) = Shell::parse(step.shell.as_deref()) {
        let message = format!("the step will fail: {error}");
        findings.add(&spans.shell, Note::fails(code::BAD_VALUE, message));
    }
}

/// A package without an exact version is another one tomorrow.
fn check_plugin(plugin: &str, span: &Range<usize>, findings: &mut Findings<'_>) {
    let package = plugin.strip_prefix("npm:");
    let text = package.unwrap_or(plugin);
    if package.is_none() && is_native_or_local(plugin) {
        return;
    }
    let at = text
        .char_indices()
        .skip(1)
        .find_map(|(at, c)| (c == '@').then_some(at));
    let (name, version) = match at {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let message = match version {
        Some(version) if is_exact(version) => return,
        Some(version) => {
            format!("the plugin `{name}` is not pinned: `{version}` is no exact version")
        }
        None => format!("the plugin `{name}` is not pinned: its latest version is installed"),
    };
    let note = Note::advice(code::UNPINNED_PLUGIN, message);
    findings.add(
        span,
        note.help(format!(
            "write `{name}@1.2.3`, with the version that you tried"
        )),
    );
}

fn is_native_or_local(plugin: &str) -> bool {
    let is_path = ["./", "../", "/"]
        .iter()
        .any(|start| plugin.starts_with(start));
    let name = plugin.strip_prefix(NATIVE_SCOPE).unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    is_path || NATIVE.contains(&name)
}

/// `1.2.3`, with or without what may follow.
fn is_exact(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}
