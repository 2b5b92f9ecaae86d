//! Answers kept for requests that carry an idempotency key.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::{id::UserId, time::Millis};

use crate::{
    Error, Keyring, Result, Store,
    conn::{Conn, on_backend},
    row::RowId,
    schema::idempotent_responses::{self as responses, dsl},
    seal::Aad,
};

/// How long an answer is kept.
pub(crate) const KEPT_MS: i64 = 24 * 3_600_000;

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

/// An answer may hold a secret that is shown once, so it is sealed.
fn aad<'a>(user_id: &'a UserId, key: &'a str) -> Aad<'a> {
    Aad {
        table: "idempotent_responses",
        row: user_id.as_str(),
        name: key,
    }
}

/// Keeps an answer; [`Error::IdempotencyReplay`] when there is one for the key.
///
/// Comes first in its transaction: on PostgreSQL, everybody else with the same key waits here until it is decided.
pub(crate) fn keep(
    conn: &mut Conn,
    keyring: &Keyring,
    record: Option<&IdempotencyRecord>,
) -> Result<()> {
    let Some(record) = record else {
        return Ok(());
    };
    let now = Millis::now();
    let response = keyring
        .seal(
            record.response.as_bytes(),
            &aad(&record.user_id, &record.key),
        )
        .map_err(Error::Seal)?;
    on_backend!(conn, |conn| diesel::delete(
        responses::table.find((record.user_id.as_str(), &record.key))
    )
    .filter(dsl::created_time.lt(now.plus_ms(-KEPT_MS).0))
    .execute(conn))?;
    let inserted = on_backend!(conn, |conn| diesel::insert_into(responses::table)
        .values((
            dsl::user_id.eq(record.user_id.as_str()),
            dsl::idempotency_key.eq(&record.key),
            dsl::operation.eq(record.operation),
            dsl::body_sha256.eq(record.body_sha256.as_slice()),
            dsl::response_box.eq(&response),
            dsl::created_time.eq(now.0),
        ))
        .execute(conn))
    .map_err(Error::Database);
    match inserted {
        Err(err) if err.is_unique_violation() => Err(Error::IdempotencyReplay),
        Err(err) => Err(err),
        Ok(_) => Ok(()),
    }
}

/// Removes answers that are older than their time; how many.
pub(crate) fn remove_old(conn: &mut Conn, now: Millis) -> Result<u64> {
    let n_removed = on_backend!(conn, |conn| diesel::delete(responses::table)
        .filter(dsl::created_time.lt(now.plus_ms(-KEPT_MS).0))
        .execute(conn))?;
    Ok(n_removed as u64)
}

impl Store {
    /// The answer kept for the user's key within the last 24 hours.
    pub async fn idempotent_response(
        &self,
        user_id: &UserId,
        key: &str,
    ) -> Result<Option<StoredResponse>> {
        let (user_id, key) = (user_id.clone(), key.to_owned());
        let keyring = self.inner.keyring.clone();
        self.read(move |conn| {
            let row: Option<(String, Vec<u8>, Vec<u8>)> =
                on_backend!(conn, |conn| responses::table
                    .find((user_id.as_str(), &key))
                    .filter(dsl::created_time.ge(Millis::now().plus_ms(-KEPT_MS).0))
                    .select((dsl::operation, dsl::body_sha256, dsl::response_box))
                    .first(conn)
                    .optional())?;
            let Some((operation, body_sha256, response)) = row else {
                return Ok(None);
            };
            let row = RowId {
                table: "idempotent_responses",
                id: user_id.as_str(),
            };
            Ok(Some(StoredResponse {
                operation,
                body_sha256: row.bytes("body_sha256", &body_sha256)?,
                response: keyring.open_text(&response, &aad(&user_id, &key))?,
            }))
        })
        .await
    }
}
