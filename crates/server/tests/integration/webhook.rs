//! Webhooks of every host, signed as the host signs them.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use flowcd_client::Client;
use flowcd_model::{
    application::{CreatedApplication, NewApplication, Provider},
    id::TaskId,
    task::{Task, TriggerType},
    time::Millis,
};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::*;

/// A payload as `tests/data/payloads` has it.
#[derive(Deserialize)]
struct Entry {
    file: String,
    provider: Provider,
    headers: BTreeMap<String, String>,
    expected: Value,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/payloads"))
}

fn entries() -> Vec<Entry> {
    let text = fs::read_to_string(folder().join("manifest.json")).expect("the manifest");
    serde_json::from_str(&text).expect("a list of payloads")
}

fn entry(file: &str) -> Entry {
    entries()
        .into_iter()
        .find(|entry| entry.file == file)
        .unwrap_or_else(|| panic!("no payload {file}"))
}

fn hmac(key: &str, text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a host sends to prove who it is.
pub(crate) fn signature(
    provider: Provider,
    secret: &str,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    match provider {
        Provider::Github | Provider::Git => vec![(
            "x-hub-signature-256",
            format!("sha256={}", hex(&hmac(secret, body))),
        )],
        Provider::Gitea => vec![("x-gitea-signature", hex(&hmac(secret, body)))],
        Provider::Gitlab => vec![("x-gitlab-token", secret.to_owned())],
        Provider::Codeup => vec![("x-codeup-token", secret.to_owned())],
        Provider::Gitee => {
            let timestamp = Millis::now().0.to_string();
            let text = format!("{timestamp}\n{secret}");
            vec![
                (
                    "x-gitee-token",
                    STANDARD.encode(hmac(secret, text.as_bytes())),
                ),
                ("x-gitee-timestamp", timestamp),
            ]
        }
    }
}

/// What a receiver said.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn task_id(&self) -> Option<TaskId> {
        self.body["data"]["taskId"]
            .as_str()
            .map(|id| id.parse().expect("an id"))
    }
}

/// Sends a webhook.
pub(crate) async fn send(
    url: &str,
    headers: &BTreeMap<String, String>,
    signature: &[(&'static str, String)],
    body: Vec<u8>,
) -> Received {
    let mut headers = headers.clone();
    for (name, value) in signature {
        headers.insert((*name).to_owned(), value.clone());
    }
    let mut request = http().post(url).body(body);
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("its body");
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
    Received { status, body }
}

/// An application that deploys whatever comes. Its repository is nowhere, which only its tasks find out.
pub(crate) async fn application_for_all(
    client: &Client,
    provider: Provider,
    name: &str,
) -> CreatedApplication {
    let anything = json!({"prefix": []});
    let trigger = json!({
        "push": {"branches": anything, "tags": anything},
        "pull_request": {
            "types": ["opened", "reopened", "closed", "merged", "synchronize"],
            "branches": {"include": [{"target": "**"}]},
        },
        "events": [{"eventName": "release"}, {"eventName": "Release Hook"}],
    });
    let new = NewApplication {
        trigger_spec: serde_json::from_value(json!({provider.as_str(): trigger}))
            .expect("a trigger"),
        provider,
        provider_repo_id: Some("4211".to_owned()),
        owner: "acme".to_owned(),
        ..application(name, "file:///nowhere/at/all")
    };
    client.create_application(&new).await.expect("made")
}

on_both! {
    async fn every_payload_of_every_host_makes_the_task_that_it_should(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let mut apps: BTreeMap<Provider, CreatedApplication> = BTreeMap::new();
        for provider in Provider::ALL {
            apps.insert(provider, application_for_all(&client, provider, "shop").await);
        }
        let (mut n_deployed, mut n_not) = (0, 0);
        for entry in entries() {
            let app = &apps[&entry.provider];
            assert_eq!(app.webhook.url, server.url(&format!("/api/hooks/{}", app.id)));
            let body = fs::read(folder().join(&entry.file)).expect("a payload");
            let signed = signature(entry.provider, &app.webhook_secret, &body);
            let received = send(&app.webhook.url, &entry.headers, &signed, body).await;
            assert_eq!(received.status, 200, "{}: {received:?}", entry.file);
            let expected = &entry.expected;
            let Some(task) = received.task_id() else {
                n_not += 1;
                assert_no_deployment(&entry, &received);
                continue;
            };
            n_deployed += 1;
            let task = client.get_task(&task).await.expect("the task");
            assert_task(&entry, expected, &task);
        }
        assert!(n_deployed > 60 && n_not > 15, "{n_deployed} {n_not}");
        server.stop().await;
    }
}

fn assert_task(entry: &Entry, expected: &Value, task: &Task) {
    let file = &entry.file;
    assert_eq!(
        task.trigger_type,
        TriggerType::from(entry.provider),
        "{file}"
    );
    assert_eq!(task.git_ref.as_deref(), expected["ref"].as_str(), "{file}");
    if let Some(commit) = expected["commit"].as_str() {
        assert_eq!(task.commit, commit, "{file}");
    }
    assert_eq!(
        task.message,
        expected["message"].as_str().unwrap_or_default(),
        "{file}"
    );
    assert_eq!(
        task.is_fork,
        expected["isForkCode"].as_bool().unwrap_or_default(),
        "{file}"
    );
    let event = task.event.as_ref().expect("what happened");
    let pusher = serde_json::to_value(&event.pusher).expect("JSON");
    assert_eq!(pusher, expected["pusher"], "{file}");
    let pull_request = serde_json::to_value(&event.pull_request).expect("JSON");
    assert_eq!(pull_request, expected["pullRequest"], "{file}");
}

/// What deploys nothing says why; the host's own attempt at the webhook is a success.
fn assert_no_deployment(entry: &Entry, received: &Received) {
    let file = &entry.file;
    let data = &received.body["data"];
    let reason = data["reason"].as_str().expect("a reason");
    if entry.expected["kind"] == "ping" {
        assert_eq!(received.body["success"], true, "{file}");
        assert_eq!(data["verdict"], "ping", "{file}");
        return;
    }
    assert_eq!(received.body["success"], false, "{file}");
    assert_eq!(data["verdict"], "skipped", "{file}: {received:?}");
    assert_eq!(received.body["message"], reason, "{file}");
    let is_known = entry.expected["isDeleted"] == true
        || file.contains("skipped")
        || file.contains("edited")
        || file.contains("other");
    assert!(is_known, "{file} deployed nothing: {reason}");
}

on_both! {
    async fn what_is_not_signed_with_the_secret_of_the_application_leaves_the_database_as_it_is(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let foreign = server.user("mallory").await;
        for provider in Provider::ALL {
            let entry = entry(&format!("{provider}/push_branch.json"));
            let app = application_for_all(&client, provider, "shop").await;
            let other = application_for_all(&foreign, provider, "shop").await;
            let body = fs::read(folder().join(&entry.file)).expect("a payload");
            let good = signature(provider, &app.webhook_secret, &body);
            let mut altered = body.clone();
            let place = altered.windows(4).position(|it| it == b"main").expect("the branch");
            altered[place..place + 4].copy_from_slice(b"evil");
            // A host that shows a plain token does not sign the body; only HTTPS keeps that.
            let signs_the_body = matches!(provider, Provider::Github | Provider::Gitea | Provider::Git);
            let mut attempts = vec![
                ("no signature", Vec::new(), body.clone()),
                ("another secret", signature(provider, "another", &body), body.clone()),
                ("another application's secret", signature(provider, &other.webhook_secret, &body), body.clone()),
                ("an empty signature", good.iter().map(|(name, _)| (*name, String::new())).collect(), body.clone()),
            ];
            if signs_the_body {
                attempts.push(("an altered body", good.clone(), altered));
            }
            let before = server.dump();
            for (what, signed, body) in attempts {
                let received = send(&app.webhook.url, &entry.headers, &signed, body).await;
                assert_eq!(received.status, 401, "{provider}, {what}: {received:?}");
                assert_eq!(received.body["code"], "NeedLogin", "{provider}, {what}");
                let text = received.body.to_string();
                assert!(!text.contains(&app.webhook_secret), "{text}");
            }
            assert_eq!(server.dump(), before, "{provider}");
            // The same with the right one does something, so the comparison can fail.
            let received = send(&app.webhook.url, &entry.headers, &good, body).await;
            assert_eq!(received.status, 200, "{received:?}");
            assert_ne!(server.dump(), before, "{provider}");
            finished(&client, &received.task_id().expect("a task")).await;
        }
        server.stop().await;
    }
}

on_both! {
    async fn the_same_delivery_two_hundred_times_at_once_is_one_task(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let entry = entry("github/push_branch.json");
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let body = fs::read(folder().join(&entry.file)).expect("a payload");
        let signed = signature(Provider::Github, &app.webhook_secret, &body);
        let sends = (0..200).map(|_| send(&app.webhook.url, &entry.headers, &signed, body.clone()));
        let received = futures_util::future::join_all(sends).await;
        let tasks: std::collections::BTreeSet<String> =
            received.iter().map(|it| it.task_id().expect("a task").to_string()).collect();
        assert_eq!(tasks.len(), 1);
        assert!(received.iter().all(|it| it.status == 200 && it.body["success"] == true));
        let n_first = received.iter().filter(|it| it.body["data"]["isDuplicate"] == false).count();
        assert_eq!(n_first, 1);
        let page = client.list_tasks(&flowcd_model::task::TaskQuery::new(app.id.clone())).await.expect("tasks");
        assert_eq!(page.total_count, 1);
        server.stop().await;
    }
}

on_both! {
    async fn the_published_address_takes_webhooks_and_refuses_what_is_no_webhook(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let entry = entry("github/push_branch.json");
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let body = fs::read(folder().join(&entry.file)).expect("a payload");
        let signed = signature(Provider::Github, &app.webhook_secret, &body);
        let published = server.url(&format!("/api/common/webhookTriggered?app_id={}", app.id));
        let received = send(&published, &entry.headers, &signed, body.clone()).await;
        assert_eq!((received.status, received.body["success"] == true), (200, true), "{received:?}");

        let unknown = server.url("/api/hooks/0123456789abcdef");
        assert_eq!(send(&unknown, &entry.headers, &signed, body.clone()).await.status, 404);
        assert_eq!(send(&server.url("/api/hooks/..%2f"), &entry.headers, &signed, body.clone()).await.status, 404);
        let nameless = server.url("/api/common/webhookTriggered");
        assert_eq!(send(&nameless, &entry.headers, &signed, body.clone()).await.status, 400);
        assert_eq!(send(&app.webhook.url, &BTreeMap::new(), &signed, body.clone()).await.status, 400, "no event");
        let gitlab = self::entry("gitlab/push_branch.json").headers;
        assert_eq!(send(&app.webhook.url, &gitlab, &signed, body.clone()).await.status, 401, "another host's form");

        let mut headers = entry.headers.clone();
        headers.insert("x-github-delivery".to_owned(), "malformed".to_owned());
        let text = b"[1, 2".to_vec();
        let received = send(&app.webhook.url, &headers, &signature(Provider::Github, &app.webhook_secret, &text), text).await;
        assert_eq!(received.status, 400, "{received:?}");
        let received = http().get(&app.webhook.url).send().await.expect("an answer");
        assert_eq!(received.status().as_u16(), 405);
        server.stop().await;
    }
}

on_both! {
    async fn a_delivery_without_an_end_is_refused_with_bounded_memory(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database_url = database.fresh();
        let server = Process::start(&data, database_url.as_ref(), &[]);
        let client = server.client(&mint_token(&data, database_url.as_ref()));
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let endless = futures_util::stream::iter((0..1024).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024])));
        let request = http().post(format!("{}/api/hooks/{}", server.url, app.id))
            .header("x-github-event", "push")
            .header("x-hub-signature-256", format!("sha256={}", "0".repeat(64)))
            .body(reqwest::Body::wrap_stream(endless));
        match request.send().await {
            Ok(response) => assert_eq!(response.status().as_u16(), 413),
            // The server hangs up while the client still sends.
            Err(err) => assert!(!err.is_connect(), "{err}"),
        }
        assert!(server.peak_bytes() < 150 * 1024 * 1024, "{}", server.peak_bytes());
        assert!(client.get_application(&app.id).await.is_ok(), "it lives");
        drop(server);
    }
}

on_both! {
    async fn whoever_announces_much_and_sends_nothing_stands_in_nobodys_way(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let entry = entry("github/push_branch.json");
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let body = fs::read(folder().join(&entry.file)).expect("a payload");
        let signed = signature(Provider::Github, &app.webhook_secret, &body);
        let mut idle = Vec::new();
        for _ in 0..100 {
            let mut stream = tokio::net::TcpStream::connect(server.running.addr()).await.expect("a connection");
            let head = format!(
                "POST /api/hooks/{} HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=00\r\nContent-Length: 26214400\r\n\r\n{{",
                app.id
            );
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.expect("sent");
            idle.push(stream);
        }
        let received = send(&app.webhook.url, &entry.headers, &signed, body).await;
        assert_eq!((received.status, received.body["success"] == true), (200, true), "{received:?}");
        // None of them was given up for it.
        for stream in &idle {
            let mut byte = [0_u8; 1];
            assert!(stream.try_read(&mut byte).is_err(), "nothing has been answered yet");
        }
        drop(idle);
        server.stop().await;
    }
}

on_both! {
    async fn a_body_of_too_many_values_is_kept_as_failed_and_takes_little_memory(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database_url = database.fresh();
        let server = Process::start(&data, database_url.as_ref(), &[]);
        let client = server.client(&mint_token(&data, database_url.as_ref()));
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let headers = entry("github/push_branch.json").headers;
        let body = format!("{{\"a\":[{}0]}}", "{\"a\":0},".repeat(1_000_000)).into_bytes();
        let signed = signature(Provider::Github, &app.webhook_secret, &body);
        let url = format!("{}/api/hooks/{}", server.url, app.id);
        let received = send(&url, &headers, &signed, body).await;
        assert_eq!(received.status, 400, "{received:?}");
        assert!(received.body["message"].as_str().is_some_and(|it| it.contains("values")), "{received:?}");
        assert!(server.peak_bytes() < 200 * 1024 * 1024, "{}", server.peak_bytes());
        let page = client.list_deliveries(&flowcd_model::delivery::DeliveryQuery::new(app.id.clone())).await.expect("a list");
        assert_eq!(page.result.iter().map(|it| it.verdict).collect::<Vec<_>>(), [flowcd_model::delivery::Verdict::Failed]);
        drop(server);
    }
}

on_both! {
    async fn what_is_about_another_repository_is_skipped(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let entry = entry("github/push_branch.json");
        let body = fs::read(folder().join(&entry.file)).expect("a payload");
        for (n, (id, url, verdict)) in [
            (Some("4211"), "https://github.com/acme/renamed.git", "deployed"),
            (Some("99"), "https://github.com/other/repository.git", "skipped"),
            (None, "https://github.com/acme/shop.git", "deployed"),
            (None, "git@github.com:Acme/Shop.git", "deployed"),
            (None, "https://github.com/other/repository.git", "skipped"),
        ].into_iter().enumerate() {
            let new = NewApplication {
                trigger_spec: serde_json::from_value(json!({"github": {"push": {"branches": {"prefix": []}}}})).expect("a trigger"),
                provider: Provider::Github,
                provider_repo_id: id.map(str::to_owned),
                owner: format!("somebody-{n}"),
                ..application("something", url)
            };
            let app = client.create_application(&new).await.expect("made");
            let signed = signature(Provider::Github, &app.webhook_secret, &body);
            let received = send(&app.webhook.url, &entry.headers, &signed, body.clone()).await;
            assert_eq!(received.body["data"]["verdict"], verdict, "{id:?} {url}: {received:?}");
        }
        server.stop().await;
    }
}

on_both! {
    async fn unsigned_deliveries_without_end_are_told_to_wait_and_signed_ones_pass(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let entry = entry("github/push_branch.json");
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let body = fs::read(folder().join(&entry.file)).expect("a payload");
        let mut last = None;
        for _ in 0..200 {
            let received = send(&app.webhook.url, &entry.headers, &[], body.clone()).await;
            if received.status == 429 {
                last = Some(received);
                break;
            }
            assert_eq!(received.status, 401);
        }
        assert_eq!(last.expect("a limit").body["code"], "TooManyRequests");
        let signed = signature(Provider::Github, &app.webhook_secret, &body);
        assert_eq!(send(&app.webhook.url, &entry.headers, &signed, body).await.status, 200);
        server.stop().await;
    }
}
