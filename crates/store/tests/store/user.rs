use flowcd_model::{
    application::Provider,
    id::UserId,
    secret::{SecretNames, Secrets},
    user::UserSecretsPatch,
};
use flowcd_store::Error;
use secrecy::ExposeSecret;

use crate::harness::{TestDb, on_both};

fn patch(pairs: &[(&str, &str)], is_added: bool) -> UserSecretsPatch {
    let pairs = pairs.iter();
    UserSecretsPatch {
        secrets: Secrets(
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        is_added,
        removed: Vec::new(),
    }
}

on_both! {
    async fn a_user_is_found_by_name_and_a_name_is_taken_once(db: &TestDb) {
        let ada = db.user("ada").await;
        db.user("Zoe").await;
        db.user("eve").await;
        assert_eq!(db.store.user_by_name("ada").await.expect("no error"), Some(ada));
        assert_eq!(db.store.user_by_name("Ada").await.expect("no error"), None);
        let again = db.store.create_user("ada", &"another password".into()).await;
        assert!(matches!(again, Err(Error::DuplicateUser)), "{again:?}");
        let names: Vec<String> =
            db.store.list_users().await.expect("a list").into_iter().map(|user| user.username).collect();
        assert_eq!(names, ["Zoe", "ada", "eve"]);
    }

    async fn a_password_opens_one_account_while_it_is_enabled(db: &TestDb) {
        let ada = db.user("ada").await;
        let verify = async |name: &str, password: &str| {
            let user = db.store.verify_password(name, &password.into()).await.expect("no error");
            user.map(|user| user.id)
        };
        assert_eq!(verify("ada", "a long password").await, Some(ada.id.clone()));
        assert_eq!(verify("ada", "a wrong password").await, None);
        assert_eq!(verify("nobody", "a long password").await, None);
        assert_eq!(verify("a\0da", "a long password").await, None);
        db.store.set_password("ada", &"a new password".into()).await.expect("no error").expect("the user");
        assert_eq!(verify("ada", "a long password").await, None);
        assert_eq!(verify("ada", "a new password").await, Some(ada.id.clone()));
        let disabled = db.store.disable_user("ada").await.expect("no error").expect("the user");
        assert!(disabled.is_disabled);
        assert_eq!(verify("ada", "a new password").await, None);
        assert_eq!(db.store.set_password("nobody", &"a new password".into()).await.expect("no error"), None);
        assert_eq!(db.store.disable_user("nobody").await.expect("no error"), None);
        let hash = db.value("SELECT password_hash AS value FROM users").expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }

    async fn secrets_are_added_or_replaced_and_only_named(db: &TestDb) {
        let user = db.user("ada").await;
        let names = async || db.store.user_secret_names(&user.id).await.expect("names");
        let expected = |names: &[&str]| SecretNames::new(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(names().await, expected(&[]));
        for (change, left) in [
            (patch(&[("A", "1")], true), &["A"][..]),
            (patch(&[("B", "2"), ("A", "3")], true), &["A", "B"]),
            (patch(&[("C", "4")], false), &["C"]),
            (patch(&[], true), &["C"]),
            (patch(&[], false), &[]),
        ] {
            db.store.patch_user_secrets(&user.id, change).await.expect("no error");
            assert_eq!(names().await, expected(left));
        }
        assert_eq!(db.store.user_secret_names(&UserId::generate()).await.expect("names"), expected(&[]));
    }

    async fn a_provider_token_is_kept_per_origin_and_forgotten(db: &TestDb) {
        let user = db.user("ada").await;
        let set = async |provider, origin: &str, name: Option<&str>, token: Option<&str>| {
            let token = token.map(Into::into);
            db.store.set_provider_token(&user.id, provider, origin, name, token.as_ref()).await.expect("no error");
        };
        let github = async || {
            let found = db.store.provider_credentials(&user.id, Provider::Github).await.expect("tokens");
            let found = found.into_iter();
            found.map(|(account, token)| (account.origin, token.expose_secret().to_owned())).collect::<Vec<_>>()
        };
        let info = async || db.store.user_info(&user.id).await.expect("no error").expect("the user");
        assert!(!info().await.has_github_token);
        set(Provider::Github, "https://github.com", Some("ada"), Some("one")).await;
        set(Provider::Gitea, "https://git.example.com", None, Some("two")).await;
        set(Provider::Github, "https://github.com", Some("ada2"), Some("three")).await;
        assert_eq!(github().await, [("https://github.com".to_owned(), "three".to_owned())]);
        let told = info().await;
        assert_eq!((told.has_github_token, told.github_name.as_str()), (true, "ada2"));
        let origins: Vec<&str> = told.provider_tokens.iter().map(|account| account.origin.as_str()).collect();
        assert_eq!(origins, ["https://git.example.com", "https://github.com"]);
        set(Provider::Github, "https://github.com", None, None).await;
        set(Provider::Github, "https://github.com", None, None).await;
        assert_eq!(github().await, []);
        assert_eq!(info().await.provider_tokens.len(), 1);
        assert_eq!(db.store.user_info(&UserId::generate()).await.expect("no error"), None);
    }
}
