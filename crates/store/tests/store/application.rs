use std::collections::BTreeMap;

use flowcd_model::{
    application::{ApplicationPatch, Provider},
    id::{AppId, UserId},
    secret::{SecretChanges, SecretNames, Secrets},
    trigger::TriggerSpec,
};
use flowcd_store::{AppDeletion, Error, WebhookSecret, WebhookSecrets};
use secrecy::ExposeSecret;

use crate::harness::{TestDb, new_app, on_both};

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    Secrets(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

fn names(names: &[&str]) -> SecretNames {
    SecretNames::new(names.iter().map(|name| (*name).to_owned()))
}

fn spec(json: &str) -> TriggerSpec {
    serde_json::from_str(json).expect("a trigger")
}

fn github(secret: &str) -> WebhookSecrets {
    let secret = WebhookSecret {
        secret: Some(secret.into()),
        password: None,
    };
    WebhookSecrets(BTreeMap::from([(Provider::Github, secret)]))
}

on_both! {
    async fn an_application_comes_back_as_it_was_made(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.description = "says hello".to_owned();
        insert.new.secrets = secrets(&[("KEY", "s3cret"), ("OTHER", "")]);
        insert.new.trigger_spec = spec(r#"{"github":{"secret":"in the clear","events":[{"eventName":"push"}]}}"#);
        insert.new.envs = Some(serde_json::from_str(r#"{"Z":1,"A":"two","M":true}"#).expect("an object"));
        insert.webhook_secrets = github("webhook s3cret");
        let made = db.store.create_application(insert.clone(), None).await.expect("made");

        assert_eq!(made.id, insert.id);
        assert_eq!(made.provider_repo_id, "octocat/hello");
        assert_eq!(made.secrets, names(&["KEY", "OTHER"]));
        assert_eq!(made.trigger_spec, spec(r#"{"github":{"secret":"***","events":[{"eventName":"push"}]}}"#));
        let envs = serde_json::to_string(&made.envs).expect("json");
        assert_eq!(envs, r#"{"Z":1,"A":"two","M":true}"#);
        assert_eq!(made.latest_task, None);

        assert_eq!(db.see_app(&made).await, made);
        let (list, next) = db.store.list_applications(&user.id, None, None).await.expect("a list");
        assert_eq!((list, next), (vec![made.clone()], None));
        let webhook = db.store.webhook_secrets(&made.id).await.expect("no error").expect("an application");
        let secret = webhook.0[&Provider::Github].secret.as_ref().expect("a secret");
        assert_eq!(secret.expose_secret(), "webhook s3cret");
    }

    async fn an_application_is_its_owners_alone(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let app = db.app(&ada.id, "hello").await;
        assert_eq!(db.store.application(&eve.id, &app.id).await.expect("no error"), None);
        let (list, _) = db.store.list_applications(&eve.id, None, None).await.expect("a list");
        assert_eq!(list, []);
        let patch = ApplicationPatch { description: Some("mine".to_owned()), ..ApplicationPatch::new(app.id.clone()) };
        assert_eq!(db.store.update_application(&eve.id, patch, None).await.expect("no error"), None);
        assert_eq!(db.store.delete_application(&eve.id, &app.id).await.expect("no error"), AppDeletion::Absent);
        assert_eq!(db.see_app(&app).await, app);
    }

    async fn a_repository_is_bound_once_per_user(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        db.app(&ada.id, "hello").await;
        let again = db.store.create_application(new_app(&ada.id, "hello"), None).await;
        assert!(matches!(again, Err(Error::DuplicateApplication)), "{again:?}");
        db.app(&eve.id, "hello").await;
        let mut elsewhere = new_app(&ada.id, "hello");
        elsewhere.new.provider = Provider::Gitee;
        db.store.create_application(elsewhere, None).await.expect("another host");
    }

    async fn an_update_changes_what_it_names_and_nothing_else(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.secrets = secrets(&[("KEY", "s3cret")]);
        insert.new.trigger_spec = spec(r#"{"github":{"push":{}}}"#);
        insert.webhook_secrets = github("installed");
        let made = db.store.create_application(insert, None).await.expect("made");

        let patch = ApplicationPatch { description: Some("new".to_owned()), ..ApplicationPatch::new(made.id.clone()) };
        let updated = db.store.update_application(&user.id, patch, None).await.expect("no error").expect("it is there");
        assert_eq!(updated.description, "new");
        assert_eq!(updated.secrets, made.secrets);
        assert_eq!(updated.trigger_spec, made.trigger_spec);
        assert!(updated.updated_time >= made.updated_time);

        let patch = ApplicationPatch {
            secrets: Some(secrets(&[("B", "b")])),
            trigger_spec: Some(TriggerSpec::default()),
            envs: Some(serde_json::Map::new()),
            ..ApplicationPatch::new(made.id.clone())
        };
        let updated = db.store.update_application(&user.id, patch, None).await.expect("no error").expect("it is there");
        assert_eq!(updated.secrets, names(&["B"]));
        assert_eq!(updated.trigger_spec, made.trigger_spec, "an empty trigger is ignored");
        assert_eq!(updated.envs, Some(serde_json::Map::new()));
        assert_eq!(db.see_app(&made).await, updated);
    }

    async fn secrets_are_set_and_removed_one_by_one(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.secrets = secrets(&[("GOES", "1"), ("STAYS", "2")]);
        let made = db.store.create_application(insert, None).await.expect("made");
        let changes = [("GOES", None), ("NEW", Some("hush".to_owned())), ("NOWHERE", None)];
        let changes = changes.map(|(name, value)| (name.to_owned(), value));
        let patch = ApplicationPatch {
            secret_changes: Some(SecretChanges(changes.into())),
            ..ApplicationPatch::new(made.id.clone())
        };
        assert!(!format!("{patch:?}").contains("hush"), "a value is shown");
        let updated = db.store.update_application(&user.id, patch, None).await.expect("no error").expect("it is there");
        assert_eq!(updated.secrets, names(&["NEW", "STAYS"]));
    }

    async fn a_stored_webhook_secret_outlives_every_update(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.trigger_spec = spec(r#"{"github":{"push":{}}}"#);
        insert.webhook_secrets = github("installed");
        let made = db.store.create_application(insert, None).await.expect("made");
        for trigger in [
            r#"{"github":{"secret":"mine","push":{}},"gitee":{"password":"gitee's"}}"#,
            r#"{"gitlab":{"secret":"***"}}"#,
            r#"{"github":{"secret":"***","push":{}},"gitee":{"password":"***","secret":"***"}}"#,
        ] {
            let patch = ApplicationPatch { trigger_spec: Some(spec(trigger)), ..ApplicationPatch::new(made.id.clone()) };
            db.store.update_application(&user.id, patch, None).await.expect("no error").expect("it is there");
        }
        let shown = db.see_app(&made).await.trigger_spec;
        assert_eq!(shown, spec(r#"{"github":{"secret":"***","push":{}},"gitee":{"password":"***"}}"#));
        let stored = db.store.webhook_secrets(&made.id).await.expect("no error").expect("it is there");
        let github = stored.0[&Provider::Github].secret.as_ref().expect("a secret");
        assert_eq!(github.expose_secret(), "installed");
        let gitee = stored.0[&Provider::Gitee].password.as_ref().expect("a password");
        assert_eq!(gitee.expose_secret(), "gitee's");
        assert_eq!(stored.0.len(), 2, "`***` is no secret");
    }

    async fn the_list_pages_without_gap_or_repeat(db: &TestDb) {
        let user = db.user("ada").await;
        for number in 0..25 {
            db.app(&user.id, &format!("repo{number:02}")).await;
        }
        // Many share a moment.
        db.execute("UPDATE applications SET updated_time = updated_time - updated_time % 2, created_time = 7");
        let (all, next) = db.store.list_applications(&user.id, None, None).await.expect("a list");
        assert_eq!((all.len(), next), (25, None));
        let key = |app: &flowcd_model::application::Application| (app.updated_time, app.created_time, app.id.clone());
        assert!(all.is_sorted_by(|a, b| key(a) > key(b)));
        let (mut paged, mut cursor) = (Vec::new(), None);
        loop {
            let (part, next) = db.store.list_applications(&user.id, Some(4), cursor).await.expect("a part");
            paged.extend(part);
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(paged, all);
    }

    async fn the_list_as_text_is_the_list(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.description = "says \"hello\"\n\u{1f980}".to_owned();
        insert.new.secrets = secrets(&[("KEY", "s3cret")]);
        insert.new.trigger_spec = spec(r#"{"github":{"push":{"branches":{"prefix":[]}}},"gitee":{"pr":{}}}"#);
        insert.new.envs = Some(serde_json::from_str(r#"{"Z":"\u0000","A":1.50}"#).expect("an object"));
        insert.webhook_secrets = github("webhook s3cret");
        let made = db.store.create_application(insert, None).await.expect("made");
        db.task(&made).await;
        for number in 0..5 {
            db.app(&user.id, &format!("repo{number}")).await;
        }
        for limit in [None, Some(2)] {
            let (list, next) = db.store.list_applications(&user.id, limit, None).await.expect("a list");
            let (text, text_next) = db.store.list_applications_json(&user.id, limit, None).await.expect("a list");
            assert_eq!(text, serde_json::to_string(&list).expect("json"));
            assert_eq!(text_next, next);
        }
        for column in ["trigger_spec", "secret_names", "latest_task", "envs"] {
            for bad in ["{", "5", "{} {}"] {
                db.execute(&format!("UPDATE applications SET {column} = '{bad}' WHERE id = '{}'", made.id));
                let (text, _) = db.store.list_applications_json(&user.id, None, None).await.expect("a list");
                let (list, _) = db.store.list_applications(&user.id, None, None).await.expect("a list");
                assert_eq!(text, serde_json::to_string(&list).expect("json"));
                assert_eq!(list.len(), 5, "{column} {bad}");
            }
            let good = if matches!(column, "latest_task" | "envs") { "NULL" } else { "'{}'" };
            db.execute(&format!("UPDATE applications SET {column} = {good} WHERE id = '{}'", made.id));
        }
        let nobody = UserId::generate();
        assert_eq!(db.store.list_applications_json(&nobody, None, None).await.expect("a list").0, "[]");
    }

    async fn a_cursor_of_another_kind_is_refused(db: &TestDb) {
        let user = UserId::generate();
        for cursor in ["", "1", "1.2", "1.2.", "x.2.aaaaaaaa", "1.2.../../etc", "99999999999999999999.1.aaaaaaaa"] {
            let listed = db.store.list_applications(&user, Some(1), Some(cursor.to_owned())).await;
            assert!(matches!(listed, Err(Error::InvalidCursor)), "{cursor:?}");
        }
    }

    async fn a_deletion_takes_the_tasks_along_unless_one_runs(db: &TestDb) {
        let user = db.user("ada").await;
        let app = db.app(&user.id, "hello").await;
        let (first, second) = (db.task(&app).await, db.task(&app).await);
        let claimed = db.claim().await;
        let busy = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        assert_eq!(busy, AppDeletion::Busy(first.id.clone()));
        db.finish(&claimed, flowcd_model::task::TaskStatus::Success).await;
        let deleted = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        assert_eq!(deleted, AppDeletion::Deleted { tasks: vec![first.id.clone(), second.id] });
        assert_eq!(db.store.task(&user.id, &first.id).await.expect("no error"), None);
        assert!(db.store.claim_task("one", 1).await.expect("no error").is_none());
        let again = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        assert_eq!(again, AppDeletion::Absent);
        db.check_counts().await;
    }

    async fn a_deletion_of_many_tasks_takes_them_all_along_and_keeps_the_counts(db: &TestDb) {
        let user = db.user("ada").await;
        let (app, other) = (db.app(&user.id, "hello").await, db.app(&user.id, "other").await);
        let kept = db.task(&other).await;
        db.execute(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
             INSERT INTO tasks (id, app_id, user_id, number, status, message, commit_id, owner, repo_name, trigger_type,
                    pipeline_file, created_time, updated_time)
                SELECT 'bulk' || (10000 + i), '{}', '{}', i, CASE WHEN i % 2 = 0 THEN 'success' ELSE 'failure' END, '',
                    'abc', 'o', 'r', 'manual', 'p', i, i FROM n;
             UPDATE applications SET n_success = 1250, n_failure = 1250, last_number = 2500 WHERE id = '{}'",
            app.id, user.id, app.id
        ));
        db.check_counts().await;
        let running = {
            let newest = db.task(&app).await;
            let mut claimed = db.claim().await;
            while claimed.task.id != newest.id {
                claimed = db.claim().await;
            }
            claimed
        };
        let busy = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        assert_eq!(busy, AppDeletion::Busy(running.task.id.clone()));
        let n_tasks = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM tasks";
        assert_eq!(db.value(n_tasks).as_deref(), Some("2502"), "nothing was changed");
        db.finish(&running, flowcd_model::task::TaskStatus::Success).await;
        let deleted = db.store.delete_application(&user.id, &app.id).await.expect("no error");
        let AppDeletion::Deleted { tasks } = deleted else {
            panic!("{deleted:?}");
        };
        assert_eq!((tasks.len(), tasks.last()), (2501, Some(&running.task.id)));
        assert_eq!(db.value(n_tasks).as_deref(), Some("1"));
        assert_eq!(db.see(&kept).await.id, kept.id);
        db.check_counts().await;
    }

    async fn absent_applications_are_none(db: &TestDb) {
        let (user, app) = (UserId::generate(), AppId::generate());
        assert_eq!(db.store.application(&user, &app).await.expect("no error"), None);
        assert!(db.store.webhook_secrets(&app).await.expect("no error").is_none());
    }

    async fn text_with_nul_is_no_error(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.description = "a\0b".to_owned();
        insert.new.secrets = secrets(&[("KEY", "a\0b")]);
        let made = db.store.create_application(insert, None).await.expect("made");
        assert_eq!(made.description, "a\u{fffd}b");
        assert_eq!(db.store.user_by_name("a\0b").await.expect("no error"), None);
    }
}
