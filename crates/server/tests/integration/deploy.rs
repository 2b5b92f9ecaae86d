//! Deployments from dispatch to end.

use flowcd_model::{
    step::StepStatus,
    task::{TaskQuery, TaskStatus, TriggerType},
    user::UserSecretsPatch,
};

use crate::support::*;

on_both! {
    async fn a_deployment_tells_its_whole_life_in_order(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - name: Greet\n    run: echo hello\n  - run: echo done\n").await;
        assert_success(&task, &followed);
        assert_eq!(followed.log(1), "hello\n");
        assert_eq!(followed.log(2), "done\n");
        let steps: Vec<_> = task.steps.as_deref().expect("steps").iter().map(|step| (step.run.as_str(), step.status)).collect();
        assert_eq!(steps, [
            ("Set up task", StepStatus::Success),
            ("Greet", StepStatus::Success),
            ("Run echo done", StepStatus::Success),
        ]);
        let of_steps: Vec<&str> = followed.events.iter().map(String::as_str).filter(|event| event.starts_with("step 1") || event.starts_with("step 2")).collect();
        assert_eq!(of_steps, [
            "step 1 pending", "step 2 pending",
            "step 1 running", "step 1 success",
            "step 2 running", "step 2 success",
        ]);
        assert_eq!(followed.events.last().map(String::as_str), Some("end success"));
        assert_eq!(task.message.trim(), "First commit");
        assert_eq!(task.branch.as_deref(), Some("main"));
        // Whoever comes late is told the same.
        let late = follow(&client, &task.id).await;
        assert_eq!(late.logs, followed.logs);
        server.stop().await;
    }
}

on_both! {
    async fn a_failing_step_fails_the_task_and_skips_the_rest(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let (task, followed) = deploy_pipeline(&client, "steps:\n  - run: echo before; exit 3\n  - run: echo never\n  - run: echo cleanup\n    if: ${{ always() }}\n").await;
        assert_eq!(task.status, TaskStatus::Failure);
        let steps = task.steps.expect("steps");
        assert_eq!(steps.iter().map(|step| step.status).collect::<Vec<_>>(), [
            StepStatus::Success, StepStatus::Failure, StepStatus::Skipped, StepStatus::Success,
        ]);
        assert_eq!(steps[1].error.as_deref(), Some("exit code 3"));
        assert_eq!(followed.log(2), "");
        assert_eq!(followed.log(3), "cleanup\n");
        server.stop().await;
    }
}

on_both! {
    async fn secrets_reach_the_steps_and_never_a_log(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let secrets = [("SHARED", "user-level-secret"), ("BOTH", "value-of-the-user")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        client.update_user_secrets(&UserSecretsPatch { secrets: flowcd_model::secret::Secrets(secrets.into()), is_added: false, removed: Vec::new() }).await.expect("secrets are kept");
        let repo = Repo::with_pipeline("steps:\n  - run: |\n      echo \"$S $B\"\n      test \"$S\" = user-level-secret && test \"$B\" = value-of-the-app\n    env:\n      S: ${{ secrets.SHARED }}\n      B: ${{ secrets.BOTH }}\n");
        let app = create_app_with(&client, &repo, &[("BOTH", "value-of-the-app")]).await;
        let task = dispatch(&client, &app).await;
        let followed = follow(&client, &task).await;
        let task = client.get_task(&task).await.expect("the task");
        assert_success(&task, &followed);
        assert_eq!(followed.log(1), "*** ***\n");
        let detail = client.get_application(&app).await.expect("the application");
        assert_eq!(detail.secrets.0.into_iter().collect::<Vec<_>>(), [("BOTH".to_owned(), "***".to_owned())]);
        server.stop().await;
    }
}

on_both! {
    async fn a_redeployment_runs_the_same_commit_with_the_secrets_of_today(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo \"$(git rev-parse HEAD) ${{ inputs.color }} ${#KEY}\"\n    env: {KEY: \"${{ secrets.KEY }}\"}\n");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let app = create_app_with(&client, &repo, &[("KEY", "12345")]).await;
        let mut first = manual(&app, "refs/heads/main");
        first.inputs = serde_json::json!({"color": "blue"}).as_object().cloned();
        let first = client.dispatch_task(&first).await.expect("accepted").task_id;
        let followed = follow(&client, &first).await;
        assert_eq!(followed.log(1), format!("{commit} blue 5\n"));

        repo.commit(&[("serverless-pipeline.yaml", "steps:\n  - run: exit 1\n")], "Break it");
        let mut patch = flowcd_model::application::ApplicationPatch::new(app.clone());
        patch.secrets = Some(flowcd_model::secret::Secrets([("KEY".to_owned(), "1234567".to_owned())].into()));
        client.update_application(&patch).await.expect("updated");
        let second = client.redeploy_task(&first).await.expect("accepted").task_id;
        let followed = follow(&client, &second).await;
        assert_eq!(followed.log(1), format!("{commit} blue 7\n"));
        let task = client.get_task(&second).await.expect("the task");
        assert_success(&task, &followed);
        assert_eq!((task.redelivery, task.trigger_type), (Some(first), TriggerType::Redeploy));
        server.stop().await;
    }
}

on_both! {
    async fn an_application_remembers_its_newest_task(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: 'true'\n");
        let app = create_app(&client, &repo).await;
        assert_eq!(client.get_application(&app).await.expect("the application").latest_task, None);
        let first = deploy(&client, &app).await;
        let second = deploy(&client, &app).await;
        let latest = client.get_application(&app).await.expect("the application").latest_task.expect("a latest task");
        assert_eq!((latest.task_id, latest.completed, latest.status), (second.id.clone(), true, TaskStatus::Success));
        assert_eq!((latest.number, latest.trigger_type), (Some(2), Some(second.trigger_type)));
        assert_eq!(
            (latest.time, latest.started_time, latest.finished_time),
            (Some(second.created_time), second.started_time, second.finished_time)
        );
        let page = client.list_tasks(&TaskQuery::new(app.clone())).await.expect("the list");
        assert_eq!(page.total_count, 2);
        assert_eq!(page.result.iter().map(|task| &task.id).collect::<Vec<_>>(), [&second.id, &first.id]);
        server.stop().await;
    }
}

on_both! {
    async fn a_pipeline_that_cannot_be_read_fails_in_the_set_up_and_says_where(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let check = async |pipeline: &str, said: &str| {
            let (task, followed) = deploy_pipeline(&client, pipeline).await;
            assert_eq!(task.status, TaskStatus::Failure);
            assert!(followed.log(0).contains(said), "{said:?} is not in {:?}", followed.log(0));
            client.delete_application(&task.app_id).await.expect("deleted");
        };
        check("steps:\n  - run: [\n", "serverless-pipeline.yaml:").await;
        check("steps: []\n", "no steps").await;
        check("steps:\n  - name: nothing\n", "serverless-pipeline.yaml:2").await;
        check("steps:\n  - plugin: ./there-is-none\n", "there-is-none").await;
        server.stop().await;
    }
}
