//! GitLab: `X-Gitlab-Event`, with the secret itself in a header, or signed with a signing token.

use base64::{Engine, engine::general_purpose::STANDARD};
use flowcd_model::{
    event::PullRequest,
    time::Millis,
    trigger::PullRequestType::{self, Closed, Merged, Opened, Reopened, Synchronize},
};
use flowcd_store::WebhookSecret;

use super::{
    EventKind, Incoming, PushTarget, RepositoryFacts, Said, Unreadable, Unverified,
    payload::{self, Body, PusherPaths, at, is_true, text},
    push::{Caps, Push},
    signature::{check, check_fresh, check_plain, hmac_sha256, secret_of},
};

const TOKEN: &str = "x-gitlab-token";
const SIGNATURE: &str = "webhook-signature";
const TIMESTAMP: &str = "webhook-timestamp";
const ID: &str = "webhook-id";
/// What a signing token begins with; the rest is the key in base64.
const SIGNING_TOKEN: &str = "whsec_";

/// Twenty commits of a push are told at most, and how many there are.
const CAPS: Caps = Caps {
    n_commits: 20,
    n_files: usize::MAX,
    total: Some("total_commits_count"),
};

const PUSHER: PusherPaths<'static> = PusherPaths {
    name: &["user.name", "user_name"],
    email: &["user.email", "user_email"],
    avatar_url: &["user.avatar_url", "user_avatar"],
};

/// Checks the signature if the application's secret is a signing token and the delivery is signed, else the token.
pub(super) fn verify(
    incoming: &Incoming<'_>,
    secret: &WebhookSecret,
    now: Millis,
) -> Result<(), Unverified> {
    let secret = secret_of(secret)?;
    let key = secret
        .strip_prefix(SIGNING_TOKEN)
        .and_then(|key| STANDARD.decode(key).ok())
        .filter(|key| !key.is_empty());
    match (key, incoming.first_header(&[SIGNATURE])) {
        (Some(key), Some(sent)) => check_signature(incoming, sent, &key, now),
        _ => {
            let sent = incoming.first_header(&[TOKEN]);
            check_plain(TOKEN, sent.ok_or(Unverified::Missing(TOKEN))?, secret)
        }
    }
}

/// The header may hold several signatures, while keys are changed.
fn check_signature(
    incoming: &Incoming<'_>,
    sent: &str,
    key: &[u8],
    now: Millis,
) -> Result<(), Unverified> {
    let header = |name| {
        let value = incoming.first_header(&[name]);
        value.ok_or(Unverified::Missing(name))
    };
    let (id, timestamp) = (header(ID)?, header(TIMESTAMP)?);
    let pieces = [
        id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        incoming.body,
    ];
    let expected = format!("v1,{}", STANDARD.encode(hmac_sha256(key, &pieces)));
    sent.split(' ')
        .map(|one| check(SIGNATURE, one.as_bytes(), expected.as_bytes()))
        .find(Result::is_ok)
        .unwrap_or(Err(Unverified::Wrong(SIGNATURE)))?;
    let seconds: Option<i64> = timestamp.parse().ok();
    let at = seconds
        .and_then(|seconds| seconds.checked_mul(1_000))
        .map(Millis);
    check_fresh(TIMESTAMP, at, now)
}

/// What the payload says.
pub(super) fn read(name: &str, body: &Body) -> Result<Said, Unreadable> {
    match name {
        "Push Hook" | "Tag Push Hook" => Ok(without_gone(body, push(body, &CAPS, &PUSHER)?)),
        "Job Hook" => job(body),
        "Merge Request Hook" => {
            let kind = merge_request_kind(body, !text(body, "object_attributes.oldrev").is_empty());
            merge_request(body, kind, &PUSHER, &["object_attributes.title"])
        }
        "Release Hook" => release(body),
        _ => Ok(other(body, EventKind::Other)),
    }
}

/// What an action is; an update is of everything, and only the host knows whether commits are among it.
pub(super) fn merge_request_kind(body: &Body, has_new_commits: bool) -> Option<PullRequestType> {
    match text(body, "object_attributes.action").as_str() {
        "open" | "opened" => Some(Opened),
        "reopen" | "reopened" => Some(Reopened),
        "close" | "closed" => Some(Closed),
        "merge" | "merged" => Some(Merged),
        "update" if has_new_commits => Some(Synchronize),
        _ => None,
    }
}

/// A push. `after` of an annotated tag is the tag itself; `checkout_sha` is what it points to.
pub(super) fn push(body: &Body, caps: &Caps, pusher: &PusherPaths<'_>) -> Result<Said, Unreadable> {
    let push = Push::read(body)?;
    let after = payload::commit(body, &["after"]);
    let commit = payload::commit(body, &["checkout_sha"])
        .or_else(|| {
            after
                .clone()
                .filter(|id| !push.is_tag() || commit_of(body, id).is_some())
        })
        .filter(|_| !push.is_deleted);
    let message = commit.as_deref().and_then(|id| commit_of(body, id));
    Ok(Said {
        kind: push.kind(body, caps),
        pusher: payload::pusher(body, pusher),
        pull_request: None,
        message: match message {
            Some(commit) => payload::message(commit, &["message"]),
            None => payload::message(body, &["message"]),
        },
        commit,
        git_ref: Some(push.git_ref),
        is_fork_code: false,
        repository: repository(body),
    })
}

/// A push of a branch or a tag that was gone when GitLab looked for its commit is as good as a deletion.
fn without_gone(body: &Body, mut said: Said) -> Said {
    let is_gone = body
        .get("checkout_sha")
        .is_some_and(serde_json::Value::is_null);
    if let EventKind::Push {
        is_deleted,
        changed_files,
        ..
    } = &mut said.kind
        && is_gone
    {
        *is_deleted = true;
        *changed_files = None;
        said.commit = None;
    }
    said
}

/// The entry of a commit in the list of the pushed ones.
fn commit_of<'a>(body: &'a Body, id: &str) -> Option<&'a Body> {
    let commits = at(body, "commits").as_array()?;
    let mut commits = commits.iter().filter_map(serde_json::Value::as_object);
    commits.find(|commit| text(commit, "id").eq_ignore_ascii_case(id))
}

/// A job counts as a push of what it ran for; its ref is the short name. That of a merge request's job is a full name,
/// and its code may be anybody's.
fn job(body: &Body) -> Result<Said, Unreadable> {
    let name = payload::required(body, "ref")?;
    if name.starts_with("refs/") {
        return Err(Unreadable::UnsupportedRef(payload::clean(
            &name,
            super::MAX_NAME_CHARS,
        )));
    }
    let (git_ref, target) = if is_true(body, "tag") {
        (payload::tag_ref(&name)?, PushTarget::Tag(name))
    } else {
        (payload::branch_ref(&name)?, PushTarget::Branch(name))
    };
    let kind = EventKind::Push {
        target,
        is_deleted: false,
        changed_files: None,
    };
    Ok(Said {
        git_ref: Some(git_ref),
        commit: payload::commit(body, &["commit.sha", "sha"]),
        message: payload::message(body, &["commit.message"]),
        ..other(body, kind)
    })
}

/// A merge request. One that was merged by fast-forward has no commit of the merge.
pub(super) fn merge_request(
    body: &Body,
    kind: Option<PullRequestType>,
    pusher: &PusherPaths<'_>,
    message: &[&str],
) -> Result<Said, Unreadable> {
    let numbers = ["iid", "local_id", "id"].map(|key| format!("object_attributes.{key}"));
    let number = numbers
        .iter()
        .find_map(|path| payload::number(body, path))
        .filter(|number| *number > 0)
        .ok_or(Unreadable::NoField("object_attributes.iid"))?;
    let target_branch = payload::required(body, "object_attributes.target_branch")?;
    let source_branch = payload::required(body, "object_attributes.source_branch")?;
    let source = text(body, "object_attributes.source_project_id");
    let is_fork = source.is_empty() || source != text(body, "object_attributes.target_project_id");
    let is_merged = kind == Some(Merged) || text(body, "object_attributes.state") == "merged";
    let (git_ref, commit) = if is_merged {
        let paths = [
            "object_attributes.merge_commit_sha",
            "object_attributes.squash_commit_sha",
            "object_attributes.last_commit.id",
        ];
        (
            payload::branch_ref(&target_branch)?,
            payload::commit(body, &paths),
        )
    } else {
        let commit = payload::commit(body, &["object_attributes.last_commit.id"]);
        (format!("refs/merge-requests/{number}/head"), commit)
    };
    Ok(Said {
        kind: EventKind::PullRequest {
            action: payload::name(body, &["object_attributes.action"]),
        },
        pusher: payload::pusher(body, pusher),
        pull_request: Some(PullRequest {
            number,
            title: payload::title(body, &["object_attributes.title"]),
            kind,
            source_branch,
            target_branch,
            is_fork,
        }),
        git_ref: Some(git_ref),
        commit,
        message: payload::message(body, message),
        is_fork_code: is_fork && !is_merged,
        repository: repository(body),
    })
}

/// A release; GitLab tells the commit that its tag points to.
fn release(body: &Body) -> Result<Said, Unreadable> {
    let tag = payload::required(body, "tag")?;
    Ok(Said {
        git_ref: Some(payload::tag_ref(&tag)?),
        commit: payload::commit(body, &["commit.id"]),
        message: payload::title(body, &["name", "tag"]),
        ..other(
            body,
            EventKind::Release {
                tag,
                action: payload::name(body, &["action"]),
            },
        )
    })
}

/// Anything else is about the default branch.
pub(super) fn other(body: &Body, kind: EventKind) -> Said {
    Said {
        kind,
        pusher: payload::pusher(body, &PUSHER),
        pull_request: None,
        git_ref: payload::default_branch(body, "project.default_branch"),
        commit: None,
        message: String::new(),
        is_fork_code: false,
        repository: repository(body),
    }
}

/// The project, which older payloads only have as a repository.
fn repository(body: &Body) -> Option<RepositoryFacts> {
    let is_told = at(body, "project").is_object() || at(body, "repository").is_object();
    is_told.then(|| RepositoryFacts {
        id: payload::name(
            body,
            &[
                "project_id",
                "project.id",
                "object_attributes.target_project_id",
            ],
        ),
        clone_url: payload::url(
            body,
            &[
                "repository.git_http_url",
                "project.git_http_url",
                "project.http_url",
            ],
        ),
        full_name: payload::title(body, &["project.path_with_namespace"]),
    })
}
