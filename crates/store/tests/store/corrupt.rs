//! One bad row must not hide the good ones, stop the queue, or keep a server from starting.

use flowcd_model::{
    id::{AppId, TaskId},
    secret::Secrets,
    task::{TaskQuery, TaskStatus},
    time::Millis,
};
use flowcd_store::{CancelRequest, Error, Keyring, Store, TaskRemoval};

use crate::harness::{LEASE_MS, TestDb, new_app, on_both};

fn is_corrupt<T: std::fmt::Debug>(result: &flowcd_store::Result<T>, name: &'static str) -> bool {
    matches!(result, Err(Error::CorruptRow { table, .. }) if *table == name)
}

on_both! {
    async fn an_unreadable_task_is_set_aside_and_the_next_one_runs(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (bad, good) = (db.task(&app).await, db.task(&app).await);
        db.execute(&format!("UPDATE tasks SET inputs = 'not JSON' WHERE id = '{}'", bad.id));
        let claimed = db.claim().await;
        assert_eq!(claimed.task.id, good.id);
        let row = |column: &str| db.value(&format!("SELECT {column} AS value FROM tasks WHERE id = '{}'", bad.id));
        assert_eq!(row("status").as_deref(), Some("failure"));
        let error = row("error").expect("an error");
        assert!(error.starts_with("unreadable row: ") && error.contains("`inputs`"), "{error}");
        assert!(is_corrupt(&db.store.task(&user.id, &bad.id).await, "tasks"));
        let page = db.store.list_tasks(&user.id, TaskQuery::new(app.id)).await.expect("a page");
        assert_eq!((page.result.len(), page.total_count), (1, 2));
        assert_eq!(db.store.remove_task(&user.id, &bad.id).await.expect("no error"), TaskRemoval::Removed);
        db.check_counts().await;
    }

    async fn a_task_whose_secrets_do_not_open_fails_and_says_so(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "sealed");
        insert.new.secrets = Secrets([("KEY".to_owned(), "s3cret".to_owned())].into());
        let sealed = db.store.create_application(insert, None).await.expect("made");
        let plain = db.app(&user.id, "plain").await;
        let (bad, good) = (db.task(&sealed).await, db.task(&plain).await);
        // Another key: everything that was sealed is closed.
        let other = Store::open(&db.place.url, Keyring::generate()).await.expect("it opens");
        let claimed = other.claim_task("one", LEASE_MS).await.expect("no error").expect("a task");
        assert_eq!(claimed.task.id, good.id);
        // Tasks of two applications that were made in one millisecond have no order.
        assert!(other.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        let failed = db.see(&bad).await;
        assert_eq!(failed.status, TaskStatus::Failure);
        let error = failed.error.expect("an error");
        assert!(error.contains("the keyring does not have the box's key"), "{error}");
        let latest = db.see_app(&sealed).await.latest_task.expect("a newest task");
        assert_eq!((latest.status, latest.completed), (TaskStatus::Failure, true));
        db.check_counts().await;
    }

    async fn a_bad_row_is_left_out_of_a_list(db: &TestDb) {
        let user = db.user("ada").await;
        let (bad, good) = (db.app(&user.id, "bad").await, db.app(&user.id, "good").await);
        for column in ["trigger_spec", "secret_names", "latest_task", "envs", "provider"] {
            let text = db.value(&format!("SELECT {column} AS value FROM applications WHERE id = '{}'", bad.id));
            db.execute(&format!("UPDATE applications SET {column} = '[oops' WHERE id = '{}'", bad.id));
            let (list, _) = db.store.list_applications(&user.id, None, None).await.expect("a list");
            assert_eq!(list, std::slice::from_ref(&good), "{column}");
            assert!(is_corrupt(&db.store.application(&user.id, &bad.id).await, "applications"), "{column}");
            let text = text.map_or("NULL".to_owned(), |text| format!("'{text}'"));
            db.execute(&format!("UPDATE applications SET {column} = {text} WHERE id = '{}'", bad.id));
        }
        assert_eq!(db.see_app(&bad).await, bad);
        let task = db.task(&good).await;
        for column in ["status", "steps", "trigger_type", "inputs"] {
            let before = db.value(&format!("SELECT {column} AS value FROM tasks"));
            db.execute(&format!("UPDATE tasks SET {column} = '[oops'"));
            let page = db.store.list_tasks(&user.id, TaskQuery::new(good.id.clone())).await.expect("a page");
            assert_eq!(page.result, [], "{column}");
            assert!(is_corrupt(&db.store.task(&user.id, &task.id).await, "tasks"), "{column}");
            let before = before.map_or("NULL".to_owned(), |text| format!("'{text}'"));
            db.execute(&format!("UPDATE tasks SET {column} = {before}"));
        }
        assert_eq!(db.see(&task).await, task);
    }

    async fn a_bad_running_task_is_settled_all_the_same(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (bad, good) = (db.task(&app).await, db.task(&app).await);
        for _ in 0..2 {
            db.claim().await;
        }
        db.execute(&format!("UPDATE tasks SET steps = '{{' WHERE id = '{}'", bad.id));
        let later = Millis::now().plus_ms(LEASE_MS + 1);
        assert_eq!(db.store.sweep(later).await.expect("no error").len(), 2);
        let status = db.value(&format!("SELECT status AS value FROM tasks WHERE id = '{}'", bad.id));
        assert_eq!(status.as_deref(), Some("failure"));
        assert_eq!(db.see(&good).await.status, TaskStatus::Failure);
        db.check_counts().await;
    }

    async fn a_task_with_an_unreadable_id_ends_too(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        db.task(&app).await;
        db.execute("UPDATE tasks SET id = '../'");
        assert!(db.store.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        assert_eq!(db.value("SELECT status AS value FROM tasks").as_deref(), Some("failure"));
        let store = Store::open(&db.place.url, db.keyring.clone()).await.expect("it opens");
        assert_eq!(store.settle_instance("one").await.expect("no error"), []);
        let absent = store.request_cancel(&user.id, &TaskId::generate()).await.expect("no error");
        assert_eq!(absent, CancelRequest::Absent);
        assert!(store.application(&user.id, &AppId::generate()).await.expect("no error").is_none());
    }

    async fn a_provider_token_that_does_not_open_is_left_out(db: &TestDb) {
        let user = db.user("ada").await;
        let provider = flowcd_model::application::Provider::Git;
        for origin in ["https://one.example", "https://two.example"] {
            db.store.set_provider_token(&user.id, provider, origin, None, Some(&"token".into())).await.expect("no error");
        }
        // A box moved to another row does not open there.
        db.execute(
            "UPDATE provider_tokens SET token_box = (SELECT token_box FROM provider_tokens \
             WHERE origin = 'https://one.example')",
        );
        let found = db.store.provider_credentials(&user.id, provider).await.expect("tokens");
        let origins: Vec<&str> = found.iter().map(|(account, _)| account.origin.as_str()).collect();
        assert_eq!(origins, ["https://one.example"]);
    }
}
