//! The values of keys: what each may be, and what to write instead.

use std::{ops::Range, time::Duration};

use serde_json::{Map, Value};

use super::{
    Retry,
    finding::{Findings, Note},
    key::{self, Entry, MAX_RETRIES, MAX_RETRY_DELAY, MAX_TIMEOUT_MINUTES, RETRY_KEYS, RetryKey},
    node::{Key, Kind, Node},
};
use crate::{expr, lint::code};

/// A mapping's entries; none for nothing. `subject` is the beginning of a sentence: "`env` is".
pub(super) fn mapping(findings: &mut Findings<'_>, node: Node, subject: &str) -> Vec<(Key, Node)> {
    let help = "write `name: value` on lines of their own, indented by two more";
    entries(findings, node, subject, help)
}

/// The entries of a mapping whose keys are known.
pub(super) fn mapping_of<K>(
    findings: &mut Findings<'_>,
    node: Node,
    what: &str,
    keys: &[Entry<K>],
) -> Vec<(Key, Node)> {
    let begun = match &node.kind {
        Kind::Text(text) => text
            .split_once(':')
            .map(|(name, _)| name)
            .filter(|name| keys.iter().any(|entry| entry.name == *name)),
        _ => None,
    };
    let help = match (begun, what) {
        (Some(name), _) => format!("write a blank after `{name}:`"),
        (None, "a step") => "write `- run: ..`".to_owned(),
        (None, "a pipeline") => "begin with `steps:`".to_owned(),
        (None, _) => "write `key: value` on lines of their own".to_owned(),
    };
    entries(findings, node, &format!("{what} is"), &help)
}

fn entries(findings: &mut Findings<'_>, node: Node, subject: &str, help: &str) -> Vec<(Key, Node)> {
    match node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => Vec::new(),
        kind => {
            let message = format!("{subject} a mapping, not {}", kind.name());
            findings.add(
                &node.span,
                Note::refused(code::BAD_VALUE, message).help(help),
            );
            Vec::new()
        }
    }
}

/// A list's items; none for nothing.
pub(super) fn list(
    findings: &mut Findings<'_>,
    node: Node,
    subject: &str,
    help: &str,
) -> Vec<Node> {
    match node.kind {
        Kind::List(items) => items,
        Kind::Null => Vec::new(),
        kind => {
            let message = format!("{subject} a list, not {}", kind.name());
            findings.add(
                &node.span,
                Note::refused(code::BAD_VALUE, message).help(help),
            );
            Vec::new()
        }
    }
}

/// A scalar as text; `None` for nothing and for blank text.
pub(super) fn text(findings: &mut Findings<'_>, node: Node, name: &str) -> Option<String> {
    let text = match node.kind {
        Kind::Null => return None,
        Kind::Text(text) => text,
        Kind::Bool(value) => node.written.unwrap_or_else(|| value.to_string()),
        Kind::Number(number) => node.written.unwrap_or_else(|| number.to_string()),
        kind => {
            let message = format!("`{name}` is text, not {}", kind.name());
            let help = "put a value that begins with `{` or `[` in quotes";
            findings.add(
                &node.span,
                Note::refused(code::BAD_VALUE, message).help(help),
            );
            return None;
        }
    };
    without_nul(findings, &node.span, name, text).filter(|text| !text.trim().is_empty())
}

/// No process can be given a NUL. One in a variable fails the step as one from a template does, and not the file.
pub(super) fn without_nul(
    findings: &mut Findings<'_>,
    span: &Range<usize>,
    name: &str,
    text: String,
) -> Option<String> {
    if text.contains('\0') {
        let note = Note::refused(code::BAD_VALUE, format!("`{name}` has a NUL"));
        findings.add(span, note);
        return None;
    }
    Some(text)
}

/// `if: !cancelled()` is a value with nothing but a tag, and `if: ! x` is `x` with one: the opposite of what it says.
pub(super) fn refuse_tag(findings: &mut Findings<'_>, key: &Key, node: &Node) {
    if !node.is_here {
        return;
    }
    let source = findings.source().text();
    let Some(between) = source.get(key.span.end..node.span.start) else {
        return;
    };
    let tag = between.trim_start_matches([':', ' ', '"', '\'']);
    if !tag.starts_with('!') || tag.starts_with("!!") {
        return;
    }
    let start = key.span.end + (between.len() - tag.len());
    let note = Note::refused(
        code::YAML,
        "a value that begins with `!` is a tag of YAML and not text",
    );
    let end = source[start..]
        .find(['\n', '\r'])
        .map_or(source.len(), |length| start + length);
    let written = source[start..end].trim_end();
    let help = format!("put the value in quotes: \"{written}\"");
    findings.add(&(start..start + written.len()), note.help(help));
}

/// `true` or `false`.
pub(super) fn boolean(findings: &mut Findings<'_>, node: &Node, name: &str) -> Option<bool> {
    match &node.kind {
        Kind::Null => None,
        Kind::Bool(value) => Some(*value),
        kind => {
            let message = format!("`{name}` is true or false, not {}", kind.name());
            let help = bare_boolean(kind).unwrap_or("write `true` or `false`, without quotes");
            findings.add(
                &node.span,
                Note::refused(code::BAD_VALUE, message).help(help),
            );
            None
        }
    }
}

/// Pipelines with anything else than a boolean have worked so far, and gone on as if it were false.
pub(super) fn continue_on_error(findings: &mut Findings<'_>, node: &Node, name: &str) -> bool {
    match &node.kind {
        Kind::Bool(value) => *value,
        kind => {
            let message = format!("`{name}` is true or false; {} counts as false", kind.name());
            let note = Note::odd(code::IGNORED, message).hint(bare_boolean(kind));
            findings.add(&node.span, note);
            false
        }
    }
}

fn bare_boolean(kind: &Kind) -> Option<&'static str> {
    let Kind::Text(text) = kind else { return None };
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some("write `true`, without quotes"),
        "false" | "no" | "off" | "n" => Some("write `false`, without quotes"),
        _ => None,
    }
}

/// The value of a variable or an output, which may be of any kind that has a text.
pub(super) fn scalar(findings: &mut Findings<'_>, node: &Node, label: &str) -> Option<Value> {
    Some(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::Number(number) => {
            let value = Value::Number(number.clone());
            let text = expr::text(&value);
            if let Some(written) = node.written.as_ref().filter(|written| **written != text) {
                let message = format!("`{label}` is the number {text}");
                let help = format!("put it in quotes to keep `{written}`");
                findings.add(&node.span, Note::odd(code::NUMBER, message).help(help));
            }
            value
        }
        kind @ (Kind::List(_) | Kind::Map(_)) => {
            let message = format!(
                "`{label}` is text, a number or a boolean, not {}",
                kind.name()
            );
            let help = "put a value that begins with `{` or `[` in quotes";
            findings.add(
                &node.span,
                Note::refused(code::BAD_VALUE, message).help(help),
            );
            return None;
        }
    })
}

/// A node without its places.
pub(super) fn plain(node: Node) -> Value {
    match node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(value),
        Kind::Number(number) => Value::Number(number),
        Kind::Text(text) => Value::String(text),
        Kind::List(items) => items.into_iter().map(plain).collect(),
        Kind::Map(entries) => entries
            .into_iter()
            .map(|(key, node)| (key.text, plain(node)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// `timeout-minutes`.
pub(super) fn timeout(findings: &mut Findings<'_>, node: &Node) -> Option<Duration> {
    let minutes = match &node.kind {
        Kind::Null => return None,
        Kind::Number(number) => number.as_f64(),
        _ => None,
    };
    let timeout = minutes
        .filter(|minutes| *minutes > 0.0 && *minutes <= f64::from(MAX_TIMEOUT_MINUTES))
        .and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
        .filter(|timeout| !timeout.is_zero());
    if timeout.is_none() {
        let message = format!(
            "`timeout-minutes` is a number above 0 and at most {MAX_TIMEOUT_MINUTES}{}",
            instead_of(&node.kind)
        );
        let note = Note::refused(code::BAD_VALUE, message);
        let help = match &node.kind {
            Kind::Text(text) if text.contains("{{") => "an expression cannot be used here",
            Kind::Text(text) if text.parse::<f64>().is_ok() => "write the number without quotes",
            _ => "write the minutes as a number: `timeout-minutes: 10`, or 0.5 for half a minute",
        };
        findings.add(&node.span, note.help(help));
    }
    timeout
}

fn instead_of(kind: &Kind) -> String {
    match kind {
        Kind::Number(_) => String::new(),
        kind => format!(", not {}", kind.name()),
    }
}

/// `env-file`: a path or a list of them.
pub(super) fn env_files(findings: &mut Findings<'_>, node: Node) -> Vec<String> {
    match node.kind {
        Kind::List(items) => items
            .into_iter()
            .filter_map(|item| text(findings, item, "env-file"))
            .collect(),
        Kind::Map(_) => {
            let message = "`env-file` is the path of a file or a list of them, not a mapping";
            let note = Note::refused(code::BAD_VALUE, message);
            findings.add(
                &node.span,
                note.help("variables with values belong under `env`"),
            );
            Vec::new()
        }
        _ => text(findings, node, "env-file").into_iter().collect(),
    }
}

/// `retry`: a number of further attempts, or a mapping.
pub(super) fn retry(findings: &mut Findings<'_>, node: Node) -> Option<Retry> {
    let entries = match node.kind {
        Kind::Null => return None,
        Kind::Map(entries) => entries,
        _ => {
            return Some(Retry {
                max: attempts(findings, &node, "retry")?,
                delay: Duration::ZERO,
                exit_codes: None,
            });
        }
    };
    let mut max = None;
    let mut has_max = false;
    let mut retry = Retry {
        max: 0,
        delay: Duration::ZERO,
        exit_codes: None,
    };
    for (key, value) in entries {
        match key::find(&RETRY_KEYS, &key.text) {
            Some(RetryKey::Max) => {
                has_max = true;
                max = attempts(findings, &value, "retry.max");
            }
            Some(RetryKey::DelaySeconds) => {
                retry.delay = delay(findings, &value).unwrap_or_default();
            }
            Some(RetryKey::OnExitCodes) => retry.exit_codes = exit_codes(findings, value),
            None => {
                let message = format!("`{}` is no key of `retry` and is ignored", key.text);
                let help = key::advice(&RETRY_KEYS, &key.text);
                findings.add(&key.span, Note::odd(code::UNKNOWN_KEY, message).hint(help));
            }
        }
    }
    if !has_max {
        let note = Note::refused(code::BAD_VALUE, "`retry` needs `max`");
        let help = "say how many more attempts there are: `max: 2`";
        findings.add(&node.span, note.help(help));
    }
    retry.max = max?;
    Some(retry)
}

fn attempts(findings: &mut Findings<'_>, node: &Node, label: &str) -> Option<u32> {
    let number = match &node.kind {
        Kind::Number(number) => number.as_u64(),
        _ => None,
    };
    let max = number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (1..=MAX_RETRIES).contains(number));
    if max.is_none() {
        let message = format!(
            "`{label}` is a whole number from 1 to {MAX_RETRIES}{}",
            instead_of(&node.kind)
        );
        let help = match &node.kind {
            Kind::Number(number) if number.as_f64() == Some(0.0) => {
                "leave `retry` out for a single attempt"
            }
            Kind::Text(_) => "write the number without quotes",
            _ => "say how many more attempts there are after the first",
        };
        findings.add(
            &node.span,
            Note::refused(code::BAD_VALUE, message).help(help),
        );
    }
    max
}

fn delay(findings: &mut Findings<'_>, node: &Node) -> Option<Duration> {
    let seconds = match &node.kind {
        Kind::Null => return None,
        Kind::Number(number) => number.as_f64(),
        _ => None,
    };
    let delay = seconds
        .filter(|seconds| (0.0..=f64::from(MAX_RETRY_DELAY)).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if delay.is_none() {
        let message = format!(
            "`retry.delay-seconds` is a number from 0 to {MAX_RETRY_DELAY}{}",
            instead_of(&node.kind)
        );
        findings.add(&node.span, Note::refused(code::BAD_VALUE, message));
    }
    delay
}

fn exit_codes(findings: &mut Findings<'_>, node: Node) -> Option<Vec<i32>> {
    let span = node.span.clone();
    let items = match node.kind {
        Kind::Null => return None,
        Kind::List(items) => items,
        // A single one needs no list.
        Kind::Number(_) => vec![node],
        _ => list(findings, node, "`retry.on-exit-codes` is", "write `[1, 2]`"),
    };
    let mut codes = Vec::new();
    for item in &items {
        let code = match &item.kind {
            Kind::Number(number) => number.as_i64(),
            _ => None,
        };
        match code.and_then(|code| i32::try_from(code).ok()) {
            Some(code) if (1..=255).contains(&code) => codes.push(code),
            _ => {
                let message = "an exit code is a whole number from 1 to 255 (0 is success)";
                findings.add(&item.span, Note::refused(code::BAD_VALUE, message));
            }
        }
    }
    if items.is_empty() {
        let note = Note::refused(code::BAD_VALUE, "`retry.on-exit-codes` has no exit code");
        findings.add(
            &span,
            note.help("leave it out to try again after any failure"),
        );
    }
    Some(codes)
}
