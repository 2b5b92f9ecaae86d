//! Tokens: `cd_token`s, of which only a hash is kept.

use std::{collections::HashMap, sync::Mutex};

use diesel::{
    ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use flowcd_model::{
    id::{TokenId, UserId},
    time::Millis,
    token::{MintedToken, NewToken, Token, TokenPatch},
};
use rand::RngExt;

use crate::{
    Result, Store,
    conn::on_backend,
    row::{RowId, clean, readable, sha256},
    schema::{tokens, users},
};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Forty of 62 characters are 238 bits.
const TOKEN_CHARS: usize = 40;

const NEVER: i64 = -1;

/// How exact the time of the last use is.
const TOUCH_MS: i64 = 60_000;

/// Nobody has this many tokens in use; the memory of who was noted is dropped before it grows on.
const MAX_TOUCHES: usize = 4096;

/// Far above what anybody has.
const MAX_LISTED: i64 = 10_000;

/// Who a token speaks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// His name.
    pub username: String,
    /// The token's row.
    pub token_id: TokenId,
}

/// What is known of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenCheck {
    /// It is good.
    Valid(Caller),
    /// It was good once.
    Expired,
    /// There is no such token, or its user is disabled.
    Unknown,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens)]
struct TokenRow {
    id: String,
    user_id: String,
    description: String,
    expire_time: i64,
    active_time: Option<i64>,
    created_time: i64,
    updated_time: i64,
}

impl TokenRow {
    fn read(self) -> Result<Token> {
        let row = RowId {
            table: "tokens",
            id: &self.id,
        };
        Ok(Token {
            user_id: row.text("user_id", self.user_id)?,
            description: self.description,
            expire_time: self.expire_time,
            active_time: self.active_time.map(Millis),
            created_time: Millis(self.created_time),
            updated_time: Millis(self.updated_time),
            id: row.text("id", self.id.clone())?,
        })
    }
}

/// What a look-up by hash finds.
struct Found {
    caller: Caller,
    expire_time: i64,
    active_time: Option<i64>,
}

/// Which tokens were noted as used and when, so that a busy token is written once a minute and not once a request.
#[derive(Default)]
pub(crate) struct Touches {
    noted: Mutex<HashMap<TokenId, Millis>>,
}

impl Touches {
    /// Whether the use of a token is to be written now; if so, it counts as written.
    fn is_due(&self, id: &TokenId, active_time: Option<i64>, now: Millis) -> bool {
        let is_recent = |time: Millis| now.since_ms(time) < TOUCH_MS;
        if active_time.is_some_and(|time| is_recent(Millis(time))) {
            return false;
        }
        // Nothing that holds the lock can panic; were it so, a use that is not noted does no harm.
        let Ok(mut noted) = self.noted.lock() else {
            return false;
        };
        if noted.get(id).is_some_and(|time| is_recent(*time)) {
            return false;
        }
        if noted.len() >= MAX_TOUCHES {
            noted.clear();
        }
        noted.insert(id.clone(), now);
        true
    }
}

fn expire_time(expiration: i64, now: Millis) -> i64 {
    match expiration {
        NEVER => NEVER,
        ms => now.plus_ms(ms).0,
    }
}

fn generate() -> String {
    let mut rng = rand::rng();
    (0..TOKEN_CHARS)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect()
}

impl Store {
    /// Makes a token; the only time that it is shown.
    pub async fn create_token(&self, user_id: &UserId, new: NewToken) -> Result<MintedToken> {
        let now = Millis::now();
        let minted = MintedToken {
            id: TokenId::generate(),
            cd_token: generate(),
            expire_time: expire_time(new.expiration, now),
        };
        let (user_id, row) = (user_id.clone(), minted.clone());
        self.write(move |conn| {
            let hash = sha256(&row.cd_token);
            on_backend!(conn, |conn| diesel::insert_into(tokens::table)
                .values((
                    tokens::id.eq(row.id.as_str()),
                    tokens::user_id.eq(user_id.as_str()),
                    tokens::description.eq(clean(&new.description)),
                    tokens::token_sha256.eq(hash.as_slice()),
                    tokens::expire_time.eq(row.expire_time),
                    tokens::created_time.eq(now.0),
                    tokens::updated_time.eq(now.0),
                ))
                .execute(conn))?;
            Ok(())
        })
        .await?;
        Ok(minted)
    }

    /// The user's tokens, newest first.
    pub async fn list_tokens(&self, user_id: &UserId) -> Result<Vec<Token>> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            let rows: Vec<TokenRow> = on_backend!(conn, |conn| tokens::table
                .filter(tokens::user_id.eq(user_id.as_str()))
                .order((tokens::created_time.desc(), tokens::id.desc()))
                .limit(MAX_LISTED)
                .select(TokenRow::as_select())
                .load(conn))?;
            readable(rows, TokenRow::read)
        })
        .await
    }

    /// Deletes a token of the user; whether there was one.
    pub async fn delete_token(&self, user_id: &UserId, id: &TokenId) -> Result<bool> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.write(move |conn| {
            let n_deleted =
                on_backend!(conn, |conn| diesel::delete(tokens::table.find(id.as_str()))
                    .filter(tokens::user_id.eq(user_id.as_str()))
                    .execute(conn))?;
            Ok(n_deleted > 0)
        })
        .await
    }

    /// Changes when a token of the user expires; whether there was one.
    pub async fn update_token(&self, user_id: &UserId, patch: TokenPatch) -> Result<bool> {
        let user_id = user_id.clone();
        self.write(move |conn| {
            let now = Millis::now();
            let n_updated = on_backend!(conn, |conn| diesel::update(
                tokens::table.find(patch.id.as_str())
            )
            .filter(tokens::user_id.eq(user_id.as_str()))
            .set((
                tokens::expire_time.eq(expire_time(patch.expiration, now)),
                tokens::updated_time.eq(now.0),
            ))
            .execute(conn))?;
            Ok(n_updated > 0)
        })
        .await
    }

    /// Who a token speaks for. Its last use is noted, to the minute, after this returns.
    pub async fn caller_by_token(&self, token: &str) -> Result<TokenCheck> {
        let hash = sha256(token);
        let found = self.read(move |conn| find(conn, &hash)).await?;
        let Some(found) = found else {
            return Ok(TokenCheck::Unknown);
        };
        let now = Millis::now();
        if found.expire_time != NEVER && now.0 > found.expire_time {
            return Ok(TokenCheck::Expired);
        }
        let id = &found.caller.token_id;
        if self.inner.touches.is_due(id, found.active_time, now) {
            self.touch(id.clone(), now);
        }
        Ok(TokenCheck::Valid(found.caller))
    }

    /// Whether a token of the user is there still, has not expired, and the user is not disabled.
    pub async fn is_token_good(&self, user_id: &UserId, id: &TokenId) -> Result<bool> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.read(move |conn| {
            let expire_time: Option<i64> = on_backend!(conn, |conn| tokens::table
                .inner_join(users::table.on(users::id.eq(tokens::user_id)))
                .filter(tokens::id.eq(id.as_str()))
                .filter(tokens::user_id.eq(user_id.as_str()))
                .filter(users::is_disabled.eq(false))
                .select(tokens::expire_time)
                .first(conn)
                .optional())?;
            Ok(expire_time.is_some_and(|time| time == NEVER || Millis::now().0 <= time))
        })
        .await
    }

    /// Notes the use of a token. Nobody waits for it: it is one write, at most one per token and minute, and the
    /// request has its answer whether it succeeds or not.
    fn touch(&self, id: TokenId, now: Millis) {
        let store = self.clone();
        tokio::spawn(async move {
            let touched = store
                .write(move |conn| {
                    on_backend!(conn, |conn| diesel::update(tokens::table.find(id.as_str()))
                        .set(tokens::active_time.eq(now.0))
                        .execute(conn))?;
                    Ok(())
                })
                .await;
            if let Err(err) = touched {
                tracing::warn!("Cannot note the use of a token: {err}");
            }
        });
    }
}

type FoundRow = (String, String, String, i64, Option<i64>);

fn find(conn: &mut crate::conn::Conn, hash: &[u8]) -> Result<Option<Found>> {
    let row: Option<FoundRow> = on_backend!(conn, |conn| tokens::table
        .inner_join(users::table.on(users::id.eq(tokens::user_id)))
        .filter(tokens::token_sha256.eq(hash))
        .filter(users::is_disabled.eq(false))
        .select((
            tokens::id,
            users::id,
            users::username,
            tokens::expire_time,
            tokens::active_time,
        ))
        .first(conn)
        .optional())?;
    let Some((id, user_id, username, expire_time, active_time)) = row else {
        return Ok(None);
    };
    let row = RowId {
        table: "tokens",
        id: &id,
    };
    Ok(Some(Found {
        caller: Caller {
            user_id: row.text("user_id", user_id)?,
            username,
            token_id: row.text("id", id.clone())?,
        },
        expire_time,
        active_time,
    }))
}
