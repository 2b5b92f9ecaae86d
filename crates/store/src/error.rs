//! What can go wrong in the store.

use diesel::result::DatabaseErrorKind;

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
    /// A write was not committed, and nothing of it is there.
    #[error("the write was not committed: {reason}")]
    NotCommitted {
        /// Why.
        reason: String,
    },
    /// A defect of ours: a query panicked. Nothing was changed.
    #[error("a query panicked")]
    Panicked,
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database: {0}")]
    Migration(String),
    /// Something cannot be sealed.
    #[error("cannot seal a secret")]
    Seal(#[source] SealError),
    /// Something cannot be written as JSON.
    #[error("cannot write `{what}` as JSON")]
    Json {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
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

impl Error {
    /// Whether the same call may well succeed a little later: the database is away, or busy.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Unavailable { .. } | Self::NotCommitted { .. } => true,
            Self::Database(diesel::result::Error::DatabaseError(kind, info)) => {
                matches!(
                    kind,
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::SerializationFailure
                ) || info.message().contains("deadlock detected")
                    || info.message().contains("database is locked")
            }
            Self::Database(diesel::result::Error::BrokenTransactionManager) => true,
            _ => false,
        }
    }

    /// Whether a row that must be unique exists.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Database(diesel::result::Error::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                _
            ))
        )
    }

    /// Whether a row that is referred to is gone.
    pub(crate) fn is_foreign_key_violation(&self) -> bool {
        matches!(
            self,
            Self::Database(diesel::result::Error::DatabaseError(
                DatabaseErrorKind::ForeignKeyViolation,
                _
            ))
        )
    }

    /// Whether it is a row, or a box in it, that cannot be read.
    pub(crate) fn is_corrupt_row(&self) -> bool {
        matches!(self, Self::CorruptRow { .. })
    }

    /// Whether the transaction fell victim to another one, and would do well if it ran again.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Database(diesel::result::Error::DatabaseError(kind, info)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    || info.message().contains("deadlock detected")
            }
            _ => false,
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(err: diesel::result::Error) -> Self {
        Self::Database(err)
    }
}
