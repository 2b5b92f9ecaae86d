//! A fresh database per test, and short ways to put things into it.

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_types::{Nullable, Text},
};
use flowcd_model::{
    application::{Application, NewApplication, Provider, Webhook},
    id::{AppId, TaskId, UserId},
    step::{Step, StepCount, StepStatus},
    task::{Task, TaskStatus, TriggerType},
    time::Millis,
    user::User,
};
use flowcd_store::{
    ApplicationInsert, ClaimedTask, DatabaseUrl, Final, Keyring, Lease, Store, TaskInsert,
    WebhookSecrets,
};
use tempfile::TempDir;

pub(crate) const LEASE_MS: i64 = 60_000;

/// Makes a test of a check, once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($(async fn $name:ident($db:ident: &TestDb) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn check($db: &TestDb) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check(&TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check(&TestDb::postgres().await).await;
            }
        }
    )*};
}
pub(crate) use on_both;

/// An empty database with a store on it. Gone when it goes out of scope.
pub(crate) struct TestDb {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) place: Place,
}

/// Where a database is, before anything is in it.
pub(crate) struct Place {
    pub(crate) url: DatabaseUrl,
    cleanup: Cleanup,
}

enum Cleanup {
    Folder(#[expect(dead_code, reason = "held for its end")] TempDir),
    Schema { server: String, schema: String },
}

/// A connection beside the store's.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration but what `cargo xtask test` sets"
)]
fn postgres_server() -> String {
    std::env::var("FLOWCD_TEST_POSTGRES_URL").expect(
        "FLOWCD_TEST_POSTGRES_URL is not set: run `cargo xtask test`, which starts a PostgreSQL for the tests",
    )
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            url: DatabaseUrl::Sqlite(folder.path().join("flowcd.db")),
            cleanup: Cleanup::Folder(folder),
        }
    }

    /// A schema of its own: as good as a database, and made in no time.
    pub(crate) fn postgres() -> Self {
        let server = postgres_server();
        let schema = format!("test_{}", TaskId::generate());
        let mut conn = PgConnection::establish(&server).expect("PostgreSQL answers");
        conn.batch_execute(&format!("CREATE SCHEMA {schema}"))
            .expect("a schema of its own");
        let separator = if server.contains('?') { '&' } else { '?' };
        Self {
            url: DatabaseUrl::Postgres(format!(
                "{server}{separator}options=-csearch_path%3D{schema}"
            )),
            cleanup: Cleanup::Schema { server, schema },
        }
    }

    pub(crate) fn raw(&self) -> Raw {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let path = path.to_str().expect("a path in UTF-8");
                let mut conn = SqliteConnection::establish(path).expect("the file opens");
                conn.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;")
                    .expect("pragmas");
                Raw::Sqlite(conn)
            }
            DatabaseUrl::Postgres(url) => {
                Raw::Postgres(PgConnection::establish(url).expect("PostgreSQL answers"))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Cleanup::Schema { server, schema } = &self.cleanup
            && let Ok(mut conn) = PgConnection::establish(server)
        {
            // A schema that stays is gone with the whole server soon.
            let _ = conn.batch_execute(&format!(
                "SET lock_timeout = '5s'; DROP SCHEMA {schema} CASCADE"
            ));
        }
    }
}

impl Raw {
    pub(crate) fn execute(&mut self, sql: &str) {
        match self {
            Self::Sqlite(conn) => conn.batch_execute(sql),
            Self::Postgres(conn) => conn.batch_execute(sql),
        }
        .expect(sql);
    }

    /// The first column, which is called `value` and is text.
    pub(crate) fn column(&mut self, sql: &str) -> Vec<Option<String>> {
        let query = diesel::sql_query(sql);
        let cells: Vec<Cell> = match self {
            Self::Sqlite(conn) => query.load(conn),
            Self::Postgres(conn) => query.load(conn),
        }
        .expect(sql);
        cells.into_iter().map(|cell| cell.value).collect()
    }
}

impl TestDb {
    pub(crate) async fn sqlite() -> Self {
        Self::open(Place::sqlite()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::open(Place::postgres()).await
    }

    async fn open(place: Place) -> Self {
        let keyring = Keyring::generate();
        let store = Store::open(&place.url, keyring.clone())
            .await
            .expect("the store opens");
        Self {
            store,
            keyring,
            place,
        }
    }

    pub(crate) fn raw(&self) -> Raw {
        self.place.raw()
    }

    /// Changes the database behind the store's back.
    pub(crate) fn execute(&self, sql: &str) {
        self.raw().execute(sql);
    }

    /// The first value of a query whose column is called `value` and is text.
    pub(crate) fn value(&self, sql: &str) -> Option<String> {
        self.raw().column(sql).into_iter().next().flatten()
    }

    pub(crate) async fn user(&self, username: &str) -> User {
        self.store
            .create_user(username, &"a long password".into())
            .await
            .expect("a user")
    }

    pub(crate) async fn app(&self, user_id: &UserId, repo: &str) -> Application {
        self.store
            .create_application(new_app(user_id, repo), None)
            .await
            .expect("an application")
    }

    pub(crate) async fn task(&self, app: &Application) -> Task {
        self.store
            .create_task(new_task(app), None)
            .await
            .expect("no error")
            .expect("a task")
    }

    pub(crate) async fn claim(&self) -> ClaimedTask {
        self.store
            .claim_task("one", LEASE_MS)
            .await
            .expect("no error")
            .expect("a pending task")
    }

    /// The task as its owner sees it.
    pub(crate) async fn see(&self, task: &Task) -> Task {
        self.store
            .task(&task.user_id, &task.id)
            .await
            .expect("no error")
            .expect("the task")
    }

    pub(crate) async fn see_app(&self, app: &Application) -> Application {
        self.store
            .application(&app.user_id, &app.id)
            .await
            .expect("no error")
            .expect("the application")
    }

    pub(crate) async fn finish(&self, claimed: &ClaimedTask, status: TaskStatus) -> Lease {
        let outcome = Final {
            status,
            steps: vec![step(0, StepStatus::Success)],
            error: None,
        };
        self.store
            .finish(&claimed.claim, outcome)
            .await
            .expect("no error")
    }

    /// How many tasks there are by status, and as counted: both must be the same at any time.
    pub(crate) async fn check_counts(&self) {
        let counts = self.store.task_counts().await.expect("counts");
        for (status, n_counted) in counts {
            let n_rows = self.value(&format!(
                "SELECT CAST(COUNT(*) AS TEXT) AS value FROM tasks WHERE status = '{status}'"
            ));
            assert_eq!(Some(n_counted.to_string()), n_rows, "{status}");
        }
    }
}

pub(crate) fn new_app(user_id: &UserId, repo: &str) -> ApplicationInsert {
    let new = NewApplication {
        repo: repo.to_owned(),
        owner: "octocat".to_owned(),
        repo_url: format!("https://github.com/octocat/{repo}.git"),
        provider: Provider::Github,
        ..NewApplication::default()
    };
    ApplicationInsert {
        id: AppId::generate(),
        user_id: user_id.clone(),
        new,
        webhook_secrets: WebhookSecrets::default(),
        webhook: Webhook {
            url: "https://cd.example.com/api/hooks/x".to_owned(),
            is_installed: false,
            hook_id: None,
            problem: None,
        },
        schedules: Vec::new(),
    }
}

pub(crate) fn new_task(app: &Application) -> TaskInsert {
    TaskInsert {
        id: TaskId::generate(),
        app_id: app.id.clone(),
        user_id: app.user_id.clone(),
        git_ref: Some("refs/heads/main".to_owned()),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        message: "a message".to_owned(),
        inputs: Default::default(),
        pipeline_file: "serverless-pipeline.yaml".to_owned(),
        trigger_type: TriggerType::Manual,
        redelivery: None,
        delivery_id: None,
        event: None,
        is_fork: false,
        is_debug: false,
    }
}

pub(crate) fn step(number: u32, status: StepStatus) -> Step {
    Step {
        run: format!("Run step {number}"),
        step_count: StepCount::Number(number),
        status,
        id: None,
        process_time: status.is_final().then_some(0.25),
        started_time: (status != StepStatus::Pending).then(Millis::now),
        error: None,
        outputs: Default::default(),
        attempts: None,
    }
}
