//! A fresh database for each test, on either engine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_types::BigInt,
};
use flowcd_server::config::Config;
use secrecy::{ExposeSecret, SecretString};

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// The URL of a fresh, empty database; `None` for the one in the server's own folder.
    pub(crate) fn fresh(self) -> Option<SecretString> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(fresh_postgres().into()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the chore that runs the tests says where PostgreSQL is"
)]
fn fresh_postgres() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("FLOWCD_TEST_POSTGRES_URL")
        .expect("FLOWCD_TEST_POSTGRES_URL is not set: run the tests by `cargo xtask test`, which starts PostgreSQL");
    let name = format!(
        "server_{}_{}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    );
    let mut connection = PgConnection::establish(&server).expect("the tests' PostgreSQL answers");
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .expect("a fresh database");
    let (base, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{base}/{name}")
}

/// The database of a server, beside the server.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) url: Option<SecretString>,
    pub(crate) file: PathBuf,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

impl Beside {
    /// Changes what is there; answers how many rows.
    pub(crate) fn execute(&self, sql: &str) -> usize {
        let changed = match self.open() {
            Connected::Sqlite(mut conn) => diesel::sql_query(sql).execute(&mut conn),
            Connected::Postgres(mut conn) => diesel::sql_query(sql).execute(&mut conn),
        };
        changed.expect("the statement is good")
    }

    /// The number that `sql` answers as `value`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let found: Result<Number, _> = match self.open() {
            Connected::Sqlite(mut conn) => diesel::sql_query(sql).get_result(&mut conn),
            Connected::Postgres(mut conn) => diesel::sql_query(sql).get_result(&mut conn),
        };
        found.expect("a number").value
    }

    fn open(&self) -> Connected {
        match &self.url {
            Some(url) => Connected::Postgres(
                PgConnection::establish(url.expose_secret()).expect("the database answers"),
            ),
            None => {
                let file = self.file.display().to_string();
                let mut conn = SqliteConnection::establish(&file).expect("the database is there");
                diesel::sql_query("PRAGMA busy_timeout = 10000")
                    .execute(&mut conn)
                    .expect("it waits for the server");
                Connected::Sqlite(conn)
            }
        }
    }
}

enum Connected {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Every file below `folder`, with what it holds.
pub(crate) fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() => {
                    found.push((path.clone(), std::fs::read(&path).unwrap_or_default()))
                }
                _ => {}
            }
        }
    }
    found
}

/// What is in a database: each table's rows as text. Without `tokens`, which remember when they were used.
pub(crate) fn dump(config: &Config) -> BTreeMap<String, Vec<String>> {
    match &config.database_url {
        None => dump_sqlite(&config.data_dir.join("flowcd.db")),
        Some(url) => dump_postgres(url.expose_secret()),
    }
}

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

fn dump_sqlite(path: &Path) -> BTreeMap<String, Vec<String>> {
    let path = path.to_str().expect("a path in UTF-8");
    let mut conn = SqliteConnection::establish(path).expect("the file opens");
    let mut ask = |sql: &str| -> Vec<String> {
        let cells: Vec<Cell> = diesel::sql_query(sql).load(&mut conn).expect("an answer");
        cells.into_iter().map(|cell| cell.value).collect()
    };
    let tables = ask("SELECT name AS value FROM sqlite_schema WHERE type = 'table' ORDER BY 1");
    let tables = tables.into_iter().filter(|table| table != "tokens");
    tables
        .map(|table| {
            let columns = ask(&format!(
                "SELECT 'quote(\"' || name || '\")' AS value FROM pragma_table_info('{table}')"
            ));
            let rows = ask(&format!(
                "SELECT {} AS value FROM \"{table}\" ORDER BY 1",
                columns.join(" || '|' || ")
            ));
            (table, rows)
        })
        .collect()
}

fn dump_postgres(url: &str) -> BTreeMap<String, Vec<String>> {
    let mut conn = PgConnection::establish(url).expect("PostgreSQL answers");
    let mut ask = |sql: &str| -> Vec<String> {
        let cells: Vec<Cell> = diesel::sql_query(sql).load(&mut conn).expect("an answer");
        cells.into_iter().map(|cell| cell.value).collect()
    };
    let tables = ask(
        "SELECT tablename::text AS value FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
    );
    let tables = tables.into_iter().filter(|table| table != "tokens");
    tables
        .map(|table| {
            let rows = ask(&format!(
                "SELECT t::text AS value FROM \"{table}\" t ORDER BY 1"
            ));
            (table, rows)
        })
        .collect()
}
