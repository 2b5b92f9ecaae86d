//! What a dispatch accepts, refuses, and does only once.

use std::collections::BTreeMap;

use flowcd_client::IdempotencyKey;
use flowcd_model::{envelope::Code, id::TaskId, repository::NamedCommit, task::TaskQuery};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::*;

on_both! {
    async fn two_hundred_dispatches_with_one_key_make_one_task(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let app = create_app(&client, &repo).await;
        let token = server.token("admin", -1).await;
        let http = http();
        let call = || {
            let body = json!({"appId": app, "ref": "refs/heads/main"});
            http.post(server.url("/api/flow/dispatch/manual")).header("cd_token", &token).header("Idempotency-Key", "one-key").json(&body).send()
        };
        let answers = join_all((0..200).map(|_| call())).await;
        let mut statuses = BTreeMap::new();
        let mut tasks = Vec::new();
        for answer in answers {
            let answer = answer.expect("an answer");
            *statuses.entry(answer.status().as_u16()).or_insert(0) += 1;
            if answer.status().is_success() {
                let body: serde_json::Value = answer.json().await.expect("JSON");
                tasks.push(body["data"]["taskId"].as_str().expect("a task id").to_owned());
            } else {
                assert_eq!(answer.status(), 409);
                assert!(answer.headers().contains_key("retry-after"));
            }
        }
        assert!(!tasks.is_empty(), "{statuses:?}");
        tasks.dedup();
        assert_eq!(tasks.len(), 1, "{statuses:?}");
        assert_eq!(client.list_tasks(&TaskQuery::new(app.clone())).await.expect("the list").total_count, 1);
        // Later, the same call answers the first result and says so; another one with the key is refused.
        let replay = call().await.expect("an answer");
        assert_eq!(replay.headers()["idempotent-replayed"], "true");
        let other = http.post(server.url("/api/flow/dispatch/manual")).header("cd_token", &token).header("Idempotency-Key", "one-key")
            .json(&json!({"appId": app, "ref": "refs/heads/main", "message": "other"})).send().await.expect("an answer");
        assert_eq!(other.status(), 422);
        let task: TaskId = tasks[0].parse().expect("an id");
        finished(&client, &task).await;
        server.stop().await;
    }
}

on_both! {
    async fn a_key_belongs_to_its_user(database) {
        let server = Server::start(database).await;
        let (one, other) = (server.admin().await, server.user("other").await);
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let key = IdempotencyKey::new("shared-key").expect("a key");
        let new = application("demo", &repo.url());
        let first = one.create_application_with_key(&new, key.clone()).await.expect("made");
        let again = one.create_application_with_key(&new, key.clone()).await.expect("replayed");
        assert_eq!((first.id.clone(), first.webhook_secret), (again.id, again.webhook_secret));
        let of_other = other.create_application_with_key(&new, key.clone()).await.expect("made");
        assert_ne!(first.id, of_other.id);
        server.stop().await;
    }
}

on_both! {
    async fn branches_tags_and_commits_are_deployed_as_named(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let pipeline = "steps:\n  - run: echo \"${{ git.ref }} ${{ git.branch }} ${{ git.tag }} $(git rev-parse HEAD)\"\n";
        let repo = Repo::with_pipeline(pipeline);
        let old = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["tag", "--annotate", "--message", "release", "v1"]);
        let new = repo.commit(&[("file", "x")], "Second commit");
        let app = create_app(&client, &repo).await;
        let check = async |git_ref: &str, commit: Option<&str>, expected: String| {
            let mut call = manual(&app, git_ref);
            call.commit_id = commit.map(str::to_owned);
            let task = client.dispatch_task(&call).await.expect("accepted").task_id;
            let followed = follow(&client, &task).await;
            assert_eq!(followed.log(1), expected);
        };
        check("refs/heads/main", None, format!("refs/heads/main main  {new}\n")).await;
        check("refs/tags/v1", None, format!("refs/tags/v1  v1 {old}\n")).await;
        check("refs/heads/main", Some(&old), format!("refs/heads/main main  {old}\n")).await;
        server.stop().await;
    }
}

on_both! {
    async fn what_can_be_deployed_is_listed_with_its_commits(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let old = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["tag", "--annotate", "--message", "release", "v1.9"]);
        let new = repo.commit(&[("file", "x")], "Second commit");
        repo.git(&["tag", "v1.10"]);
        repo.git(&["branch", "a/topic", &old]);
        let app = create_app(&client, &repo).await;
        let refs = client.list_refs(&app).await.expect("the refs");
        let pairs = |list: &[NamedCommit]| list.iter().map(|it| (it.name.clone(), it.commit.clone())).collect::<Vec<_>>();
        let pair = |name: &str, commit: &String| (name.to_owned(), commit.clone());
        assert_eq!(refs.default_branch.as_deref(), Some("main"));
        assert_eq!(pairs(&refs.branches), [pair("main", &new), pair("a/topic", &old)]);
        assert_eq!(pairs(&refs.tags), [pair("v1.10", &new), pair("v1.9", &old)]);
        assert_eq!((refs.total_branches, refs.total_tags), (2, 2));

        let gone = client.create_application(&application("gone", "file:///no/such/repository")).await.expect("made").id;
        let error = client.list_refs(&gone).await.expect_err("there is no such repository");
        assert_eq!(error.code(), Some(Code::Invalid), "{error}");
        let away = client.create_application(&application("away", "http://127.0.0.1:1/away.git")).await.expect("made").id;
        let answer = http().get(server.url(&format!("/api/flow/application/refs?appId={away}"))).header("cd_token", server.token("admin", -1).await).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
        server.stop().await;
    }
}

on_both! {
    async fn a_dispatch_that_cannot_work_is_refused_and_says_what_to_change(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let app = create_app(&client, &repo).await;
        let token = server.token("admin", -1).await;
        let check = async |body: serde_json::Value, status: u16, field: Option<&str>| {
            let answer = http().post(server.url("/api/flow/dispatch/manual")).header("cd_token", &token).json(&body).send().await.expect("an answer");
            let got = answer.status().as_u16();
            let problem: serde_json::Value = answer.json().await.expect("JSON");
            assert_eq!((got, problem["field"].as_str()), (status, field), "{body} {problem}");
            assert_eq!(problem["success"], json!(false));
            assert!(problem["requestId"].is_string());
        };
        check(json!({"ref": "refs/heads/main"}), 400, Some("appId")).await;
        check(json!({"appId": app}), 400, Some("ref")).await;
        check(json!({"appId": 7, "ref": "refs/heads/main"}), 400, Some("appId")).await;
        check(json!({"appId": app, "ref": "main"}), 422, Some("ref")).await;
        check(json!({"appId": app, "ref": "refs/heads/-h"}), 422, Some("ref")).await;
        check(json!({"appId": app, "ref": "refs/heads/../x"}), 422, Some("ref")).await;
        check(json!({"appId": app, "ref": "refs/heads/absent"}), 422, Some("ref")).await;
        check(json!({"appId": app, "ref": "refs/heads/main", "commitId": "abc"}), 422, Some("commitId")).await;
        check(json!({"appId": app, "ref": "refs/heads/main", "inputs": 3}), 400, Some("inputs")).await;
        check(json!({"appId": "aaaaaaaaaaaaaaaa", "ref": "refs/heads/main"}), 404, None).await;
        assert_eq!(client.list_tasks(&TaskQuery::new(app)).await.expect("the list").total_count, 0);
        let error = client.redeploy_task(&"aaaaaaaaaaaaaaaa".parse().expect("an id")).await.expect_err("no such task");
        assert_eq!(error.code(), Some(Code::NotFound));
        server.stop().await;
    }
}
