//! Codeup: `X-Codeup-Event`, with the secret itself in a header. Its payloads are those of an old GitLab.

use flowcd_store::WebhookSecret;

use super::{
    EventKind, Incoming, Said, Unreadable, Unverified, gitlab,
    payload::{Body, PusherPaths, at, is_true, text},
    push::Caps,
    signature::{check_plain, secret_of},
};

const TOKENS: [&str; 2] = ["x-codeup-token", "codeup-token"];

/// What is documented tells no files at all.
const CAPS: Caps = Caps {
    n_commits: 20,
    n_files: usize::MAX,
    total: Some("total_commits_count"),
};

const PUSHER: PusherPaths<'static> = PusherPaths {
    name: &["user_name", "user.name"],
    email: &["user_email", "user.email"],
    avatar_url: &["user.avatar_url", "user_avatar"],
};

const MERGE_REQUEST_PUSHER: PusherPaths<'static> = PusherPaths {
    name: &[
        "object_attributes.last_commit.author.name",
        "user_name",
        "user.name",
    ],
    email: &[
        "object_attributes.last_commit.author.email",
        "user_email",
        "user.email",
    ],
    avatar_url: &["user.avatar_url", "user_avatar"],
};

/// Checks the token.
pub(super) fn verify(incoming: &Incoming<'_>, secret: &WebhookSecret) -> Result<(), Unverified> {
    let secret = secret_of(secret)?;
    let sent = incoming.first_header(&TOKENS);
    check_plain(
        TOKENS[0],
        sent.ok_or(Unverified::Missing(TOKENS[0]))?,
        secret,
    )
}

/// What the payload says. Whoever tries the webhook out sends a push of nothing.
pub(super) fn read(name: &str, body: &Body) -> Result<Said, Unreadable> {
    match name {
        "Push Hook" if text(body, "ref").is_empty() && !at(body, "repository").is_object() => {
            Ok(Said {
                git_ref: None,
                ..gitlab::other(body, EventKind::Ping)
            })
        }
        "Push Hook" | "Tag Push Hook" => gitlab::push(body, &CAPS, &PUSHER),
        "Merge Request Hook" => {
            let kind = gitlab::merge_request_kind(body, has_new_commits(body));
            let message = [
                "object_attributes.last_commit.message",
                "object_attributes.title",
            ];
            gitlab::merge_request(body, kind, &MERGE_REQUEST_PUSHER, &message)
        }
        _ => Ok(gitlab::other(body, EventKind::Other)),
    }
}

/// Where nothing says what an update is, it may be one.
fn has_new_commits(body: &Body) -> bool {
    let path = "object_attributes.is_update_by_push";
    is_true(body, path) || at(body, path).is_null()
}
