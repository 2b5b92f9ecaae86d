use flowcd_model::time::Millis;
use secrecy::ExposeSecret;

use crate::harness::{TestDb, on_both};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

on_both! {
    async fn a_session_lasts_until_it_is_ended(db: &TestDb) {
        let user = db.user("ada").await;
        let (one, other) = (
            db.store.create_session(&user.id, WEEK_MS).await.expect("a session"),
            db.store.create_session(&user.id, WEEK_MS).await.expect("a session"),
        );
        let session = async |cookie: &str| db.store.session(cookie).await.expect("no error");
        assert_eq!(session(one.expose_secret()).await, Some((user.id.clone(), "ada".to_owned())));
        assert_eq!(session("").await, None);
        assert_eq!(session("x").await, None);
        db.store.delete_session(one.expose_secret()).await.expect("no error");
        db.store.delete_session("x").await.expect("no error");
        assert_eq!(session(one.expose_secret()).await, None);
        assert!(session(other.expose_secret()).await.is_some());
    }

    async fn a_session_ends_with_its_time_and_is_swept(db: &TestDb) {
        let user = db.user("ada").await;
        let ended = db.store.create_session(&user.id, -1).await.expect("a session");
        let lasting = db.store.create_session(&user.id, WEEK_MS).await.expect("a session");
        assert_eq!(db.store.session(ended.expose_secret()).await.expect("no error"), None);
        assert_eq!(db.store.housekeeping(Millis::now()).await.expect("no error").n_sessions, 1);
        assert!(db.store.session(lasting.expose_secret()).await.expect("no error").is_some());
    }

    async fn a_new_password_and_a_disabled_user_end_all_sessions(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let eves = db.store.create_session(&eve.id, WEEK_MS).await.expect("a session");
        let session = db.store.create_session(&ada.id, WEEK_MS).await.expect("a session");
        db.store.set_password("ada", &"a new password".into()).await.expect("no error");
        assert_eq!(db.store.session(session.expose_secret()).await.expect("no error"), None);
        let session = db.store.create_session(&ada.id, WEEK_MS).await.expect("a session");
        db.store.disable_user("ada").await.expect("no error");
        assert_eq!(db.store.session(session.expose_secret()).await.expect("no error"), None);
        db.store.enable_user("ada").await.expect("no error");
        assert_eq!(db.store.session(session.expose_secret()).await.expect("no error"), None);
        assert!(db.store.session(eves.expose_secret()).await.expect("no error").is_some());
    }
}
