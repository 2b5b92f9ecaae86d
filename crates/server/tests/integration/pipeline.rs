//! What the pipeline language adds to a deployment: declared inputs, debug runs, summaries, caches.

use std::fs;

use flowcd_client::Client;
use flowcd_model::{
    dispatch::Inputs,
    id::AppId,
    pipeline::{InputType, PipelineQuery},
    task::{TaskQuery, TaskStatus},
};
use serde_json::{Value, json};

use crate::support::*;

const DECLARED: &str = "inputs:\n  target: {type: choice, options: [staging, production], required: true}\n  replicas: {type: number, default: 2}\nsteps:\n  - run: echo ${{ target }} ${{ replicas }}\n";

fn inputs(value: Value) -> Option<Inputs> {
    value.as_object().cloned()
}

/// What a dispatch of `main` with these inputs is refused for: the field and the message.
async fn refusal(client: &Client, app: &AppId, given: Value) -> (String, String) {
    let mut call = manual(app, "refs/heads/main");
    call.inputs = inputs(given);
    let error = client
        .dispatch_task(&call)
        .await
        .expect_err("it is refused");
    let api = error.api().expect("an answer of the server");
    assert_eq!(api.status, 422, "{api:?}");
    (api.field.clone().unwrap_or_default(), api.message.clone())
}

on_both! {
    async fn inputs_are_checked_at_dispatch_where_the_pipeline_is_at_hand(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(DECLARED);
        let app = create_app(&client, &repo).await;
        // Nobody has fetched the repository yet, so the task itself finds out.
        let mut call = manual(&app, "refs/heads/main");
        call.inputs = inputs(json!({"target": "moon"}));
        let task = client.dispatch_task(&call).await.expect("accepted").task_id;
        let task = finished(&client, &task).await;
        assert_eq!(task.status, TaskStatus::Failure);
        let set_up = &task.steps.as_deref().expect("steps")[0];
        assert!(set_up.error.as_deref().is_some_and(|error| error.contains("target")), "{set_up:?}");

        for (given, field, part) in [
            (json!({"target": "moon"}), "inputs.target", "staging"),
            (json!({}), "inputs.target", "target"),
            (json!({"target": "staging", "replicas": "many"}), "inputs.replicas", "number"),
            (json!({"target": "staging", "replica": 3}), "inputs.replica", "replicas"),
        ] {
            let (at, message) = refusal(&client, &app, given.clone()).await;
            assert_eq!(at, field, "{given}: {message}");
            assert!(message.contains(field) && message.contains(part), "{given}: {message}");
        }
        // Both are told.
        let (_, message) = refusal(&client, &app, json!({"target": "moon", "replicas": "many"})).await;
        assert!(message.contains("inputs.target") && message.contains("inputs.replicas"), "{message}");
        let n_tasks = client.list_tasks(&TaskQuery::new(app.clone())).await.expect("the list").total_count;
        assert_eq!(n_tasks, 1, "what is refused leaves nothing behind");

        // What is right is kept as it was given, and the engine makes it whole.
        call.inputs = inputs(json!({"target": "staging", "replicas": "3"}));
        let task = client.dispatch_task(&call).await.expect("accepted").task_id;
        let followed = follow(&client, &task).await;
        assert_eq!(followed.log(1), "staging 3\n");
        let task = client.get_task(&task).await.expect("the task");
        assert_eq!(task.inputs, inputs(json!({"target": "staging", "replicas": "3"})).expect("inputs"));
        server.stop().await;
    }
}

on_both! {
    async fn declared_inputs_are_told_where_the_pipeline_is_at_hand(database) {
        let server = Server::start(database).await;
        let (client, other) = (server.admin().await, server.user("other").await);
        let repo = Repo::with_pipeline(DECLARED);
        let app = create_app(&client, &repo).await;
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let query = |app: &AppId, commit_id: Option<&str>| PipelineQuery {
            app_id: app.clone(),
            git_ref: "refs/heads/main".to_owned(),
            commit_id: commit_id.map(str::to_owned),
        };
        let told = client.get_pipeline(&query(&app, None)).await.expect("an answer");
        assert_eq!((told.commit.as_str(), told.inputs), (commit.as_str(), None), "nobody has fetched it yet");
        let mut call = manual(&app, "refs/heads/main");
        call.inputs = inputs(json!({"target": "staging"}));
        let task = client.dispatch_task(&call).await.expect("accepted").task_id;
        finished(&client, &task).await;
        for commit_id in [None, Some(commit.as_str())] {
            let told = client.get_pipeline(&query(&app, commit_id)).await.expect("an answer");
            assert_eq!(told.commit, commit);
            let declared = told.inputs.expect("the inputs");
            let kinds: Vec<_> = declared.iter().map(|input| (input.name.as_str(), input.input_type, input.is_required)).collect();
            assert_eq!(kinds, [("target", InputType::Choice, true), ("replicas", InputType::Number, false)]);
            assert_eq!(declared[0].options, ["staging", "production"]);
        }
        // Another user has mirrors of his own.
        let theirs = create_app(&other, &repo).await;
        let told = other.get_pipeline(&query(&theirs, Some(&commit))).await.expect("an answer");
        assert_eq!(told.inputs, None);
        for (git_ref, commit_id, field) in [
            ("main", None, "ref"),
            ("refs/heads/absent", None, "ref"),
            ("refs/heads/main", Some("abc"), "commitId"),
        ] {
            let query = PipelineQuery { git_ref: git_ref.to_owned(), ..query(&app, commit_id) };
            let error = client.get_pipeline(&query).await.expect_err("refused");
            let api = error.api().expect("an answer of the server");
            assert_eq!((api.status, api.field.as_deref()), (422, Some(field)), "{git_ref}");
        }
        repo.commit(&[("serverless-pipeline.yaml", "steps:\n  - run: 'true'\n")], "No inputs");
        deploy(&client, &app).await;
        let told = client.get_pipeline(&query(&app, None)).await.expect("an answer");
        assert_eq!(told.inputs, Some(Vec::new()));
        server.stop().await;
    }
}

on_both! {
    async fn a_pipeline_that_cannot_be_read_or_understood_refuses_no_dispatch(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let app = create_app(&client, &repo).await;
        deploy(&client, &app).await;
        for (pipeline, name) in [("steps: [", "serverless-pipeline.yaml"), ("", "other.yaml")] {
            if name == "other.yaml" {
                repo.git(&["rm", "--quiet", "serverless-pipeline.yaml"]);
            }
            repo.commit(&[(name, pipeline)], "Broken");
            // The second time the commit is in the mirror.
            for _ in 0..2 {
                let task = deploy(&client, &app).await;
                assert_eq!(task.status, TaskStatus::Failure);
            }
        }
        server.stop().await;
    }
}

on_both! {
    async fn a_redeployment_is_checked_too_and_other_users_learn_nothing(database) {
        let server = Server::start(database).await;
        let (client, other) = (server.admin().await, server.user("other").await);
        let repo = Repo::with_pipeline(DECLARED);
        let app = create_app(&client, &repo).await;
        let mut call = manual(&app, "refs/heads/main");
        call.inputs = inputs(json!({"target": "moon"}));
        let task = client.dispatch_task(&call).await.expect("accepted").task_id;
        finished(&client, &task).await;
        let error = client.redeploy_task(&task).await.expect_err("its inputs are known to be wrong");
        assert_eq!(error.api().and_then(|api| api.field.clone()).as_deref(), Some("inputs.target"));
        // The other one has never fetched this repository, and finds out by his own run alone.
        let theirs = create_app(&other, &repo).await;
        let mut call = manual(&theirs, "refs/heads/main");
        call.inputs = inputs(json!({"target": "moon"}));
        let task = other.dispatch_task(&call).await.expect("accepted").task_id;
        assert_eq!(finished(&other, &task).await.status, TaskStatus::Failure);
        server.stop().await;
    }
}

on_both! {
    async fn debugging_is_asked_for_with_each_dispatch_anew(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo ${{ 1 + 1 }}\n    env: {COLOUR: blue, SECRET: '${{ secrets.KEY }}'}\n");
        let app = create_app_with(&client, &repo, &[("KEY", "canary-of-the-debug-run")]).await;
        let mut call = manual(&app, "refs/heads/main");
        call.is_debug = true;
        let task = client.dispatch_task(&call).await.expect("accepted").task_id;
        let followed = follow(&client, &task).await;
        assert!(client.get_task(&task).await.expect("the task").is_debug);
        let log = followed.log(1);
        assert!(log.lines().any(|line| line.starts_with("debug: ") && line.contains("COLOUR")), "{log}");
        assert!(!log.contains("canary"), "{log}");

        let plain = client.redeploy_task(&task).await.expect("accepted").task_id;
        let followed = follow(&client, &plain).await;
        assert!(!client.get_task(&plain).await.expect("the task").is_debug);
        assert_eq!(followed.log(1), "2\n");
        let again = client.redeploy_task_for_debugging(&plain).await.expect("accepted").task_id;
        let followed = follow(&client, &again).await;
        assert!(client.get_task(&again).await.expect("the task").is_debug);
        assert!(followed.log(1).contains("debug: "));
        server.stop().await;
    }
}

on_both! {
    async fn a_summary_is_kept_with_the_task_and_masked(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: printf '# Deployed %s\\n' \"$KEY\" >> \"$FLOWCD_SUMMARY\"\n    env: {KEY: '${{ secrets.KEY }}'}\n  - run: echo '| a | b |' >> \"$FLOWCD_SUMMARY\"\n");
        let app = create_app_with(&client, &repo, &[("KEY", "canary-of-the-summary")]).await;
        let task = deploy(&client, &app).await;
        assert_eq!(task.status, TaskStatus::Success, "{task:?}");
        assert_eq!(task.summary.as_deref(), Some("# Deployed ***\n| a | b |\n"));
        let list = client.list_tasks(&TaskQuery::new(app)).await.expect("the list");
        assert_eq!(list.result[0].summary, None);
        server.stop().await;
    }
}

on_both! {
    async fn the_contexts_tell_where_a_task_comes_from(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline(
            "steps:\n  - run: echo ${{ trigger.type }} ${{ trigger.interceptor }} ${{ trigger.template }} ${{ app.owner }} ${{ app.id }} ${{ app.user_id }} ${{ git.repo_owner }} ${{ git.event_name }} ${{ git.branch }} ${{ task.id == task_id }} ${{ task.url }}\n",
        );
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        let log = follow(&client, &task).await.log(1);
        let user = client.get_task(&task).await.expect("the task").user_id;
        let url = server.url(&format!("/deployments/{task}"));
        assert_eq!(log, format!("manual manual_dispatch serverless-pipeline.yaml acme {app} {user} acme manual main true {url}\n"));
        let again = client.redeploy_task(&task).await.expect("accepted").task_id;
        let log = follow(&client, &again).await.log(1);
        assert!(log.starts_with("redeploy redeploy_dispatch "), "{log}");
        server.stop().await;
    }
}

on_both! {
    async fn the_caches_of_an_application_go_with_it(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let app = create_app(&client, &repo).await;
        let kept = client.create_application(&application("kept", &repo.url())).await.expect("made").id;
        let user = client.get_application(&app).await.expect("the application").user_id;
        let caches = server.data.path().join("data/caches").join(user.as_str());
        for id in [&app, &kept] {
            fs::create_dir_all(caches.join(id.as_str()).join("entry")).expect("a cache");
        }
        client.delete_application(&app).await.expect("deleted");
        let left: Vec<_> = fs::read_dir(&caches).expect("the caches").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, [kept.as_str()]);
        server.stop().await;
    }
}
