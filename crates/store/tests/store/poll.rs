use flowcd_model::{
    application::{Application, ApplicationPatch},
    time::Millis,
};
use flowcd_store::Refs;

use crate::harness::{TestDb, new_app, on_both};

async fn polled(db: &TestDb, seconds: i64) -> Application {
    let user = db.user("ada").await;
    let mut insert = new_app(&user.id, "hello");
    insert.new.poll_seconds = Some(seconds);
    db.store
        .create_application(insert, None)
        .await
        .expect("made")
}

fn refs(commit: &str) -> Refs {
    [("refs/heads/main".to_owned(), commit.to_owned())].into()
}

on_both! {
    async fn a_repository_is_due_at_once_and_then_after_its_interval(db: &TestDb) {
        let app = polled(db, 60).await;
        let now = Millis::now();
        assert_eq!(db.store.claim_polls(now).await.expect("no error"), [app.id.clone()]);
        assert_eq!(db.store.claim_polls(now).await.expect("no error"), [], "nobody else gets it");
        assert_eq!(db.store.claim_polls(now.plus_ms(59_999)).await.expect("no error"), []);
        assert_eq!(db.store.claim_polls(now.plus_ms(60_000)).await.expect("no error"), [app.id.clone()]);
        db.store.poll_all(now).await.expect("no error");
        assert_eq!(db.store.claim_polls(now).await.expect("no error"), [app.id]);
    }

    async fn what_was_seen_is_kept_until_polling_ends(db: &TestDb) {
        let app = polled(db, 60).await;
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None);
        db.store.set_polled(&app.id, Millis(5), Ok(&refs("a"))).await.expect("no error");
        db.store.set_polled(&app.id, Millis(6), Err("no answer")).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("a")), "a failure forgets nothing");
        let seen = db.see_app(&app).await;
        assert_eq!((seen.polled_time, seen.poll_problem.as_deref()), (Some(Millis(6)), Some("no answer")));
        db.store.set_polled(&app.id, Millis(7), Ok(&refs("b"))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), Some(refs("b")));
        assert_eq!(db.see_app(&app).await.poll_problem, None);
        let patch = ApplicationPatch { poll_seconds: Some(0), ..ApplicationPatch::new(app.id.clone()) };
        db.store.update_application(&app.user_id, patch, None).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None);
        assert_eq!(db.store.claim_polls(Millis(i64::MAX)).await.expect("no error"), []);
        db.store.set_polled(&app.id, Millis(8), Ok(&refs("c"))).await.expect("no error");
        assert_eq!(db.store.polled_refs(&app.id).await.expect("no error"), None, "a look that was under way leaves nothing");
    }
}
