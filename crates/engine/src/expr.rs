//! The expression language of pipelines: `${{ }}` in text, and the conditions of steps.
//!
//! It is a part of JavaScript's expressions: read once into a tree, evaluated within limits on length, depth, work and
//! the size of what comes out, with the place in the text in every error. It has no assignments, no methods and no
//! loops, so what an expression can cost is known from its length.

use std::{fmt, ops::Range, path::Path};

use serde_json::{Map, Value};

mod allowance;
mod complaint;
mod dialect;
mod eval;
mod function;
mod hash;
mod hyphen;
mod parser;
mod reference;
mod template;
mod token;
mod tree;
mod untrusted;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use allowance::{Allowance, StopOnDrop};
use eval::Evaluator;
pub(crate) use hyphen::misread_names;
pub(crate) use reference::{Reference, condition_references, references, references_in};
pub(crate) use template::{
    Braces, brace_pairs, check_in, expression_spans, has_expressions, render_in, render_legacy,
    render_strict, render_traced, render_value,
};
pub(crate) use untrusted::{CONTEXTS, Origins};

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
    /// What is left of what the run may read, where there is one.
    pub allowance: Option<&'a Allowance>,
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
    suggestion: Option<String>,
    span: Range<usize>,
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
        )?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

impl ExprError {
    fn new(fault: Fault, text: &str) -> Self {
        let start = floor_char(text, fault.span.start);
        let end = floor_char(text, fault.span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            subject: None,
            message: fault.message,
            suggestion: fault.suggestion,
            span: start..end,
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

    /// The line of the text, from 1 on.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The character of the line, from 1 on.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without its place and without the suggestion.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What the text may have been meant to be where a word in it is misspelled.
    pub(crate) fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// The bytes of the text that are wrong; none of them where something is missing.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// The last place at or before `at` where a character begins.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What is wrong, and with which bytes of the text.
#[derive(Debug)]
struct Fault {
    message: String,
    suggestion: Option<String>,
    span: Range<usize>,
}

impl Fault {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
            span,
        }
    }

    /// Adds what may have been meant.
    fn suggest(self, suggestion: Option<impl Into<String>>) -> Self {
        Self {
            suggestion: suggestion.map(Into::into),
            ..self
        }
    }
}

/// Whether the value of an `if` lets its step run: an expression, with or without `${{ }}`, whose text is `true`.
pub(crate) fn condition(text: &str, scope: &Scope<'_>) -> Result<bool, ExprError> {
    if is_template(text) {
        return Ok(render_in(text, scope, &Braces::Any)?.trim() == "true");
    }
    let fail = |fault| ExprError::new(fault, text);
    let parsed = parser::parse(text, 0, false).map_err(fail)?;
    let value = Evaluator::new(scope)
        .value(&parsed.tree, parsed.root)
        .map_err(fail)?;
    Ok(value.text().trim() == "true")
}

/// The value of a JEXL expression; nothing where it is undefined.
pub(crate) fn jexl_value(
    source: &str,
    vars: &Map<String, Value>,
) -> Result<(Value, bool), ExprError> {
    let fail = |fault| ExprError::new(fault, source);
    let parsed = parser::parse_jexl(source).map_err(fail)?;
    let value = Evaluator::without_functions(vars)
        .value(&parsed.tree, parsed.root)
        .map_err(fail)?;
    let is_truthy = value.is_truthy();
    Ok((value.into_json(), is_truthy))
}

/// Whether JEXL can read an expression.
pub(crate) fn check_jexl(source: &str) -> Result<(), ExprError> {
    match parser::parse_jexl(source) {
        Ok(_) => Ok(()),
        Err(fault) => Err(ExprError::new(fault, source)),
    }
}

/// The text that a value of this kind has in the place of `${{ }}`.
pub(crate) fn text(value: &Value) -> String {
    value::Value::borrowed(value).text().into_owned()
}

/// Whether `condition` can read the text, as far as that can be said without its variables.
pub(crate) fn check_condition(text: &str) -> Result<(), ExprError> {
    match is_template(text) {
        true => check_in(text, &Braces::Any),
        false => parser::parse(text, 0, false)
            .map(|_| ())
            .map_err(|fault| ExprError::new(fault, text)),
    }
}

/// Whether a condition is a template: one with braces, and not a bare expression.
fn is_template(condition: &str) -> bool {
    has_expressions(condition) || condition.trim_start().starts_with("{{")
}
