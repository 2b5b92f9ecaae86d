//! Gitea, and Forgejo and Gogs with it: GitHub's form, with headers and small differences of its own.

use flowcd_model::trigger::PullRequestType::{self, Closed, Merged, Opened, Reopened, Synchronize};
use flowcd_store::WebhookSecret;

use super::{
    EventKind, Incoming, Said, Unreadable, Unverified, github,
    payload::{Body, is_true, text},
    push::Caps,
    signature::{check, hex, hmac_sha256, secret_of},
};

/// All of them are made in the same way; those who came later kept the names of those before.
const SIGNATURES: [&str; 3] = [
    "x-gitea-signature",
    "x-forgejo-signature",
    "x-gogs-signature",
];
const GITHUB_SIGNATURE: &str = "x-hub-signature-256";

/// Five commits of a push are told unless somebody set another number; newer versions say how many there are.
const CAPS: Caps = Caps {
    n_commits: 5,
    n_files: usize::MAX,
    total: Some("total_commits"),
};

/// Checks the signature, which is over the payload, also where that is sent as the field of a form.
pub(super) fn verify(incoming: &Incoming<'_>, secret: &WebhookSecret) -> Result<(), Unverified> {
    let key = secret_of(secret)?.as_bytes();
    let own = SIGNATURES
        .into_iter()
        .find_map(|name| Some((name, incoming.first_header(&[name])?)));
    let (header, prefix, sent) = match own {
        Some((header, sent)) => (header, "", sent),
        None => {
            let sent = incoming.first_header(&[GITHUB_SIGNATURE]);
            let sent = sent.ok_or(Unverified::Missing(SIGNATURES[0]))?;
            (GITHUB_SIGNATURE, "sha256=", sent)
        }
    };
    let payload = incoming.json().unwrap_or_default();
    let expected = format!("{prefix}{}", hex(&hmac_sha256(key, &[&payload])));
    check(header, sent.as_bytes(), expected.as_bytes())
}

/// What the payload says. Whoever tries the webhook out sends a push that moves nothing.
pub(super) fn read(name: &str, body: &Body) -> Result<Said, Unreadable> {
    match name {
        "push"
            if !text(body, "after").is_empty() && text(body, "before") == text(body, "after") =>
        {
            Ok(github::ping(body))
        }
        "push" => github::push(body, &CAPS),
        "pull_request" => github::pull_request(body, pull_request_kind(body)),
        "release" => github::release(body),
        _ => Ok(github::other(body, EventKind::Other)),
    }
}

fn pull_request_kind(body: &Body) -> Option<PullRequestType> {
    match text(body, "action").as_str() {
        "opened" => Some(Opened),
        "reopened" => Some(Reopened),
        "closed" if is_true(body, "pull_request.merged") => Some(Merged),
        "closed" => Some(Closed),
        "synchronized" => Some(Synchronize),
        _ => None,
    }
}
