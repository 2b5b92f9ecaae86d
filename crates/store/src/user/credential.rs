//! What a user's pipelines may use: his secrets, and his tokens for Git hosts.

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use flowcd_model::{
    application::Provider,
    id::UserId,
    secret::SecretNames,
    time::Millis,
    user::{ProviderAccount, UserSecretsPatch},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Error, Keyring, Result, Store,
    conn::{Conn, on_backend},
    report,
    row::{RowId, readable, to_json},
    schema::{provider_tokens, users},
    seal::Aad,
};

/// Far above what anybody has.
const MAX_LISTED: i64 = 1_000;

/// The most secrets of a user: each of his tasks opens all of them.
const MAX_SECRETS: usize = 200;

#[derive(Queryable, Selectable)]
#[diesel(table_name = provider_tokens)]
struct ProviderTokenRow {
    user_id: String,
    provider: String,
    origin: String,
    username: Option<String>,
    token_box: Vec<u8>,
}

impl ProviderTokenRow {
    fn account(&self) -> Result<ProviderAccount> {
        let row = RowId {
            table: "provider_tokens",
            id: &self.user_id,
        };
        Ok(ProviderAccount {
            provider: row.name("provider", &self.provider)?,
            origin: self.origin.clone(),
            username: self.username.clone(),
        })
    }

    fn open(self, keyring: &Keyring) -> Result<(ProviderAccount, SecretString)> {
        let account = self.account()?;
        let place = place(account.provider, &self.origin);
        let token = keyring.open_text(&self.token_box, &token_aad(&self.user_id, &place))?;
        Ok((account, SecretString::from(token)))
    }
}

fn place(provider: Provider, origin: &str) -> String {
    format!("{provider} {origin}")
}

fn token_aad<'a>(user_id: &'a str, place: &'a str) -> Aad<'a> {
    Aad {
        table: "provider_tokens",
        row: user_id,
        name: place,
    }
}

fn secrets_aad(user_id: &UserId) -> Aad<'_> {
    Aad {
        table: "users",
        row: user_id.as_str(),
        name: "secrets_box",
    }
}

/// The user's secrets, opened.
pub(crate) fn secrets(
    conn: &mut Conn,
    keyring: &Keyring,
    user_id: &UserId,
) -> Result<BTreeMap<String, String>> {
    let sealed: Option<Option<Vec<u8>>> = on_backend!(conn, |conn| users::table
        .find(user_id.as_str())
        .select(users::secrets_box)
        .first(conn)
        .optional())?;
    keyring.open_map(sealed.flatten().as_deref(), &secrets_aad(user_id))
}

/// The user's tokens for a kind of Git host, opened. One that does not open is left out, and said: the host it is
/// for may not be asked at all.
pub(crate) fn credentials(
    conn: &mut Conn,
    keyring: &Keyring,
    user_id: &UserId,
    provider: Provider,
) -> Result<Vec<(ProviderAccount, SecretString)>> {
    let rows: Vec<ProviderTokenRow> = on_backend!(conn, |conn| provider_tokens::table
        .filter(provider_tokens::user_id.eq(user_id.as_str()))
        .filter(provider_tokens::provider.eq(provider.as_str()))
        .order(provider_tokens::origin)
        .limit(MAX_LISTED)
        .select(ProviderTokenRow::as_select())
        .load(conn))?;
    readable(rows, |row| row.open(keyring))
}

/// The accounts for which the user has stored a token.
pub(super) fn accounts(conn: &mut Conn, user_id: &UserId) -> Result<Vec<ProviderAccount>> {
    let rows: Vec<ProviderTokenRow> = on_backend!(conn, |conn| provider_tokens::table
        .filter(provider_tokens::user_id.eq(user_id.as_str()))
        .order((provider_tokens::provider, provider_tokens::origin))
        .limit(MAX_LISTED)
        .select(ProviderTokenRow::as_select())
        .load(conn))?;
    readable(rows, |row| row.account())
}

impl Store {
    /// Adds to or replaces the user's secrets.
    pub async fn patch_user_secrets(
        &self,
        user_id: &UserId,
        patch: UserSecretsPatch,
    ) -> Result<()> {
        let user_id = user_id.clone();
        let keyring = self.inner.keyring.clone();
        self.write(move |conn| {
            let mut values = match patch.is_added {
                true => {
                    lock(conn, &user_id)?;
                    secrets(conn, &keyring, &user_id)?
                }
                false => BTreeMap::new(),
            };
            values.extend(patch.secrets.0.clone());
            values.retain(|name, _| !patch.removed.contains(name));
            // Here and not before, because what is added bit by bit counts together.
            if values.len() > MAX_SECRETS {
                return Err(Error::OutOfRange("data.secrets"));
            }
            let sealed = match values.is_empty() {
                true => None,
                false => Some(keyring.seal_map(&values, &secrets_aad(&user_id))?),
            };
            let names = SecretNames::new(values.into_keys());
            let names = to_json("secret names", &names)?;
            on_backend!(conn, |conn| diesel::update(
                users::table.find(user_id.as_str())
            )
            .set((
                users::secrets_box.eq(&sealed),
                users::secret_names.eq(&names),
                users::updated_time.eq(Millis::now().0),
            ))
            .execute(conn))?;
            Ok(())
        })
        .await
    }

    /// The names of the user's secrets.
    pub async fn user_secret_names(&self, user_id: &UserId) -> Result<SecretNames> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            let names: Option<String> = on_backend!(conn, |conn| users::table
                .find(user_id.as_str())
                .select(users::secret_names)
                .first(conn)
                .optional())?;
            let row = RowId {
                table: "users",
                id: user_id.as_str(),
            };
            row.json("secret_names", names.as_deref().unwrap_or("{}"))
        })
        .await
    }

    /// Keeps a token for a Git host, or forgets it when `token` is `None`.
    pub async fn set_provider_token(
        &self,
        user_id: &UserId,
        provider: Provider,
        origin: &str,
        username: Option<&str>,
        token: Option<&SecretString>,
    ) -> Result<()> {
        let key = (user_id.to_string(), provider.as_str(), origin.to_owned());
        let username = username.map(str::to_owned);
        let sealed = match token {
            None => None,
            Some(token) => {
                let place = place(provider, origin);
                let aad = token_aad(user_id.as_str(), &place);
                let token = token.expose_secret().as_bytes();
                let keyring = &self.inner.keyring;
                Some(keyring.seal(token, &aad).map_err(Error::Seal)?)
            }
        };
        self.write(move |conn| {
            let (user_id, provider, origin) = (key.0.as_str(), key.1, key.2.as_str());
            let Some(sealed) = &sealed else {
                let row = provider_tokens::table.find((user_id, provider, origin));
                on_backend!(conn, |conn| diesel::delete(row).execute(conn))?;
                return Ok(());
            };
            let now = Millis::now().0;
            on_backend!(conn, |conn| diesel::insert_into(provider_tokens::table)
                .values((
                    provider_tokens::user_id.eq(user_id),
                    provider_tokens::provider.eq(provider),
                    provider_tokens::origin.eq(origin),
                    provider_tokens::username.eq(&username),
                    provider_tokens::token_box.eq(sealed),
                    provider_tokens::created_time.eq(now),
                    provider_tokens::updated_time.eq(now),
                ))
                .on_conflict((
                    provider_tokens::user_id,
                    provider_tokens::provider,
                    provider_tokens::origin,
                ))
                .do_update()
                .set((
                    provider_tokens::username.eq(&username),
                    provider_tokens::token_box.eq(sealed),
                    provider_tokens::updated_time.eq(now),
                ))
                .execute(conn))?;
            report::try_now(conn, user_id)
        })
        .await
    }

    /// The user's tokens for a kind of Git host.
    pub async fn provider_credentials(
        &self,
        user_id: &UserId,
        provider: Provider,
    ) -> Result<Vec<(ProviderAccount, SecretString)>> {
        let user_id = user_id.clone();
        let keyring = self.inner.keyring.clone();
        self.read(move |conn| credentials(conn, &keyring, &user_id, provider))
            .await
    }
}

/// Two patches at once must not lose each other's secrets. SQLite has one writer.
fn lock(conn: &mut Conn, user_id: &UserId) -> Result<()> {
    if let Conn::Postgres(conn) = conn {
        let _: Option<String> = users::table
            .find(user_id.as_str())
            .select(users::id)
            .for_update()
            .first(conn)
            .optional()?;
    }
    Ok(())
}
