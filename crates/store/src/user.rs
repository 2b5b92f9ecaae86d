//! Users and their passwords.

mod change;
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

pub use change::UserUpdate;
pub(crate) use credential::{credentials, secrets};

use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, readable},
    schema::users,
};

/// Far above what an installation has.
const MAX_LISTED: i64 = 10_000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: String,
    username: String,
    is_admin: bool,
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
            is_admin: self.is_admin,
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

fn find_by_id(conn: &mut Conn, id: &UserId) -> Result<Option<User>> {
    let row = on_backend!(conn, |conn| users::table
        .find(id.as_str())
        .select(UserRow::as_select())
        .first(conn)
        .optional())?;
    row.map(UserRow::read).transpose()
}

fn password_hash(conn: &mut Conn, id: &UserId) -> Result<Option<String>> {
    let hash = on_backend!(conn, |conn| users::table
        .find(id.as_str())
        .select(users::password_hash)
        .first(conn)
        .optional())?;
    Ok(hash)
}

/// A user as he is when he is made.
fn fresh(username: &str) -> User {
    let now = Millis::now();
    User {
        id: UserId::generate(),
        username: username.to_owned(),
        is_admin: false,
        is_disabled: false,
        created_time: now,
        updated_time: now,
    }
}

impl Store {
    /// Makes a user. [`Error::DuplicateUser`] when the name is taken.
    pub async fn create_user(&self, username: &str, password: &SecretString) -> Result<User> {
        self.insert_user(fresh(username), password).await
    }

    /// As [`create_user`](Self::create_user), one who is an administrator.
    pub async fn create_admin(&self, username: &str, password: &SecretString) -> Result<User> {
        let user = User {
            is_admin: true,
            ..fresh(username)
        };
        self.insert_user(user, password).await
    }

    async fn insert_user(&self, user: User, password: &SecretString) -> Result<User> {
        let hash = self.inner.passwords.hash(password).await?;
        let row = user.clone();
        self.write(move |conn| {
            let inserted = on_backend!(conn, |conn| diesel::insert_into(users::table)
                .values((
                    users::id.eq(row.id.as_str()),
                    users::username.eq(&row.username),
                    users::password_hash.eq(&hash),
                    users::is_disabled.eq(row.is_disabled),
                    users::is_admin.eq(row.is_admin),
                    users::secret_names.eq("{}"),
                    users::created_time.eq(row.created_time.0),
                    users::updated_time.eq(row.updated_time.0),
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

    /// The user with this id.
    pub async fn user(&self, id: &UserId) -> Result<Option<User>> {
        let id = id.clone();
        self.read(move |conn| find_by_id(conn, &id)).await
    }

    /// The user of this name.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<User>> {
        let username = username.to_owned();
        self.read(move |conn| find(conn, &username)).await
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
                let hash = password_hash(conn, &user.id)?;
                Ok(hash.map(|hash| (user, hash)))
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
            let Some(user) = find_by_id(conn, &id)? else {
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
                is_admin: user.is_admin,
                provider_tokens,
                csrf_token: None,
                created_time: user.created_time,
                updated_time: user.updated_time,
            }))
        })
        .await
    }
}
