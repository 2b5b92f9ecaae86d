//! What is kept of deliveries, what is made of them, and how they are repeated and explained.

use std::{fs, process::Command};

use flowcd_client::Client;
use flowcd_model::{
    application::{ApplicationPatch, NewApplication, Provider},
    id::{AppId, TaskId},
    secret::Secret,
    task::{TaskQuery, TaskStatus, TriggerType},
};
use serde_json::{Value, json};

use crate::{
    git_http::{GitHttp, GitHttpOptions},
    support::*,
    webhook::{application_for_all, send, signature},
};

/// Calls an operation and answers its `data`.
async fn call(
    server: &Server,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Value {
    let answer = call_any(server, token, method, path, body).await;
    assert_eq!(answer.1["success"], true, "{path}: {answer:?}");
    answer.1["data"].clone()
}

async fn call_any(
    server: &Server,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let request = match method {
        "GET" => http().get(server.url(path)),
        _ => http().post(server.url(path)),
    };
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = request
        .header("cd_token", token)
        .send()
        .await
        .expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// A push as GitHub describes it, as short as it can be.
fn push(git_ref: &str, commit: &str, message: &str) -> Value {
    json!({
        "ref": git_ref, "before": "1".repeat(40), "after": commit, "deleted": false, "forced": false,
        "created": false,
        "head_commit": {"id": commit, "message": message, "added": [], "modified": ["src/a.rs"], "removed": []},
        "commits": [{"id": commit, "message": message, "added": [], "modified": ["src/a.rs"], "removed": []}],
        "pusher": {"name": "ann", "email": "ann@example.com"},
    })
}

/// Posts a GitHub-shaped event, signed.
async fn post(
    app: &flowcd_model::application::CreatedApplication,
    provider: Provider,
    event: &str,
    delivery: &str,
    body: &Value,
) -> crate::webhook::Received {
    let body = body.to_string().into_bytes();
    let signed = signature(provider, &app.webhook_secret, &body);
    let headers = [
        ("x-github-event".to_owned(), event.to_owned()),
        ("x-github-delivery".to_owned(), delivery.to_owned()),
        (
            "authorization".to_owned(),
            "Bearer canary-credential".to_owned(),
        ),
    ];
    send(&app.webhook.url, &headers.into(), &signed, body).await
}

async fn app_with(
    client: &Client,
    url: &str,
    trigger: Value,
) -> flowcd_model::application::CreatedApplication {
    let new = NewApplication {
        trigger_spec: serde_json::from_value(json!({ "git": trigger })).expect("a trigger"),
        ..application("demo", url)
    };
    client.create_application(&new).await.expect("made")
}

const NOWHERE: &str = "file:///nowhere/at/all";

on_both! {
    async fn a_repository_served_by_git_deploys_what_its_hook_posts(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let root = tempfile::tempdir().expect("a folder");
        let bare = root.path().join("demo.git");
        let served = GitHttp::start(GitHttpOptions::new(root.path())).await.expect("git is served");
        run("git", &["init", "--quiet", "--bare", "--initial-branch=main", bare.to_str().expect("UTF-8")]);
        let filter = json!({"events": [{"eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]"}]});
        let app = app_with(&client, &served.url("demo.git"), filter).await;
        // What git tells a hook: old, new and name of each ref.
        let answers = root.path().join("answers");
        let hook = format!(
            "#!/bin/sh\nwhile read -r old new name; do\n  \
               body=$(printf '{{\"ref\":\"%s\",\"before\":\"%s\",\"after\":\"%s\"}}' \"$name\" \"$old\" \"$new\")\n  \
               sum=$(printf %s \"$body\" | openssl dgst -sha256 -hmac '{secret}' | sed 's/.* //')\n  \
               printf %s \"$body\" | curl -sS -H 'X-GitHub-Event: push' -H \"X-GitHub-Delivery: $new$$\" \
                 -H \"X-Hub-Signature-256: sha256=$sum\" -H 'Content-Type: application/json' --data-binary @- {url} >> {answers}\n\
             done\n",
            secret = app.webhook_secret, url = app.webhook.url, answers = answers.display()
        );
        let path = bare.join("hooks/post-receive");
        fs::write(&path, hook).expect("a hook");
        run("chmod", &["+x", path.to_str().expect("UTF-8")]);
        let repo = Repo::with_pipeline("steps:\n  - run: echo \"$FLOWCD_COMMIT by $WHO\"\n    env:\n      WHO: ${{ git.event_name }}\n");
        repo.git(&["remote", "add", "origin", bare.to_str().expect("UTF-8")]);
        let commit = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["push", "--quiet", "origin", "main"]);
        let page = client.list_tasks(&TaskQuery::new(app.id.clone())).await.expect("tasks");
        assert_eq!(page.total_count, 1, "{}", fs::read_to_string(&answers).unwrap_or_default());
        let task = finished(&client, &page.result[0].id).await;
        assert_eq!((task.status, task.commit.as_str()), (TaskStatus::Success, commit.as_str()), "{task:#?}");
        assert_eq!(task.trigger_type, TriggerType::Git);
        assert_eq!(task.message.trim(), "First commit", "the repository tells what the hook does not");
        assert_eq!(String::from_utf8_lossy(&log_of(&client, &task.id, 1).await), format!("{commit} by push\n"));

        repo.git(&["switch", "--quiet", "--create", "dev"]);
        repo.commit(&[("a", "b")], "For later");
        repo.git(&["push", "--quiet", "origin", "dev"]);
        assert_eq!(client.list_tasks(&TaskQuery::new(app.id.clone())).await.expect("tasks").total_count, 1);
        let token = server.token("admin", -1).await;
        let list = call(&server, &token, "GET", &format!("/api/flow/deliveries/list?appId={}&limit=1", app.id), None).await;
        let delivery = &list["result"][0];
        assert_eq!((&delivery["verdict"], &delivery["ref"]), (&json!("skipped"), &json!("refs/heads/dev")));
        let explained = call(&server, &token, "POST", "/api/flow/trigger/explain", Some(json!({"deliveryId": delivery["id"]}))).await;
        let reason = explained["reason"].as_str().expect("a reason");
        assert!(reason.contains("the filter is false") && reason.contains("`body.ref` is `refs/heads/dev`"), "{reason}");
        assert_eq!(explained["verdict"], "skipped");
        server.stop().await;
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program)
        .args(args)
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}

on_both! {
    async fn the_answer_to_why_is_in_one_place(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let trigger = json!({
            "push": {"branches": {"prefix": [], "exclude": ["dev*"]}, "paths": ["src/**"], "paths-ignore": ["**/*.md"]},
            "events": [{"eventName": "push", "filter": "body.ref == 'refs/heads/release'", "template": "release.yaml"}],
        });
        let app = app_with(&client, NOWHERE, trigger).await;
        for (n, (git_ref, expected, n_tasks)) in [
            ("refs/heads/dev-1", "git.push.branches: Branch rules do not match (branch `dev-1` is excluded by `dev*`)", 0),
            ("refs/heads/dev-1", "git.events[0]: Event type mismatch (the filter is false: `body.ref` is `refs/heads/dev-1`)", 0),
            ("refs/heads/main", "git.push.branches: branch `main` matches `**`; `src/a.rs` has changed", 1),
            ("refs/heads/release", "git.events[0]: the filter holds", 2),
            ("refs/tags/v1", "git.push.tags: No tag rules configured", 0),
        ].into_iter().enumerate() {
            let received = post(&app, Provider::Git, "push", &format!("guid-{n}"), &push(git_ref, &"a".repeat(40), "m")).await;
            let reason = received.body["data"]["reason"].as_str().expect("a reason");
            assert!(reason.contains(expected), "{git_ref}: {reason}");
            assert_eq!(received.body["data"]["taskIds"].as_array().map(Vec::len), Some(n_tasks), "{git_ref}");
        }
        let token = server.token("admin", -1).await;
        let list = call(&server, &token, "GET", &format!("/api/flow/deliveries/list?appId={}", app.id), None).await;
        let deliveries = list["result"].as_array().expect("a list");
        assert_eq!(deliveries.len(), 5);
        assert!(deliveries.iter().all(|it| it.get("body").is_none() && it.get("headers").is_none()));
        let released = deliveries.iter().find(|it| it["ref"] == "refs/heads/release").expect("it is listed");
        assert_eq!(released["taskIds"].as_array().map(Vec::len), Some(2), "one task for each pipeline file");

        let whole = call(&server, &token, "GET", &format!("/api/flow/deliveries/get?deliveryId={}", released["id"].as_str().expect("an id")), None).await;
        assert_eq!(whole["headers"]["x-hub-signature-256"], "***");
        assert_eq!(whole["headers"]["authorization"], "***");
        assert!(whole["body"].as_str().is_some_and(|body| body.contains("refs/heads/release")));
        let text = whole.to_string();
        assert!(!text.contains(&app.webhook_secret) && !text.contains("canary-credential"), "{text}");
        let skipped = call(&server, &token, "GET", &format!("/api/flow/deliveries/list?appId={}&verdict=skipped", app.id), None).await;
        assert_eq!(skipped["result"].as_array().map(Vec::len), Some(3));
        // They are nobody else's business.
        server.user("eve").await;
        let eve = server.token("eve", -1).await;
        for path in [format!("/api/flow/deliveries/list?appId={}", app.id), format!("/api/flow/deliveries/get?deliveryId={}", whole["id"].as_str().expect("an id"))] {
            assert_eq!(call_any(&server, &eve, "GET", &path, None).await.0, 404);
        }
        for (path, body) in [
            ("/api/flow/deliveries/replay", json!({"deliveryId": whole["id"]})),
            ("/api/flow/trigger/explain", json!({"deliveryId": whole["id"]})),
            ("/api/flow/trigger/explain", json!({"appId": app.id, "payload": {"event": "push", "body": {}}})),
        ] {
            assert_eq!(call_any(&server, &eve, "POST", path, Some(body)).await.0, 404, "{path}");
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_replay_is_judged_by_the_rules_of_today(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let app = app_with(&client, NOWHERE, json!({"push": {"branches": {"precise": ["main"]}}})).await;
        let received = post(&app, Provider::Git, "push", "guid-1", &push("refs/heads/dev", &"a".repeat(40), "m")).await;
        assert_eq!(received.task_id(), None);
        let delivery = received.body["data"]["deliveryId"].clone();
        let patch = ApplicationPatch {
            trigger_spec: Some(serde_json::from_value(json!({"git": {"push": {"branches": {"precise": ["dev"]}}}})).expect("a trigger")),
            ..ApplicationPatch::new(app.id.clone())
        };
        client.update_application(&patch).await.expect("changed");
        let token = server.token("admin", -1).await;
        for _ in 0..2 {
            let replayed = call(&server, &token, "POST", "/api/flow/deliveries/replay", Some(json!({"deliveryId": delivery}))).await;
            assert_eq!((&replayed["verdict"], &replayed["isDuplicate"]), (&json!("deployed"), &json!(false)));
            let task: TaskId = replayed["taskId"].as_str().expect("a task").parse().expect("an id");
            let task = client.get_task(&task).await.expect("the task");
            assert_eq!((task.commit, task.git_ref.as_deref()), ("a".repeat(40), Some("refs/heads/dev")));
            assert_eq!(task.delivery_id.as_ref().map(|it| it.as_str()), replayed["deliveryId"].as_str());
        }
        // Still signed with the secret of before: a changed trigger does not change it.
        let received = post(&app, Provider::Git, "push", "guid-2", &push("refs/heads/dev", &"b".repeat(40), "m")).await;
        assert!(received.task_id().is_some(), "{received:?}");
        server.stop().await;
    }
}

on_both! {
    async fn a_delivery_that_was_missed_arrives_from_a_file_and_once(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let app = application_for_all(&client, Provider::Github, "shop").await;
        let server = server.restart().await;
        let client = server.client(&server.token("admin", -1).await);
        let app = flowcd_model::application::CreatedApplication {
            webhook: flowcd_model::application::Webhook { url: server.url(&format!("/api/hooks/{}", app.id)), ..app.webhook.clone() },
            ..app
        };
        let token = server.token("admin", -1).await;
        // The host could not reach us; its page shows headers and body of what it sent.
        let body = push("refs/heads/main", &"a".repeat(40), "m");
        let saved = json!({"appId": app.id, "payload": {"headers": {"X-GitHub-Event": "push", "X-GitHub-Delivery": "guid-1"}, "body": body}});
        let first = call(&server, &token, "POST", "/api/flow/deliveries/replay", Some(saved.clone())).await;
        assert_eq!((&first["verdict"], &first["isDuplicate"]), (&json!("deployed"), &json!(false)));
        let again = call(&server, &token, "POST", "/api/flow/deliveries/replay", Some(saved)).await;
        assert_eq!((&again["taskId"], &again["isDuplicate"]), (&first["taskId"], &json!(true)));
        // And the host sends it again, after all.
        let late = post(&app, Provider::Github, "push", "guid-1", &body).await;
        assert_eq!(late.body["data"]["taskId"], first["taskId"]);
        assert_eq!(client.list_tasks(&TaskQuery::new(app.id.clone())).await.expect("tasks").total_count, 1);
        server.stop().await;
    }
}

on_both! {
    async fn a_payload_without_an_id_is_judged_anew_each_time(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let app = app_with(&client, NOWHERE, json!({"push": {"branches": {"precise": ["main"]}}})).await;
        let token = server.token("admin", -1).await;
        let payload = json!({"appId": app.id, "payload": {"event": "push", "body": push("refs/heads/dev", &"a".repeat(40), "m")}});
        let replay = || call(&server, &token, "POST", "/api/flow/deliveries/replay", Some(payload.clone()));
        assert_eq!(replay().await["verdict"], "skipped");
        let patch = ApplicationPatch {
            trigger_spec: Some(serde_json::from_value(json!({"git": {"push": {"branches": {"precise": ["dev"]}}}})).expect("a trigger")),
            ..ApplicationPatch::new(app.id.clone())
        };
        client.update_application(&patch).await.expect("changed");
        for _ in 0..2 {
            let replayed = replay().await;
            assert_eq!((&replayed["verdict"], &replayed["isDuplicate"]), (&json!("deployed"), &json!(false)));
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_new_secret_takes_the_place_of_the_old_one(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let app = app_with(&client, NOWHERE, json!({"push": {"branches": {"prefix": []}}})).await;
        let refused = ApplicationPatch { webhook_secret: Some(Secret("***".to_owned())), ..ApplicationPatch::new(app.id.clone()) };
        let err = client.update_application(&refused).await.expect_err("it is refused").to_string();
        assert!(err.contains("webhook_secret"), "{err}");
        let patch = ApplicationPatch { webhook_secret: Some(Secret("canary-of-today".to_owned())), ..ApplicationPatch::new(app.id.clone()) };
        client.update_application(&patch).await.expect("changed");
        let body = push("refs/heads/main", &"a".repeat(40), "m");
        assert_eq!(post(&app, Provider::Git, "push", "guid-1", &body).await.status, 401);
        let app = flowcd_model::application::CreatedApplication { webhook_secret: "canary-of-today".to_owned(), ..app };
        assert!(post(&app, Provider::Git, "push", "guid-1", &body).await.task_id().is_some());
        let shown = serde_json::to_string(&client.get_application(&app.id).await.expect("the application")).expect("JSON");
        assert!(!shown.contains("canary") && shown.contains("\"secret\":\"***\""), "{shown}");
        server.stop().await;
    }
}

on_both! {
    async fn explain_keeps_nothing_and_needs_no_application(database) {
        let server = Server::start(database).await;
        server.admin().await;
        let token = server.token("admin", -1).await;
        let explain = |body: Value| call_any(&server, &token, "POST", "/api/flow/trigger/explain", Some(body));
        let trigger = json!({"gitlab": {"push": {"branches": {"precise": ["main"]}}}});
        let payload = json!({"event": "push", "body": {"ref": "refs/heads/main", "after": "a".repeat(40), "checkout_sha": "a".repeat(40)}});
        let (status, answer) = explain(json!({"triggerSpec": trigger, "payload": payload})).await;
        assert_eq!(status, 200, "{answer}");
        let data = &answer["data"];
        assert_eq!((&data["verdict"], &data["pipelineFiles"], &data["hasSecrets"]), (&json!("deployed"), &json!(["serverless-pipeline.yaml"]), &json!(true)));
        for (body, status, part) in [
            (json!({}), 422, "appId"),
            (json!({"triggerSpec": trigger}), 422, "payload"),
            (json!({"triggerSpec": {"gitlab": {"push": {"branches": {"include": ["a/[z-a]"]}}}}, "payload": payload}), 422, "trigger_spec.gitlab.push.branches.include[0]"),
            (json!({"triggerSpec": trigger, "payload": {"event": "push", "body": {}}}), 422, "body.ref"),
            (json!({"triggerSpec": trigger, "payload": {"body": {}}}), 422, "x-gitlab-event"),
            (json!({"appId": AppId::generate(), "payload": payload}), 404, "no application"),
        ] {
            let (got, answer) = explain(body.clone()).await;
            assert_eq!(got, status, "{body}: {answer}");
            assert!(answer["message"].as_str().is_some_and(|message| message.contains(part)), "{body}: {answer}");
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_filter_that_cannot_be_read_is_refused_when_it_is_saved_and_one_that_fails_is_told(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let new = NewApplication {
            trigger_spec: serde_json::from_value(json!({"git": {"events": [{"eventName": "push", "filter": "body.ref === 'x'"}]}})).expect("a trigger"),
            ..application("demo", NOWHERE)
        };
        let err = client.create_application(&new).await.expect_err("it is refused").to_string();
        assert!(err.contains("trigger_spec.git.events[0].filter") && err.contains("`===`"), "{err}");
        let app = app_with(&client, NOWHERE, json!({"events": [{"eventName": "push", "filter": "body.ref % {}"}]})).await;
        let received = post(&app, Provider::Git, "push", "guid-1", &push("refs/heads/main", &"a".repeat(40), "m")).await;
        assert_eq!((received.status, &received.body["success"]), (200, &json!(false)), "{received:?}");
        server.stop().await;
    }
}

on_both! {
    async fn code_from_a_fork_runs_without_secrets_and_its_redeployment_too(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo \"[$S] ${{ git.pull_request.number }}\"\n    env:\n      S: ${{ secrets.KEY }}\n");
        repo.git(&["switch", "--quiet", "--create", "side"]);
        let commit = repo.commit(&[("a", "b")], "Contribute");
        repo.git(&["update-ref", "refs/pull/7/head", &commit]);
        repo.git(&["switch", "--quiet", "main"]);
        repo.git(&["branch", "--quiet", "-D", "side"]);
        let trigger = json!({"pull_request": {"branches": {"include": [{"target": "main"}]}}});
        let pull_request = |head: i64| json!({
            "action": "opened", "number": 7,
            "pull_request": {
                "number": 7, "title": "Contribute", "merged": false, "merge_commit_sha": null,
                "head": {"ref": "patch", "sha": commit, "repo": {"id": head, "full_name": format!("r{head}/demo")}},
                "base": {"ref": "main", "sha": "1".repeat(40), "repo": {"id": 1, "full_name": "acme/demo"}},
            },
            "repository": {"id": 1, "full_name": "acme/demo", "clone_url": "https://example.com/acme/demo.git"},
            "sender": {"login": "eve"},
        });
        for (n, (head, is_allowed, log)) in [(2, false, "[] 7\n"), (1, false, "[***] 7\n"), (2, true, "[***] 7\n")].into_iter().enumerate() {
            let new = NewApplication {
                trigger_spec: serde_json::from_value(json!({ "git": trigger })).expect("a trigger"),
                secrets: flowcd_model::secret::Secrets([("KEY".to_owned(), "canary-of-the-app".to_owned())].into()),
                fork_secrets: is_allowed,
                provider_repo_id: Some(format!("demo-{n}")),
                ..application("demo", &repo.url())
            };
            let app = client.create_application(&new).await.expect("made");
            let received = post(&app, Provider::Git, "pull_request", "guid-1", &pull_request(head)).await;
            let task = finished(&client, &received.task_id().unwrap_or_else(|| panic!("{received:?}"))).await;
            assert_eq!((task.status, task.is_fork, task.commit.as_str()), (TaskStatus::Success, head == 2, commit.as_str()), "{task:#?}");
            assert_eq!(task.git_ref.as_deref(), Some("refs/pull/7/head"));
            assert_eq!(String::from_utf8_lossy(&log_of(&client, &task.id, 1).await), log, "{head} {is_allowed}");
            let again = client.redeploy_task(&task.id).await.expect("accepted");
            let again = finished(&client, &again.task_id).await;
            assert_eq!(again.is_fork, head == 2);
            assert_eq!(String::from_utf8_lossy(&log_of(&client, &again.id, 1).await), log, "{head} {is_allowed}");
        }
        server.stop().await;
    }
}

on_both! {
    async fn an_event_without_a_commit_deploys_what_its_ref_points_to(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo \"$FLOWCD_COMMIT\"\n");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["tag", "--annotate", "--message", "First", "v1"]);
        let app = app_with(&client, &repo.url(), json!({"events": [{"eventName": "release", "filter": "body.action == 'published'"}]})).await;
        let release = json!({"action": "published", "release": {"tag_name": "v1", "name": "One"}, "repository": {"id": 1, "full_name": "acme/demo", "default_branch": "main"}, "sender": {"login": "ann"}});
        let received = post(&app, Provider::Git, "release", "guid-1", &release).await;
        let task = finished(&client, &received.task_id().unwrap_or_else(|| panic!("{received:?}"))).await;
        assert_eq!((task.status, task.commit.as_str(), task.git_ref.as_deref()), (TaskStatus::Success, commit.as_str(), Some("refs/tags/v1")), "{task:#?}");
        let gone = json!({"action": "published", "release": {"tag_name": "v9", "name": "None"}, "repository": {"id": 1, "full_name": "acme/demo"}, "sender": {"login": "ann"}});
        let received = post(&app, Provider::Git, "release", "guid-2", &gone).await;
        let task = finished(&client, &received.task_id().unwrap_or_else(|| panic!("{received:?}"))).await;
        assert_eq!(task.status, TaskStatus::Failure);
        assert!(task.error.as_deref().is_some_and(|error| error.contains("has no `refs/tags/v9`")), "{task:#?}");
        server.stop().await;
    }
}
