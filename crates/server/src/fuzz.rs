//! What the fuzz targets run: the reader of webhooks, and what must hold whatever arrives.
//!
//! Nothing here is for anybody else. A broken promise is a panic, which is how a fuzzer hears of it. The fuzz target
//! `hook` takes this file and `provider` as they are, without the rest of the server, which would take minutes to build.

use std::collections::BTreeMap;

use flowcd_model::{application::Provider, time::Millis};
use flowcd_store::WebhookSecret;
use secrecy::SecretString;

use crate::provider::{self, Event, EventKind, Incoming, PushTarget, blank};

const SECRET: &str = "kept-under-the-hat";
const NOW: Millis = Millis(1_700_000_000_000);

/// The events whose payloads are read, by the header that names them.
const EVENTS: [(Provider, &str, &str); 18] = [
    (Provider::Github, "x-github-event", "push"),
    (Provider::Github, "x-github-event", "pull_request"),
    (Provider::Github, "x-github-event", "release"),
    (Provider::Github, "x-github-event", "ping"),
    (Provider::Git, "x-github-event", "push"),
    (Provider::Gitee, "x-gitee-event", "Push Hook"),
    (Provider::Gitee, "x-gitee-event", "Tag Push Hook"),
    (Provider::Gitee, "x-gitee-event", "Merge Request Hook"),
    (Provider::Gitlab, "x-gitlab-event", "Push Hook"),
    (Provider::Gitlab, "x-gitlab-event", "Job Hook"),
    (Provider::Gitlab, "x-gitlab-event", "Merge Request Hook"),
    (Provider::Gitlab, "x-gitlab-event", "Release Hook"),
    (Provider::Codeup, "x-codeup-event", "Push Hook"),
    (Provider::Codeup, "x-codeup-event", "Merge Request Hook"),
    (Provider::Gitea, "x-gitea-event", "push"),
    (Provider::Gitea, "x-gitea-event", "pull_request"),
    (Provider::Gitea, "x-gitea-event", "release"),
    (Provider::Gitea, "x-gitea-event", "issues"),
];

/// Reads a delivery: a byte for the event, a line with what the host shows as its signature and its id, and the body.
pub(crate) fn hook(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let (provider, header, name) = EVENTS[usize::from(*first) % EVENTS.len()];
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let shown = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let body = parts.next().unwrap_or_default();
    let mut headers = BTreeMap::from([(header.to_owned(), name.to_owned())]);
    if *first >= 128 {
        let form = "application/x-www-form-urlencoded";
        headers.insert("content-type".to_owned(), form.to_owned());
    }
    for header in [
        "idempotency-key",
        "webhook-signature",
        "webhook-timestamp",
        "x-codeup-token",
        "x-gitea-signature",
        "x-gitee-timestamp",
        "x-gitee-token",
        "x-github-delivery",
        "x-gitlab-token",
        "x-hub-signature-256",
    ] {
        headers.insert(header.to_owned(), shown.clone());
    }
    let incoming = Incoming {
        headers: &headers,
        body,
    };
    let secret = WebhookSecret {
        secret: Some(SecretString::from(SECRET)),
        password: None,
    };
    assert!(provider::detect(&headers).is_some());
    let none = WebhookSecret::default();
    assert!(provider::verify(provider, &incoming, &none, NOW).is_err());
    if provider::verify(provider, &incoming, &secret, NOW).is_ok() {
        // Nobody guesses a signature; a token can be in the seeds.
        assert_eq!(shown.trim(), SECRET);
    }
    match provider::read(provider, &incoming) {
        Ok(event) => {
            check(&event);
            let kept = blank::body(&event.body, &secret);
            assert!(serde_json::from_str::<serde_json::Value>(&kept).is_ok());
        }
        Err(why) => assert!(!why.to_string().contains('\0')),
    }
    assert!(!blank::text(body, &secret).contains(SECRET));
    for (name, value) in blank::headers(&headers, &secret) {
        assert!(!value.contains(SECRET), "{name}");
    }
}

/// What holds of every event.
pub(crate) fn check(event: &Event) {
    assert!(!event.key.is_empty() && event.key.len() <= 200);
    assert_eq!(event.name, event.host.event_name);
    assert!(event.message.len() <= 3 * 64 * 1024);
    let pusher = &event.host.pusher;
    for text in [&event.name, &pusher.name, &pusher.email] {
        assert!(text.chars().count() <= 255 && !text.contains('\0'));
    }
    assert!(!event.message.contains('\0') && !event.key.contains('\0'));
    if let Some(commit) = &event.commit {
        let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(matches!(commit.len(), 40 | 64) && commit.bytes().all(is_lower));
        assert!(!commit.bytes().all(|byte| byte == b'0'));
    }
    if let Some(git_ref) = &event.git_ref {
        let own = ["refs/pull/", "refs/merge-requests/"];
        let is_own = own.iter().any(|prefix| git_ref.starts_with(prefix));
        let is_name = git_ref.parse::<flowcd_engine::git::GitRef>().is_ok();
        assert!(is_own || is_name, "{git_ref:?}");
    }
    let pull_request = event.host.pull_request.as_ref();
    let is_pull_request = matches!(event.kind, EventKind::PullRequest { .. });
    assert_eq!(is_pull_request, pull_request.is_some());
    assert!(!event.is_fork_code || pull_request.is_some_and(|it| it.is_fork));
    if let EventKind::Push {
        target, is_deleted, ..
    } = &event.kind
    {
        let full = match target {
            PushTarget::Branch(branch) => format!("refs/heads/{branch}"),
            PushTarget::Tag(tag) => format!("refs/tags/{tag}"),
        };
        assert_eq!(event.git_ref.as_ref(), Some(&full));
        assert!(!is_deleted || event.commit.is_none());
    }
    let _ = event.skip_marker();
}
