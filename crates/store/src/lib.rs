//! Where flowcd keeps its state: SQLite or PostgreSQL.
//!
//! [`Store`] is the only way in: one async method for each thing that the server does to its state, and every
//! method that writes is one transaction.
//! Rows are private to this crate; what goes in and comes out are the types of `flowcd_model` and a few of our own.
//!
//! Each query is written once and compiled for both databases (`on_backend!`). Where the two must differ, there is
//! one `match` inside one function.

mod conn;
mod error;
mod migrate;
mod row;
mod schema;
mod seal;
mod writer;

mod application;
mod delivery;
mod idempotency;
mod log;
mod password;
mod poll;
mod report;
mod schedule;
mod session;
mod task;
mod token;
mod user;

use std::sync::Arc;

use diesel::r2d2::{NopErrorHandler, Pool};
use tokio::sync::Semaphore;

pub use application::{AppDeletion, ApplicationInsert, WebhookSecret, WebhookSecrets};
pub use conn::{DatabaseUrl, InvalidDatabaseUrl};
pub use delivery::WebhookTarget;
pub use error::{Error, Result};
pub use idempotency::{IdempotencyRecord, StoredResponse};
pub use log::{LogSize, Segment};
pub use poll::{Look, Refs};
pub use report::{StatusReport, Told};
pub use schedule::{DueSchedule, ScheduleInsert};
pub use seal::{Keyring, KeyringError, SealError};
pub use task::{
    CancelRequest, Claim, ClaimedTask, Final, Housekeeping, Lease, Progress, TaskInsert,
    TaskRemoval,
};
pub use token::{Caller, TokenCheck};
pub use user::UserUpdate;

use conn::{CONNECTION_TIMEOUT, Conn, Manager, Role};
use writer::Writer;

/// Connections to PostgreSQL. Each costs the database some megabytes, so there are not many.
const POSTGRES_CONNECTIONS: u32 = 8;

/// How often a transaction runs again when PostgreSQL has ended it in favour of another one.
const MAX_CONFLICTS: u32 = 5;

/// The server's state. Clones share one database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool<Manager>,
    /// As many as the pool has connections, so that nobody blocks a thread while he waits for one.
    turns: Arc<Semaphore>,
    /// On SQLite, who writes.
    writer: Option<Writer>,
    keyring: Keyring,
    passwords: password::Passwords,
    touches: token::Touches,
}

impl Store {
    /// Connects to the database and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl, keyring: Keyring) -> Result<Self> {
        let url = url.clone();
        blocking(move || {
            // Directly, not through the pool, which would keep trying and then say less.
            let mut conn = Conn::establish(&url, Role::Writer)?;
            migrate::run_pending(&mut conn)?;
            let (role, size) = match &url {
                DatabaseUrl::Sqlite(_) => (Role::Reader, sqlite_readers()),
                DatabaseUrl::Postgres(_) => (Role::Writer, POSTGRES_CONNECTIONS),
            };
            let writer = match &conn {
                Conn::Sqlite(_) => Some(Writer::start(url.clone(), conn)?),
                Conn::Postgres(_) => None,
            };
            let is_tested = writer.is_none();
            let pool = Pool::builder()
                .max_size(size)
                // An idle server keeps no connections that it does not use.
                .min_idle(Some(0))
                // A connection over the network may have died since; a file's has not.
                .test_on_check_out(is_tested)
                .connection_timeout(CONNECTION_TIMEOUT)
                .error_handler(Box::new(NopErrorHandler))
                .build_unchecked(Manager { url, role });
            Ok(Self {
                inner: Arc::new(Inner {
                    pool,
                    turns: Arc::new(Semaphore::new(size as usize)),
                    writer,
                    keyring,
                    passwords: password::Passwords::default(),
                    touches: token::Touches::default(),
                }),
            })
        })
        .await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read(|conn| {
            conn::on_backend!(conn, |conn| diesel::r2d2::R2D2Connection::ping(conn))?;
            Ok(())
        })
        .await
    }

    /// Runs `read` on a connection of the pool, off the async threads.
    async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let turn = self.turn().await?;
        let pool = self.inner.pool.clone();
        blocking(move || {
            let _turn = turn;
            let mut conn = pool.get().map_err(unavailable)?;
            read(&mut conn)
        })
        .await
    }

    /// Runs `write` in a transaction, and answers when it is committed.
    ///
    /// `write` may run again when the database ends the transaction in favour of another, so it only touches what
    /// the transaction can undo.
    async fn write<T, F>(&self, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        if let Some(writer) = &self.inner.writer {
            return writer.run(write).await;
        }
        let turn = self.turn().await?;
        let pool = self.inner.pool.clone();
        blocking(move || {
            let _turn = turn;
            let mut conn = pool.get().map_err(unavailable)?;
            let mut n_conflicts = 0;
            loop {
                match transaction(&mut conn, &write) {
                    Err(err) if err.is_conflict() && n_conflicts < MAX_CONFLICTS => {
                        n_conflicts += 1;
                    }
                    done => return done,
                }
            }
        })
        .await
    }

    async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let turns = Arc::clone(&self.inner.turns);
        turns.acquire_owned().await.map_err(|_| Error::Stopped)
    }
}

fn transaction<T>(conn: &mut Conn, write: impl Fn(&mut Conn) -> Result<T>) -> Result<T> {
    conn.begin()?;
    match write(conn) {
        Ok(value) => {
            conn.commit()?;
            Ok(value)
        }
        Err(err) => {
            // The first failure is the one to tell; one of the roll-back shows when the pool tests the connection.
            let _ = conn.roll_back();
            Err(err)
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Panicked)?
}

fn unavailable(err: diesel::r2d2::PoolError) -> Error {
    Error::Unavailable {
        reason: err.to_string(),
    }
}

/// Readers do not wait for each other, nor for the writer; more of them than cores only cost memory.
fn sqlite_readers() -> u32 {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8) as u32)
}
