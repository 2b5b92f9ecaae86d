//! Webhooks of Git hosts: whether a delivery is signed with the application's secret, and what it says.
//!
//! Everything here is computed from the headers and the body as they arrived: no network, no database, no clock.
//! [`verify`] comes first and looks at bytes alone; only what passes is [`read`]. What to make of an event is the
//! caller's business.

pub(crate) mod blank;
mod codeup;
pub(crate) mod found;
mod gitea;
mod gitee;
mod github;
mod gitlab;
mod payload;
mod push;
mod signature;

use std::{borrow::Cow, collections::BTreeMap};

use flowcd_model::{
    application::Provider,
    event::{HostEvent, PullRequest, Pusher},
    time::Millis,
};
use flowcd_store::WebhookSecret;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The longest name of an event, a person or a file that is kept.
const MAX_NAME_CHARS: usize = 255;
/// The longest id of a delivery that is taken as it is.
const MAX_KEY_BYTES: usize = 200;
/// The beginning of the key of a delivery that has no id.
const BODY_KEY: &str = "body:";
/// The most values in a payload: each takes some hundred bytes once it is read, and a push of 2,048 commits has a tenth
/// of this.
pub(crate) const MAX_VALUES: usize = 400_000;
/// What in a message asks for no deployment.
const SKIP_MARKERS: [&str; 4] = ["[skip ci]", "[ci skip]", "[skip cd]", "[cd skip]"];

/// A delivery as it arrived.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// The headers; their names are in lower case.
    pub(crate) headers: &'a BTreeMap<String, String>,
    /// The body, byte by byte.
    pub(crate) body: &'a [u8],
}

impl<'a> Incoming<'a> {
    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).map(|value| value.trim())
    }

    /// The first of some headers that is there and says something.
    fn first_header(&self, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .find_map(|name| self.header(name).filter(|value| !value.is_empty()))
    }

    fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|value| {
            value
                .split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
        })
    }

    /// The JSON text: the body, or the field `payload` of a form.
    fn json(&self) -> Option<Cow<'a, [u8]>> {
        if !self.is_form() {
            return Some(Cow::Borrowed(self.body));
        }
        url::form_urlencoded::parse(self.body)
            .find(|(name, _)| name == "payload")
            .map(|(_, value)| Cow::Owned(value.into_owned().into_bytes()))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Why a delivery is not known to come from the application's host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unverified {
    /// Nothing could verify it.
    #[error("the application has no webhook secret")]
    NoSecret,
    /// It shows nothing.
    #[error("the delivery is not signed: header `{0}` is missing")]
    Missing(&'static str),
    /// It shows something else.
    #[error("header `{0}` does not match the webhook secret of the application")]
    Wrong(&'static str),
    /// What it shows was made long ago, or will be.
    #[error("the time in header `{0}` is not within an hour of the server's")]
    Stale(&'static str),
}

/// Why nobody can tell what a delivery says.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// There is no text to read.
    #[error("the form has no field `payload`")]
    NoPayload,
    /// The text is something else.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// The text is JSON, but no payload.
    #[error("the body is not a JSON object")]
    NotObject,
    /// It would take too much memory.
    #[error("the body has more than {MAX_VALUES} values")]
    TooDense,
    /// The event's name is missing.
    #[error("header `{0}` is missing")]
    NoEvent(&'static str),
    /// A field that every such event has.
    #[error("`body.{0}` is missing or empty")]
    NoField(&'static str),
    /// A push of something that is neither a branch nor a tag.
    #[error("unsupported ref `{0}`: a push is of a branch or a tag")]
    UnsupportedRef(String),
    /// A name that git does not allow.
    #[error("`{0}` is no name that git allows for a branch or a tag")]
    InvalidRef(String),
}

/// What happened at the host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// The event's name as the host sends it: `push`, `Merge Request Hook`.
    pub(crate) name: String,
    /// What makes it the same as another delivery.
    pub(crate) key: String,
    /// What kind of thing happened.
    pub(crate) kind: EventKind,
    /// Who did it, and to which pull request.
    pub(crate) host: HostEvent,
    /// The full name of the ref to deploy; for pull requests that are not merged the host's own.
    pub(crate) git_ref: Option<String>,
    /// The commit to deploy; absent where only the repository can tell.
    pub(crate) commit: Option<String>,
    /// The commit's message, or the title of the pull request or the release.
    pub(crate) message: String,
    /// Whether the commit comes from another repository and nobody has merged it.
    pub(crate) is_fork_code: bool,
    /// The repository that it happened in, as the host says.
    pub(crate) repository: Option<RepositoryFacts>,
    /// The whole payload.
    pub(crate) body: Map<String, Value>,
}

/// What kind of thing happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EventKind {
    /// A branch or a tag was made, moved or deleted.
    Push {
        /// Which one.
        target: PushTarget,
        /// Whether it is gone.
        is_deleted: bool,
        /// The files that its commits change, in order; absent where the host does not tell all of them.
        changed_files: Option<Vec<String>>,
    },
    /// Something happened to a pull request; what, says `host.pull_request.kind` where a rule can name it.
    PullRequest {
        /// The action as the host says it.
        action: String,
    },
    /// Something happened to a release.
    Release {
        /// Its tag.
        tag: String,
        /// The action as the host says it.
        action: String,
    },
    /// The host tries whether somebody is there.
    Ping,
    /// Anything else.
    Other,
}

/// What was pushed, by its short name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PushTarget {
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
}

/// A repository as the host names it. What the host does not say is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RepositoryFacts {
    /// The host's id of it.
    pub(crate) id: String,
    /// The URL to clone it from.
    pub(crate) clone_url: String,
    /// Its owner and name: `owner/name`.
    pub(crate) full_name: String,
}

impl Unreadable {
    /// Whether it is no payload at all, rather than one that says nothing that could be deployed.
    pub(crate) fn is_malformed(&self) -> bool {
        !matches!(self, Self::UnsupportedRef(_) | Self::InvalidRef(_))
    }
}

impl Event {
    /// Whether the host has given the delivery an id, or else only its body tells it from others.
    pub(crate) fn has_id(&self) -> bool {
        !self.key.starts_with(BODY_KEY)
    }

    /// What in the commit's message, or in the pull request's title, asks for no deployment.
    pub(crate) fn skip_marker(&self) -> Option<&'static str> {
        let title = self.host.pull_request.as_ref().map(|it| it.title.as_str());
        match self.kind {
            EventKind::Push { .. } | EventKind::PullRequest { .. } => {
                let texts = [self.message.as_str(), title.unwrap_or_default()];
                let texts = texts.map(str::to_ascii_lowercase);
                SKIP_MARKERS
                    .into_iter()
                    .find(|marker| texts.iter().any(|text| text.contains(marker)))
            }
            EventKind::Release { .. } | EventKind::Ping | EventKind::Other => None,
        }
    }
}

/// What a host's payload says, before it is an event.
struct Said {
    kind: EventKind,
    pusher: Pusher,
    pull_request: Option<PullRequest>,
    git_ref: Option<String>,
    commit: Option<String>,
    message: String,
    is_fork_code: bool,
    repository: Option<RepositoryFacts>,
}

/// Which provider's form a delivery has, by its headers.
///
/// Gitea and its kin send GitHub's headers besides their own.
pub(crate) fn detect(headers: &BTreeMap<String, String>) -> Option<Provider> {
    let by_event = [
        ("x-gitea-event", Provider::Gitea),
        ("x-forgejo-event", Provider::Gitea),
        ("x-gogs-event", Provider::Gitea),
        ("x-gitee-event", Provider::Gitee),
        ("x-codeup-event", Provider::Codeup),
        ("codeup-event", Provider::Codeup),
        ("x-gitlab-event", Provider::Gitlab),
        ("x-github-event", Provider::Github),
    ];
    let agent = headers.get("user-agent").map_or("", String::as_str);
    let by_agent = [
        ("GitHub-Hookshot", Provider::Github),
        ("git-oschina-hook", Provider::Gitee),
        ("okhttp", Provider::Codeup),
        ("GitLab", Provider::Gitlab),
    ];
    by_event
        .into_iter()
        .find(|(name, _)| headers.contains_key(*name))
        .or_else(|| {
            by_agent
                .into_iter()
                .find(|(name, _)| agent.starts_with(name))
        })
        .map(|(_, provider)| provider)
}

/// Whether a delivery is signed with the application's secret. Plain repositories take GitHub's form.
pub(crate) fn verify(
    provider: Provider,
    incoming: &Incoming<'_>,
    secret: &WebhookSecret,
    now: Millis,
) -> Result<(), Unverified> {
    match provider {
        Provider::Github | Provider::Git => github::verify(incoming, secret),
        Provider::Gitee => gitee::verify(incoming, secret, now),
        Provider::Gitlab => gitlab::verify(incoming, secret, now),
        Provider::Codeup => codeup::verify(incoming, secret),
        Provider::Gitea => gitea::verify(incoming, secret),
    }
}

/// What a delivery says. Only for what has passed [`verify`].
pub(crate) fn read(provider: Provider, incoming: &Incoming<'_>) -> Result<Event, Unreadable> {
    let body = body_of(incoming)?;
    let names = event_headers(provider);
    let name = incoming
        .first_header(names)
        .ok_or(Unreadable::NoEvent(names[0]))?;
    let said = match provider {
        Provider::Github | Provider::Git => github::read(name, &body)?,
        Provider::Gitee => gitee::read(incoming, name, &body)?,
        Provider::Gitlab => gitlab::read(name, &body)?,
        Provider::Codeup => codeup::read(name, &body)?,
        Provider::Gitea => gitea::read(name, &body)?,
    };
    Ok(Event {
        name: payload::clean(name, MAX_NAME_CHARS),
        key: key_of(provider, incoming),
        kind: said.kind,
        host: HostEvent {
            event_name: payload::clean(name, MAX_NAME_CHARS),
            pusher: said.pusher,
            pull_request: said.pull_request,
        },
        git_ref: said.git_ref,
        commit: said.commit,
        message: said.message,
        is_fork_code: said.is_fork_code,
        repository: said.repository,
        body,
    })
}

/// Whether JSON may stand for more than [`MAX_VALUES`] values. What separates them is counted, also inside of texts,
/// which hardly have more of it.
pub(crate) fn is_too_dense(text: &[u8]) -> bool {
    let separates = |byte: &&u8| matches!(byte, b',' | b'{' | b'[');
    text.len() > MAX_VALUES && text.iter().filter(separates).count() > MAX_VALUES
}

fn body_of(incoming: &Incoming<'_>) -> Result<Map<String, Value>, Unreadable> {
    let text = incoming.json().ok_or(Unreadable::NoPayload)?;
    if is_too_dense(&text) {
        return Err(Unreadable::TooDense);
    }
    let value: Value =
        serde_json::from_slice(&text).map_err(|err| Unreadable::NotJson(err.to_string()))?;
    match value {
        Value::Object(body) => Ok(body),
        _ => Err(Unreadable::NotObject),
    }
}

fn event_headers(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Github | Provider::Git => &["x-github-event"],
        Provider::Gitee => &["x-gitee-event"],
        Provider::Gitlab => &["x-gitlab-event"],
        Provider::Codeup => &["x-codeup-event", "codeup-event"],
        Provider::Gitea => &["x-gitea-event", "x-forgejo-event", "x-gogs-event"],
    }
}

/// The event's name as the headers have it.
pub(crate) fn event_name(provider: Provider, headers: &BTreeMap<String, String>) -> Option<String> {
    let incoming = Incoming { headers, body: &[] };
    let name = incoming.first_header(event_headers(provider))?;
    Some(payload::clean(name, MAX_NAME_CHARS))
}

/// The header with which a host names an event, and its value for a name that may be another host's.
pub(crate) fn event_header(provider: Provider, event: &str) -> (&'static str, String) {
    let value = match provider {
        Provider::Github | Provider::Gitea | Provider::Git => event,
        Provider::Gitee | Provider::Gitlab | Provider::Codeup => match event {
            "push" => "Push Hook",
            "tag" | "tag_push" => "Tag Push Hook",
            "pull_request" | "merge_request" => "Merge Request Hook",
            "release" => "Release Hook",
            event => event,
        },
    };
    (event_headers(provider)[0], value.to_owned())
}

/// The host's id of the delivery: the same when the host sends it again.
///
/// GitLab's `X-Gitlab-Webhook-UUID` names the webhook and `X-Gitlab-Event-UUID` can be shared by events that lead to
/// each other, so they are not asked before the key that was made for this. Gitee has no id.
fn key_of(provider: Provider, incoming: &Incoming<'_>) -> String {
    let names: &[&str] = match provider {
        Provider::Github | Provider::Git => &["x-github-delivery"],
        Provider::Gitee => &[],
        Provider::Gitlab => &["idempotency-key", "webhook-id", "x-gitlab-event-uuid"],
        Provider::Codeup => &["x-codeup-delivery", "codeup-delivery"],
        Provider::Gitea => &["x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"],
    };
    match incoming.first_header(names) {
        None => format!(
            "{BODY_KEY}{}",
            signature::hex(&Sha256::digest(incoming.body))
        ),
        Some(id) if is_plain(id) => id.to_owned(),
        Some(id) => format!("id:{}", signature::hex(&Sha256::digest(id.as_bytes()))),
    }
}

fn is_plain(id: &str) -> bool {
    id.len() <= MAX_KEY_BYTES
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests;
