//! What hosts answer: their headers, their words for a refusal, and shapes that several of them share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{
    StatusCode,
    header::{HeaderMap, LINK, RETRY_AFTER},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::api::PER_PAGE;

/// What is read of an answer.
pub(super) const MAX_BYTES: usize = 8 << 20;
/// What is told of a refusal.
pub(super) const MAX_MESSAGE_CHARS: usize = 300;
/// What we believe of a host that wants us to wait.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// How much of a list was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) page: usize,
    /// On this page.
    pub(super) n_items: usize,
    /// On all pages so far.
    pub(super) n_all: usize,
}

/// Whether there is another page. Every host says it in its own way; one that says nothing has another page when this
/// one is full.
pub(super) fn has_next_page(headers: &HeaderMap, read: &Read) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|text| text.trim().parse::<usize>().ok());
    if let Some(link) = text(LINK.as_str()) {
        return link.contains("rel=\"next\"");
    }
    if let Some(next) = text("x-next-page") {
        return !next.trim().is_empty();
    }
    if let Some(n_pages) = number("x-total-pages").or_else(|| number("total_page")) {
        return read.page < n_pages;
    }
    if let Some(n_all) = number("x-total-count").or_else(|| number("total_count")) {
        return read.n_all < n_all;
    }
    read.n_items >= PER_PAGE
}

/// Whether a refusal is one for asking too often. GitHub and Gitee refuse that with 403, too.
pub(super) fn is_rate_limited(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_used_up = || {
        headers.contains_key(RETRY_AFTER)
            || headers
                .get("x-ratelimit-remaining")
                .is_some_and(|remaining| remaining == "0")
    };
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && is_used_up())
}

/// When to come back.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.trim().parse::<u64>().ok().map(Duration::from_secs)
    };
    let wait = seconds(RETRY_AFTER.as_str()).or_else(|| {
        let reset = seconds("x-ratelimit-reset").or_else(|| seconds("ratelimit-reset"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(reset.saturating_sub(now))
    });
    wait.map(|wait| wait.min(MAX_WAIT))
}

/// The words for a refusal, in one line.
pub(super) fn message(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    let main = ["message", "errorMessage", "error_description", "error"]
        .iter()
        .map(|name| words(&body[*name]))
        .find(|words| !words.is_empty());
    let more = match &body["errors"] {
        Value::Array(errors) => errors
            .iter()
            .map(|error| match words(&error["message"]) {
                words if words.is_empty() => words_of_code(error),
                words => words,
            })
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join("; "),
        _ => String::new(),
    };
    match (main.unwrap_or_default(), more) {
        (main, more) if more.is_empty() => main,
        (main, more) if main.is_empty() => more,
        (main, more) => format!("{main}: {more}"),
    }
}

/// Text as it is; GitLab also says lists, and lists by field.
fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace(char::is_control, "")
}

/// GitHub's `{"resource": .., "field": .., "code": ..}`, and plain text.
fn words_of_code(error: &Value) -> String {
    match (error["field"].as_str(), error["code"].as_str()) {
        (Some(field), Some(code)) => format!("{field} {code}"),
        _ if error.is_string() => words(error),
        _ => String::new(),
    }
}

/// The beginning of a text that is too long.
pub(super) fn cut(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max_chars.saturating_sub(1)).collect();
    kept + "…"
}

/// An id, which hosts write as a number or as text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Id(pub(super) String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::String(text) => Ok(Self(text)),
            _ => Err(de::Error::custom("an id is a number or a text")),
        }
    }
}

impl From<&str> for Id {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// What only has an id that matters.
#[derive(Debug, Deserialize)]
pub(super) struct WithId {
    pub(super) id: Id,
}

/// Text that a host leaves out or sets to null when it has none.
pub(super) fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
