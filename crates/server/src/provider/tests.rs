//! Every payload of `tests/data/payloads`, signed as its host would, and what is wrong with some of them.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use flowcd_model::{application::Provider, time::Millis};
use flowcd_store::WebhookSecret;
use proptest::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Event, EventKind, Incoming, PushTarget, Unreadable, Unverified, blank, detect, read,
    signature::{hex, hmac_sha1, hmac_sha256},
    verify,
};

const SECRET: &str = "tea & biscuits";
const NOW: Millis = Millis(1_714_986_751_000);
const HOUR_MS: i64 = 3_600_000;

#[derive(Deserialize)]
struct Entry {
    file: String,
    provider: Provider,
    headers: BTreeMap<String, String>,
    expected: Value,
}

struct Delivery {
    provider: Provider,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Delivery {
    fn new(provider: Provider, headers: &[(&str, &str)], body: &Value) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            provider,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    fn of(entry: &Entry) -> Self {
        Self {
            provider: entry.provider,
            headers: entry.headers.clone(),
            body: fs::read(folder().join(&entry.file)).expect("a payload"),
        }
    }

    fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Signs it as its host does.
    fn sign(self, secret: &str) -> Self {
        let key = secret.as_bytes();
        let sha_256 = hex(&hmac_sha256(key, &[&self.body]));
        match self.provider {
            Provider::Github | Provider::Git => {
                self.header("x-hub-signature-256", format!("sha256={sha_256}"))
            }
            Provider::Gitee => {
                let (timestamp, token) = gitee_token(NOW, secret);
                self.header("x-gitee-timestamp", timestamp)
                    .header("x-gitee-token", token)
            }
            Provider::Gitlab => self.header("x-gitlab-token", secret),
            Provider::Codeup => self.header("x-codeup-token", secret),
            Provider::Gitea => self.header("x-gitea-signature", sha_256),
        }
    }

    fn incoming(&self) -> Incoming<'_> {
        Incoming {
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn verify(&self, secret: &WebhookSecret) -> Result<(), Unverified> {
        verify(self.provider, &self.incoming(), secret, NOW)
    }

    fn read(&self) -> Result<Event, Unreadable> {
        read(self.provider, &self.incoming())
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/payloads")
}

fn manifest() -> &'static [Entry] {
    static MANIFEST: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let text = fs::read(folder().join("manifest.json")).expect("a manifest");
        serde_json::from_slice(&text).expect("a list of payloads")
    });
    &MANIFEST
}

fn payload(file: &str) -> Delivery {
    let entry = manifest().iter().find(|entry| entry.file == file);
    Delivery::of(entry.expect("in the manifest"))
}

fn gitee_token(at: Millis, secret: &str) -> (String, String) {
    let timestamp = at.0.to_string();
    let text = format!("{timestamp}\n{secret}");
    let token = STANDARD.encode(hmac_sha256(secret.as_bytes(), &[text.as_bytes()]));
    (timestamp, token)
}

fn secret(secret: &str) -> WebhookSecret {
    WebhookSecret {
        secret: Some(SecretString::from(secret)),
        password: None,
    }
}

fn password(password: &str) -> WebhookSecret {
    WebhookSecret {
        secret: None,
        password: Some(SecretString::from(password)),
    }
}

/// An event in the words of the manifest.
fn told(event: &Event) -> Value {
    let mut told = match &event.kind {
        EventKind::Push {
            target,
            is_deleted,
            changed_files,
        } => {
            let target = match target {
                PushTarget::Branch(name) => format!("branch {name}"),
                PushTarget::Tag(name) => format!("tag {name}"),
            };
            json!({"kind": "push", "target": target, "isDeleted": is_deleted, "changedFiles": changed_files})
        }
        EventKind::PullRequest { action } => json!({"kind": "pull_request", "action": action}),
        EventKind::Release { tag, action } => {
            json!({"kind": "release", "action": action, "tag": tag})
        }
        EventKind::Ping => json!({"kind": "ping"}),
        EventKind::Other => json!({"kind": "other"}),
    };
    told["ref"] = json!(event.git_ref);
    told["commit"] = json!(event.commit);
    told["message"] = json!(event.message);
    told["pusher"] = json!(event.host.pusher);
    told["isForkCode"] = json!(event.is_fork_code);
    if let Some(pull_request) = &event.host.pull_request {
        told["pullRequest"] = json!(pull_request);
    }
    told["repository"] = match &event.repository {
        Some(repository) => json!({
            "id": repository.id,
            "cloneUrl": repository.clone_url,
            "fullName": repository.full_name,
        }),
        None => Value::Null,
    };
    told
}

#[test]
fn every_payload_says_what_the_manifest_expects() {
    for entry in manifest() {
        let delivery = Delivery::of(entry).sign(SECRET);
        let name = &entry.file;
        assert_eq!(delivery.verify(&secret(SECRET)), Ok(()), "{name}");
        let event = delivery
            .read()
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(told(&event), entry.expected, "{name}");
    }
}

#[test]
fn the_manifest_lists_every_payload_of_the_folder() {
    let entries = manifest();
    let mut n_files = 0;
    for folder in fs::read_dir(folder()).expect("a folder").flatten() {
        if folder.path().is_dir() {
            for file in fs::read_dir(folder.path()).expect("a folder").flatten() {
                let path = file.path();
                n_files += 1;
                assert!(
                    entries.iter().any(|entry| path.ends_with(&entry.file)),
                    "{path:?}"
                );
            }
        }
    }
    assert_eq!(n_files, entries.len());
}

#[test]
fn a_host_is_known_by_its_headers() {
    for entry in manifest() {
        let expected = match entry.provider {
            Provider::Git => Provider::Github,
            provider => provider,
        };
        assert_eq!(detect(&entry.headers), Some(expected), "{}", entry.file);
    }
    for (name, value, expected) in [
        ("x-forgejo-event", "push", Some(Provider::Gitea)),
        ("x-gogs-event", "push", Some(Provider::Gitea)),
        ("codeup-event", "Push Hook", Some(Provider::Codeup)),
        ("user-agent", "GitHub-Hookshot/1", Some(Provider::Github)),
        ("user-agent", "git-oschina-hook", Some(Provider::Gitee)),
        ("user-agent", "okhttp/4", Some(Provider::Codeup)),
        ("user-agent", "GitLab/17", Some(Provider::Gitlab)),
        ("user-agent", "curl/8", None),
    ] {
        let delivery = Delivery::new(Provider::Git, &[(name, value)], &json!({}));
        assert_eq!(detect(&delivery.headers), expected, "{name}: {value}");
    }
}

#[test]
fn what_is_not_signed_with_the_secret_is_refused() {
    for entry in manifest() {
        let name = &entry.file;
        let unsigned = Delivery::of(entry).header("x-gitee-timestamp", NOW.0.to_string());
        let missing = unsigned.verify(&secret(SECRET));
        assert!(
            matches!(missing, Err(Unverified::Missing(_))),
            "{name}: {missing:?}"
        );
        let signed = Delivery::of(entry).sign(SECRET);
        for other in ["", "tea", "tea & biscuitS", "tea & biscuits "] {
            let wrong = signed.verify(&secret(other));
            let expected = if other.is_empty() {
                matches!(wrong, Err(Unverified::NoSecret))
            } else {
                matches!(wrong, Err(Unverified::Wrong(_)))
            };
            assert!(expected, "{name}: {wrong:?}");
        }
        let none = signed.verify(&WebhookSecret::default());
        assert_eq!(none, Err(Unverified::NoSecret), "{name}");
        let empty = Delivery::of(entry).sign("");
        assert_eq!(
            empty.verify(&secret("")),
            Err(Unverified::NoSecret),
            "{name}"
        );
        // Only hosts that sign the body notice.
        let mut altered = signed;
        altered.body.push(b' ');
        let is_noticed = altered.verify(&secret(SECRET)).is_err();
        let signs_the_body = matches!(
            entry.provider,
            Provider::Github | Provider::Git | Provider::Gitea
        );
        assert_eq!(is_noticed, signs_the_body, "{name}");
    }
}

#[test]
fn messages_about_signatures_tell_no_secret() {
    for file in [
        "github/push_branch.json",
        "gitee/push_branch.json",
        "gitlab/push_branch.json",
    ] {
        let delivery = payload(file).sign("the other secret");
        let why = delivery.verify(&secret(SECRET)).expect_err("the other one");
        let text = format!("{why} {why:?}");
        assert!(
            !text.contains(SECRET) && !text.contains("the other"),
            "{text}"
        );
    }
}

#[test]
fn the_older_signature_counts_only_where_the_newer_is_missing() {
    let delivery = payload("github/push_branch.json");
    let sha_1 = hex(&hmac_sha1(SECRET.as_bytes(), &delivery.body));
    let older = delivery.header("x-hub-signature", format!("sha1={sha_1}"));
    assert_eq!(older.verify(&secret(SECRET)), Ok(()));
    for newer in ["sha256=", "", "sha256=00", &format!("sha256={sha_1}")] {
        let both = payload("github/push_branch.json")
            .header("x-hub-signature", format!("sha1={sha_1}"))
            .header("x-hub-signature-256", newer);
        let wrong = Err(Unverified::Wrong("x-hub-signature-256"));
        assert_eq!(both.verify(&secret(SECRET)), wrong, "{newer:?}");
    }
    let longer = payload("github/push_branch.json").header("x-hub-signature", sha_1);
    let wrong = Err(Unverified::Wrong("x-hub-signature"));
    assert_eq!(longer.verify(&secret(SECRET)), wrong);
}

/// The body as a form has it.
fn as_form(delivery: Delivery) -> Delivery {
    let mut form = delivery.header(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    let text = String::from_utf8(form.body).expect("text");
    form.body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &text)
        .finish()
        .into_bytes();
    form
}

#[test]
fn a_form_is_read_by_its_payload() {
    let plain = payload("github/push_branch.json").read();
    // GitHub signs the form, Gitea what is in it.
    let form = as_form(payload("github/push_branch.json")).sign(SECRET);
    assert_eq!(form.verify(&secret(SECRET)), Ok(()));
    assert_eq!(form.read(), plain);
    let form = as_form(payload("gitea/push_branch.json").sign(SECRET));
    assert_eq!(form.verify(&secret(SECRET)), Ok(()));
    assert_eq!(form.read(), payload("gitea/push_branch.json").read());
    let mut altered = form;
    altered.body.extend(b"&payload=%7B%7D");
    assert_eq!(altered.read(), payload("gitea/push_branch.json").read());
    altered.body.splice(0..0, *b"payload=%7B%7D&");
    assert!(altered.verify(&secret(SECRET)).is_err());
    altered.body = b"other=1".to_vec();
    assert_eq!(altered.read(), Err(Unreadable::NoPayload));
}

#[test]
fn gitee_signs_a_time_of_the_last_hour_or_shows_a_password() {
    let at = |offset_ms: i64, encode: bool| {
        let (timestamp, token) = gitee_token(Millis(NOW.0 + offset_ms), SECRET);
        let token = if encode {
            url::form_urlencoded::byte_serialize(token.as_bytes()).collect()
        } else {
            token
        };
        payload("gitee/push_branch.json")
            .header("x-gitee-timestamp", timestamp)
            .header("x-gitee-token", token)
            .verify(&secret(SECRET))
    };
    for offset_ms in [-HOUR_MS, -1, 0, HOUR_MS] {
        assert_eq!(at(offset_ms, false), Ok(()), "{offset_ms}");
        assert_eq!(at(offset_ms, true), Ok(()), "{offset_ms}");
    }
    let stale = Err(Unverified::Stale("x-gitee-timestamp"));
    for offset_ms in [-HOUR_MS - 1, HOUR_MS + 1, i64::MAX - NOW.0, -2 * NOW.0] {
        assert_eq!(at(offset_ms, false), stale, "{offset_ms}");
    }
    let no_time = payload("gitee/push_branch.json")
        .header("x-gitee-timestamp", "")
        .header("x-gitee-token", "x")
        .verify(&secret(SECRET));
    assert_eq!(no_time, Err(Unverified::Missing("x-gitee-timestamp")));

    let plain = payload("gitee/push_branch.json").header("x-gitee-token", SECRET);
    assert_eq!(plain.verify(&password(SECRET)), Ok(()));
    let wrong = Err(Unverified::Wrong("x-gitee-token"));
    assert_eq!(plain.verify(&password("tea")), wrong);
    // Where there is a secret, its password does not do.
    assert_eq!(plain.verify(&secret(SECRET)), wrong);
    let both = WebhookSecret {
        password: Some(SecretString::from(SECRET)),
        ..secret("another")
    };
    assert_eq!(plain.verify(&both), wrong);
}

#[test]
fn gitlab_signs_with_a_signing_token() {
    let key = b"a key of thirty-two bytes, or so";
    let token = format!("whsec_{}", STANDARD.encode(key));
    let sign = |at: Millis| {
        let seconds = (at.0 / 1_000).to_string();
        let delivery = payload("gitlab/push_branch.json");
        let pieces = [b"id-1.", seconds.as_bytes(), b".", &delivery.body];
        let signature = format!("v1,{}", STANDARD.encode(hmac_sha256(key, &pieces)));
        delivery
            .header("webhook-id", "id-1")
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", format!("v1,b2xk {signature}"))
    };
    let signed = sign(NOW);
    assert_eq!(signed.verify(&secret(&token)), Ok(()));
    let stale = Err(Unverified::Stale("webhook-timestamp"));
    assert_eq!(
        sign(Millis(NOW.0 - 2 * HOUR_MS)).verify(&secret(&token)),
        stale
    );
    let mut altered = sign(NOW);
    altered.body.push(b' ');
    let wrong = Err(Unverified::Wrong("webhook-signature"));
    assert_eq!(altered.verify(&secret(&token)), wrong);
    // A signature that is wrong is not made good by a token.
    let both = altered.header("x-gitlab-token", token.clone());
    assert_eq!(both.verify(&secret(&token)), wrong);
    let missing = Err(Unverified::Missing("x-gitlab-token"));
    assert_eq!(signed.verify(&secret("whsec_")), missing);
    assert_eq!(signed.verify(&secret("plain")), missing);
}

#[test]
fn the_same_delivery_has_the_same_key() {
    let key = |delivery: Delivery| delivery.read().expect("an event").key;
    let github = || payload("github/push_branch.json");
    assert_eq!(
        key(github().header("x-github-delivery", "a-1.B_2")),
        "a-1.B_2"
    );
    for odd in ["a b", "ä", "a/b", &"a".repeat(201)] {
        let hashed = key(github().header("x-github-delivery", odd));
        assert!(hashed.starts_with("id:") && hashed.len() == 67, "{hashed}");
    }
    let without = key(github().header("x-github-delivery", ""));
    assert!(
        without.starts_with("body:") && without.len() == 69,
        "{without}"
    );
    let other = key(payload("github/push_tag.json").header("x-github-delivery", ""));
    assert_ne!(without, other);
    let gitlab = payload("gitlab/push_branch.json");
    let uuid = gitlab.headers["idempotency-key"].clone();
    assert_eq!(key(gitlab.header("x-gitlab-event-uuid", "another")), uuid);
    let older = payload("gitlab/push_branch.json").header("idempotency-key", "");
    assert_eq!(key(older.header("x-gitlab-event-uuid", "uuid-1")), "uuid-1");
    assert!(key(payload("gitee/push_branch.json")).starts_with("body:"));
}

fn github_push(body: &Value) -> Result<Event, Unreadable> {
    Delivery::new(Provider::Github, &[("x-github-event", "push")], body).read()
}

#[test]
fn what_cannot_be_read_says_why() {
    let why = |body: &Value| github_push(body).expect_err("no push").to_string();
    for (body, expected) in [
        (json!({}), "`body.ref` is missing or empty"),
        (json!({"ref": ["x"]}), "`body.ref` is missing or empty"),
        (json!([]), "the body is not a JSON object"),
        (
            json!({"ref": "refs/notes/x"}),
            "unsupported ref `refs/notes/x`: a push is of a branch or a tag",
        ),
        (
            json!({"ref": "refs/heads/-x"}),
            "`refs/heads/-x` is no name that git allows for a branch or a tag",
        ),
    ] {
        assert_eq!(why(&body), expected);
    }
    // A part of a name, or one with a character replaced, is another branch's.
    for branch in ["a\0b", &"abc/".repeat(300)] {
        let invalid = github_push(&json!({"ref": format!("refs/heads/{branch}")}));
        assert!(matches!(invalid, Err(Unreadable::InvalidRef(_))));
    }
    let mut delivery = payload("github/push_branch.json");
    delivery.body = b"{".to_vec();
    assert!(matches!(delivery.read(), Err(Unreadable::NotJson(_))));
    delivery.body = "[".repeat(100_000).into_bytes();
    assert!(matches!(delivery.read(), Err(Unreadable::NotJson(_))));
    delivery.headers.clear();
    delivery.body = b"{}".to_vec();
    assert_eq!(delivery.read(), Err(Unreadable::NoEvent("x-github-event")));
    let mut job = payload("gitlab/job_branch.json");
    let text = String::from_utf8(job.body).expect("text");
    job.body = text
        .replace(r#""ref": "main""#, r#""ref": "refs/merge-requests/1/head""#)
        .into_bytes();
    let unsupported = Unreadable::UnsupportedRef("refs/merge-requests/1/head".to_owned());
    assert_eq!(job.read(), Err(unsupported));
}

#[test]
fn texts_are_cut_and_numbers_are_taken_as_text() {
    let message = format!("{}é", "x".repeat(64 * 1024 - 1));
    let event = github_push(&json!({
        "ref": "refs/heads/main",
        "after": "A".repeat(40),
        "head_commit": {"message": message},
        "pusher": {"name": "é".repeat(300), "email": "a\0b"},
        "repository": {"id": 18_446_744_073_709_551_615_u64, "clone_url": 7},
    }))
    .expect("a push");
    assert_eq!(event.message, "x".repeat(64 * 1024 - 1));
    assert_eq!(event.commit, Some("a".repeat(40)));
    assert_eq!(event.host.pusher.name, "é".repeat(255));
    assert_eq!(event.host.pusher.email, "a\u{fffd}b");
    let repository = event.repository.expect("a repository");
    assert_eq!(repository.id, "18446744073709551615");
    assert_eq!(repository.clone_url, "7");
    let sha_256 = github_push(&json!({"ref": "refs/heads/main", "after": "0a".repeat(32)}));
    assert_eq!(sha_256.expect("a push").commit, Some("0a".repeat(32)));
    let odd = github_push(&json!({"ref": "refs/heads/main", "after": "--upload-pack=id"}));
    assert_eq!(odd.expect("a push").commit, None);
}

#[test]
fn files_are_told_only_where_all_are() {
    let files = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({
            "ref": "refs/heads/main",
            "before": "1".repeat(40),
            "after": "2".repeat(40),
            "commits": [
                {"added": ["b"], "modified": [], "removed": ["a"]},
                {"added": null, "modified": ["b", "c"], "removed": null},
            ],
        });
        change(&mut body);
        match github_push(&body).expect("a push").kind {
            EventKind::Push { changed_files, .. } => changed_files.map(|files| files.concat()),
            _ => None,
        }
    };
    assert_eq!(files(&|_| ()).as_deref(), Some("abc"));
    let commit = json!({"added": [], "modified": [], "removed": []});
    let changes: [&dyn Fn(&mut Value); 9] = [
        &|body| body["forced"] = json!(true),
        &|body| body["created"] = json!(true),
        &|body| body["before"] = json!("0".repeat(40)),
        &|body| body["ref"] = json!("refs/tags/v1"),
        &|body| body["commits"] = json!([]),
        &|body| body["commits"] = Value::Null,
        &|body| body["commits"] = json!([{"id": "1"}]),
        &|body| body["commits"] = json!([{"added": [1], "modified": [], "removed": []}]),
        &|body| body["commits"] = Value::Array(vec![commit.clone(); 2_048]),
    ];
    for (n, change) in changes.iter().enumerate() {
        assert_eq!(files(change), None, "{n}");
    }
    let at_most = files(&|body| body["commits"] = Value::Array(vec![commit.clone(); 2_047]));
    assert_eq!(at_most.as_deref(), Some(""));
    let many: Vec<_> = (0..3_000).map(|n| n.to_string()).collect();
    let cut = files(&|body| {
        body["commits"] = json!([{"added": many, "modified": [], "removed": []}]);
    });
    assert_eq!(cut, None);
}

#[test]
fn a_message_can_ask_for_no_deployment() {
    let marker = |message: &str| {
        let body = json!({"ref": "refs/heads/main", "head_commit": {"message": message}});
        github_push(&body).expect("a push").skip_marker()
    };
    for (message, expected) in [
        ("Fix [skip ci]", Some("[skip ci]")),
        ("[CI Skip] Fix\n", Some("[ci skip]")),
        ("Fix\n\n[Skip CD]", Some("[skip cd]")),
        ("[cd skip]", Some("[cd skip]")),
        ("skip ci", None),
        ("[skip  ci]", None),
        ("", None),
    ] {
        assert_eq!(marker(message), expected, "{message}");
    }
    let mut merge_request = payload("codeup/pull_request_opened.json");
    let text = String::from_utf8(merge_request.body).expect("text");
    merge_request.body = text.replace("Sell tea", "Sell tea [skip cd]").into_bytes();
    let event = merge_request.read().expect("a merge request");
    assert_eq!(
        (event.message.as_str(), event.skip_marker()),
        ("Pour tea", Some("[skip cd]"))
    );
    let mut release = payload("github/release_published.json");
    let text = String::from_utf8(release.body).expect("text");
    release.body = text.replace("Tea time", "[skip ci]").into_bytes();
    assert_eq!(release.read().expect("a release").skip_marker(), None);
}

#[test]
fn what_is_kept_authenticates_nobody() {
    const CANARY: &str = "ca\"nary/1 2";
    for entry in manifest() {
        let delivery = Delivery::of(entry)
            .sign(CANARY)
            .header("authorization", "Bearer canary-2")
            .header("cookie", "canary-2=1")
            .header("x-forwarded-uri", "/hook?secret=ca%22nary%2F1+2");
        let headers = blank::headers(&delivery.headers, &secret(CANARY));
        for (name, value) in &headers {
            assert!(!value.contains("nary"), "{}: {name}: {value}", entry.file);
        }
        let shown = ["x-hub-signature-256", "x-gitee-token", "x-gitea-signature"];
        for name in shown.into_iter().filter(|name| headers.contains_key(*name)) {
            assert_eq!(headers[name], "***");
        }
        assert_eq!(headers["content-type"], "application/json");
    }
    let event = Delivery::new(
        Provider::Github,
        &[("x-github-event", "ping")],
        &json!({
            "password": "canary-2",
            "sign": "canary-2",
            "secret": "",
            "hook": {"config": {"secret": "canary-2", "url": "https://x.example/?s=ca%22nary%2F1+2"}},
            "repository": {"temp_clone_token": "canary-2", "name": "password"},
            "deep": [{"said": "it is ca\"nary/1 2, or ca\\\"nary/1 2", "sign": "of the times"}],
        }),
    )
    .read()
    .expect("a ping");
    let kept = blank::body(&event.body, &secret(CANARY));
    let expected = json!({
        "password": "***",
        "sign": "***",
        "secret": "",
        "hook": {"config": {"secret": "***", "url": "https://x.example/?s=***"}},
        "repository": {"temp_clone_token": "***", "name": "password"},
        "deep": [{"said": "it is ***, or ***", "sign": "of the times"}],
    });
    assert_eq!(serde_json::from_str::<Value>(&kept).ok(), Some(expected));
    let text = blank::text(b"not JSON: ca\"nary/1 2\0\xff", &secret(CANARY));
    assert_eq!(text, "not JSON: ***\u{fffd}\u{fffd}");
    // A short secret would be found everywhere.
    let short = blank::body(&event.body, &secret("it"));
    assert!(short.contains("it is"));
}

/// Any JSON value that is not too large.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        Just(json!("0".repeat(40))),
        Just(json!("refs/heads/a")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts a value into the place of the `n`th one.
fn replace(value: &mut Value, n: &mut usize, new: &Value) {
    if *n == 0 {
        *value = new.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, n, new)),
        Value::Object(object) => object.values_mut().for_each(|item| replace(item, n, new)),
        _ => (),
    }
}

proptest! {
    #[test]
    fn whatever_arrives_is_read_or_refused(data in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::fuzz::hook(&data);
    }

    #[test]
    fn a_payload_with_a_strange_value_is_read_or_refused(
        which in any::<prop::sample::Index>(),
        place in 0_usize..120,
        new in any_json(),
    ) {
        let mut delivery = Delivery::of(which.get(manifest()));
        let mut body = serde_json::from_slice(&delivery.body).expect("JSON");
        let mut n = place;
        replace(&mut body, &mut n, &new);
        delivery.body = body.to_string().into_bytes();
        if let Ok(event) = delivery.read() {
            crate::fuzz::check(&event);
            blank::body(&event.body, &secret(SECRET));
        }
    }
}
