//! Users, their passwords, secrets and provider tokens.

use flowcd_model::{
    application::Provider,
    id::UserId,
    secret::SecretNames,
    user::{ProviderAccount, User, UserInfo, UserSecretsPatch},
};
use secrecy::SecretString;

use crate::{Error, Result, Store};

impl Store {
    /// Makes a user. [`Error::DuplicateUser`] when the name is taken.
    pub async fn create_user(&self, username: &str, password: &SecretString) -> Result<User> {
        let _ = (username, password);
        Err(Error::Stopped)
    }

    /// Every user, by name.
    pub async fn list_users(&self) -> Result<Vec<User>> {
        Err(Error::Stopped)
    }

    /// The user of this name.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<User>> {
        let _ = username;
        Err(Error::Stopped)
    }

    /// Changes a password and ends the user's sessions; `None` when there is no such user.
    pub async fn set_password(
        &self,
        username: &str,
        password: &SecretString,
    ) -> Result<Option<User>> {
        let _ = (username, password);
        Err(Error::Stopped)
    }

    /// Shuts a user out: no log-in, no session, no token; `None` when there is no such user.
    pub async fn disable_user(&self, username: &str) -> Result<Option<User>> {
        let _ = username;
        Err(Error::Stopped)
    }

    /// Lets a user in again; `None` when there is no such user.
    pub async fn enable_user(&self, username: &str) -> Result<Option<User>> {
        let _ = username;
        Err(Error::Stopped)
    }

    /// The user whose password it is. Takes as long for a name that does not exist or is disabled.
    pub async fn verify_password(
        &self,
        username: &str,
        password: &SecretString,
    ) -> Result<Option<User>> {
        let _ = (username, password);
        Err(Error::Stopped)
    }

    /// What a user is told of himself.
    pub async fn user_info(&self, id: &UserId) -> Result<Option<UserInfo>> {
        let _ = id;
        Err(Error::Stopped)
    }

    /// Adds to or replaces the user's secrets.
    pub async fn patch_user_secrets(
        &self,
        user_id: &UserId,
        patch: UserSecretsPatch,
    ) -> Result<()> {
        let _ = (user_id, patch);
        Err(Error::Stopped)
    }

    /// The names of the user's secrets.
    pub async fn user_secret_names(&self, user_id: &UserId) -> Result<SecretNames> {
        let _ = user_id;
        Err(Error::Stopped)
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
        let _ = (user_id, provider, origin, username, token);
        Err(Error::Stopped)
    }

    /// The user's tokens for a kind of Git host.
    pub async fn provider_credentials(
        &self,
        user_id: &UserId,
        provider: Provider,
    ) -> Result<Vec<(ProviderAccount, SecretString)>> {
        let _ = (user_id, provider);
        Err(Error::Stopped)
    }
}
