use flowcd_model::{
    application::{Application, Provider},
    task::TaskStatus,
    time::Millis,
};
use flowcd_store::{Final, StatusReport, Told};

use crate::harness::{TestDb, on_both};

const LEASE_MS: i64 = 60_000;

async fn app_with_account(db: &TestDb) -> Application {
    let user = db.user("ada").await;
    let token = "token".into();
    db.store
        .set_provider_token(
            &user.id,
            Provider::Github,
            "https://github.com",
            None,
            Some(&token),
        )
        .await
        .expect("no error");
    db.app(&user.id, "hello").await
}

async fn due(db: &TestDb, now: Millis) -> Vec<StatusReport> {
    db.store
        .claim_status_reports(now, LEASE_MS, 10)
        .await
        .expect("no error")
}

/// What is due now.
async fn one(db: &TestDb) -> StatusReport {
    let mut reports = due(db, Millis::now()).await;
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

on_both! {
    async fn every_status_is_told_in_turn_and_the_last_ends_it(db: &TestDb) {
        let app = app_with_account(db).await;
        let task = db.task(&app).await;
        let report = one(db).await;
        assert_eq!((report.status, &report.task.id, &report.application.id), (TaskStatus::Pending, &task.id, &app.id));
        assert!(due(db, Millis::now()).await.is_empty(), "it is taken");
        db.store.told(&task.id, report.status, Told::Sent).await.expect("no error");
        assert_eq!(db.store.next_status_report().await.expect("no error"), None);
        let claimed = db.claim().await;
        let report = one(db).await;
        assert_eq!(report.status, TaskStatus::Running);
        let end = Final { status: TaskStatus::Success, steps: Vec::new(), error: None };
        db.store.finish(&claimed.claim, end).await.expect("no error");
        // The end came while the start was on its way.
        db.store.told(&task.id, TaskStatus::Running, Told::Sent).await.expect("no error");
        let report = one(db).await;
        assert_eq!(report.status, TaskStatus::Success);
        db.store.told(&task.id, TaskStatus::Success, Told::Sent).await.expect("no error");
        assert_eq!(db.value("SELECT CAST(COUNT(*) AS TEXT) AS value FROM status_reports").as_deref(), Some("0"));
    }

    async fn a_host_that_is_down_is_asked_again_later_and_told_the_newest(db: &TestDb) {
        let app = app_with_account(db).await;
        let task = db.task(&app).await;
        let report = one(db).await;
        let later = Millis::now().plus_ms(100_000);
        db.store.told(&task.id, report.status, Told::Again { time: later, problem: "down".to_owned() }).await.expect("no error");
        db.claim().await;
        assert!(due(db, Millis::now()).await.is_empty(), "the host is left alone");
        assert_eq!(db.store.next_status_report().await.expect("no error"), Some(later));
        let reports = due(db, later).await;
        assert_eq!(reports.iter().map(|it| (it.status, it.n_attempts)).collect::<Vec<_>>(), [(TaskStatus::Running, 1)]);
    }

    async fn a_report_whose_teller_died_is_due_again(db: &TestDb) {
        let app = app_with_account(db).await;
        db.task(&app).await;
        let now = Millis::now();
        assert_eq!(due(db, now).await.len(), 1);
        assert_eq!(due(db, now.plus_ms(LEASE_MS)).await.len(), 1);
    }

    async fn nobody_is_told_without_an_account_and_after_a_refusal(db: &TestDb) {
        let user = db.user("eve").await;
        let silent = db.app(&user.id, "silent").await;
        db.task(&silent).await;
        assert!(due(db, Millis::now()).await.is_empty());
        let app = app_with_account(db).await;
        let task = db.task(&app).await;
        let report = one(db).await;
        db.store.told(&task.id, report.status, Told::Never).await.expect("no error");
        db.claim().await;
        db.claim().await;
        assert!(due(db, Millis(i64::MAX - LEASE_MS)).await.is_empty());
    }
}
