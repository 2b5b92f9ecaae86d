//! Looks at repositories: what is pushed without a webhook is deployed, and what is told twice is deployed once.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flowcd_client::Client;
use flowcd_model::{
    application::{Application, CreatedApplication},
    delivery::{Delivered, Delivery, DeliveryKind, Verdict},
    envelope::Code,
    id::AppId,
    task::{TaskQuery, TaskStatus, TriggerType},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::support::*;

const MAIN: &str = "refs/heads/main";
const PIPELINE: &str = "steps:\n  - run: git rev-parse HEAD\n";

/// An application whose repository is looked at, and deployed whatever is pushed.
async fn polled(client: &Client, repo: &Repo) -> CreatedApplication {
    polled_with(client, repo, json!({"events": [{"eventName": "push"}]})).await
}

async fn polled_with(client: &Client, repo: &Repo, trigger: Value) -> CreatedApplication {
    let mut new = application("demo", &repo.url());
    new.trigger_spec = serde_json::from_value(json!({ "git": trigger })).expect("a trigger");
    // A day, so that it is only looked at when a test wants it.
    new.poll_seconds = Some(86_400);
    let created = client.create_application(&new).await.expect("made");
    looked(client, &created.id, None).await;
    created
}

/// Waits for the end of a look that is not the one that ended at `before`.
async fn looked(client: &Client, app: &AppId, before: Option<i64>) -> Application {
    until("a look at the repository", async || {
        let application = client.get_application(app).await.expect("it is there");
        let time = application.polled_time.map(|time| time.0);
        (time.is_some() && time != before).then_some(application)
    })
    .await
}

/// Has the server look now, and waits for the end of that.
async fn look(server: &Server, client: &Client, app: &AppId) -> Application {
    let before = client
        .get_application(app)
        .await
        .expect("it is there")
        .polled_time;
    server.beside().execute(&format!(
        "UPDATE applications SET poll_time = 0 WHERE id = '{app}'"
    ));
    looked(client, app, before.map(|time| time.0)).await
}

async fn n_tasks(client: &Client, app: &AppId) -> i64 {
    let tasks = client.list_tasks(&TaskQuery::new(app.clone())).await;
    tasks.expect("the list").total_count
}

/// Sends a push as the hook of a plain repository does: in GitHub's form.
async fn send_push(server: &Server, app: &CreatedApplication, commit: &str, id: &str) -> Delivered {
    let body =
        json!({"ref": MAIN, "after": commit, "head_commit": {"id": commit, "message": "Told"}});
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(app.webhook_secret.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    let signature = mac.finalize().into_bytes();
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = http()
        .post(server.url(&format!("/api/hooks/{}", app.id)))
        .header("x-github-event", "push")
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    serde_json::from_value(answer["data"].clone()).expect("what was made of it")
}

fn facts(delivery: &Delivery) -> (DeliveryKind, Verdict, Option<&str>, Option<&str>) {
    let Delivery {
        kind,
        verdict,
        git_ref,
        commit,
        ..
    } = delivery;
    (*kind, *verdict, git_ref.as_deref(), commit.as_deref())
}

on_both! {
    async fn what_is_there_when_looking_begins_stays_and_what_is_pushed_then_is_deployed_once(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let app = polled(&client, &repo).await.id;
        look(&server, &client, &app).await;
        assert_eq!(deliveries(&client, &app).await, []);

        let commit = repo.commit(&[("a", "1")], "Say hello\n\nTwice.");
        look(&server, &client, &app).await;
        let delivery = deliveries(&client, &app).await.remove(0);
        assert_eq!(facts(&delivery), (DeliveryKind::Poll, Verdict::Deployed, Some(MAIN), Some(commit.as_str())));
        assert_eq!(delivery.rules[0].rule, "git.events[0]");
        let followed = follow(&client, &delivery.task_ids[0]).await;
        let task = client.get_task(&delivery.task_ids[0]).await.expect("the task");
        assert_success(&task, &followed);
        assert!(followed.log(1).contains(&commit), "{}", followed.log(1));
        assert_eq!((task.trigger_type, task.git_ref.as_deref(), task.commit.as_str()), (TriggerType::Poll, Some(MAIN), commit.as_str()));
        assert_eq!(task.message, "Say hello\n\nTwice.", "the checkout brings it");

        repo.git(&["branch", "other"]);
        look(&server, &client, &app).await;
        let found = deliveries(&client, &app).await;
        assert_eq!(facts(&found[1]), (DeliveryKind::Poll, Verdict::Deployed, Some("refs/heads/other"), Some(commit.as_str())));
        finished(&client, &found[1].task_ids[0]).await;
        repo.git(&["branch", "-D", "other"]);
        look(&server, &client, &app).await;
        look(&server, &client, &app).await;
        assert_eq!(n_tasks(&client, &app).await, 2, "a branch that is gone deploys nothing");
        server.stop().await;
    }
}

on_both! {
    async fn a_branch_that_comes_back_to_an_old_commit_is_deployed_again(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let first = repo.git(&["rev-parse", "HEAD"]);
        let app = polled(&client, &repo).await.id;
        let second = repo.commit(&[("a", "1")], "Second");
        let mut expected = Vec::new();
        for commit in [&second, &first, &second, &first] {
            repo.git(&["reset", "--quiet", "--hard", commit]);
            look(&server, &client, &app).await;
            expected.push(commit.clone());
            let found = deliveries(&client, &app).await;
            let commits: Vec<String> = found.into_iter().filter_map(|it| it.commit).collect();
            assert_eq!(commits, expected);
        }
        assert_eq!(n_tasks(&client, &app).await, 4);
        server.stop().await;
    }
}

on_both! {
    async fn a_push_that_both_a_webhook_and_a_look_tell_of_is_deployed_once(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let app = polled(&client, &repo).await;

        let commit = repo.commit(&[("a", "1")], "Told first");
        let told = send_push(&server, &app, &commit, "guid-1").await;
        assert_eq!((told.verdict, told.is_duplicate), (Verdict::Deployed, false));
        look(&server, &client, &app.id).await;
        assert_eq!(deliveries(&client, &app.id).await.len(), 1);

        let commit = repo.commit(&[("a", "2")], "Found first");
        look(&server, &client, &app.id).await;
        let found = deliveries(&client, &app.id).await.remove(1);
        assert_eq!(facts(&found), (DeliveryKind::Poll, Verdict::Deployed, Some(MAIN), Some(commit.as_str())));
        for id in ["guid-2", "guid-2", "guid-3"] {
            let told = send_push(&server, &app, &commit, id).await;
            assert_eq!((told.delivery_id, told.is_duplicate, told.task_ids), (found.id.clone(), true, found.task_ids.clone()));
        }
        assert_eq!(n_tasks(&client, &app.id).await, 2);
        server.stop().await;
    }
}

on_both! {
    async fn a_push_while_no_server_runs_is_found_after_the_start(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let app = polled(&client, &repo).await.id;
        let mut commit = String::new();
        let server = server.restart_after(|| commit = repo.commit(&[("a", "1")], "Unheard")).await;
        let client = server.admin().await;
        let delivery = n_deliveries(&client, &app, 1).await.remove(0);
        assert_eq!(facts(&delivery), (DeliveryKind::Poll, Verdict::Deployed, Some(MAIN), Some(commit.as_str())));
        assert_eq!(finished(&client, &delivery.task_ids[0]).await.status, TaskStatus::Success);

        // A server that dies after it has deployed and before it remembers: the next look finds the same.
        let old = repo.git(&["rev-parse", "HEAD~"]);
        let beside = server.beside();
        let server = server
            .restart_after(|| {
                let refs = json!({ MAIN: old });
                beside.execute(&format!("UPDATE polled_refs SET refs = '{refs}' WHERE app_id = '{app}'"));
            })
            .await;
        let client = server.admin().await;
        until("the look after the start", async || {
            let refs = server.running.store().polled_refs(&app).await.expect("no error");
            refs.filter(|refs| refs.get(MAIN) == Some(&commit))
        })
        .await;
        assert_eq!(n_tasks(&client, &app).await, 1);
        server.stop().await;
    }
}

on_both! {
    async fn rules_and_filters_hold_for_what_is_found(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let first = repo.git(&["rev-parse", "HEAD"]);
        let filter = format!(
            "body.ref == 'refs/heads/main' && body.before == '{first}' && body.repository.full_name == 'acme/demo'"
        );
        let trigger = json!({"events": [{"eventName": "push", "filter": filter}], "push": {"tags": {"precise": [], "prefix": ["v"], "include": [], "exclude": []}}});
        let app = polled_with(&client, &repo, trigger).await.id;
        let second = repo.commit(&[("a", "1")], "Second");
        repo.git(&["branch", "other"]);
        repo.git(&["tag", "-a", "v1", "-m", "Version 1"]);
        repo.git(&["tag", "w1"]);
        look(&server, &client, &app).await;
        let mut found = deliveries(&client, &app).await;
        found.sort_by(|one, other| one.git_ref.cmp(&other.git_ref));
        let expected = [
            (MAIN, Verdict::Deployed),
            ("refs/heads/other", Verdict::Skipped),
            // The commit, and not the tag.
            ("refs/tags/v1", Verdict::Deployed),
            ("refs/tags/w1", Verdict::Skipped),
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (delivery, (git_ref, verdict)) in found.iter().zip(expected) {
            assert_eq!(facts(delivery), (DeliveryKind::Poll, verdict, Some(git_ref), Some(second.as_str())), "{}", delivery.reason);
        }
        assert!(found[1].reason.contains("`body.ref` is `refs/heads/other`"), "{}", found[1].reason);
        let task = finished(&client, &found[2].task_ids[0]).await;
        assert_eq!((task.status, task.commit), (TaskStatus::Success, second));
        server.stop().await;
    }
}

on_both! {
    async fn a_repository_that_does_not_answer_is_a_problem_until_it_does(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let app = polled(&client, &repo).await.id;
        let (here, away) = (repo.path().to_owned(), repo.path().with_extension("away"));
        fs::rename(&here, &away).expect("moved away");
        let problem = look(&server, &client, &app).await.poll_problem.expect("a problem");
        assert!(problem.contains("does not exist or is hidden"), "{problem}");
        fs::rename(&away, &here).expect("moved back");
        let commit = repo.commit(&[("a", "1")], "Meanwhile");
        assert_eq!(look(&server, &client, &app).await.poll_problem, None);
        let found = deliveries(&client, &app).await;
        assert_eq!(facts(&found[0]), (DeliveryKind::Poll, Verdict::Deployed, Some(MAIN), Some(commit.as_str())));
        server.stop().await;
    }
}

on_both! {
    async fn how_often_to_look_has_its_limits(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let mut new = application("demo", &repo.url());
        for seconds in [-1, 1, 29, 86_401] {
            new.poll_seconds = Some(seconds);
            let error = client.create_application(&new).await.expect_err("refused");
            assert_eq!((error.code(), error.status()), (Some(Code::Invalid), Some(422)), "{seconds}");
        }
        new.poll_seconds = Some(30);
        let app = client.create_application(&new).await.expect("made").id;
        looked(&client, &app, None).await;
        let body = Bytes::from(json!({"appId": app, "poll_seconds": 5}).to_string());
        let error = client.raw("POST", "application/update", Some(body)).await.expect_err("refused");
        assert_eq!(error.code(), Some(Code::Invalid), "{error}");
        server.stop().await;
    }
}

on_both! {
    async fn a_host_that_hangs_keeps_nobody_from_being_looked_at_or_from_stopping(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(PIPELINE);
        let app = polled(&client, &repo).await.id;
        // Connections are taken, and nobody ever answers them.
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("its address");
        for n in 0..4 {
            let mut new = application(&format!("hangs-{n}"), &format!("http://{address}/hangs"));
            new.poll_seconds = Some(30);
            client.create_application(&new).await.expect("made");
        }
        within("a look at the silent host", silent.accept()).await.expect("a connection");
        for n in 1..=3 {
            repo.commit(&[("a", &n.to_string())], "Push");
            look(&server, &client, &app).await;
            assert_eq!(n_tasks(&client, &app).await, n);
        }
        let began = Instant::now();
        server.stop().await;
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        let left: Vec<String> = fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|arguments| arguments.contains(&address.to_string()))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
}
