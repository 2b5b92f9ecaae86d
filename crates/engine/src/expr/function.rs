//! The functions that expressions can call.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{
    GlobalStatus, MAX_TEXT_BYTES, Scope,
    hash::{self, Reading},
    value::{Value, to_json},
};
use crate::spelling;

/// A built-in function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    ToJson,
    FromJson,
    HashFile,
    HashFiles,
    Format,
    Join,
    Success,
    Failure,
    Cancelled,
    Always,
}

/// Name, function, and how many arguments it takes: at least, at most.
const FUNCTIONS: [(&str, Function, usize, usize); 13] = [
    ("contains", Function::Contains, 2, 3),
    ("startsWith", Function::StartsWith, 2, 3),
    ("endsWith", Function::EndsWith, 2, 3),
    ("toJSON", Function::ToJson, 1, 1),
    ("fromJSON", Function::FromJson, 1, 1),
    ("hashFile", Function::HashFile, 1, 1),
    ("hashFiles", Function::HashFiles, 1, usize::MAX),
    ("format", Function::Format, 1, usize::MAX),
    ("join", Function::Join, 1, 2),
    ("success", Function::Success, 0, 0),
    ("failure", Function::Failure, 0, 0),
    ("cancelled", Function::Cancelled, 0, 0),
    ("always", Function::Always, 0, 0),
];

impl Function {
    /// The function of this name.
    pub(super) fn find(name: &str) -> Option<Function> {
        FUNCTIONS
            .iter()
            .find(|entry| entry.0 == name)
            .map(|entry| entry.1)
    }

    /// The name of a function that somebody may have meant by `name`.
    pub(super) fn nearest(name: &str) -> Option<&'static str> {
        spelling::nearest(name, FUNCTIONS.iter().map(|entry| entry.0))
    }

    /// Says what is wrong with this number of arguments.
    pub(super) fn check_arguments(self, n_arguments: usize) -> Result<(), String> {
        let Some((name, _, least, most)) = FUNCTIONS.iter().find(|entry| entry.1 == self) else {
            return Ok(());
        };
        if (*least..=*most).contains(&n_arguments) {
            return Ok(());
        }
        let wanted = match (*least, *most) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} or {most} arguments"),
        };
        Err(format!("`{name}` takes {wanted}, not {n_arguments}"))
    }

    /// Calls it.
    pub(super) fn call<'a>(
        self,
        arguments: &[Value<'a>],
        scope: &Scope<'_>,
        reading: &mut Reading,
    ) -> Result<Value<'a>, String> {
        let first = arguments.first().unwrap_or(&Value::Undefined);
        let second = arguments.get(1).unwrap_or(&Value::Undefined);
        let third = arguments.get(2).unwrap_or(&Value::Undefined);
        let is = |value: bool| Ok(Value::Bool(value));
        match self {
            Self::Success => is(matches!(
                scope.status,
                GlobalStatus::Pending | GlobalStatus::Success | GlobalStatus::ErrorWithContinue
            )),
            Self::Failure => is(scope.status == GlobalStatus::Failure),
            Self::Cancelled => is(scope.status == GlobalStatus::Cancelled),
            Self::Always => is(true),
            Self::Contains => is(contains(first, second, third)),
            Self::StartsWith => is(starts_with(first, second, third)),
            Self::EndsWith => is(ends_with(first, second, third)),
            Self::ToJson => Ok(Value::Text(Cow::Owned(to_json(first)))),
            Self::FromJson if matches!(first, Value::Null) => Ok(Value::Null),
            Self::FromJson => match serde_json::from_str::<Json>(&first.text()) {
                Ok(json) => Ok(Value::owned(json)),
                Err(err) => Err(format!("`fromJSON` got no JSON: {err}")),
            },
            Self::HashFile => hash::file(&first.text(), scope.workspace, reading).map(text),
            Self::HashFiles => {
                let patterns: Vec<Cow<'_, str>> = arguments.iter().map(Value::text).collect();
                hash::files(&patterns, scope.workspace, reading).map(text)
            }
            Self::Format => format_text(&first.text(), &arguments[1..]).map(text),
            Self::Join => join(first, second).map(text),
        }
    }
}

/// Whether a name is one of the functions'.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|entry| entry.0 == name)
}

fn text<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

fn contains(collection: &Value<'_>, wanted: &Value<'_>, from: &Value<'_>) -> bool {
    match collection {
        Value::Text(text) => {
            let length = text.encode_utf16().count();
            let start = offset(from, 0, length);
            from_unit(text, start).contains(&*wanted.string())
        }
        Value::Tree(json) => match &**json {
            Json::Array(items) => {
                let start = offset(from, 0, items.len());
                items[start..]
                    .iter()
                    .any(|item| Value::borrowed(item).is_same(wanted))
            }
            Json::Object(entries) => {
                let start = offset(from, 0, entries.len());
                entries
                    .values()
                    .skip(start)
                    .any(|item| Value::borrowed(item).is_same(wanted))
            }
            _ => false,
        },
        _ => false,
    }
}

fn starts_with(subject: &Value<'_>, part: &Value<'_>, position: &Value<'_>) -> bool {
    let subject = absent_as_empty(subject);
    let at = clamp(position, 0, subject.encode_utf16().count());
    from_unit(&subject, at).starts_with(&*part.string())
}

fn ends_with(subject: &Value<'_>, part: &Value<'_>, position: &Value<'_>) -> bool {
    let subject = absent_as_empty(subject);
    let length = subject.encode_utf16().count();
    let end = clamp(position, length, length);
    let rest = from_unit(&subject, end).len();
    subject[..subject.len() - rest].ends_with(&*part.string())
}

/// The subject of a question about text: what is absent contains nothing.
fn absent_as_empty<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value.is_absent() {
        true => Cow::Borrowed(""),
        false => value.string(),
    }
}

/// The text from a UTF-16 unit on: positions count as in JavaScript.
fn from_unit(text: &str, unit: usize) -> &str {
    let mut n_units = 0;
    for (at, c) in text.char_indices() {
        if n_units >= unit {
            return &text[at..];
        }
        n_units += c.len_utf16();
    }
    ""
}

/// A position within `0..=length`; `default` where none is given.
fn clamp(position: &Value<'_>, default: usize, length: usize) -> usize {
    match position.is_absent() {
        true => default,
        // A cast saturates, and makes 0 of what is no number.
        false => (position.number() as usize).min(length),
    }
}

/// As `clamp`, but what is negative counts from the end.
fn offset(from: &Value<'_>, default: usize, length: usize) -> usize {
    let number = from.number();
    match number < 0.0 {
        true => length.saturating_sub(-number as usize),
        false => clamp(from, default, length),
    }
}

/// `{0}`, `{1}`, .. by the arguments; `{{` and `}}` are the braces themselves.
fn format_text(pattern: &str, arguments: &[Value<'_>]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let argument = rest
            .split_once('}')
            .filter(|_| brace == "{")
            .and_then(|(index, after)| {
                rest = after;
                arguments.get(index.parse::<usize>().ok()?)
            })
            .ok_or_else(|| {
                format!(
                    "`format` takes `{{0}}` to `{{n}}` by its arguments and `{{{{` for a brace, and has {} of the former",
                    arguments.len()
                )
            })?;
        out.push_str(&argument.text());
        check_size(out.len())?;
    }
    out.push_str(rest);
    check_size(out.len())?;
    Ok(out)
}

/// The items of a list, as text, with a separator (`,`) between them.
fn join(list: &Value<'_>, separator: &Value<'_>) -> Result<String, String> {
    let separator = match separator.is_absent() {
        true => Cow::Borrowed(","),
        false => separator.text(),
    };
    let Value::Tree(json) = list else {
        return Ok(list.text().into_owned());
    };
    let Json::Array(items) = &**json else {
        return Err("`join` takes a list, not an object".to_owned());
    };
    let mut out = String::new();
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push_str(&separator);
        }
        out.push_str(&Value::borrowed(item).text());
        check_size(out.len())?;
    }
    Ok(out)
}

/// Refuses a text before it grows beyond the limit.
pub(super) fn check_size(n_bytes: usize) -> Result<(), String> {
    match n_bytes > MAX_TEXT_BYTES {
        true => Err(format!("the text is longer than {MAX_TEXT_BYTES} bytes")),
        false => Ok(()),
    }
}
