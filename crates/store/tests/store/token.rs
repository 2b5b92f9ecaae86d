use std::time::{Duration, Instant};

use flowcd_model::{
    id::TokenId,
    time::Millis,
    token::{NewToken, TokenPatch},
};
use flowcd_store::{Caller, TokenCheck};

use crate::harness::{TestDb, on_both};

fn new(expiration: i64) -> NewToken {
    NewToken {
        description: "for a test".to_owned(),
        expiration,
    }
}

on_both! {
    async fn a_token_speaks_for_its_user_and_is_nowhere_in_the_database(db: &TestDb) {
        let user = db.user("ada").await;
        let minted = db.store.create_token(&user.id, new(-1)).await.expect("a token");
        assert_eq!(minted.cd_token.len(), 40);
        assert!(minted.cd_token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(minted.expire_time, -1);
        let caller = Caller { user_id: user.id.clone(), username: "ada".to_owned(), token_id: minted.id.clone() };
        assert_eq!(db.store.caller_by_token(&minted.cd_token).await.expect("no error"), TokenCheck::Valid(caller));
        for text in ["", "x", &minted.cd_token[1..], &minted.cd_token.to_lowercase(), minted.id.as_str()] {
            assert_eq!(db.store.caller_by_token(text).await.expect("no error"), TokenCheck::Unknown, "{text:?}");
        }
        let tokens = db.store.list_tokens(&user.id).await.expect("a list");
        assert_eq!((tokens.len(), &tokens[0].id), (1, &minted.id));
        let row = match &db.place.url {
            flowcd_store::DatabaseUrl::Sqlite(_) => db.value("SELECT hex(token_sha256) AS value FROM tokens"),
            flowcd_store::DatabaseUrl::Postgres(_) =>
                db.value("SELECT encode(token_sha256, 'hex') AS value FROM tokens"),
        };
        assert_eq!(row.map(|hash| hash.len()), Some(64));
    }

    async fn a_token_expires_and_its_expiry_can_move(db: &TestDb) {
        let user = db.user("ada").await;
        let minted = db.store.create_token(&user.id, new(3_600_000)).await.expect("a token");
        let check = async || db.store.caller_by_token(&minted.cd_token).await.expect("no error");
        assert!(matches!(check().await, TokenCheck::Valid(_)));
        db.execute(&format!("UPDATE tokens SET expire_time = {}", Millis::now().0 - 1));
        assert_eq!(check().await, TokenCheck::Expired);
        for (expiration, is_valid) in [(3_600_000, true), (-1, true)] {
            let patch = TokenPatch { id: minted.id.clone(), expiration };
            assert!(db.store.update_token(&user.id, patch).await.expect("no error"));
            assert_eq!(matches!(check().await, TokenCheck::Valid(_)), is_valid);
        }
        let endless = db.store.create_token(&user.id, new(i64::MAX)).await.expect("a token");
        assert_eq!(endless.expire_time, i64::MAX);
    }

    async fn a_disabled_user_has_no_tokens_until_he_is_enabled(db: &TestDb) {
        let user = db.user("ada").await;
        let minted = db.store.create_token(&user.id, new(-1)).await.expect("a token");
        db.store.disable_user("ada").await.expect("no error").expect("the user");
        assert_eq!(db.store.caller_by_token(&minted.cd_token).await.expect("no error"), TokenCheck::Unknown);
        db.store.enable_user("ada").await.expect("no error").expect("the user");
        assert!(matches!(db.store.caller_by_token(&minted.cd_token).await.expect("no error"), TokenCheck::Valid(_)));
    }

    async fn a_token_is_deleted_and_changed_by_its_owner_alone(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let minted = db.store.create_token(&ada.id, new(-1)).await.expect("a token");
        assert_eq!(db.store.list_tokens(&eve.id).await.expect("a list"), []);
        assert!(!db.store.delete_token(&eve.id, &minted.id).await.expect("no error"));
        let patch = TokenPatch { id: minted.id.clone(), expiration: 1 };
        assert!(!db.store.update_token(&eve.id, patch).await.expect("no error"));
        assert!(!db.store.delete_token(&ada.id, &TokenId::generate()).await.expect("no error"));
        assert!(db.store.delete_token(&ada.id, &minted.id).await.expect("no error"));
        assert_eq!(db.store.caller_by_token(&minted.cd_token).await.expect("no error"), TokenCheck::Unknown);
    }

    async fn tokens_are_listed_newest_first(db: &TestDb) {
        let user = db.user("ada").await;
        for _ in 0..15 {
            db.store.create_token(&user.id, new(-1)).await.expect("a token");
        }
        let tokens = db.store.list_tokens(&user.id).await.expect("a list");
        assert_eq!(tokens.len(), 15);
        assert!(tokens.is_sorted_by(|a, b| (a.created_time, &a.id) > (b.created_time, &b.id)));
    }

    async fn the_last_use_is_noted_to_the_minute(db: &TestDb) {
        let user = db.user("ada").await;
        let minted = db.store.create_token(&user.id, new(-1)).await.expect("a token");
        let active = async || db.store.list_tokens(&user.id).await.expect("a list")[0].active_time;
        assert_eq!(active().await, None);
        let before = Millis::now();
        db.store.caller_by_token(&minted.cd_token).await.expect("no error");
        // It is written off the request's path, so wait for it, but not for ever.
        let deadline = Instant::now() + Duration::from_secs(10);
        while active().await.is_none() && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        let first = active().await.expect("a use");
        assert!(first >= before);
        db.store.caller_by_token(&minted.cd_token).await.expect("no error");
        // Writes are in order on SQLite, and on PostgreSQL the row itself would tell.
        db.store.create_token(&user.id, new(-1)).await.expect("a token");
        assert_eq!(db.store.list_tokens(&user.id).await.expect("a list")[1].active_time, Some(first));
    }
}
