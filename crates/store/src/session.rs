//! Sessions of the console. The cookie is 256 random bits, of which only a hash is kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::{id::UserId, time::Millis};
use rand::RngExt;
use secrecy::SecretString;

use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, sha256},
    schema::{sessions, users},
};

impl Store {
    /// Begins a session and returns the value of its cookie, of which only a hash is kept.
    pub async fn create_session(&self, user_id: &UserId, ttl_ms: i64) -> Result<SecretString> {
        let cookie = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
        let (user_id, hash) = (user_id.clone(), sha256(&cookie));
        self.write(move |conn| {
            let now = Millis::now();
            on_backend!(conn, |conn| diesel::insert_into(sessions::table)
                .values((
                    sessions::cookie_sha256.eq(hash.as_slice()),
                    sessions::user_id.eq(user_id.as_str()),
                    sessions::expire_time.eq(now.plus_ms(ttl_ms).0),
                    sessions::created_time.eq(now.0),
                ))
                .execute(conn))?;
            Ok(())
        })
        .await?;
        Ok(SecretString::from(cookie))
    }

    /// Whose session it is: id and name. `None` when it is unknown or expired, or the user is disabled.
    pub async fn session(&self, cookie: &str) -> Result<Option<(UserId, String)>> {
        let hash = sha256(cookie);
        self.read(move |conn| {
            let row: Option<(String, String)> = on_backend!(conn, |conn| sessions::table
                .inner_join(users::table.on(users::id.eq(sessions::user_id)))
                .filter(sessions::cookie_sha256.eq(hash.as_slice()))
                .filter(sessions::expire_time.gt(Millis::now().0))
                .filter(users::is_disabled.eq(false))
                .select((users::id, users::username))
                .first(conn)
                .optional())?;
            let Some((id, username)) = row else {
                return Ok(None);
            };
            let row = RowId {
                table: "users",
                id: &id,
            };
            Ok(Some((row.text("id", id.clone())?, username)))
        })
        .await
    }

    /// Ends a session.
    pub async fn delete_session(&self, cookie: &str) -> Result<()> {
        let hash = sha256(cookie);
        self.write(move |conn| {
            on_backend!(conn, |conn| diesel::delete(
                sessions::table.find(hash.as_slice())
            )
            .execute(conn))?;
            Ok(())
        })
        .await
    }
}

/// Ends every session of a user.
pub(crate) fn end_all(conn: &mut Conn, user_id: &str) -> Result<()> {
    on_backend!(conn, |conn| diesel::delete(sessions::table)
        .filter(sessions::user_id.eq(user_id))
        .execute(conn))?;
    Ok(())
}

/// Ends every session of a user but the one whose cookie has this hash.
pub(crate) fn end_others(conn: &mut Conn, user_id: &str, kept: &[u8]) -> Result<()> {
    on_backend!(conn, |conn| diesel::delete(sessions::table)
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::cookie_sha256.ne(kept))
        .execute(conn))?;
    Ok(())
}

/// Removes the sessions that have expired; how many.
pub(crate) fn remove_expired(conn: &mut Conn, now: Millis) -> Result<u64> {
    let n_removed = on_backend!(conn, |conn| diesel::delete(sessions::table)
        .filter(sessions::expire_time.le(now.0))
        .execute(conn))?;
    Ok(n_removed as u64)
}
