//! GitHub: `X-GitHub-Event`, signed with HMAC over the body. Plain repositories speak it too.

use flowcd_model::{
    event::PullRequest,
    trigger::PullRequestType::{self, Closed, Merged, Opened, Reopened, Synchronize},
};
use flowcd_store::WebhookSecret;

use super::{
    EventKind, Incoming, Said, Unreadable, Unverified,
    payload::{self, Body, PusherPaths, is_true, text},
    push::{Caps, Push},
    signature::{check, hex, hmac_sha1, hmac_sha256, secret_of},
};

const SHA256: &str = "x-hub-signature-256";
const SHA1: &str = "x-hub-signature";

/// GitHub tells 2048 commits of a push and 3000 files of a commit at most.
const CAPS: Caps = Caps {
    n_commits: 2_048,
    n_files: 3_000,
    total: None,
};

const PUSHER: PusherPaths<'static> = PusherPaths {
    name: &["pusher.name", "pusher.login", "sender.login"],
    email: &["pusher.email", "sender.email"],
    avatar_url: &["sender.avatar_url"],
};

/// Checks the signature. The older one counts only where the newer one is not there at all.
pub(super) fn verify(incoming: &Incoming<'_>, secret: &WebhookSecret) -> Result<(), Unverified> {
    let key = secret_of(secret)?.as_bytes();
    if let Some(sent) = incoming.header(SHA256) {
        let expected = format!("sha256={}", hex(&hmac_sha256(key, &[incoming.body])));
        return check(SHA256, sent.as_bytes(), expected.as_bytes());
    }
    let sent = incoming.header(SHA1).ok_or(Unverified::Missing(SHA256))?;
    let expected = format!("sha1={}", hex(&hmac_sha1(key, incoming.body)));
    check(SHA1, sent.as_bytes(), expected.as_bytes())
}

/// What the payload says.
pub(super) fn read(name: &str, body: &Body) -> Result<Said, Unreadable> {
    match name {
        "push" => push(body, &CAPS),
        "pull_request" => pull_request(body, pull_request_kind(body)),
        "release" => release(body),
        "ping" => Ok(ping(body)),
        _ => Ok(other(body, EventKind::Other)),
    }
}

fn pull_request_kind(body: &Body) -> Option<PullRequestType> {
    match text(body, "action").as_str() {
        "opened" => Some(Opened),
        "reopened" => Some(Reopened),
        "closed" if is_true(body, "pull_request.merged") => Some(Merged),
        "closed" => Some(Closed),
        "synchronize" => Some(Synchronize),
        _ => None,
    }
}

/// A push. `after` of an annotated tag is the tag itself; the head commit is what it points to.
pub(super) fn push(body: &Body, caps: &Caps) -> Result<Said, Unreadable> {
    let push = Push::read(body)?;
    let commit = if push.is_tag() {
        payload::commit(body, &["head_commit.id"])
    } else {
        payload::commit(body, &["after", "head_commit.id"])
    };
    Ok(Said {
        kind: push.kind(body, caps),
        pusher: payload::pusher(body, &PUSHER),
        pull_request: None,
        commit: commit.filter(|_| !push.is_deleted),
        git_ref: Some(push.git_ref),
        message: payload::message(body, &["head_commit.message"]),
        is_fork_code: false,
        repository: payload::repository(body, "repository"),
    })
}

/// A pull request with a `base` that a `head` goes into.
pub(super) fn pull_request(body: &Body, kind: Option<PullRequestType>) -> Result<Said, Unreadable> {
    let number = payload::number(body, "pull_request.number")
        .or_else(|| payload::number(body, "number"))
        .filter(|number| *number > 0)
        .ok_or(Unreadable::NoField("pull_request.number"))?;
    let target_branch = payload::required(body, "pull_request.base.ref")?;
    let source_branch = payload::required(body, "pull_request.head.ref")?;
    let base = payload::repository(body, "pull_request.base.repo");
    let head = payload::repository(body, "pull_request.head.repo");
    // Gitea says of changes that were pushed for review without a fork that they come from the repository itself; but
    // who may only read may push them. They come from no branch.
    let is_fork =
        payload::is_other(head.as_ref(), base.as_ref()) || source_branch.starts_with("refs/");
    let is_merged = kind == Some(Merged) || is_true(body, "pull_request.merged");
    let (git_ref, commit) = if is_merged {
        let paths = ["pull_request.merge_commit_sha", "pull_request.head.sha"];
        (
            payload::branch_ref(&target_branch)?,
            payload::commit(body, &paths),
        )
    } else {
        let commit = payload::commit(body, &["pull_request.head.sha"]);
        (format!("refs/pull/{number}/head"), commit)
    };
    let title = payload::title(body, &["pull_request.title"]);
    Ok(Said {
        kind: EventKind::PullRequest {
            action: payload::name(body, &["action"]),
        },
        pusher: payload::pusher(body, &PUSHER),
        message: title.clone(),
        pull_request: Some(PullRequest {
            number,
            title,
            kind,
            source_branch,
            target_branch,
            is_fork,
        }),
        git_ref: Some(git_ref),
        commit,
        is_fork_code: is_fork && !is_merged,
        repository: payload::repository(body, "repository").or(base),
    })
}

/// A release; only the repository knows which commit its tag points to.
pub(super) fn release(body: &Body) -> Result<Said, Unreadable> {
    let tag = payload::required(body, "release.tag_name")?;
    Ok(Said {
        git_ref: Some(payload::tag_ref(&tag)?),
        message: payload::title(body, &["release.name", "release.tag_name"]),
        ..other(
            body,
            EventKind::Release {
                tag,
                action: payload::name(body, &["action"]),
            },
        )
    })
}

/// Somebody tries the webhook out.
pub(super) fn ping(body: &Body) -> Said {
    Said {
        git_ref: None,
        ..other(body, EventKind::Ping)
    }
}

/// Anything else is about the default branch.
pub(super) fn other(body: &Body, kind: EventKind) -> Said {
    Said {
        kind,
        pusher: payload::pusher(body, &PUSHER),
        pull_request: None,
        git_ref: payload::default_branch(body, "repository.default_branch"),
        commit: None,
        message: String::new(),
        is_fork_code: false,
        repository: payload::repository(body, "repository"),
    }
}
