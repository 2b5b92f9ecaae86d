use flowcd_model::{id::UserId, time::Millis};
use flowcd_store::{Error, IdempotencyRecord};

use crate::harness::{TestDb, new_app, new_task, on_both};

fn record(user_id: &UserId, key: &str, response: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        user_id: user_id.clone(),
        key: key.to_owned(),
        operation: "create_application",
        body_sha256: [7; 32],
        response: response.to_owned(),
    }
}

on_both! {
    async fn an_answer_is_kept_with_what_it_answers(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let kept = record(&ada.id, "key", r#"{"webhookSecret":"shown once"}"#);
        let app = db.store.create_application(new_app(&ada.id, "hello"), Some(kept)).await.expect("made");
        let found = db.store.idempotent_response(&ada.id, "key").await.expect("no error").expect("an answer");
        assert_eq!(found.operation, "create_application");
        assert_eq!(found.body_sha256, [7; 32]);
        assert_eq!(found.response, r#"{"webhookSecret":"shown once"}"#);
        assert!(db.store.idempotent_response(&eve.id, "key").await.expect("no error").is_none());
        assert!(db.store.idempotent_response(&ada.id, "other").await.expect("no error").is_none());

        let again = db.store.create_application(new_app(&ada.id, "second"), Some(record(&ada.id, "key", "{}"))).await;
        assert!(matches!(again, Err(Error::IdempotencyReplay)), "{again:?}");
        let again = db.store.create_task(new_task(&app), Some(record(&ada.id, "key", "{}"))).await;
        assert!(matches!(again, Err(Error::IdempotencyReplay)), "{again:?}");
        let (list, _) = db.store.list_applications(&ada.id, None, None).await.expect("a list");
        assert_eq!(list, std::slice::from_ref(&app), "nothing else changed");
        assert_eq!(db.task(&app).await.number, 1);
        db.check_counts().await;
    }

    async fn a_failure_keeps_no_answer(db: &TestDb) {
        let user = db.user("ada").await;
        db.app(&user.id, "hello").await;
        let kept = record(&user.id, "key", "{}");
        let again = db.store.create_application(new_app(&user.id, "hello"), Some(kept.clone())).await;
        assert!(matches!(again, Err(Error::DuplicateApplication)), "{again:?}");
        assert!(db.store.idempotent_response(&user.id, "key").await.expect("no error").is_none());
        let mut gone = db.app(&user.id, "gone").await;
        gone.id = flowcd_model::id::AppId::generate();
        assert_eq!(db.store.create_task(new_task(&gone), Some(kept)).await.expect("no error"), None);
        assert!(db.store.idempotent_response(&user.id, "key").await.expect("no error").is_none());
    }

    async fn an_answer_is_forgotten_after_a_day(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let make = async || db.store.create_task(new_task(&app), Some(record(&user.id, "key", "{}"))).await;
        make().await.expect("no error").expect("a task");
        let day_ago = Millis::now().0 - 24 * 3_600_000 - 1000;
        db.execute(&format!("UPDATE idempotent_responses SET created_time = {day_ago}"));
        assert!(db.store.idempotent_response(&user.id, "key").await.expect("no error").is_none());
        make().await.expect("no error").expect("another task");
        assert!(make().await.is_err());
        assert_eq!(db.store.housekeeping(Millis::now()).await.expect("no error").n_idempotent_responses, 0);
        db.execute(&format!("UPDATE idempotent_responses SET created_time = {day_ago}"));
        assert_eq!(db.store.housekeeping(Millis::now()).await.expect("no error").n_idempotent_responses, 1);
    }
}
