use std::collections::BTreeSet;

use flowcd_model::task::TaskStatus;
use flowcd_store::{Error, Final, IdempotencyRecord, Lease, Store};
use tokio::task::JoinSet;

use crate::harness::{LEASE_MS, Place, TestDb, new_app, new_task, on_both};

on_both! {
    async fn every_task_is_claimed_once(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        for _ in 0..100 {
            db.task(&app).await;
        }
        let mut runners = JoinSet::new();
        for runner in 0..8 {
            let store = db.store.clone();
            runners.spawn(async move {
                let mut claimed = Vec::new();
                while let Some(task) = store.claim_task(&format!("runner {runner}"), LEASE_MS).await.expect("no error") {
                    let outcome = Final { status: TaskStatus::Success, steps: vec![], error: None };
                    let lease = store.finish(&task.claim, outcome).await.expect("no error");
                    assert_eq!(lease, Lease::Held { is_cancel_requested: false });
                    claimed.push(task.task.number);
                }
                claimed
            });
        }
        let claimed: Vec<i64> = runners.join_all().await.into_iter().flatten().collect();
        assert_eq!(claimed.len(), 100);
        assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), (1..=100).collect());
        db.check_counts().await;
    }

    async fn one_idempotency_key_makes_one_task(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let (store, insert) = (db.store.clone(), new_task(&app));
            let record = IdempotencyRecord {
                user_id: user.id.clone(),
                key: "the one key".to_owned(),
                operation: "dispatch_manual",
                body_sha256: [0; 32],
                response: insert.id.to_string(),
            };
            calls.spawn(async move {
                match store.create_task(insert, Some(record)).await {
                    Ok(task) => task,
                    Err(Error::IdempotencyReplay) => None,
                    Err(err) => panic!("{err:?}"),
                }
            });
        }
        let made: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
        assert_eq!(made.len(), 1);
        let kept = db.store.idempotent_response(&user.id, "the one key").await.expect("no error");
        assert_eq!(kept.expect("an answer").response, made[0].id.to_string());
        assert_eq!(db.task(&app).await.number, 2, "the others took no number");
        db.check_counts().await;
    }

    async fn numbers_have_no_gap_and_no_repeat(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut calls = JoinSet::new();
        for _ in 0..100 {
            let (store, insert) = (db.store.clone(), new_task(&app));
            calls.spawn(async move { store.create_task(insert, None).await.expect("no error").expect("a task").number });
        }
        let numbers: BTreeSet<i64> = calls.join_all().await.into_iter().collect();
        assert_eq!(numbers, (1..=100).collect());
        let latest = db.see_app(&app).await.latest_task.expect("a newest task");
        let hundredth = db.store.task(&user.id, &latest.task_id).await.expect("no error").expect("the task");
        assert_eq!(hundredth.number, 100);
    }

    async fn one_write_that_fails_leaves_the_others_of_its_group(db: &TestDb) {
        let user = db.user("ada").await;
        db.app(&user.id, "taken").await;
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let repo = if number % 2 == 0 { "taken".to_owned() } else { format!("repo{number}") };
            let (store, insert) = (db.store.clone(), new_app(&user.id, &repo));
            calls.spawn(async move { store.create_application(insert, None).await.is_ok() });
        }
        let n_made = calls.join_all().await.into_iter().filter(|is_made| *is_made).count();
        assert_eq!(n_made, 50);
        let (list, _) = db.store.list_applications(&user.id, None, None).await.expect("a list");
        assert_eq!(list.len(), 51);
    }

    async fn deleting_applications_and_running_their_tasks_do_not_lock_each_other_out(db: &TestDb) {
        let user = db.user("ada").await;
        let mut calls = JoinSet::new();
        for number in 0..20 {
            let app = db.app(&user.id, &format!("repo{number}")).await;
            db.task(&app).await;
            let (store, user_id) = (db.store.clone(), user.id.clone());
            calls.spawn(async move {
                store.delete_application(&user_id, &app.id).await.expect("no error");
            });
            let store = db.store.clone();
            calls.spawn(async move {
                if let Some(task) = store.claim_task("one", LEASE_MS).await.expect("no error") {
                    let outcome = Final { status: TaskStatus::Success, steps: vec![], error: None };
                    store.finish(&task.claim, outcome).await.expect("no error");
                }
            });
        }
        calls.join_all().await;
        db.check_counts().await;
    }

    async fn two_servers_share_a_database(db: &TestDb) {
        let other = Store::open(&db.place.url, db.keyring.clone()).await.expect("it opens twice");
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let store = if number % 2 == 0 { db.store.clone() } else { other.clone() };
            let insert = new_task(&app);
            calls.spawn(async move { store.create_task(insert, None).await.expect("no error").expect("a task").number });
        }
        let numbers: BTreeSet<i64> = calls.join_all().await.into_iter().collect();
        assert_eq!(numbers, (1..=100).collect());
        db.check_counts().await;
    }
}

async fn open_eight_at_once(place: &Place) {
    let keyring = flowcd_store::Keyring::generate();
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let (url, keyring) = (place.url.clone(), keyring.clone());
        opening.spawn(async move { Store::open(&url, keyring).await.map(|_| ()) });
    }
    for opened in opening.join_all().await {
        opened.expect("each of them opens");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_sqlite_database_is_opened_by_many_at_once() {
    open_eight_at_once(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_postgres_database_is_opened_by_many_at_once() {
    open_eight_at_once(&Place::postgres()).await;
}
