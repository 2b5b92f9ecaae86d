use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use flowcd_store::{Error, Keyring, Store};

use crate::harness::{Place, Raw, TestDb, on_both};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// What is in the database after the migration of this name, so that the next one has rows to keep. A migration
/// without an entry fails the test.
const SAMPLES: [(&str, &str); 5] = [(
    "2026-11-23-000000_foundation",
    "INSERT INTO users (id, username, password_hash, secret_names, created_time, updated_time)
        VALUES ('user0000', 'ada', '$argon2id$', '{\"KEY\":\"***\"}', 1, 2);
    INSERT INTO sessions VALUES ('a', 'user0000', 3, 1);
    INSERT INTO tokens VALUES ('token000', 'user0000', 'for a test', 'b', -1, NULL, 1, 2);
    INSERT INTO provider_tokens VALUES ('user0000', 'github', 'https://github.com', NULL, 'c', 1, 2);
    INSERT INTO applications (id, user_id, provider, provider_repo_id, repo_name, owner, repo_url, description,
            trigger_spec, latest_task, latest_number, last_number, n_running, created_time, updated_time)
        VALUES ('app00000', 'user0000', 'github', '1', 'hello', 'octocat', 'https://github.com/octocat/hello', '',
            '{\"github\":{}}', NULL, 0, 1, 1, 1, 2);
    INSERT INTO tasks (id, app_id, user_id, number, status, message, commit_id, owner, repo_name, trigger_type,
            pipeline_file, created_time, updated_time, lease_time, claim_token, instance)
        VALUES ('task0000', 'app00000', 'user0000', 1, 'running', '', 'abc', 'octocat', 'hello', 'manual',
            'serverless-pipeline.yaml', 1, 2, 3, 'd', 'one');
    INSERT INTO log_segments VALUES ('task0000', 1, 0, 10, 0, 1, 'logs/x', 0, 5);
    INSERT INTO idempotent_responses VALUES ('user0000', 'key', 'create', 'e', 'f', 1);",
), (
    "2026-11-23-010000_debug_and_summary",
    "INSERT INTO tasks (id, app_id, user_id, number, status, message, commit_id, owner, repo_name, trigger_type,
            pipeline_file, created_time, updated_time, use_debug, summary)
        VALUES ('task0001', 'app00000', 'user0000', 2, 'success', '', 'abc', 'octocat', 'hello', 'manual',
            'serverless-pipeline.yaml', 1, 2, TRUE, '# Deployed');",
), (
    "2026-11-29-000000_triggers",
    "INSERT INTO tasks (id, app_id, user_id, number, status, message, commit_id, owner, repo_name, trigger_type,
            pipeline_file, created_time, updated_time, event, delivery_id, is_fork)
        VALUES ('task0002', 'app00000', 'user0000', 3, 'pending', '', 'abc', 'octocat', 'hello', 'github',
            'serverless-pipeline.yaml', 1, 2, '{\"eventName\":\"push\"}', 'dlvr0000', TRUE);
    UPDATE applications SET fork_secrets = TRUE, webhook = '{}', poll_seconds = 60, poll_time = 1, polled_time = 1,
        poll_problem = 'x';
    INSERT INTO polled_refs VALUES ('app00000', '{}');
    INSERT INTO deliveries VALUES ('dlvr0000', 'app00000', 'github', 'webhook', 'guid', '{\"eventName\":\"push\"}',
        'refs/heads/main', 'abc', 'a message', 'deployed', 'it matches', '[]', '[\"task0002\"]', NULL, '{}', NULL, 2,
        10, 1);
    INSERT INTO schedules VALUES ('app00000', 'hash', 5);
    INSERT INTO status_reports VALUES ('task0002', 'pending', NULL, 0, 1, NULL);",
), (
    "2026-11-29-010000_administrators",
    "INSERT INTO users (id, username, password_hash, is_admin, created_time, updated_time)
        VALUES ('user0001', 'eve', '$argon2id$', TRUE, 1, 2);",
), (
    "2026-11-29-020000_log_times",
    "INSERT INTO log_segments VALUES ('task0001', 1, 0, 10, 0, 1, 'logs/y', 0, 5, '0:1668765432123');",
)];

/// Binary columns take text in PostgreSQL; SQLite wants them said.
fn sample(name: &str, is_sqlite: bool) -> String {
    let (_, sql) = SAMPLES
        .iter()
        .find(|(sample, _)| *sample == name)
        .unwrap_or_else(|| panic!("migration `{name}` has no sample rows in this test"));
    let mut sql = (*sql).to_owned();
    if is_sqlite {
        for letter in ["a", "b", "c", "e", "f"] {
            sql = sql.replace(&format!("'{letter}',"), &format!("x'0{letter}',"));
        }
    }
    sql
}

fn up_and_down<DB: Backend>(
    conn: &mut (impl MigrationHarness<DB> + diesel::connection::SimpleConnection),
    source: fn() -> EmbeddedMigrations,
    is_sqlite: bool,
) {
    let migrations = MigrationSource::<DB>::migrations(&source()).expect("migrations");
    // Makes the table that says which ones were run.
    assert_eq!(conn.applied_migrations().expect("an answer").len(), 0);
    for migration in &migrations {
        conn.run_migration(migration.as_ref()).expect("it goes up");
        conn.revert_migration(migration.as_ref())
            .expect("it goes down again");
        conn.run_migration(migration.as_ref()).expect("and up");
        conn.batch_execute(&sample(&migration.name().to_string(), is_sqlite))
            .expect("rows of its time");
    }
    conn.revert_all_migrations(source())
        .expect("all go down, rows or not");
    conn.run_pending_migrations(source()).expect("and up");
}

fn check(place: &Place) {
    match place.raw() {
        Raw::Sqlite(mut conn) => up_and_down(&mut conn, || SQLITE, true),
        Raw::Postgres(mut conn) => up_and_down(&mut conn, || POSTGRES, false),
    }
}

#[test]
fn sqlite_goes_up_and_down_one_by_one_over_rows() {
    check(&Place::sqlite());
}

#[test]
fn postgres_goes_up_and_down_one_by_one_over_rows() {
    check(&Place::postgres());
}

#[test]
fn both_databases_have_the_same_migrations() {
    fn names<DB: Backend>(source: &EmbeddedMigrations) -> Vec<String> {
        let migrations = MigrationSource::<DB>::migrations(source).expect("migrations");
        migrations
            .iter()
            .map(|migration| migration.name().to_string())
            .collect()
    }
    let sqlite = names::<diesel::sqlite::Sqlite>(&SQLITE);
    assert_eq!(sqlite, names::<diesel::pg::Pg>(&POSTGRES));
    assert_eq!(sqlite.len(), SAMPLES.len());
}

/// Makes these users before there were administrators, and answers who is one afterwards.
fn admins_of(place: &Place, users: &str) -> Vec<String> {
    fn up_to<DB: Backend>(
        conn: &mut impl MigrationHarness<DB>,
        source: EmbeddedMigrations,
        is_before: bool,
    ) {
        let migrations = MigrationSource::<DB>::migrations(&source).expect("migrations");
        // Makes the table that says which ones were run.
        conn.applied_migrations().expect("an answer");
        let name = |migration: &dyn Migration<DB>| migration.name().to_string();
        for migration in &migrations {
            let is_older = *name(migration.as_ref()) < *"2026-11-29-010000_administrators";
            if is_older == is_before {
                conn.run_migration(migration.as_ref()).expect("it goes up");
            }
        }
    }
    let migrate = |raw: &mut Raw, is_before| match raw {
        Raw::Sqlite(conn) => up_to(conn, SQLITE, is_before),
        Raw::Postgres(conn) => up_to(conn, POSTGRES, is_before),
    };
    let mut raw = place.raw();
    migrate(&mut raw, true);
    raw.execute(&format!(
        "INSERT INTO users (id, username, password_hash, is_disabled, created_time, updated_time) VALUES {users}"
    ));
    migrate(&mut raw, false);
    let admins = raw.column("SELECT username AS value FROM users WHERE is_admin ORDER BY username");
    admins.into_iter().flatten().collect()
}

#[test]
fn one_of_the_users_so_far_becomes_an_administrator() {
    for (users, expected) in [
        (
            "('user0000', 'ada', 'x', FALSE, 1, 1), ('user0001', 'admin', 'x', FALSE, 2, 2)",
            "admin",
        ),
        (
            "('user0001', 'ada', 'x', FALSE, 2, 2), ('user0000', 'eve', 'x', FALSE, 1, 1)",
            "eve",
        ),
        // One who may come in.
        (
            "('user0000', 'admin', 'x', TRUE, 1, 1), ('user0001', 'ada', 'x', FALSE, 2, 2)",
            "ada",
        ),
    ] {
        for place in [Place::sqlite(), Place::postgres()] {
            assert_eq!(admins_of(&place, users), [expected], "{users}");
        }
    }
}

on_both! {
    async fn opening_again_keeps_what_is_there(db: &TestDb) {
        let user = db.user("ada").await;
        let again = Store::open(&db.place.url, db.keyring.clone()).await.expect("it opens again");
        assert_eq!(again.user_by_name("ada").await.expect("no error"), Some(user));
        again.ping().await.expect("it answers");
    }

    async fn a_database_of_a_newer_release_is_refused(db: &TestDb) {
        db.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
        let opened = Store::open(&db.place.url, Keyring::generate()).await;
        let err = opened.err().expect("it is refused");
        assert!(matches!(&err, Error::Migration(reason) if reason.contains("newer release")), "{err:?}");
    }
}
