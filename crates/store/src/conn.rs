//! Connections: which database, how to reach it, and what a transaction is on it.
//!
//! The backend is chosen by the URL's scheme and nothing else. Diesel can guess among backends, but then a
//! misspelt PostgreSQL URL quietly becomes the name of an SQLite file.

use std::{fmt, os::unix::fs::OpenOptionsExt, path::PathBuf, str::FromStr, time::Duration};

use diesel::{
    Connection, PgConnection, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    r2d2::{ManageConnection, R2D2Connection},
};

use crate::{Error, Result};

/// How long a statement waits for another process that writes to the SQLite file.
const BUSY_TIMEOUT_MS: u32 = 10_000;

/// How long to wait for a connection, new or from the pool.
pub(crate) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Which database to use.
#[derive(Clone, Eq, PartialEq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its URL.
    Postgres(String),
}

/// Text that names no database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a database URL is sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
pub struct InvalidDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidDatabaseUrl> {
        if text.contains('\0') {
            return Err(InvalidDatabaseUrl);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
            .ok_or(InvalidDatabaseUrl)?;
        if path.is_empty() {
            return Err(InvalidDatabaseUrl);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// The URL without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&redact(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hides what stands between the user's name and the host, and every parameter: `?password=` is one, too.
fn redact(url: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, _)) => (base, "?***"),
        None => (url, ""),
    };
    let Some((scheme, rest)) = base.split_once("://") else {
        return "***".to_owned();
    };
    // A password may hold a `/` or an `@` that should have been escaped; the last `@` ends it.
    match rest.rsplit_once('@') {
        Some((account, place)) => {
            let (user, colon) = account
                .split_once(':')
                .map_or((account, ""), |(user, _)| (user, ":***"));
            format!("{scheme}://{user}{colon}@{place}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// The password within a PostgreSQL URL, as it stands there.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (account, _) = rest.rsplit_once('@')?;
    let (_, password) = account.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

/// A connection to one of the two databases.
pub(crate) enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Compiles one query for each backend: `on_backend!(conn, |conn| tasks::table.load(conn))`.
macro_rules! on_backend {
    ($any:expr, |$conn:ident| $body:expr) => {
        match $any {
            $crate::conn::Conn::Sqlite($conn) => $body,
            $crate::conn::Conn::Postgres($conn) => $body,
        }
    };
}
pub(crate) use on_backend;

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Reader,
    Writer,
}

impl Conn {
    pub(crate) fn establish(url: &DatabaseUrl, role: Role) -> Result<Self> {
        let failed = |reason: String| Error::Connect {
            url: url.to_string(),
            reason,
        };
        match url {
            DatabaseUrl::Sqlite(path) => {
                create_private(path).map_err(|err| failed(err.to_string()))?;
                // SQLite would read `file:..` as a URI and `:memory:` as no file at all; a path with a folder is
                // neither.
                let file = std::path::absolute(path).map_err(|err| failed(err.to_string()))?;
                let file = file
                    .to_str()
                    .ok_or_else(|| failed("the path is not UTF-8".to_owned()))?;
                let mut conn =
                    SqliteConnection::establish(file).map_err(|err| failed(err.to_string()))?;
                configure_sqlite(&mut conn, role).map_err(|err| failed(err.to_string()))?;
                Ok(Self::Sqlite(conn))
            }
            DatabaseUrl::Postgres(text) => {
                let timeout = CONNECTION_TIMEOUT.as_secs();
                let with_timeout = match text {
                    text if text.contains("connect_timeout=") => text.clone(),
                    text if text.contains('?') => format!("{text}&connect_timeout={timeout}"),
                    text => format!("{text}?connect_timeout={timeout}"),
                };
                let conn = PgConnection::establish(&with_timeout).map_err(|err| {
                    let reason = err.to_string();
                    failed(match password(text) {
                        Some(password) => reason.replace(password, "***"),
                        None => reason,
                    })
                })?;
                Ok(Self::Postgres(conn))
            }
        }
    }

    /// Begins a transaction, or a savepoint within one.
    ///
    /// On SQLite it is IMMEDIATE: one that begins by reading and then wants to write fails with BUSY, at once and
    /// in spite of the timeout, when somebody else has written in between.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let begun = match self {
            Self::Sqlite(conn) => match depth(conn) {
                0 => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
                _ => AnsiTransactionManager::begin_transaction(conn),
            },
            Self::Postgres(conn) => AnsiTransactionManager::begin_transaction(conn),
        };
        begun.map_err(Error::Database)
    }

    /// Commits what [`Self::begin`] began.
    pub(crate) fn commit(&mut self) -> Result<()> {
        on_backend!(self, |conn| AnsiTransactionManager::commit_transaction(
            conn
        ))
        .map_err(Error::Database)
    }

    /// Undoes what was done since [`Self::begin`].
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        on_backend!(self, |conn| AnsiTransactionManager::rollback_transaction(
            conn
        ))
        .map_err(Error::Database)
    }

    pub(crate) fn is_broken(&mut self) -> bool {
        on_backend!(self, |conn| R2D2Connection::is_broken(conn))
    }
}

fn depth(conn: &mut SqliteConnection) -> u32 {
    AnsiTransactionManager::transaction_manager_status_mut(conn)
        .transaction_depth()
        .ok()
        .flatten()
        .map_or(0, u32::from)
}

/// SQLite makes its files readable for everybody whom the umask lets; ours hold sealed secrets and hashes, so the
/// file is made beforehand. SQLite gives its journal the same mode.
fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(err) if err.kind() != std::io::ErrorKind::AlreadyExists => Err(err),
        _ => Ok(()),
    }
}

fn configure_sqlite(conn: &mut SqliteConnection, role: Role) -> diesel::QueryResult<()> {
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA foreign_keys = ON; PRAGMA cache_size = -2048;"
    ))?;
    match role {
        Role::Reader => conn.batch_execute("PRAGMA query_only = ON;"),
        // FULL: what was accepted survives a power cut.
        Role::Writer => {
            switch_to_wal(conn)?;
            conn.batch_execute("PRAGMA synchronous = FULL;")
        }
    }
}

/// The switch needs the file for itself, and SQLite does not wait for it when another process switches, too.
fn switch_to_wal(conn: &mut SqliteConnection) -> diesel::QueryResult<()> {
    let deadline = std::time::Instant::now() + Duration::from_millis(u64::from(BUSY_TIMEOUT_MS));
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL;") {
            Err(err) if is_busy(&err) && std::time::Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn is_busy(err: &diesel::result::Error) -> bool {
    matches!(err, diesel::result::Error::DatabaseError(_, info) if info.message().contains("locked"))
}

/// Makes the pool's connections.
pub(crate) struct Manager {
    pub(crate) url: DatabaseUrl,
    pub(crate) role: Role,
}

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = Error;

    fn connect(&self) -> Result<Conn> {
        Conn::establish(&self.url, self.role)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<()> {
        on_backend!(conn, |conn| R2D2Connection::ping(conn)).map_err(Error::Database)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn the_scheme_alone_chooses_the_database() {
        for (text, shown) in [
            ("sqlite:flowcd.db", "sqlite:flowcd.db"),
            ("sqlite:///var/lib/flowcd.db", "sqlite:/var/lib/flowcd.db"),
            ("postgres://db/flowcd", "postgres://db/flowcd"),
            ("postgresql://me@db:5432/x", "postgresql://me@db:5432/x"),
        ] {
            let url = text.parse::<DatabaseUrl>().expect("a database URL");
            assert_eq!(url.to_string(), shown);
        }
        for text in [
            "",
            "flowcd.db",
            "postgres:flowcd",
            "postgers://db/x",
            "mysql://db/x",
            "sqlite:",
            "sqlite:a\0b",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://me:s3cret@db/flowcd",
            "postgres://me:s3cret@db:5432/flowcd?sslmode=require",
            "postgres://me:s3cret/with@odd:signs@db/flowcd",
            "postgres://db/flowcd?user=me&password=s3cret",
        ] {
            let url = text.parse::<DatabaseUrl>().expect("a database URL");
            for shown in [url.to_string(), format!("{url:?}")] {
                assert!(!shown.contains("s3cret"), "{shown}");
                assert!(shown.contains("db"), "{shown}");
            }
        }
    }
}
