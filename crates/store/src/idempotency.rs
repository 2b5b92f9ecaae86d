//! Answers kept for requests that carry an idempotency key.

use flowcd_model::id::UserId;

use crate::{Error, Result, Store};

/// An answer to keep, written in the transaction that it answers for.
#[derive(Clone)]
pub struct IdempotencyRecord {
    /// Who asked.
    pub user_id: UserId,
    /// The key that the request carried.
    pub key: String,
    /// What was asked for.
    pub operation: &'static str,
    /// The SHA-256 of the request's body.
    pub body_sha256: [u8; 32],
    /// The `data` of the answer, as JSON.
    pub response: String,
}

/// An answer that was kept.
#[derive(Clone, Eq, PartialEq)]
pub struct StoredResponse {
    /// What was asked for.
    pub operation: String,
    /// The SHA-256 of the request's body.
    pub body_sha256: [u8; 32],
    /// The `data` of the answer, as JSON.
    pub response: String,
}

impl Store {
    /// The answer kept for the user's key within the last 24 hours.
    pub async fn idempotent_response(
        &self,
        user_id: &UserId,
        key: &str,
    ) -> Result<Option<StoredResponse>> {
        let _ = (user_id, key);
        Err(Error::Stopped)
    }
}
