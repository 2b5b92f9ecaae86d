//! Asking a payload: fields by their path, cleaned of what cannot be stored and cut to a length that can be shown.

use flowcd_engine::git::{CommitId, GitRef};
use flowcd_model::event::Pusher;
use serde_json::{Map, Value};

use super::{MAX_NAME_CHARS, RepositoryFacts, Unreadable};

/// The longest message that is kept.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// The longest title.
const MAX_TITLE_CHARS: usize = 1_024;
/// The longest full name of a branch or a tag.
const MAX_REF_BYTES: usize = 1_100;
/// The longest URL.
const MAX_URL_CHARS: usize = 2_048;

static NULL: Value = Value::Null;

/// A payload, or an object in one.
pub(super) type Body = Map<String, Value>;

/// The field at a path, `pull_request.head.ref` for instance; null where there is none.
pub(super) fn at<'a>(body: &'a Body, path: &str) -> &'a Value {
    let mut keys = path.split('.');
    let first = keys.next().and_then(|key| body.get(key));
    keys.fold(first, |value, key| value.and_then(|it| it.get(key)))
        .unwrap_or(&NULL)
}

/// A text or a number, as text; empty for anything else.
pub(super) fn text(body: &Body, path: &str) -> String {
    as_text(at(body, path))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Whether a field is `true`.
pub(super) fn is_true(body: &Body, path: &str) -> bool {
    at(body, path) == &Value::Bool(true)
}

/// A number, also where it is written as text.
pub(super) fn number(body: &Body, path: &str) -> Option<i64> {
    text(body, path).parse().ok()
}

/// The first of some fields that says something, no longer than a name.
pub(super) fn name(body: &Body, paths: &[&str]) -> String {
    first(body, paths, MAX_NAME_CHARS)
}

/// The first of some fields that says something, no longer than a title.
pub(super) fn title(body: &Body, paths: &[&str]) -> String {
    first(body, paths, MAX_TITLE_CHARS)
}

/// The first of some fields that says something, no longer than a URL.
pub(super) fn url(body: &Body, paths: &[&str]) -> String {
    first(body, paths, MAX_URL_CHARS)
}

fn first(body: &Body, paths: &[&str], max_chars: usize) -> String {
    let found = paths.iter().map(|path| text(body, path));
    let found = found.into_iter().find(|text| !text.is_empty());
    clean(&found.unwrap_or_default(), max_chars)
}

/// The first of some fields that says something, as a message.
pub(super) fn message(body: &Body, paths: &[&str]) -> String {
    let found = paths.iter().map(|path| text(body, path));
    let found = found.into_iter().find(|text| !text.is_empty());
    clean_message(&found.unwrap_or_default())
}

/// A message, cut after a whole character.
pub(super) fn clean_message(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}

/// A text without NUL, which no database takes, and not too long.
pub(super) fn clean(text: &str, max_chars: usize) -> String {
    text.chars()
        .take(max_chars)
        .map(|c| if c == '\0' { '\u{fffd}' } else { c })
        .collect()
}

/// The name of a branch or a tag that the event cannot do without. It is taken whole or not at all: a part of it would
/// be another one's.
pub(super) fn required(body: &Body, path: &'static str) -> Result<String, Unreadable> {
    let text = text(body, path);
    if text.is_empty() {
        return Err(Unreadable::NoField(path));
    }
    if text.len() > MAX_REF_BYTES || text.contains('\0') {
        return Err(Unreadable::InvalidRef(clean(&text, MAX_NAME_CHARS)));
    }
    Ok(text)
}

/// A commit's full name in lower case; absent for anything else, and for the zeros that stand for none.
pub(super) fn commit(body: &Body, paths: &[&str]) -> Option<String> {
    paths.iter().find_map(|path| {
        let commit: CommitId = text(body, path).parse().ok()?;
        (!is_zero(commit.as_str())).then(|| commit.as_str().to_owned())
    })
}

/// Whether a commit's name stands for none: the branch is new or gone.
pub(super) fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

/// The full name of a branch.
pub(super) fn branch_ref(branch: &str) -> Result<String, Unreadable> {
    full_ref(format!("refs/heads/{branch}"))
}

/// The full name of a tag.
pub(super) fn tag_ref(tag: &str) -> Result<String, Unreadable> {
    full_ref(format!("refs/tags/{tag}"))
}

/// A full name, if git allows it.
pub(super) fn full_ref(name: String) -> Result<String, Unreadable> {
    match name.parse::<GitRef>() {
        Ok(_) => Ok(name),
        Err(_) => Err(Unreadable::InvalidRef(clean(&name, MAX_NAME_CHARS))),
    }
}

/// The branch that the host shows first, where it tells it.
pub(super) fn default_branch(body: &Body, path: &str) -> Option<String> {
    branch_ref(&text(body, path)).ok()
}

/// Where a person's name, mail address and picture are looked for.
pub(super) struct PusherPaths<'a> {
    pub(super) name: &'a [&'a str],
    pub(super) email: &'a [&'a str],
    pub(super) avatar_url: &'a [&'a str],
}

/// Who did it.
pub(super) fn pusher(body: &Body, paths: &PusherPaths<'_>) -> Pusher {
    let email = name(body, paths.email);
    Pusher {
        name: name(body, paths.name),
        // GitLab's word for an address that is not public.
        email: if email == "[REDACTED]" {
            String::new()
        } else {
            email
        },
        avatar_url: url(body, paths.avatar_url),
    }
}

/// The repository at a path, in the form that GitHub gave to others.
pub(super) fn repository(body: &Body, path: &str) -> Option<RepositoryFacts> {
    at(body, path)
        .as_object()
        .map(|repository| RepositoryFacts {
            id: name(repository, &["id"]),
            clone_url: url(repository, &["clone_url"]),
            // Gitee's `full_name` is made of the names that people read.
            full_name: title(repository, &["path_with_namespace", "full_name"]),
        })
}

/// Whether two repositories differ, as far as the host tells: by their ids, else by their names. One that is not there
/// was deleted, and was another one.
pub(super) fn is_other(one: Option<&RepositoryFacts>, other: Option<&RepositoryFacts>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) if !one.id.is_empty() && !other.id.is_empty() => {
            one.id != other.id
        }
        (Some(one), Some(other)) => one.full_name.is_empty() || one.full_name != other.full_name,
        _ => true,
    }
}
