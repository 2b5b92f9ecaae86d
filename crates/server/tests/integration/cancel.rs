//! Cancelling: what waits, what runs, what does not want to end.

use flowcd_model::{envelope::Code, step::StepStatus, task::TaskStatus};

use crate::support::*;

on_both! {
    async fn a_running_task_is_cancelled_with_its_whole_process_group_and_its_clean_up_runs(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        let pipeline = "steps:\n  - run: |\n      (trap '' TERM; echo grandchild $$; exec sleep 1000) &\n      echo started; wait\n  - run: echo never\n  - run: echo cleaned\n    if: ${{ cancelled() }}\n  - run: echo always\n    if: ${{ always() }}\n";
        let repo = Repo::with_pipeline(pipeline);
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        follow_until(&client, &task, |followed| followed.log(1).contains("started")).await;
        client.cancel_task(&task).await.expect("accepted");
        // Asking twice is asking once.
        client.cancel_task(&task).await.or_else(|error| if error.code() == Some(Code::Conflict) { Ok(()) } else { Err(error) }).expect("accepted again");
        let followed = follow(&client, &task).await;
        let cancelled = client.get_task(&task).await.expect("the task");
        assert_eq!(cancelled.status, TaskStatus::Cancelled);
        assert!(cancelled.is_cancel_requested);
        let steps: Vec<_> = cancelled.steps.expect("steps").iter().map(|step| step.status).collect();
        assert_eq!(steps, [StepStatus::Success, StepStatus::Cancelled, StepStatus::Cancelled, StepStatus::Success, StepStatus::Success]);
        assert_eq!((followed.log(3), followed.log(4)), ("cleaned\n".to_owned(), "always\n".to_owned()));
        assert_eq!(processes_of(task.as_str()), Vec::<String>::new());
        let error = client.cancel_task(&task).await.expect_err("it has ended");
        assert_eq!(error.code(), Some(Code::Conflict));
        server.stop().await;
    }
}

on_both! {
    async fn a_waiting_task_is_cancelled_at_once(database) {
        let server = Server::start_with(database, |config| config.runners = 1).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo up; sleep 1000\n");
        let app = create_app(&client, &repo).await;
        let busy = dispatch(&client, &app).await;
        follow_until(&client, &busy, |followed| followed.log(1).contains("up")).await;
        let waiting = dispatch(&client, &app).await;
        client.cancel_task(&waiting).await.expect("accepted");
        let task = client.get_task(&waiting).await.expect("the task");
        assert_eq!((task.status, task.steps), (TaskStatus::Cancelled, None));
        client.cancel_task(&busy).await.expect("accepted");
        assert_eq!(finished(&client, &busy).await.status, TaskStatus::Cancelled);
        server.stop().await;
    }
}

on_both! {
    async fn a_stopping_server_ends_what_runs_honestly_and_keeps_what_waits(database) {
        let server = Server::start_with(database, |config| {
            config.runners = 1;
            config.drain_timeout = std::time::Duration::from_millis(200);
        }).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo up; test -e go || { touch go; sleep 1000; }\n");
        let app = create_app(&client, &repo).await;
        let running = dispatch(&client, &app).await;
        follow_until(&client, &running, |followed| followed.log(1).contains("up")).await;
        let quick = Repo::with_pipeline("steps:\n  - run: echo quick\n");
        let mut new = application("quick", &quick.url());
        new.owner = "other".to_owned();
        let quick_app = client.create_application(&new).await.expect("made").id;
        let waiting = dispatch(&client, &quick_app).await;
        let server = server.restart().await;
        let client = server.admin().await;
        let ended = client.get_task(&running).await.expect("the task");
        assert_eq!(ended.status, TaskStatus::Failure);
        assert!(ended.error.as_deref().is_some_and(|error| error.contains("server was stopped")), "{ended:?}");
        assert_eq!(finished(&client, &waiting).await.status, TaskStatus::Success);
        server.stop().await;
    }
}

on_both! {
    async fn a_stopping_server_does_not_wait_for_a_clean_up_without_end(database) {
        let server = Server::start_with(database, |config| config.drain_timeout = std::time::Duration::from_millis(200)).await;
        let client = server.admin().await;
        let repo = Repo::with_pipeline("steps:\n  - run: echo up; sleep 1000\n  - run: trap '' TERM; while true; do sleep 1; done\n    if: ${{ always() }}\n");
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        follow_until(&client, &task, |followed| followed.log(1).contains("up")).await;
        let server = within("the stop", server.restart()).await;
        assert_eq!(processes_of(task.as_str()), Vec::<String>::new());
        let ended = server.admin().await.get_task(&task).await.expect("the task");
        assert_eq!(ended.status, TaskStatus::Failure);
        assert!(ended.error.as_deref().is_some_and(|error| error.contains("server was stopped")), "{ended:?}");
        assert!(ended.steps.expect("steps").iter().all(|step| step.status.is_final()));
        server.stop().await;
    }
}

/// The processes that belong to a task, by the marker in their environment.
fn processes_of(task: &str) -> Vec<String> {
    let marker = format!(".{task}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else {
            continue;
        };
        let is_ours = environment.split(|byte| *byte == 0).any(|variable| {
            variable.starts_with(b"FLOWCD_RUN=") && variable.ends_with(marker.as_bytes())
        });
        if is_ours {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}
