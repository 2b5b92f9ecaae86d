use flowcd_model::{
    application::Provider, secret::Secrets, step::StepStatus, task::TaskStatus, time::Millis,
    user::UserSecretsPatch,
};
use flowcd_store::{CancelRequest, Error, Final, Lease, Progress};
use secrecy::ExposeSecret;

use crate::harness::{LEASE_MS, TestDb, new_app, on_both, step};

const HELD: Lease = Lease::Held {
    is_cancel_requested: false,
};

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    let pairs = pairs.iter();
    Secrets(
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

on_both! {
    async fn the_oldest_task_is_claimed_first_with_all_that_it_needs(db: &TestDb) {
        let user = db.user("ada").await;
        let patch = UserSecretsPatch { secrets: secrets(&[("A", "user's"), ("B", "user's")]), is_added: true, removed: Vec::new() };
        db.store.patch_user_secrets(&user.id, patch).await.expect("no error");
        for (provider, origin) in [
            (Provider::Github, "https://github.com"),
            (Provider::Github, "https://ghe.example.com"),
            (Provider::Gitee, "https://gitee.com"),
        ] {
            let token = format!("token of {origin}").into();
            db.store.set_provider_token(&user.id, provider, origin, Some("ada"), Some(&token)).await.expect("no error");
        }
        let mut insert = new_app(&user.id, "hello");
        insert.new.secrets = secrets(&[("B", "application's")]);
        let app = db.store.create_application(insert, None).await.expect("made");
        let (first, second) = (db.task(&app).await, db.task(&app).await);

        let claimed = db.claim().await;
        assert_eq!(claimed.task.id, first.id);
        assert_eq!(claimed.claim.task_id, first.id);
        assert_eq!(claimed.task.status, TaskStatus::Running);
        assert!(claimed.task.started_time.is_some());
        assert_eq!(db.see(&first).await, claimed.task);
        assert_eq!(claimed.application.id, app.id);
        assert_eq!(claimed.pipeline_file, "serverless-pipeline.yaml");
        let found: Vec<(&str, &str)> =
            claimed.secrets.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(found, [("A", "user's"), ("B", "application's")]);
        let origins: Vec<(&str, &str)> = claimed
            .credentials
            .iter()
            .map(|(account, token)| (account.origin.as_str(), token.expose_secret()))
            .collect();
        assert_eq!(origins, [
            ("https://ghe.example.com", "token of https://ghe.example.com"),
            ("https://github.com", "token of https://github.com"),
        ]);
        let shown = format!("{claimed:?}");
        assert!(!shown.contains("user's") && !shown.contains("token of"), "{shown}");

        assert_eq!(db.claim().await.task.id, second.id);
        assert!(db.store.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        db.check_counts().await;
    }

    async fn a_run_writes_its_progress_and_its_end(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        let steps = vec![step(0, StepStatus::Success), step(1, StepStatus::Running)];
        let news = Progress {
            steps: Some(steps.clone()),
            message: Some("the commit's\0 own".to_owned()),
            commit: Some("f".repeat(40)),
            summary: None,
        };
        assert_eq!(db.store.save_progress(&claimed.claim, news).await.expect("no error"), HELD);
        let seen = db.see(&task).await;
        assert_eq!(seen.steps.as_ref(), Some(&steps));
        assert_eq!((seen.message.as_str(), seen.commit), ("the commit's\u{fffd} own", "f".repeat(40)));
        assert_eq!(db.store.heartbeat(&claimed.claim, LEASE_MS).await.expect("no error"), HELD);

        let steps = vec![step(0, StepStatus::Success), step(1, StepStatus::Failure)];
        let outcome = Final { status: TaskStatus::Failure, steps: steps.clone(), error: Some("why".to_owned()) };
        assert_eq!(db.store.finish(&claimed.claim, outcome).await.expect("no error"), HELD);
        let seen = db.see(&task).await;
        assert_eq!((seen.status, seen.error.as_deref()), (TaskStatus::Failure, Some("why")));
        assert_eq!(seen.steps, Some(steps));
        assert!(seen.finished_time.is_some());
        let latest = db.see_app(&app).await.latest_task.expect("a newest task");
        assert_eq!((latest.status, latest.completed), (TaskStatus::Failure, true));
        assert_eq!((latest.number, latest.trigger_type), (Some(seen.number), Some(seen.trigger_type)));
        assert_eq!(
            (latest.time, latest.started_time, latest.finished_time),
            (Some(seen.created_time), seen.started_time, seen.finished_time)
        );
        db.check_counts().await;
    }

    async fn a_lost_lease_changes_nothing(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        db.finish(&claimed, TaskStatus::Success).await;
        let ended = db.see(&task).await;
        let claim = &claimed.claim;
        let news = Progress { message: Some("late".to_owned()), ..Progress::default() };
        assert_eq!(db.store.save_progress(claim, news).await.expect("no error"), Lease::Lost);
        assert_eq!(db.store.heartbeat(claim, LEASE_MS).await.expect("no error"), Lease::Lost);
        assert_eq!(db.finish(&claimed, TaskStatus::Failure).await, Lease::Lost);
        assert_eq!(db.see(&task).await, ended);
        db.check_counts().await;
    }

    async fn a_claim_speaks_for_its_own_task_alone(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (first, second) = (db.task(&app).await, db.task(&app).await);
        let (one, other) = (db.claim().await, db.claim().await);
        let mut forged = one.claim.clone();
        forged.task_id = other.task.id.clone();
        assert_eq!(db.store.heartbeat(&forged, LEASE_MS).await.expect("no error"), Lease::Lost);
        assert_eq!(db.finish(&one, TaskStatus::Success).await, HELD);
        assert_eq!(db.see(&first).await.status, TaskStatus::Success);
        assert_eq!(db.see(&second).await.status, TaskStatus::Running);
    }

    async fn a_run_ends_in_a_final_status_only(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        db.task(&app).await;
        let claimed = db.claim().await;
        for status in [TaskStatus::Pending, TaskStatus::Running] {
            let outcome = Final { status, steps: vec![], error: None };
            let finished = db.store.finish(&claimed.claim, outcome).await;
            assert!(matches!(finished, Err(Error::OutOfRange("status"))), "{finished:?}");
        }
        assert_eq!(db.store.heartbeat(&claimed.claim, LEASE_MS).await.expect("no error"), HELD);
    }

    async fn a_heartbeat_keeps_the_lease(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        db.task(&app).await;
        let claimed = db.store.claim_task("one", 1).await.expect("no error").expect("a task");
        assert_eq!(db.store.heartbeat(&claimed.claim, 1_000_000).await.expect("no error"), HELD);
        let later = Millis::now().plus_ms(500_000);
        assert_eq!(db.store.sweep(later).await.expect("no error"), []);
        let later = Millis::now().plus_ms(1_500_000);
        assert_eq!(db.store.sweep(later).await.expect("no error"), [claimed.task.id]);
    }

    async fn a_cancel_is_told_to_the_runner_and_is_idempotent(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (running, pending) = (db.task(&app).await, db.task(&app).await);
        let claimed = db.claim().await;
        let cancel = async |task: &flowcd_model::task::Task| {
            db.store.request_cancel(&user.id, &task.id).await.expect("no error")
        };
        assert_eq!(cancel(&pending).await, CancelRequest::Cancelled);
        assert_eq!(cancel(&pending).await, CancelRequest::Finished(TaskStatus::Cancelled));
        let seen = db.see(&pending).await;
        assert_eq!((seen.status, seen.error), (TaskStatus::Cancelled, None));
        let latest = db.see_app(&app).await.latest_task.expect("a newest task");
        assert_eq!((latest.status, latest.completed), (TaskStatus::Cancelled, true));

        let asked = Lease::Held { is_cancel_requested: true };
        assert_eq!(cancel(&running).await, CancelRequest::Requested);
        assert_eq!(cancel(&running).await, CancelRequest::Requested);
        let seen = db.see(&running).await;
        assert_eq!((seen.status, seen.is_cancel_requested), (TaskStatus::Running, true));
        assert_eq!(db.store.heartbeat(&claimed.claim, LEASE_MS).await.expect("no error"), asked);
        assert_eq!(db.finish(&claimed, TaskStatus::Cancelled).await, asked);
        assert_eq!(cancel(&running).await, CancelRequest::Finished(TaskStatus::Cancelled));
        assert!(db.store.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        db.check_counts().await;
    }
}
