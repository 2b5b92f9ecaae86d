//! How users change: their passwords, whether they may come in, and whether they are administrators.
//!
//! An operator names a user and may do anything; an administrator goes by [`Store::update_user`], which keeps one
//! administrator at least.

use diesel::{
    AsChangeset, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper,
};
use flowcd_model::{
    id::UserId,
    time::Millis,
    user::{PasswordChange, User, UserPatch},
};
use secrecy::{ExposeSecret, SecretString};

use super::{UserRow, find, password_hash};
use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    row::sha256,
    schema::users,
    session,
};

/// How a change of a user by an administrator went.
#[derive(Clone, Debug, PartialEq)]
pub enum UserUpdate {
    /// The user as he is now.
    Updated(User),
    /// There is no such user.
    Absent,
    /// It would leave no administrator who may come in, and nothing was changed.
    LastAdmin,
}

/// What changes of a user; the rest stays.
#[derive(AsChangeset, Default)]
#[diesel(table_name = users)]
struct Change {
    password_hash: Option<String>,
    is_disabled: Option<bool>,
    is_admin: Option<bool>,
}

impl Change {
    /// Changes the user within a transaction; `None` when there is no such user. A new password ends his sessions, and
    /// so does his being disabled.
    fn apply(&self, conn: &mut Conn, id: &UserId) -> Result<Option<User>> {
        let row: Option<UserRow> =
            on_backend!(conn, |conn| diesel::update(users::table.find(id.as_str()))
                .set((self, users::updated_time.eq(Millis::now().0)))
                .returning(UserRow::as_returning())
                .get_result(conn)
                .optional())?;
        if row.is_some() && (self.password_hash.is_some() || self.is_disabled == Some(true)) {
            session::end_all(conn, id.as_str())?;
        }
        row.map(UserRow::read).transpose()
    }

    /// Whether an administrator may be one no more after it.
    fn may_end_an_admin(&self) -> bool {
        self.is_disabled == Some(true) || self.is_admin == Some(false)
    }
}

/// The administrators who may come in. They stay what they are until the transaction ends; SQLite has one writer.
fn lock_admins(conn: &mut Conn) -> Result<Vec<String>> {
    let query = users::table
        .filter(users::is_admin.eq(true))
        .filter(users::is_disabled.eq(false))
        // In the same order for everybody, so that two who lock do not wait for one another.
        .order(users::id)
        .select(users::id);
    let ids = match conn {
        Conn::Sqlite(conn) => query.load(conn)?,
        Conn::Postgres(conn) => query.for_update().load(conn)?,
    };
    Ok(ids)
}

impl Store {
    /// Changes a password and ends the user's sessions; `None` when there is no such user.
    pub async fn set_password(
        &self,
        username: &str,
        password: &SecretString,
    ) -> Result<Option<User>> {
        let change = Change {
            password_hash: Some(self.inner.passwords.hash(password).await?),
            ..Change::default()
        };
        self.change_user(username, change).await
    }

    /// Shuts a user out: no log-in, no session, no token; `None` when there is no such user.
    pub async fn disable_user(&self, username: &str) -> Result<Option<User>> {
        self.set_disabled(username, true).await
    }

    /// Lets a user in again; `None` when there is no such user. His sessions do not come back, his tokens do.
    pub async fn enable_user(&self, username: &str) -> Result<Option<User>> {
        self.set_disabled(username, false).await
    }

    /// Makes a user an administrator; `None` when there is no such user.
    pub async fn promote_user(&self, username: &str) -> Result<Option<User>> {
        self.set_admin(username, true).await
    }

    /// Makes an administrator a user like any other; `None` when there is no such user.
    pub async fn demote_user(&self, username: &str) -> Result<Option<User>> {
        self.set_admin(username, false).await
    }

    async fn set_disabled(&self, username: &str, is_disabled: bool) -> Result<Option<User>> {
        let change = Change {
            is_disabled: Some(is_disabled),
            ..Change::default()
        };
        self.change_user(username, change).await
    }

    async fn set_admin(&self, username: &str, is_admin: bool) -> Result<Option<User>> {
        let change = Change {
            is_admin: Some(is_admin),
            ..Change::default()
        };
        self.change_user(username, change).await
    }

    async fn change_user(&self, username: &str, change: Change) -> Result<Option<User>> {
        let username = username.to_owned();
        self.write(move |conn| match find(conn, &username)? {
            Some(user) => change.apply(conn, &user.id),
            None => Ok(None),
        })
        .await
    }

    /// Changes a user for an administrator. One administrator who may come in stays, whoever else changes what at the
    /// same time.
    pub async fn update_user(&self, patch: UserPatch) -> Result<UserUpdate> {
        let password_hash = match patch.password {
            Some(password) => Some(self.inner.passwords.hash(&password.into()).await?),
            None => None,
        };
        let id = patch.id;
        let change = Change {
            password_hash,
            is_disabled: patch.is_disabled,
            is_admin: patch.is_admin,
        };
        self.write(move |conn| {
            if change.may_end_an_admin() && lock_admins(conn)? == [id.as_str()] {
                return Ok(UserUpdate::LastAdmin);
            }
            Ok(match change.apply(conn, &id)? {
                Some(user) => UserUpdate::Updated(user),
                None => UserUpdate::Absent,
            })
        })
        .await
    }

    /// Changes a password for the user himself, and ends his sessions but the one with this cookie. `false`, and
    /// nothing is changed, when the old password is not his, also when somebody else changes it at the same time.
    pub async fn change_password(
        &self,
        id: &UserId,
        change: PasswordChange,
        session: Option<&SecretString>,
    ) -> Result<bool> {
        let of_user = id.clone();
        let old_hash = self.read(move |conn| password_hash(conn, &of_user)).await?;
        let passwords = &self.inner.passwords;
        let is_right = passwords
            .verify(&change.old_password.into(), old_hash.clone())
            .await?;
        let Some(old_hash) = old_hash.filter(|_| is_right) else {
            return Ok(false);
        };
        let new_hash = passwords.hash(&change.new_password.into()).await?;
        let id = id.clone();
        let kept = session.map(|cookie| sha256(cookie.expose_secret()));
        self.write(move |conn| {
            let n_changed =
                on_backend!(conn, |conn| diesel::update(users::table.find(id.as_str()))
                    .filter(users::password_hash.eq(&old_hash))
                    .filter(users::is_disabled.eq(false))
                    .set((
                        users::password_hash.eq(&new_hash),
                        users::updated_time.eq(Millis::now().0),
                    ))
                    .execute(conn))?;
            if n_changed == 0 {
                return Ok(false);
            }
            match &kept {
                Some(kept) => session::end_others(conn, id.as_str(), kept)?,
                None => session::end_all(conn, id.as_str())?,
            }
            Ok(true)
        })
        .await
    }
}
