//! Users and their passwords.

mod credential;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use flowcd_model::{
    application::Provider,
    id::UserId,
    time::Millis,
    user::{User, UserInfo},
};
use secrecy::SecretString;

pub(crate) use credential::{credentials, secrets};

use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, readable},
    schema::users,
    session,
};

/// Far above what an installation has.
const MAX_LISTED: i64 = 10_000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: String,
    username: String,
    is_disabled: bool,
    created_time: i64,
    updated_time: i64,
}

impl UserRow {
    fn read(self) -> Result<User> {
        let row = RowId {
            table: "users",
            id: &self.id,
        };
        Ok(User {
            username: self.username,
            is_disabled: self.is_disabled,
            created_time: Millis(self.created_time),
            updated_time: Millis(self.updated_time),
            id: row.text("id", self.id.clone())?,
        })
    }
}

fn find(conn: &mut Conn, username: &str) -> Result<Option<User>> {
    // PostgreSQL takes no NUL, not even to say that there is no such name.
    if username.contains('\0') {
        return Ok(None);
    }
    let row = on_backend!(conn, |conn| users::table
        .filter(users::username.eq(username))
        .select(UserRow::as_select())
        .first(conn)
        .optional())?;
    row.map(UserRow::read).transpose()
}

impl Store {
    /// Makes a user. [`Error::DuplicateUser`] when the name is taken.
    pub async fn create_user(&self, username: &str, password: &SecretString) -> Result<User> {
        let hash = self.inner.passwords.hash(password).await?;
        let now = Millis::now();
        let user = User {
            id: UserId::generate(),
            username: username.to_owned(),
            is_disabled: false,
            created_time: now,
            updated_time: now,
        };
        let row = user.clone();
        self.write(move |conn| {
            let inserted = on_backend!(conn, |conn| diesel::insert_into(users::table)
                .values((
                    users::id.eq(row.id.as_str()),
                    users::username.eq(&row.username),
                    users::password_hash.eq(&hash),
                    users::is_disabled.eq(false),
                    users::secret_names.eq("{}"),
                    users::created_time.eq(now.0),
                    users::updated_time.eq(now.0),
                ))
                .execute(conn))
            .map_err(Error::Database);
            match inserted {
                Err(err) if err.is_unique_violation() => Err(Error::DuplicateUser),
                Err(err) => Err(err),
                Ok(_) => Ok(()),
            }
        })
        .await?;
        Ok(user)
    }

    /// Every user, by name.
    pub async fn list_users(&self) -> Result<Vec<User>> {
        self.read(|conn| {
            let rows: Vec<UserRow> = on_backend!(conn, |conn| users::table
                .order(users::username)
                .limit(MAX_LISTED)
                .select(UserRow::as_select())
                .load(conn))?;
            readable(rows, UserRow::read)
        })
        .await
    }

    /// The user of this name.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<User>> {
        let username = username.to_owned();
        self.read(move |conn| find(conn, &username)).await
    }

    /// Changes a password and ends the user's sessions; `None` when there is no such user.
    pub async fn set_password(
        &self,
        username: &str,
        password: &SecretString,
    ) -> Result<Option<User>> {
        let hash = self.inner.passwords.hash(password).await?;
        let username = username.to_owned();
        self.write(move |conn| {
            let Some(mut user) = find(conn, &username)? else {
                return Ok(None);
            };
            user.updated_time = Millis::now();
            on_backend!(conn, |conn| diesel::update(
                users::table.find(user.id.as_str())
            )
            .set((
                users::password_hash.eq(&hash),
                users::updated_time.eq(user.updated_time.0),
            ))
            .execute(conn))?;
            session::end_all(conn, user.id.as_str())?;
            Ok(Some(user))
        })
        .await
    }

    /// Shuts a user out: no log-in, no session, no token; `None` when there is no such user.
    pub async fn disable_user(&self, username: &str) -> Result<Option<User>> {
        self.set_disabled(username, true).await
    }

    /// Lets a user in again; `None` when there is no such user. His sessions do not come back, his tokens do.
    pub async fn enable_user(&self, username: &str) -> Result<Option<User>> {
        self.set_disabled(username, false).await
    }

    async fn set_disabled(&self, username: &str, is_disabled: bool) -> Result<Option<User>> {
        let username = username.to_owned();
        self.write(move |conn| {
            let Some(mut user) = find(conn, &username)? else {
                return Ok(None);
            };
            user.is_disabled = is_disabled;
            user.updated_time = Millis::now();
            on_backend!(conn, |conn| diesel::update(
                users::table.find(user.id.as_str())
            )
            .set((
                users::is_disabled.eq(is_disabled),
                users::updated_time.eq(user.updated_time.0),
            ))
            .execute(conn))?;
            if is_disabled {
                session::end_all(conn, user.id.as_str())?;
            }
            Ok(Some(user))
        })
        .await
    }

    /// The user whose password it is. Takes as long for a name that does not exist or is disabled.
    pub async fn verify_password(
        &self,
        username: &str,
        password: &SecretString,
    ) -> Result<Option<User>> {
        let username = username.to_owned();
        let found = self
            .read(move |conn| {
                let Some(user) = find(conn, &username)?.filter(|user| !user.is_disabled) else {
                    return Ok(None);
                };
                let hash: String = on_backend!(conn, |conn| users::table
                    .find(user.id.as_str())
                    .select(users::password_hash)
                    .first(conn))?;
                Ok(Some((user, hash)))
            })
            .await?;
        let (user, hash) = found.unzip();
        let is_right = self.inner.passwords.verify(password, hash).await?;
        Ok(user.filter(|_| is_right))
    }

    /// What a user is told of himself.
    pub async fn user_info(&self, id: &UserId) -> Result<Option<UserInfo>> {
        let id = id.clone();
        self.read(move |conn| {
            let row: Option<UserRow> = on_backend!(conn, |conn| users::table
                .find(id.as_str())
                .select(UserRow::as_select())
                .first(conn)
                .optional())?;
            let Some(user) = row.map(UserRow::read).transpose()? else {
                return Ok(None);
            };
            let provider_tokens = credential::accounts(conn, &id)?;
            let github = provider_tokens
                .iter()
                .find(|account| account.provider == Provider::Github);
            Ok(Some(UserInfo {
                has_github_token: github.is_some(),
                github_name: github
                    .and_then(|account| account.username.clone())
                    .unwrap_or_default(),
                id: user.id,
                username: user.username,
                provider_tokens,
                csrf_token: None,
                created_time: user.created_time,
                updated_time: user.updated_time,
            }))
        })
        .await
    }
}
