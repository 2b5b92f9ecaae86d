use flowcd_model::{
    application::Provider,
    id::UserId,
    secret::{SecretNames, Secrets},
    user::{PasswordChange, User, UserPatch, UserSecretsPatch},
};
use flowcd_store::{Error, UserUpdate};
use secrecy::{ExposeSecret, SecretString};

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

    async fn the_owner_of_a_password_changes_it_and_keeps_the_session_that_he_is_in(db: &TestDb) {
        let (ada, eve) = (db.user("ada").await, db.user("eve").await);
        let session = async |user: &User| db.store.create_session(&user.id, 60_000).await.expect("a session");
        let (present, other, of_eve) = (session(&ada).await, session(&ada).await, session(&eve).await);
        let is_open = async |cookie: &SecretString| db.store.session(cookie.expose_secret()).await.expect("no error").is_some();
        let change = async |user: &UserId, old: &str, new: &str, kept: Option<&SecretString>| {
            let change = PasswordChange { old_password: old.to_owned(), new_password: new.to_owned() };
            db.store.change_password(user, change, kept).await.expect("no error")
        };
        let verify = async |password: &str| db.store.verify_password("ada", &password.into()).await.expect("no error").is_some();
        assert!(!change(&ada.id, "a wrong password", "a new password", Some(&present)).await);
        assert!(!change(&UserId::generate(), "a long password", "a new password", None).await);
        assert!(is_open(&other).await && verify("a long password").await);

        assert!(change(&ada.id, "a long password", "a new password", Some(&present)).await);
        assert!(is_open(&present).await && is_open(&of_eve).await && !is_open(&other).await);
        assert!(verify("a new password").await && !verify("a long password").await);

        assert!(change(&ada.id, "a new password", "a third password", None).await);
        assert!(!is_open(&present).await && is_open(&of_eve).await);
        db.store.disable_user("ada").await.expect("no error");
        assert!(!change(&ada.id, "a third password", "a new password", None).await);
    }

    async fn an_administrator_is_made_and_changes_like_any_user(db: &TestDb) {
        let root = db.store.create_admin("root", &"a long password".into()).await.expect("made");
        let ada = db.user("ada").await;
        assert!(root.is_admin && !ada.is_admin);
        let seen = async |user: &User| db.store.user(&user.id).await.expect("no error").expect("the user");
        assert_eq!((seen(&root).await, seen(&ada).await), (root.clone(), ada.clone()));
        assert_eq!(db.store.user(&UserId::generate()).await.expect("no error"), None);
        assert!(db.store.user_info(&root.id).await.expect("no error").expect("the user").is_admin);
        let promoted = db.store.promote_user("ada").await.expect("no error").expect("the user");
        assert!(promoted.is_admin);
        assert_eq!(seen(&ada).await, promoted);
        // The operator may do without any.
        for name in ["ada", "root"] {
            assert!(!db.store.demote_user(name).await.expect("no error").expect("the user").is_admin);
        }
        assert_eq!(db.store.promote_user("nobody").await.expect("no error"), None);
        assert_eq!(db.store.demote_user("nobody").await.expect("no error"), None);
    }

    async fn an_administrator_changes_users_and_one_administrator_stays(db: &TestDb) {
        let root = db.store.create_admin("root", &"a long password".into()).await.expect("made");
        let ada = db.user("ada").await;
        let update = async |patch: UserPatch| db.store.update_user(patch).await.expect("no error");
        let disable = |user: &User| UserPatch { is_disabled: Some(true), ..UserPatch::new(user.id.clone()) };
        let demote = |user: &User| UserPatch { is_admin: Some(false), ..UserPatch::new(user.id.clone()) };
        assert_eq!(update(disable(&root)).await, UserUpdate::LastAdmin);
        assert_eq!(update(demote(&root)).await, UserUpdate::LastAdmin);
        assert_eq!(db.store.user(&root.id).await.expect("no error"), Some(root.clone()));
        assert_eq!(update(UserPatch::new(UserId::generate())).await, UserUpdate::Absent);

        let session = db.store.create_session(&ada.id, 60_000).await.expect("a session");
        let promote = UserPatch { is_admin: Some(true), ..UserPatch::new(ada.id.clone()) };
        let UserUpdate::Updated(user) = update(promote).await else { panic!("ada is there") };
        assert!(user.is_admin && !user.is_disabled);
        let is_open = async || db.store.session(session.expose_secret()).await.expect("no error").is_some();
        assert!(is_open().await, "a promotion ends no session");
        // One who may not come in does not count.
        assert!(matches!(update(disable(&ada)).await, UserUpdate::Updated(user) if user.is_disabled));
        assert!(!is_open().await);
        assert_eq!(update(demote(&root)).await, UserUpdate::LastAdmin);
        let enable = UserPatch { is_disabled: Some(false), ..UserPatch::new(ada.id.clone()) };
        assert!(matches!(update(enable).await, UserUpdate::Updated(_)));
        assert!(matches!(update(demote(&root)).await, UserUpdate::Updated(_)));

        let session = db.store.create_session(&ada.id, 60_000).await.expect("a session");
        let password = UserPatch { password: Some("a given password".to_owned()), ..UserPatch::new(ada.id.clone()) };
        assert!(matches!(update(password).await, UserUpdate::Updated(_)));
        assert_eq!(db.store.session(session.expose_secret()).await.expect("no error"), None);
        assert!(db.store.verify_password("ada", &"a given password".into()).await.expect("no error").is_some());
    }

    async fn administrators_who_demote_each_other_at_once_do_not_both_succeed(db: &TestDb) {
        for round in 0..8 {
            let mut admins = Vec::new();
            for name in ["one", "other"] {
                let name = format!("{name}{round}");
                admins.push(db.store.create_admin(&name, &"a long password".into()).await.expect("made"));
            }
            let demote = |user: &User| db.store.update_user(UserPatch { is_admin: Some(false), ..UserPatch::new(user.id.clone()) });
            let (one, other) = tokio::join!(demote(&admins[0]), demote(&admins[1]));
            let outcomes = [one.expect("no error"), other.expect("no error")];
            let n_last = outcomes.iter().filter(|outcome| **outcome == UserUpdate::LastAdmin).count();
            assert_eq!(n_last, 1, "{outcomes:?}");
            db.execute("UPDATE users SET is_admin = FALSE");
        }
    }

    async fn secrets_are_added_or_replaced_and_only_named(db: &TestDb) {
        let user = db.user("ada").await;
        let names = async || db.store.user_secret_names(&user.id).await.expect("names");
        let expected = |names: &[&str]| SecretNames::new(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(names().await, expected(&[]));
        for (change, left) in [
            (patch(&[("A", "1")], true), &["A"][..]),
            (patch(&[("B", "2"), ("A", "3")], true), &["A", "B"]),
            (UserSecretsPatch { removed: vec!["A".to_owned(), "Z".to_owned()], ..patch(&[("D", "4")], true) }, &["B", "D"]),
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
