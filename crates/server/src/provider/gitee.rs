//! Gitee: `X-Gitee-Event`, shown to be its own by a signed time or by a password. Neither covers the body.

use base64::{Engine, engine::general_purpose::STANDARD};
use flowcd_model::{
    time::Millis,
    trigger::PullRequestType::{self, Closed, Merged, Opened, Reopened, Synchronize},
};
use flowcd_store::WebhookSecret;

use super::{
    EventKind, Incoming, Said, Unreadable, Unverified, github,
    payload::{Body, is_true, text},
    push::Caps,
    signature::{check, check_fresh, check_plain, given, hmac_sha256},
};

const TOKEN: &str = "x-gitee-token";
const TIMESTAMP: &str = "x-gitee-timestamp";
const PING: &str = "x-gitee-ping";

/// Gitee tells ten commits of a push at most, and says when there are more.
const CAPS: Caps = Caps {
    n_commits: 11,
    n_files: usize::MAX,
    total: Some("total_commits_count"),
};

/// Checks the signature if the application has a secret, else the password.
pub(super) fn verify(
    incoming: &Incoming<'_>,
    secret: &WebhookSecret,
    now: Millis,
) -> Result<(), Unverified> {
    let key = given(secret.secret.as_ref());
    let password = given(secret.password.as_ref());
    let sent = || {
        let sent = incoming.first_header(&[TOKEN]);
        sent.ok_or(Unverified::Missing(TOKEN))
    };
    match (key, password) {
        (Some(key), _) => check_signature(incoming, sent()?, key, now),
        (None, Some(password)) => check_plain(TOKEN, sent()?, password),
        (None, None) => Err(Unverified::NoSecret),
    }
}

/// The documentation encodes the signature for a URL, as it once was sent in one; the header has it as it is.
fn check_signature(
    incoming: &Incoming<'_>,
    sent: &str,
    key: &str,
    now: Millis,
) -> Result<(), Unverified> {
    let timestamp = incoming.first_header(&[TIMESTAMP]);
    let timestamp = timestamp.ok_or(Unverified::Missing(TIMESTAMP))?;
    let pieces: [&[u8]; 3] = [timestamp.as_bytes(), b"\n", key.as_bytes()];
    let mut expected = STANDARD.encode(hmac_sha256(key.as_bytes(), &pieces));
    if sent.contains('%') {
        expected = url::form_urlencoded::byte_serialize(expected.as_bytes()).collect();
    }
    check(TOKEN, sent.as_bytes(), expected.as_bytes())?;
    check_fresh(TIMESTAMP, timestamp.parse().ok().map(Millis), now)
}

/// What the payload says. Whoever tries the webhook out sends a push that is none.
pub(super) fn read(incoming: &Incoming<'_>, name: &str, body: &Body) -> Result<Said, Unreadable> {
    if incoming.header(PING) == Some("true") {
        return Ok(github::ping(body));
    }
    match name {
        "Push Hook" | "Tag Push Hook" | "push_hooks" | "tag_push_hooks" => {
            github::push(body, &CAPS)
        }
        "Merge Request Hook" | "merge_request_hooks" => {
            github::pull_request(body, pull_request_kind(body))
        }
        _ => Ok(github::other(body, EventKind::Other)),
    }
}

fn pull_request_kind(body: &Body) -> Option<PullRequestType> {
    let is_merged = is_true(body, "pull_request.merged");
    match text(body, "action").as_str() {
        "open" | "opened" => Some(Opened),
        "reopen" | "reopened" => Some(Reopened),
        "close" | "closed" if !is_merged => Some(Closed),
        "merge" | "merged" if is_merged => Some(Merged),
        "update" if text(body, "action_desc") == "source_branch_changed" => Some(Synchronize),
        _ => None,
    }
}
