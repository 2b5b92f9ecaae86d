//! The expression language of pipelines: `${{ }}` in text, and the conditions of steps.
//!
//! It is a part of JavaScript's expressions: read once into a tree, evaluated within limits on length, depth, work and
//! the size of what comes out, with the place in the text in every error. It has no assignments, no methods and no
//! loops, so what an expression can cost is known from its length.

use std::{fmt, ops::Range, path::Path};

use serde_json::{Map, Value};

mod eval;
mod function;
mod hash;
mod parser;
mod token;
mod tree;
mod value;

#[cfg(test)]
mod tests;

use eval::Evaluator;

/// The longest expression.
const MAX_SOURCE_BYTES: usize = 16 * 1024;
/// How deep parentheses, choices, indexes and arguments nest.
const MAX_DEPTH: usize = 100;
/// The longest text that is made, and the longest template that is read.
const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// The work that one template or condition may take: a node is 1, and so are 64 bytes that have to be gone through.
const MAX_WORK: usize = 1_000_000;

/// What an expression can see. It has no `Debug`: it sees secrets.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The variables by name.
    pub vars: &'a Map<String, Value>,
    /// How the run stands, for the status functions.
    pub status: GlobalStatus,
    /// The folder that `hashFile` reads from and cannot leave.
    pub workspace: &'a Path,
}

/// How a run stands while its steps go by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GlobalStatus {
    /// No step has ended yet.
    Pending,
    /// Every step so far ended well.
    Success,
    /// A step failed.
    Failure,
    /// The run was cancelled.
    Cancelled,
    /// The last step failed, and the run goes on as if it had not.
    ErrorWithContinue,
}

/// Why an expression has no value, and where in its text that shows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) struct ExprError {
    /// What the text is, where its reader cannot know.
    subject: Option<String>,
    message: String,
    line: usize,
    column: usize,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(f, "`{subject}`: ")?;
        }
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}

impl ExprError {
    fn new(fault: Fault, text: &str) -> Self {
        let mut at = fault.span.start.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            subject: None,
            message: fault.message,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Says what the text is.
    pub(crate) fn of(self, subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..self
        }
    }
}

/// What is wrong, and with which bytes of the text.
#[derive(Debug)]
struct Fault {
    message: String,
    span: Range<usize>,
}

impl Fault {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
        }
    }
}

/// Where expressions begin in a text.
#[derive(Clone, Copy, Debug)]
enum Opening {
    /// At `${{`. Braces without the dollar sign are the text's own: `docker ps --format '{{.Names}}'`.
    Dollar,
    /// At `${{` and `{{`.
    Braces,
}

/// The text with every `${{ }}` replaced by its value.
pub(crate) fn render(template: &str, scope: &Scope<'_>) -> Result<String, ExprError> {
    render_from(template, scope, Opening::Dollar)
}

/// Whether the value of an `if` lets its step run: an expression, with or without `${{ }}`, whose text is `true`.
pub(crate) fn condition(text: &str, scope: &Scope<'_>) -> Result<bool, ExprError> {
    if is_template(text) {
        return Ok(render_from(text, scope, Opening::Braces)?.trim() == "true");
    }
    let fail = |fault| ExprError::new(fault, text);
    let parsed = parser::parse(text, 0, false).map_err(fail)?;
    let value = Evaluator::new(scope)
        .value(&parsed.tree, parsed.root)
        .map_err(fail)?;
    Ok(value.text().trim() == "true")
}

/// The text that a value of this kind has in the place of `${{ }}`.
pub(crate) fn text(value: &Value) -> String {
    value::Value::borrowed(value).text().into_owned()
}

/// Whether there is anything in the text for `render` to replace.
pub(crate) fn has_expressions(text: &str) -> bool {
    text.contains("${{")
}

/// Whether `render` can read the template, as far as that can be said without its variables.
pub(crate) fn check(template: &str) -> Result<(), ExprError> {
    for_each_part(template, Opening::Dollar, |_| Ok(()))
        .map_err(|fault| ExprError::new(fault, template))
}

/// Whether `condition` can read the text, as far as that can be said without its variables.
pub(crate) fn check_condition(text: &str) -> Result<(), ExprError> {
    match is_template(text) {
        true => for_each_part(text, Opening::Braces, |_| Ok(())),
        false => parser::parse(text, 0, false).map(|_| ()),
    }
    .map_err(|fault| ExprError::new(fault, text))
}

fn is_template(condition: &str) -> bool {
    has_expressions(condition) || condition.trim_start().starts_with("{{")
}

fn render_from(template: &str, scope: &Scope<'_>, opening: Opening) -> Result<String, ExprError> {
    let mut evaluator = Evaluator::new(scope);
    let mut out = String::new();
    for_each_part(template, opening, |part| {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Expression(parsed) => {
                let value = evaluator.value(&parsed.tree, parsed.root)?;
                out.push_str(&value.text());
            }
        }
        function::check_size(out.len()).map_err(|message| Fault::new(message, 0..0))
    })
    .map_err(|fault| ExprError::new(fault, template))?;
    Ok(out)
}

/// A piece of a template.
enum Part<'t> {
    Text(&'t str),
    Expression(parser::Parsed),
}

/// Cuts a template into its parts.
fn for_each_part<'t>(
    template: &'t str,
    opening: Opening,
    mut each: impl FnMut(Part<'t>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    function::check_size(template.len()).map_err(|message| Fault::new(message, 0..0))?;
    let mut at = 0;
    while let Some((start, inner)) = next_opening(template, at, opening) {
        if start > at {
            each(Part::Text(&template[at..start]))?;
        }
        let parsed = parser::parse(template, inner, true).map_err(|fault| {
            // An expression that never ends is reported where it begins.
            match fault.span.start >= template.len() {
                true => Fault::new(fault.message, start..inner),
                false => fault,
            }
        })?;
        at = parsed.end;
        each(Part::Expression(parsed))?;
    }
    each(Part::Text(&template[at..]))
}

/// The next expression at or after `at`: where its opening begins, and where it ends.
fn next_opening(template: &str, at: usize, opening: Opening) -> Option<(usize, usize)> {
    let mark = match opening {
        Opening::Dollar => "${{",
        Opening::Braces => "{{",
    };
    let start = at + template[at..].find(mark)?;
    let inner = start + mark.len();
    let has_dollar = matches!(opening, Opening::Braces) && template[at..start].ends_with('$');
    Some((start - usize::from(has_dollar), inner))
}
