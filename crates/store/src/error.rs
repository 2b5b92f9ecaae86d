//! What can go wrong in the store.

use crate::seal::SealError;

/// The store's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or not opened.
    #[error("cannot connect to the database `{url}`: {reason}")]
    Connect {
        /// Where it should be, without its password.
        url: String,
        /// What the driver says.
        reason: String,
    },
    /// No connection came free, or none could be made, within the time limit.
    #[error("no connection to the database: {reason}")]
    Unavailable {
        /// What the pool says.
        reason: String,
    },
    /// The store has been closed, or the thread that writes has ended.
    #[error("the store is closed")]
    Stopped,
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Database(#[source] diesel::result::Error),
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database: {0}")]
    Migration(String),
    /// Something cannot be sealed.
    #[error("cannot seal a secret")]
    Seal(#[source] SealError),
    /// A password cannot be hashed.
    #[error("cannot hash a password: {0}")]
    Password(String),
    /// A row cannot be read.
    #[error("row `{id}` of table `{table}` is unreadable: {reason}")]
    CorruptRow {
        /// The table.
        table: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it; no content of it.
        reason: String,
    },
    /// There is a user of this name.
    #[error("a user of this name exists")]
    DuplicateUser,
    /// The user has an application for this repository.
    #[error("an application of this user for this repository exists")]
    DuplicateApplication,
    /// The idempotency key was used before, and nothing was changed; `idempotent_response` has the answer.
    #[error("the idempotency key was used before")]
    IdempotencyReplay,
    /// A cursor that no list of ours has given out.
    #[error("the cursor is not one that a list has answered")]
    InvalidCursor,
    /// A number that the database cannot hold.
    #[error("`{0}` is out of range")]
    OutOfRange(&'static str),
}
