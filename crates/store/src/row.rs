//! Between columns and the model's types.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The row that a column belongs to, for saying which one is unreadable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowId<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a str,
}

impl RowId<'_> {
    pub(crate) fn corrupt(self, column: &'static str) -> Error {
        Error::CorruptRow {
            table: self.table,
            id: self.id.to_owned(),
            reason: format!("its `{column}` is malformed"),
        }
    }

    /// Reads a column that holds an id or the name of an enum's variant.
    pub(crate) fn text<T: TryFrom<String>>(self, column: &'static str, text: String) -> Result<T> {
        T::try_from(text).map_err(|_| self.corrupt(column))
    }

    /// Reads a column that holds the name of an enum's variant.
    pub(crate) fn name<T: std::str::FromStr>(self, column: &'static str, text: &str) -> Result<T> {
        text.parse().map_err(|_| self.corrupt(column))
    }

    /// Reads a column that holds JSON. Most of them are empty objects, which need no parser.
    pub(crate) fn json<T: DeserializeOwned + Default>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T> {
        if text == "{}" {
            return Ok(T::default());
        }
        serde_json::from_str(text).map_err(|_| self.corrupt(column))
    }

    /// Reads a column that may hold JSON.
    pub(crate) fn optional_json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>> {
        text.map(|text| serde_json::from_str(text).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    /// Reads a column that holds so many bytes.
    pub(crate) fn bytes<const N: usize>(
        self,
        column: &'static str,
        bytes: &[u8],
    ) -> Result<[u8; N]> {
        bytes.try_into().map_err(|_| self.corrupt(column))
    }

    /// Reads a column that holds a count.
    pub(crate) fn count(self, column: &'static str, number: i64) -> Result<u64> {
        u64::try_from(number).map_err(|_| self.corrupt(column))
    }
}

/// Writes a value for a column that holds JSON.
pub(crate) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::Json { what, source })
}

/// Keeps what can be read of a list, and says what cannot: one bad row must not hide the others.
pub(crate) fn readable<R, T>(rows: Vec<R>, read: impl Fn(R) -> Result<T>) -> Result<Vec<T>> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Ok(entry) => entries.push(entry),
            Err(err) if err.is_corrupt_row() => tracing::warn!("Left out of a list: {err}"),
            Err(err) => return Err(err),
        }
    }
    Ok(entries)
}

/// Text for a column. PostgreSQL does not take NUL, and no commit message or error is worth a refusal.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What is kept of a token or a cookie. They are random and long, so that no salt and no slowness is needed.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
