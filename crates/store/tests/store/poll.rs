use flowcd_model::{
    application::{Application, ApplicationPatch},
    delivery::{Delivery, DeliveryKind, Verdict},
    id::DeliveryId,
    time::Millis,
};
use flowcd_store::{Look, Refs};
use tokio::task::JoinSet;

use crate::{
    delivery::push,
    harness::{TestDb, new_app, on_both},
};

async fn polled(db: &TestDb, seconds: i64) -> Application {
    let user = db.user("ada").await;
    let mut insert = new_app(&user.id, "hello");
    insert.new.poll_seconds = Some(seconds);
    db.store
        .create_application(insert, None)
        .await
        .expect("made")
}

/// A look that begins now.
async fn look(db: &TestDb, app: &Application) -> Look {
    Look::new(&db.see_app(app).await)
}

fn refs(commit: &str) -> Refs {
    [("refs/heads/main".to_owned(), commit.to_owned())].into()
}

/// A commit that a look found on main.
fn found(app: &Application, key: &str, commit: char) -> Delivery {
    Delivery {
        kind: DeliveryKind::Poll,
        commit: Some(commit.to_string().repeat(40)),
        ..push(app, key, &[])
    }
}

/// The delivery, some seconds from now: ids of one millisecond have no order.
fn later(delivery: Delivery, seconds: i64) -> Delivery {
    let id = DeliveryId::first_of(Millis::now().plus_ms(seconds * 1_000));
    Delivery { id, ..delivery }
}

on_both! {
    async fn a_repository_is_due_at_once_and_then_after_its_interval(db: &TestDb) {
        let app = polled(db, 60).await;
        let now = Millis::now();
        assert_eq!(db.store.claim_polls(now, 8).await.expect("no error"), std::slice::from_ref(&app.id));
        assert_eq!(db.store.claim_polls(now, 8).await.expect("no error"), [], "nobody else gets it");
        assert_eq!(db.store.claim_polls(now.plus_ms(59_999), 8).await.expect("no error"), []);
        assert_eq!(db.store.claim_polls(now.plus_ms(60_000), 8).await.expect("no error"), std::slice::from_ref(&app.id));
        db.store.poll_all(now).await.expect("no error");
        assert_eq!(db.store.claim_polls(now, 8).await.expect("no error"), [app.id]);
    }

    async fn what_was_seen_is_kept_until_polling_ends(db: &TestDb) {
        let app = polled(db, 60).await;
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None);
        db.store.set_polled(&look(db, &app).await, Millis(5), Ok(Some(&refs("a")))).await.expect("no error");
        db.store.set_polled(&look(db, &app).await, Millis(6), Err("no answer")).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("a")), "a failure forgets nothing");
        let seen = db.see_app(&app).await;
        assert_eq!((seen.polled_time, seen.poll_problem.as_deref()), (Some(Millis(6)), Some("no answer")));
        db.store.set_polled(&look(db, &app).await, Millis(7), Ok(Some(&refs("b")))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("b")));
        assert_eq!(db.see_app(&app).await.poll_problem, None);
        db.store.set_polled(&look(db, &app).await, Millis(8), Ok(None)).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("b")), "nothing has changed");
        assert_eq!(db.see_app(&app).await.polled_time, Some(Millis(8)));
        let before = look(db, &app).await;
        let patch = ApplicationPatch { poll_seconds: Some(0), ..ApplicationPatch::new(app.id.clone()) };
        db.store.update_application(&app.user_id, patch, None).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None);
        assert_eq!(db.store.claim_polls(Millis(i64::MAX), 8).await.expect("no error"), []);
        db.store.set_polled(&before, Millis(9), Ok(Some(&refs("c")))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None, "a look that was under way leaves nothing");
    }

    async fn only_so_many_are_taken_as_can_be_looked_at(db: &TestDb) {
        let user = db.user("ada").await;
        for repo in ["a", "b", "c"] {
            let mut insert = new_app(&user.id, repo);
            insert.new.poll_seconds = Some(60);
            db.store.create_application(insert, None).await.expect("made");
        }
        let now = Millis::now();
        assert_eq!(db.store.claim_polls(now, 2).await.expect("no error").len(), 2);
        assert_eq!(db.store.claim_polls(now, 2).await.expect("no error").len(), 1);
    }

    async fn of_two_looks_at_once_only_the_first_to_end_counts(db: &TestDb) {
        let app = polled(db, 60).await;
        db.store.set_polled(&look(db, &app).await, Millis(5), Ok(Some(&refs("a")))).await.expect("no error");
        let (slow, fast) = (look(db, &app).await, look(db, &app).await);
        db.store.set_polled(&fast, Millis(6), Ok(Some(&refs("c")))).await.expect("no error");
        assert_eq!(db.store.record_polled(&slow, found(&app, "k", 'b'), Vec::new()).await.expect("no error"), None);
        db.store.set_polled(&slow, Millis(7), Ok(Some(&refs("b")))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("c")));
        assert_eq!(db.see_app(&app).await.polled_time, Some(Millis(6)));
    }

    async fn another_repository_begins_with_what_is_there_then(db: &TestDb) {
        let app = polled(db, 60).await;
        let now = Millis::now();
        db.store.claim_polls(now, 8).await.expect("no error");
        db.store.set_polled(&look(db, &app).await, Millis(5), Ok(Some(&refs("a")))).await.expect("no error");
        let before = look(db, &app).await;
        let same = ApplicationPatch { repo_url: Some(app.repo_url.clone()), ..ApplicationPatch::new(app.id.clone()) };
        db.store.update_application(&app.user_id, same, None).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("a")));
        let other = ApplicationPatch { repo_url: Some("https://github.com/octocat/moved.git".to_owned()), ..ApplicationPatch::new(app.id.clone()) };
        db.store.update_application(&app.user_id, other, None).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None);
        assert_eq!(db.see_app(&app).await.polled_time, None);
        db.store.set_polled(&before, Millis(6), Ok(Some(&refs("b")))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None, "the look was at the old one");
        assert_eq!(db.store.claim_polls(Millis::now(), 8).await.expect("no error"), [app.id], "it is due at once");
    }

    async fn a_push_is_kept_once_whether_the_host_or_a_look_tells_it_first(db: &TestDb) {
        let app = polled(db, 60).await;
        let look = look(db, &app).await;
        let told = |key: &str, commit: char| Delivery { kind: DeliveryKind::Webhook, ..found(&app, key, commit) };

        let first = later(found(&app, "poll-a", 'a'), 1);
        let delivered = db.store.record_polled(&look, first.clone(), Vec::new()).await.expect("no error").expect("kept");
        assert!(!delivered.is_duplicate);
        let delivered = db.store.record_push(told("hook-a", 'a'), Vec::new()).await.expect("no error").expect("answered");
        assert_eq!((delivered.delivery_id, delivered.is_duplicate), (first.id, true));

        let second = later(told("hook-b", 'b'), 2);
        db.store.record_push(second.clone(), Vec::new()).await.expect("no error").expect("kept");
        let delivered = db.store.record_polled(&look, found(&app, "poll-b", 'b'), Vec::new()).await.expect("no error").expect("answered");
        assert_eq!((delivered.delivery_id, delivered.is_duplicate), (second.id, true));

        // What was told long ago and is there again, is news.
        let delivered = db.store.record_polled(&look, later(found(&app, "poll-a-again", 'a'), 3), Vec::new()).await.expect("no error").expect("kept");
        assert!(!delivered.is_duplicate);
        let other = Delivery { git_ref: Some("refs/heads/other".to_owned()), ..found(&app, "poll-other", 'a') };
        assert!(!db.store.record_polled(&look, other, Vec::new()).await.expect("no error").expect("kept").is_duplicate);
    }

    async fn a_look_that_deployed_nothing_does_not_answer_for_the_host(db: &TestDb) {
        let app = polled(db, 60).await;
        let look = look(db, &app).await;
        let skipped = Delivery { verdict: Verdict::Skipped, ..found(&app, "poll-a", 'a') };
        db.store.record_polled(&look, skipped, Vec::new()).await.expect("no error").expect("kept");
        let told = Delivery { kind: DeliveryKind::Webhook, ..found(&app, "hook-a", 'a') };
        assert!(!db.store.record_push(told, Vec::new()).await.expect("no error").expect("kept").is_duplicate);
    }

    async fn what_is_no_push_or_was_repeated_does_not_hide_what_was_told(db: &TestDb) {
        let app = polled(db, 60).await;
        let look = look(db, &app).await;
        let since = Millis::now().plus_ms(-1);
        db.store.record_delivery(later(found(&app, "a", 'a'), 1), Vec::new()).await.expect("no error");
        let mut job = found(&app, "job", 'b');
        job.event.event_name = "Job Hook".to_owned();
        db.store.record_delivery(later(job, 2), Vec::new()).await.expect("no error");
        let replay = Delivery { kind: DeliveryKind::Replay, ..found(&app, "replay", 'c') };
        db.store.record_delivery(later(replay, 3), Vec::new()).await.expect("no error");
        for commit in ['a', 'c'] {
            let delivered = db.store.record_polled(&look, found(&app, "poll", commit), Vec::new()).await.expect("no error");
            assert!(delivered.expect("answered").is_duplicate, "{commit}");
        }
        let main = "refs/heads/main".to_owned();
        let told = async |from: i64, until: i64| {
            db.store.told_between(&app.id, since.plus_ms(from), since.plus_ms(until)).await.expect("no error")
        };
        assert_eq!(told(0, 60_000).await, [(main.clone(), Some("a".repeat(40)))]);
        let gone = Delivery { commit: None, verdict: Verdict::Skipped, ..found(&app, "gone", 'x') };
        db.store.record_delivery(later(gone, 4), Vec::new()).await.expect("no error");
        assert_eq!(told(0, 60_000).await[1..], [(main, None)]);
        assert_eq!(told(60_000, 120_000).await, []);
        assert_eq!(told(0, 500).await, []);
        let delivered = db.store.record_polled(&look, found(&app, "poll", 'a'), Vec::new()).await.expect("no error");
        assert!(!delivered.expect("kept").is_duplicate, "the branch was gone, and is there again");
    }

    async fn a_push_without_a_commit_is_of_whatever_the_repository_says(db: &TestDb) {
        let app = polled(db, 60).await;
        let look = look(db, &app).await;
        let since = Millis::now();
        let tag = |key: &str, commit: Option<char>| Delivery {
            git_ref: Some("refs/tags/v1".to_owned()),
            commit: commit.map(|it| it.to_string().repeat(40)),
            ..found(&app, key, 'x')
        };
        let first = Delivery { kind: DeliveryKind::Webhook, ..tag("hook", None) };
        db.store.record_push(later(first, 1), Vec::new()).await.expect("no error").expect("kept");
        let delivered = db.store.record_polled(&look, later(tag("poll", Some('a')), 2), Vec::new()).await.expect("no error");
        assert!(delivered.expect("answered").is_duplicate);
        assert_eq!(db.store.told_between(&app.id, since, since.plus_ms(60_000)).await.expect("no error"), []);
    }

    async fn a_push_that_the_host_and_a_look_tell_at_the_same_time_is_kept_once(db: &TestDb) {
        let app = polled(db, 60).await;
        let look = look(db, &app).await;
        for n in 0..50 {
            let of_round = |delivery: Delivery| Delivery { git_ref: Some(format!("refs/heads/b{n}")), ..delivery };
            let hook = of_round(Delivery { kind: DeliveryKind::Webhook, ..found(&app, &format!("hook-{n}"), 'a') });
            let mut telling = JoinSet::new();
            for m in 0..4 {
                let poll = of_round(found(&app, &format!("poll-{n}-{m}"), 'a'));
                let (store, look) = (db.store.clone(), look.clone());
                telling.spawn(async move { store.record_polled(&look, poll, Vec::new()).await });
            }
            let store = db.store.clone();
            telling.spawn(async move { store.record_push(hook, Vec::new()).await });
            let kept = telling.join_all().await.into_iter().map(|kept| kept.expect("no error").expect("kept"));
            assert_eq!(kept.filter(|it| !it.is_duplicate).count(), 1, "round {n}");
        }
    }
}
