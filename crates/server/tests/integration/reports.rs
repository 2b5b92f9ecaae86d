//! What Git hosts are told of deployments.

use std::{fs, path::Path, process::Stdio};

use flowcd_client::Client;
use flowcd_model::{
    application::Provider,
    id::{AppId, TaskId},
    task::TaskStatus,
};
use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "canary-token-of-a-git-host";
const STATUSES: &str = "POST /api/v3/repos/acme/demo/statuses/";

/// A host with a repository of this pipeline, the caller's account there, and an application for it.
async fn prepare(client: &Client, pipeline: &str) -> (Host, AppId, String) {
    let host = Host::start().await;
    host.give_account(client, Provider::Github, TOKEN).await;
    let repo = Repo::with_pipeline(pipeline);
    let commit = repo.git(&["rev-parse", "HEAD"]);
    host.serve(&repo);
    host.on(&format!("{STATUSES}{commit}"), 201, json!({"id": 1}));
    let app = client
        .create_application(&host.application(Provider::Github))
        .await
        .expect("made");
    (host, app.id, commit)
}

fn is_about(body: &Value, task: &TaskId) -> bool {
    body["target_url"]
        .as_str()
        .is_some_and(|url| url.ends_with(task.as_str()))
}

/// What the host was told of a task, as `state description`.
fn told(host: &Host, task: &TaskId) -> Vec<String> {
    let bodies = host.bodies(STATUSES).into_iter();
    bodies
        .filter(|body| is_about(body, task))
        .map(|body| {
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("state"), text("description"))
        })
        .collect()
}

/// Waits until the host was told this of a task.
async fn until_told(host: &Host, task: &TaskId, state: &str, description: &str) {
    let is_told = |asked: &[Asked]| {
        asked.iter().any(|it| {
            is_about(&it.body, task)
                && it.body["state"] == state
                && it.body["description"]
                    .as_str()
                    .is_some_and(|it| it.starts_with(description))
        })
    };
    host.until(&format!("{state} {description}"), is_told).await;
}

/// A pipe that the pipeline reads from: it goes on when the test writes to it.
fn gate(folder: &Path) -> String {
    let path = folder.join("gate");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo starts").success());
    path.display().to_string()
}

async fn open(gate: &str) {
    let gate = gate.to_owned();
    let opening = tokio::task::spawn_blocking(move || fs::write(gate, "go\n"));
    let opened = within("the step that waits", opening).await;
    opened.expect("no panic").expect("the pipe is written to");
}

on_both! {
    async fn a_deployment_is_told_from_its_beginning_to_its_end(database) {
        let server = Server::start_with(database, |config| config.runners = 1).await;
        let client = server.admin().await;
        let folder = tempfile::tempdir().expect("a folder");
        let gate = gate(folder.path());
        let (host, app, commit) = prepare(&client, &format!("steps:\n  - run: read line < {gate}\n")).await;
        let (first, second) = (dispatch(&client, &app).await, dispatch(&client, &app).await);
        until_told(&host, &second, "pending", "waiting for a runner").await;
        until_told(&host, &first, "pending", "running").await;
        open(&gate).await;
        until_told(&host, &first, "success", "succeeded after ").await;
        until_told(&host, &second, "pending", "running").await;
        open(&gate).await;
        until_told(&host, &second, "success", "succeeded after ").await;
        let states: Vec<String> = told(&host, &second).iter().map(|it| it.chars().take(16).collect()).collect();
        assert_eq!(states, ["pending waiting ", "pending running", "success succeede"]);
        for asked in host.asked().iter().filter(|it| it.what.starts_with(STATUSES)) {
            assert_eq!(asked.what, format!("{STATUSES}{commit}"));
            assert_eq!(asked.token, format!("authorization: Bearer {TOKEN}"));
            assert_eq!(asked.body["context"], format!("flowcd/demo/{app}"));
        }
        let urls: Vec<Value> = host.bodies(STATUSES).into_iter().map(|body| body["target_url"].clone()).collect();
        let url = server.url(&format!("/deployments/{second}"));
        assert!(urls.contains(&json!(url)), "{urls:?}");
        server.stop().await;
    }
}

on_both! {
    async fn a_failure_says_which_step_and_a_cancelled_task_that_it_was(database) {
        let server = Server::start_with(database, |config| config.runners = 1).await;
        let client = server.admin().await;
        let (host, app, _) = prepare(&client, "steps:\n  - run: 'true'\n  - name: Test\n    run: exit 3\n").await;
        let task = deploy(&client, &app).await;
        assert_eq!(task.status, TaskStatus::Failure);
        until_told(&host, &task.id, "failure", "step `Test` failed: exit code 3").await;

        let other = server.user("other").await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo up; sleep 1000\n");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let second = Host::start().await;
        second.give_account(&other, Provider::Github, TOKEN).await;
        second.serve(&repo);
        second.on(&format!("{STATUSES}{commit}"), 201, json!({"id": 1}));
        let app = other.create_application(&second.application(Provider::Github)).await.expect("made").id;
        let (running, waiting) = (dispatch(&other, &app).await, dispatch(&other, &app).await);
        follow_until(&other, &running, |followed| followed.log(1).contains("up")).await;
        other.cancel_task(&waiting).await.expect("accepted");
        until_told(&second, &waiting, "error", "cancelled").await;
        other.cancel_task(&running).await.expect("accepted");
        until_told(&second, &running, "error", "cancelled").await;
        server.stop().await;
    }
}

on_both! {
    async fn two_applications_for_one_repository_do_not_overwrite_each_other(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (host, app, _) = prepare(&client, "steps:\n  - run: 'true'\n").await;
        let other = server.user("other").await;
        host.give_account(&other, Provider::Github, "canary-token-of-another-user").await;
        let others = other.create_application(&host.application(Provider::Github)).await.expect("made").id;
        let (one, two) = (deploy(&client, &app).await, deploy(&other, &others).await);
        until_told(&host, &one.id, "success", "").await;
        until_told(&host, &two.id, "success", "").await;
        for asked in host.asked().iter().filter(|it| it.what.starts_with(STATUSES)) {
            let (app, token) = match is_about(&asked.body, &one.id) {
                true => (&app, TOKEN),
                false => (&others, "canary-token-of-another-user"),
            };
            assert_eq!(asked.body["context"], format!("flowcd/demo/{app}"));
            assert_eq!(asked.token, format!("authorization: Bearer {token}"));
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_host_that_is_down_holds_nothing_up_and_is_told_when_it_is_back(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (host, app, commit) = prepare(&client, "steps:\n  - run: 'true'\n").await;
        let down = (503, json!({}));
        host.on_each(&format!("{STATUSES}{commit}"), &[down.clone(), down, (201, json!({"id": 1}))]);
        let task = deploy(&client, &app).await;
        assert_eq!(task.status, TaskStatus::Success);
        // It has ended, and the host knows nothing yet: at most one attempt of two was made.
        assert!(told(&host, &task.id).iter().all(|it| !it.starts_with("success")));
        until_told(&host, &task.id, "success", "succeeded after ").await;
        server.stop().await;
    }
}

on_both! {
    async fn what_a_restart_comes_between_is_told_after_it(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (host, app, commit) = prepare(&client, "steps:\n  - run: 'true'\n").await;
        host.on_each(&format!("{STATUSES}{commit}"), &[(503, json!({})), (201, json!({"id": 1}))]);
        let task = deploy(&client, &app).await;
        host.until("the first attempt", |asked| asked.iter().any(|it| it.what.starts_with(STATUSES))).await;
        let server = server.restart().await;
        until_told(&host, &task.id, "success", "").await;
        server.stop().await;
    }
}

on_both! {
    async fn a_host_that_does_not_want_to_know_is_asked_no_more(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (host, app, commit) = prepare(&client, "steps:\n  - run: 'true'\n").await;
        host.on(&format!("{STATUSES}{commit}"), 404, json!({}));
        let refused = deploy(&client, &app).await;
        host.until("the refusal", |asked| asked.iter().any(|it| is_about(&it.body, &refused.id))).await;
        let metrics = async || http().get(server.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        within("the report is dropped", async {
            while !metrics().await.contains("flowcd_status_reports_total{outcome=\"dropped\"} 1") {}
        }).await;
        assert_eq!(server.running.store().next_status_report().await.expect("the database answers"), None);
        // The next task is told all the same.
        host.on(&format!("{STATUSES}{commit}"), 201, json!({"id": 1}));
        let taken = deploy(&client, &app).await;
        until_told(&host, &taken.id, "success", "").await;
        assert_eq!(told(&host, &refused.id).len(), 1);
        server.stop().await;
    }
}

on_both! {
    async fn a_token_is_in_no_answer_and_in_no_line_of_the_log(database) {
        let data = tempfile::tempdir().expect("a folder");
        let log = data.path().join("log");
        let file = fs::File::create(&log).expect("a file");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let listen = port.local_addr().expect("it has an address").to_string();
        drop(port);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flowcd-server"));
        command
            .args(["serve", "--allow-http-repos", "--log-filter", "trace", "--listen", &listen, "--data-dir"])
            .arg(data.path().join("data"))
            .env("FLOWCD_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .stdout(file.try_clone().map(Stdio::from).expect("a file"))
            .stderr(file);
        if let Some(url) = database.fresh() {
            use secrecy::ExposeSecret;
            command.env("FLOWCD_DATABASE_URL", url.expose_secret());
        }
        let mut server = command.spawn().expect("it starts");
        let url = format!("http://{listen}");
        within("the server", async {
            while !http().get(format!("{url}/readyz")).send().await.is_ok_and(|it| it.status() == 200) {}
        }).await;
        let client = Client::builder(&url).expect("a URL").build().expect("a client");
        let login = flowcd_model::user::Login { username: "admin".to_owned(), password: ADMIN_PASSWORD.to_owned() };
        let client = client.login(&login).await.expect("logged in");
        let (host, app, commit) = prepare(&client, "steps:\n  - run: 'true'\n").await;
        let talkative = json!({"message": format!("{TOKEN} is wrong")});
        for status in [401, 403, 422] {
            host.on("GET /api/v3/user", status, talkative.clone());
            host.on("GET /api/v3/user/repos", status, talkative.clone());
            let error = client.update_provider_token(&host.token(Provider::Github, TOKEN)).await.expect_err("refused");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            let error = client.list_host_repositories(Provider::Github, &Default::default()).await.expect_err("refused");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        host.on(&format!("{STATUSES}{commit}"), 422, talkative);
        let task = deploy(&client, &app).await;
        host.until("the refusal", |asked| asked.iter().any(|it| is_about(&it.body, &task.id))).await;
        let answers = format!("{:?} {:?} {:?}", client.get_user_info().await, client.list_applications().await, client.get_task(&task.id).await);
        assert!(!answers.contains("canary"), "{answers}");
        server.kill().expect("killed");
        server.wait().expect("gone");
        let log = fs::read_to_string(log).expect("the log");
        assert!(log.contains("Accepted task") && !log.contains("canary"), "{log}");
    }
}
