//! What the expressions of a pipeline say about it.

use flowcd_model::pipeline::InputSpec;

use super::{code, reference::Known, step, untrusted};
use crate::{
    expr::{self, Braces, CONTEXTS, ExprError, Reference},
    parse::{
        finding::{Findings, Note},
        reader::{Field, Reader, Template},
    },
};

/// Adds what there is to say about a pipeline that has been read, and what its steps have to know of it.
pub(crate) fn inspect(reader: &mut Reader<'_>) {
    let Reader {
        pipeline,
        templates,
        spans,
        findings,
        ..
    } = reader;
    let references: Vec<Vec<Reference>> = templates
        .iter()
        .map(|template| references(template, &pipeline.inputs, findings))
        .collect();
    untrusted::inspect(pipeline, templates, &references, findings);
    let known = Known::new(pipeline);
    for (template, references) in templates.iter().zip(&references) {
        for reference in references {
            known.check(template, reference, findings);
        }
        check_braces(template, &pipeline.inputs, findings);
    }
    step::inspect(pipeline, templates, &references, spans, findings);
}

/// Whether braces without a dollar sign that begin at this name are taken for an expression.
fn is_known(inputs: &[InputSpec], name: &str) -> bool {
    CONTEXTS.contains(&name) || inputs.iter().any(|spec| spec.name == name)
}

/// The variables that a template refers to. One that cannot be read has none, and fails its step.
fn references(
    template: &Template,
    inputs: &[InputSpec],
    findings: &mut Findings<'_>,
) -> Vec<Reference> {
    let known = |name: &str| is_known(inputs, name);
    let text = &template.text;
    let read = match &template.field {
        Field::If => expr::condition_references(text),
        Field::Run | Field::Output(_) => expr::references(text),
        Field::Env(_) | Field::Input(_) => expr::references_in(text, &Braces::Legacy(&known)),
    };
    read.unwrap_or_else(|error| {
        fails(template, &error, findings);
        Vec::new()
    })
}

/// A template that can never be rendered fails its step, if and when that runs; here it is only foretold.
fn fails(template: &Template, error: &ExprError, findings: &mut Findings<'_>) {
    let label = template.field.label();
    let note = Note::fails(
        code::EXPRESSION,
        format!("`{label}` will fail: {}", error.message()),
    );
    let help = match error.suggestion() {
        Some(suggestion) => Some(format!("did you mean `{suggestion}`?")),
        None => cut_off(template, findings)
            .then(|| "a ` #` begins a comment; put the whole value in quotes".to_owned()),
    };
    findings.add_in(template, &error.span(), note.hint(help));
}

/// Whether a comment follows the text on its line: then the text may have been meant to go on.
fn cut_off(template: &Template, findings: &Findings<'_>) -> bool {
    let rest = findings.source().text().get(template.span.end..);
    rest.and_then(|rest| rest.lines().next())
        .is_some_and(|rest| rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
}

/// Braces without a dollar sign are how expressions used to be written.
fn check_braces(template: &Template, inputs: &[InputSpec], findings: &mut Findings<'_>) {
    let known = |name: &str| is_known(inputs, name);
    let text = &template.text;
    if template.field == Field::If && !text.contains("{{") {
        return;
    }
    // One that cannot be read has been told of.
    for pair in expr::brace_pairs(text, &known).unwrap_or_default() {
        let written = text.get(pair.span.clone()).unwrap_or_default();
        let short = written.chars().count() <= 80 && !written.contains('\n');
        let help = match short {
            true => format!("write `${written}`"),
            false => "write a `$` before the `{{`".to_owned(),
        };
        let note = match (&template.field, pair.is_expression) {
            (Field::Run | Field::Output(_), true) => {
                let label = match template.field {
                    Field::Run => "`run`",
                    _ => "`outputs`",
                };
                let message = format!(
                    "braces without a `$` are left as they are in {label}, and this looks like an expression"
                );
                Note::odd(code::LEGACY, message)
            }
            (_, true) => Note::advice(
                code::LEGACY,
                "`{{ }}` without a `$` is the old way of writing an expression",
            ),
            // Something else's own braces, or a name that only the deployment could know.
            (_, false) if looks_like_a_name(written) && template.field != Field::Run => {
                Note::advice(
                    code::LEGACY,
                    "braces without a `$` are left as they are unless they begin at a name that is known",
                )
            }
            (_, false) => continue,
        };
        findings.add_in(template, &pair.span, note.help(help));
    }
}

/// Whether what stands in the braces could be read as an expression.
fn looks_like_a_name(written: &str) -> bool {
    let dollar = format!("${written}");
    expr::references(&dollar).is_ok_and(|references| !references.is_empty())
}
