use flowcd_model::{
    step::{Step, StepStatus},
    task::TaskStatus,
    time::Millis,
};
use flowcd_store::{ClaimedTask, Lease, Progress};

use crate::harness::{LEASE_MS, TestDb, on_both, step};

async fn run_until_step_one(db: &TestDb, claimed: &ClaimedTask) {
    let steps = vec![
        step(0, StepStatus::Success),
        step(1, StepStatus::Running),
        step(2, StepStatus::Pending),
    ];
    let news = Progress {
        steps: Some(steps),
        ..Progress::default()
    };
    db.store
        .save_progress(&claimed.claim, news)
        .await
        .expect("no error");
}

fn statuses(steps: &[Step]) -> Vec<StepStatus> {
    steps.iter().map(|step| step.status).collect()
}

on_both! {
    async fn a_task_whose_lease_ran_out_fails_and_its_runner_changes_nothing(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let waiting = db.task(&app).await;
        let claimed = db.claim().await;
        run_until_step_one(db, &claimed).await;
        assert_eq!(db.store.sweep(Millis::now()).await.expect("no error"), []);
        let later = Millis::now().plus_ms(LEASE_MS + 1);
        assert_eq!(db.store.sweep(later).await.expect("no error"), std::slice::from_ref(&task.id));
        assert_eq!(db.store.sweep(later).await.expect("no error"), []);

        let seen = db.see(&task).await;
        assert_eq!((seen.status, seen.error.as_deref()), (TaskStatus::Failure, Some("runner lost")));
        let steps = seen.steps.clone().expect("steps");
        assert_eq!(statuses(&steps), [StepStatus::Success, StepStatus::Failure, StepStatus::Cancelled]);
        assert_eq!(steps[1].error.as_deref(), Some("runner lost"));
        assert!(steps[1].process_time.is_some());
        assert_eq!(steps[2].process_time, Some(0.0));
        assert!(seen.finished_time.is_some());

        assert_eq!(db.finish(&claimed, TaskStatus::Success).await, Lease::Lost);
        assert_eq!(db.see(&task).await, seen);
        assert_eq!(db.see(&waiting).await.status, TaskStatus::Pending, "what waits is not lost");
        db.check_counts().await;
    }

    async fn a_lost_task_that_was_to_be_cancelled_is_not_said_to_be(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let task = db.task(&app).await;
        let claimed = db.claim().await;
        run_until_step_one(db, &claimed).await;
        db.store.request_cancel(&user.id, &task.id).await.expect("no error");
        let later = Millis::now().plus_ms(LEASE_MS + 1);
        db.store.sweep(later).await.expect("no error");
        let seen = db.see(&task).await;
        assert_eq!(seen.status, TaskStatus::Failure);
        assert_eq!(seen.error.as_deref(), Some("runner lost while the task was being cancelled"));
    }

    async fn a_dead_instance_is_settled_and_others_run_on(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (lost, cancelled, other) = (db.task(&app).await, db.task(&app).await, db.task(&app).await);
        for instance in ["dead", "dead", "alive"] {
            let claimed = db.store.claim_task(instance, LEASE_MS).await.expect("no error").expect("a task");
            run_until_step_one(db, &claimed).await;
        }
        db.store.request_cancel(&user.id, &cancelled.id).await.expect("no error");
        let mut settled = db.store.settle_instance("dead").await.expect("no error");
        settled.sort();
        let mut expected = [lost.id.clone(), cancelled.id.clone()];
        expected.sort();
        assert_eq!(settled, expected);
        assert_eq!(db.see(&lost).await.status, TaskStatus::Failure);
        let seen = db.see(&cancelled).await;
        assert_eq!((seen.status, seen.error), (TaskStatus::Cancelled, None));
        let steps = seen.steps.expect("steps");
        assert_eq!(statuses(&steps), [StepStatus::Success, StepStatus::Cancelled, StepStatus::Cancelled]);
        assert_eq!(db.see(&other).await.status, TaskStatus::Running);
        assert_eq!(db.store.settle_instance("dead").await.expect("no error"), []);
        db.check_counts().await;
    }

    async fn more_than_a_batch_is_settled(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        for _ in 0..410 {
            db.task(&app).await;
        }
        db.execute("UPDATE tasks SET status = 'running', instance = 'dead', claim_token = 'x', lease_time = 1");
        db.execute("UPDATE applications SET n_running = 410, n_pending = 0");
        assert_eq!(db.store.sweep(Millis::now()).await.expect("no error").len(), 410);
        db.check_counts().await;
    }
}
