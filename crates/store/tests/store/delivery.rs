use flowcd_model::{
    application::{Application, Provider},
    delivery::{Delivery, DeliveryKind, DeliveryQuery, RuleVerdict, Verdict},
    event::{HostEvent, Pusher},
    id::{AppId, DeliveryId},
    task::TriggerType,
    time::Millis,
};
use flowcd_store::{TaskInsert, WebhookSecret, WebhookSecrets};
use secrecy::{ExposeSecret, SecretString};

use crate::harness::{TestDb, new_app, new_task, on_both};

/// A push to main that asks for these tasks.
pub(crate) fn push(app: &Application, key: &str, tasks: &[TaskInsert]) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        app_id: app.id.clone(),
        provider: app.provider,
        kind: DeliveryKind::Webhook,
        key: key.to_owned(),
        event: HostEvent {
            event_name: "push".to_owned(),
            pusher: Pusher {
                name: "ann".to_owned(),
                ..Pusher::default()
            },
            pull_request: None,
        },
        git_ref: Some("refs/heads/main".to_owned()),
        commit: Some("a".repeat(40)),
        message: "Say \0 hello".to_owned(),
        verdict: Verdict::Deployed,
        reason: "branch `main` matches `*`".to_owned(),
        rules: vec![RuleVerdict {
            rule: "github.push.branches".to_owned(),
            is_match: true,
            reason: "branch `main` matches `*`".to_owned(),
            template: None,
        }],
        task_ids: tasks.iter().map(|task| task.id.clone()).collect(),
        replay_of: None,
        body_bytes: 17,
        created_time: Millis::now(),
        duration_ms: 1.25,
        headers: Some([("x-github-event".to_owned(), "push".to_owned())].into()),
        body: Some(r#"{"ref":"refs/heads/main"}"#.to_owned()),
    }
}

fn task_of(app: &Application) -> TaskInsert {
    TaskInsert {
        trigger_type: TriggerType::Github,
        ..new_task(app)
    }
}

on_both! {
    async fn a_delivery_is_kept_with_its_tasks(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let tasks = vec![task_of(&app), TaskInsert { pipeline_file: "other.yaml".to_owned(), ..task_of(&app) }];
        let delivery = push(&app, "guid-1", &tasks);
        let delivered = db.store.record_delivery(delivery.clone(), tasks.clone()).await.expect("no error").expect("kept");
        assert!(!delivered.is_duplicate);
        assert_eq!(delivered.task_ids, [tasks[0].id.clone(), tasks[1].id.clone()]);
        assert_eq!(delivered.task_id.as_ref(), Some(&tasks[0].id));
        let seen = db.store.delivery(&user.id, &delivery.id).await.expect("no error").expect("it is there");
        assert_eq!(seen, Delivery { message: "Say \u{fffd} hello".to_owned(), ..delivery });
        for task in &tasks {
            let made = db.store.task(&user.id, &task.id).await.expect("no error").expect("it is there");
            assert_eq!(made.trigger_type, TriggerType::Github);
        }
        db.check_counts().await;
    }

    async fn the_same_delivery_twice_changes_nothing_and_tells_of_the_first(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let first = vec![task_of(&app)];
        db.store.record_delivery(push(&app, "guid-1", &first), first.clone()).await.expect("no error").expect("kept");
        for _ in 0..3 {
            let again = vec![task_of(&app)];
            let delivered = db.store.record_delivery(push(&app, "guid-1", &again), again).await.expect("no error").expect("answered");
            assert!(delivered.is_duplicate);
            assert_eq!(delivered.task_ids, [first[0].id.clone()]);
        }
        let other = db.app(&user.id, "other").await;
        let elsewhere = vec![task_of(&other)];
        let delivered = db.store.record_delivery(push(&other, "guid-1", &elsewhere), elsewhere).await.expect("no error").expect("kept");
        assert!(!delivered.is_duplicate, "another application has its own");
        assert_eq!(db.value("SELECT CAST(COUNT(*) AS TEXT) AS value FROM tasks").as_deref(), Some("2"));
    }

    async fn an_application_that_is_gone_keeps_nothing(db: &TestDb) {
        let user = db.user("ada").await;
        let mut app = db.app(&user.id, "hello").await;
        app.id = AppId::generate();
        let tasks = vec![task_of(&app)];
        let kept = db.store.record_delivery(push(&app, "guid-1", &tasks), tasks).await.expect("no error");
        assert_eq!(kept, None);
    }

    async fn deliveries_are_listed_newest_first_and_in_parts(db: &TestDb) {
        let (user, eve) = (db.user("ada").await, db.user("eve").await);
        let app = db.app(&user.id, "hello").await;
        let mut ids = Vec::new();
        for n in 0..5 {
            let mut delivery = push(&app, &format!("guid-{n}"), &[]);
            // Ids of one millisecond have no order.
            delivery.id = format!("lam3k2o{n}00000000").parse().expect("an id");
            delivery.verdict = if n == 2 { Verdict::Skipped } else { Verdict::Ping };
            ids.insert(0, delivery.id.clone());
            db.store.record_delivery(delivery, Vec::new()).await.expect("no error");
        }
        let mut query = DeliveryQuery { limit: Some(2), ..DeliveryQuery::new(app.id.clone()) };
        let mut listed = Vec::new();
        loop {
            let page = db.store.list_deliveries(&user.id, query.clone()).await.expect("no error").expect("his own");
            assert!(page.result.iter().all(|it| it.headers.is_none() && it.body.is_none()));
            listed.extend(page.result.into_iter().map(|it| it.id));
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(listed, ids);
        let skipped = DeliveryQuery { verdict: Some(Verdict::Skipped), ..DeliveryQuery::new(app.id.clone()) };
        let page = db.store.list_deliveries(&user.id, skipped).await.expect("no error").expect("his own");
        assert_eq!(page.result.into_iter().map(|it| it.id).collect::<Vec<_>>(), [ids[2].clone()]);
        assert_eq!(db.store.list_deliveries(&eve.id, DeliveryQuery::new(app.id.clone())).await.expect("no error"), None);
        assert_eq!(db.store.delivery(&eve.id, &ids[0]).await.expect("no error"), None);
    }

    async fn old_deliveries_go_by_age_and_by_count_and_their_tasks_stay(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let mut kept = Vec::new();
        for n in 1..=6_i64 {
            let tasks = vec![task_of(&app)];
            let mut delivery = push(&app, &format!("guid-{n}"), &tasks);
            delivery.id = format!("{}{n}", &DeliveryId::first_of(Millis(n * 1_000)).as_str()[..15]).parse().expect("an id");
            kept.push(delivery.id.clone());
            db.store.record_delivery(delivery, tasks).await.expect("no error");
        }
        assert_eq!(db.store.remove_old_deliveries(Some(Millis(3_000)), 100).await.expect("no error"), 2);
        assert_eq!(db.store.remove_old_deliveries(None, 3).await.expect("no error"), 1);
        let page = db.store.list_deliveries(&user.id, DeliveryQuery::new(app.id.clone())).await.expect("no error").expect("his own");
        let left: Vec<_> = page.result.into_iter().rev().map(|it| it.id).collect();
        assert_eq!(left, kept[3..]);
        assert_eq!(db.value("SELECT CAST(COUNT(*) AS TEXT) AS value FROM tasks").as_deref(), Some("6"));
    }

    async fn the_receiver_finds_the_application_and_what_its_host_signs_with(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        let secret = WebhookSecret { secret: Some(SecretString::from("s3cret")), password: None };
        insert.webhook_secrets = WebhookSecrets([(Provider::Github, secret)].into());
        let app = db.store.create_application(insert, None).await.expect("made");
        let target = db.store.webhook_target(&app.id).await.expect("no error").expect("it is there");
        assert_eq!(target.application, app);
        assert_eq!(target.secret.secret.as_ref().map(|it| it.expose_secret()), Some("s3cret"));
        assert!(db.store.webhook_target(&AppId::generate()).await.expect("no error").is_none());
    }

    async fn code_from_a_fork_is_claimed_without_secrets_unless_they_are_allowed(db: &TestDb) {
        let user = db.user("ada").await;
        for (repo, is_allowed) in [("closed", false), ("open", true)] {
            let mut insert = new_app(&user.id, repo);
            insert.new.secrets = flowcd_model::secret::Secrets([("A".to_owned(), "s3cret".to_owned())].into());
            insert.new.fork_secrets = is_allowed;
            let app = db.store.create_application(insert, None).await.expect("made");
            for is_fork in [true, false] {
                let task = TaskInsert { is_fork, ..task_of(&app) };
                db.store.create_task(task, None).await.expect("no error");
                let claimed = db.claim().await;
                assert_eq!(claimed.task.is_fork, is_fork);
                assert_eq!(claimed.secrets.contains_key("A"), !is_fork || is_allowed, "{repo} {is_fork}");
            }
        }
    }
}
