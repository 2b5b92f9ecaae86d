use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use flowcd_model::{secret::Secrets, user::UserSecretsPatch};
use flowcd_store::{DatabaseUrl, Keyring, KeyringError, Store};
use secrecy::ExposeSecret;

use crate::harness::{LEASE_MS, TestDb, new_app, on_both};

const CANARY: &str = "canary-5f2e8a";

on_both! {
    async fn old_keys_open_what_they_sealed_and_the_new_one_seals(db: &TestDb) {
        let user = db.user("ada").await;
        let secrets = |name: &str| UserSecretsPatch {
            secrets: Secrets([(name.to_owned(), CANARY.to_owned())].into()),
            is_added: true,
            removed: Vec::new(),
        };
        db.store.patch_user_secrets(&user.id, secrets("OLD")).await.expect("no error");
        let rotated = db.keyring.rotated();
        let store = Store::open(&db.place.url, rotated.clone()).await.expect("it opens");
        store.patch_user_secrets(&user.id, secrets("NEW")).await.expect("the old box opens");
        let old = db.store.patch_user_secrets(&user.id, secrets("LATE")).await;
        assert!(old.is_err(), "the old ring does not have the new key");
        let reread = Keyring::from_base64(rotated.to_base64().expose_secret()).expect("its own text");
        let store = Store::open(&db.place.url, reread).await.expect("it opens");
        store.patch_user_secrets(&user.id, secrets("LATE")).await.expect("no error");
        let names = store.user_secret_names(&user.id).await.expect("names");
        assert_eq!(names.0.keys().collect::<Vec<_>>(), ["LATE", "NEW", "OLD"]);
    }

    async fn a_box_that_was_tampered_with_does_not_open(db: &TestDb) {
        let user = db.user("ada").await;
        let mut insert = new_app(&user.id, "hello");
        insert.new.secrets = Secrets([("KEY".to_owned(), CANARY.to_owned())].into());
        let app = db.store.create_application(insert, None).await.expect("made");
        db.task(&app).await;
        let flip = match &db.place.url {
            DatabaseUrl::Sqlite(_) => "UPDATE applications SET secrets_box = \
                CAST(substr(secrets_box, 1, length(secrets_box) - 1) AS BLOB) || \
                CASE substr(secrets_box, -1) WHEN x'00' THEN x'01' ELSE x'00' END",
            DatabaseUrl::Postgres(_) => "UPDATE applications SET secrets_box = \
                set_byte(secrets_box, length(secrets_box) - 1, (get_byte(secrets_box, length(secrets_box) - 1) + 1) % 256)",
        };
        let flip = match &db.place.url {
            DatabaseUrl::Sqlite(_) => flip.replace("UPDATE applications SET secrets_box = ", "UPDATE applications SET secrets_box = CAST(") + " AS BLOB)",
            DatabaseUrl::Postgres(_) => flip.to_owned(),
        };
        db.execute(&flip);
        assert!(db.store.claim_task("one", LEASE_MS).await.expect("no error").is_none());
        let error = db.value("SELECT error AS value FROM tasks").expect("an error");
        assert!(error.contains("tampered"), "{error}");
    }

    async fn no_secret_is_in_the_database_as_it_is(db: &TestDb) {
        let user = db.user("ada").await;
        let patch = UserSecretsPatch {
            secrets: Secrets([("NAME".to_owned(), CANARY.to_owned())].into()),
            is_added: false,
            removed: Vec::new(),
        };
        db.store.patch_user_secrets(&user.id, patch).await.expect("no error");
        let mut insert = new_app(&user.id, "hello");
        insert.new.secrets = Secrets([("NAME".to_owned(), CANARY.to_owned())].into());
        insert.new.trigger_spec = serde_json::from_str(
            r#"{"github":{"secret":"canary-5f2e8a","push":{}},"gitee":{"password":"canary-5f2e8a"}}"#,
        ).expect("a trigger");
        let secret = flowcd_store::WebhookSecret { secret: Some(CANARY.into()), password: Some(CANARY.into()) };
        insert.webhook_secrets.0.insert(flowcd_model::application::Provider::Github, secret);
        let kept = flowcd_store::IdempotencyRecord {
            user_id: user.id.clone(),
            key: "key".to_owned(),
            operation: "create",
            body_sha256: [0; 32],
            response: CANARY.to_owned(),
        };
        let shown = format!("{insert:?}");
        db.store.create_application(insert, Some(kept)).await.expect("made");
        let provider = flowcd_model::application::Provider::Github;
        let token = CANARY.into();
        db.store.set_provider_token(&user.id, provider, "https://github.com", None, Some(&token)).await.expect("no error");
        assert!(!shown.contains("SecretString(\"canary"), "{shown}");

        let mut everything = Vec::new();
        match &db.place.url {
            DatabaseUrl::Sqlite(path) => {
                let folder = path.parent().expect("a folder");
                for file in fs::read_dir(folder).expect("the folder") {
                    everything.extend(fs::read(file.expect("a file").path()).expect("its bytes"));
                }
            }
            DatabaseUrl::Postgres(_) => {
                for (table, column) in [
                    ("users", "secrets_box"),
                    ("applications", "secrets_box"),
                    ("applications", "webhook_box"),
                    ("provider_tokens", "token_box"),
                    ("idempotent_responses", "response_box"),
                ] {
                    let rows = db.raw().column(&format!("SELECT encode({column}, 'escape') AS value FROM {table}"));
                    assert!(rows.iter().all(Option::is_some), "{table}.{column}");
                    let rows = rows.into_iter().chain(db.raw().column(&format!("SELECT {table}::text AS value FROM {table}")));
                    everything.extend(rows.flatten().flat_map(String::into_bytes));
                }
            }
        }
        assert!(everything.len() > 500);
        let is_found = everything.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes());
        assert!(!is_found, "a secret is in the database");
    }
}

#[test]
fn a_key_file_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let rings: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Keyring::from_file(&path).expect("a keyring")))
            .collect();
        let rings = makers
            .into_iter()
            .map(|maker| maker.join().expect("no panic"));
        rings.map(|ring| format!("{ring:?}")).collect()
    });
    assert!(rings.windows(2).all(|pair| pair[0] == pair[1]), "{rings:?}");
    let mode = fs::metadata(&path).expect("the file").mode() & 0o7777;
    assert_eq!(mode, 0o600);
    let files: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(files.len(), 1, "no draft is left behind: {files:?}");
    let text = fs::read_to_string(&path).expect("the key");
    assert!(!rings[0].contains(text.trim()), "Debug shows no key");
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    Keyring::from_file(&path).expect("a keyring");
    for mode in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("another mode");
        let err = Keyring::from_file(&path).expect_err("too open");
        assert!(matches!(err, KeyringError::TooOpen { .. }), "{err:?}");
        assert!(err.to_string().contains("chmod 600"), "{err}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("another mode");
    Keyring::from_file(&path).expect("read-only is fine");
}

#[test]
fn text_that_holds_no_key_is_refused() {
    for text in ["", "\n", "short", "AAAA", "not base64 at all!"] {
        assert!(
            matches!(Keyring::from_base64(text), Err(KeyringError::Malformed)),
            "{text:?}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    fs::write(&path, "hello").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    let err = Keyring::from_file(&path).expect_err("no key");
    assert!(matches!(err, KeyringError::MalformedFile { .. }), "{err:?}");
    assert!(!err.to_string().contains("hello"));
    let err = Keyring::from_file(&folder.path().join("no/such/folder")).expect_err("no folder");
    assert!(matches!(err, KeyringError::Io { .. }), "{err:?}");
}

#[test]
fn the_database_file_is_its_owners_alone() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let db = TestDb::sqlite().await;
        db.user("ada").await;
        let DatabaseUrl::Sqlite(path) = &db.place.url else {
            panic!("an SQLite database");
        };
        for file in fs::read_dir(path.parent().expect("a folder")).expect("the folder") {
            let file = file.expect("a file");
            let mode = file.metadata().expect("its mode").mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", file.file_name());
        }
    });
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_without_its_password() {
    for text in [
        "postgres://me:s3cret@127.0.0.1:1/flowcd",
        "postgres://me:s3cret@/flowcd?host=/nonexistent&password=s3cret",
        "sqlite:/nonexistent/folder/flowcd.db",
    ] {
        let url: DatabaseUrl = text.parse().expect("a URL");
        let opened = Store::open(&url, Keyring::generate()).await;
        let err = opened.err().expect("nothing is there");
        assert!(err.is_temporary(), "{err:?}");
        let shown = format!("{err} {err:?}");
        assert!(shown.contains("cannot connect to the database"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
