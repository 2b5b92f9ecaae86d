//! What the expressions of a pipeline say about it.

use std::ops::Range;

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
        check_hyphens(template, &pipeline.inputs, findings);
    }
    step::inspect(pipeline, templates, &references, spans, findings);
}

/// Whether braces without a dollar sign that begin at this name are taken for an expression.
fn is_known(inputs: &[InputSpec], name: &str) -> bool {
    CONTEXTS.contains(&name) || inputs.iter().any(|spec| spec.name == name)
}

/// How many expressions of one template that cannot be read are told of.
const MAX_FAULTS: usize = 20;

/// The variables that a template refers to. An expression that cannot be read has none, and fails its step; what
/// follows it is read all the same.
fn references(
    template: &Template,
    inputs: &[InputSpec],
    findings: &mut Findings<'_>,
) -> Vec<Reference> {
    const OPENING: &str = "${{";
    let known = |name: &str| is_known(inputs, name);
    let read = |text: &str| match &template.field {
        Field::If => expr::condition_references(text),
        Field::Run | Field::Output(_) => expr::references(text),
        Field::Env(_) | Field::Input(_) => expr::references_in(text, &Braces::Legacy(&known)),
    };
    let text = &template.text;
    let mut references = Vec::new();
    let mut from = 0;
    for _ in 0..MAX_FAULTS {
        let error = match read(&text[from..]) {
            Ok(found) => {
                references.extend(found.into_iter().map(|reference| shifted(reference, from)));
                break;
            }
            Err(error) => error,
        };
        let fault = from + error.span().start;
        fails(template, &error, from, findings);
        let opening = text[from..fault]
            .rfind(OPENING)
            .map_or(from, |at| from + at);
        let before = read(&text[from..opening]).unwrap_or_default();
        references.extend(before.into_iter().map(|reference| shifted(reference, from)));
        let after = (opening + OPENING.len()).max(fault).min(text.len());
        let Some(next) = text.get(after..).and_then(|rest| rest.find(OPENING)) else {
            break;
        };
        from = after + next;
    }
    references
}

/// A reference of a part of a text that begins at `from`.
fn shifted(reference: Reference, from: usize) -> Reference {
    let shift = |span: Range<usize>| span.start + from..span.end + from;
    Reference {
        span: shift(reference.span),
        path_span: shift(reference.path_span),
        ..reference
    }
}

/// A template that can never be rendered fails its step, if and when that runs; here it is only foretold.
fn fails(template: &Template, error: &ExprError, from: usize, findings: &mut Findings<'_>) {
    let label = template.field.label();
    let note = Note::fails(
        code::EXPRESSION,
        format!("`{label}` will fail: {}", error.message()),
    );
    let help = match error.suggestion() {
        Some(suggestion) => Some(format!("did you mean `{suggestion}`?")),
        None => help(template, error, from, findings).map(str::to_owned),
    };
    let span = error.span();
    let span = span.start + from..span.end + from;
    findings.add_in(template, &span, note.hint(help));
}

/// What to do about a template that ends too early.
fn help(
    template: &Template,
    error: &ExprError,
    from: usize,
    findings: &Findings<'_>,
) -> Option<&'static str> {
    let at = error.span().start + from;
    let rest = template.text.get(at..).unwrap_or_default();
    let is_open = error.message().contains("not closed");
    if is_open && cut_off(template, findings) {
        return Some("a ` #` begins a comment; put the whole value in quotes");
    }
    let ends_in_one_brace = rest.starts_with('}') && !rest.starts_with("}}");
    match is_open && rest.starts_with("${{") || ends_in_one_brace {
        true => Some("an expression ends with `}}`"),
        false => None,
    }
}

/// Whether a comment follows the text on its line: then the text may have been meant to go on.
fn cut_off(template: &Template, findings: &Findings<'_>) -> bool {
    let rest = findings.source().text().get(template.span.end..);
    rest.and_then(|rest| rest.lines().next())
        .is_some_and(|rest| rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
}

/// A subtraction that was meant to be a name.
fn check_hyphens(template: &Template, inputs: &[InputSpec], findings: &mut Findings<'_>) {
    let known = |name: &str| is_known(inputs, name);
    let braces = match &template.field {
        Field::If => Braces::Any,
        Field::Run | Field::Output(_) => Braces::DollarOnly,
        Field::Env(_) | Field::Input(_) => Braces::Legacy(&known),
    };
    let label = template.field.label();
    for (span, message) in expr::misread_names(&template.text, &braces, &known) {
        let message = format!("`{label}` will fail: {message}");
        findings.add_in(template, &span, Note::fails(code::EXPRESSION, message));
    }
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
