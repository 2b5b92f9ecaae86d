//! The caller: his session, his secrets, his tokens for Git hosts; and, for administrators, all users.

use std::fmt;

use flowcd_model::{
    envelope::Empty,
    secret::SecretNames,
    user::{
        LoggedIn, Login, Nested, NewProviderToken, NewUser, PasswordChange, User, UserInfo,
        UserList, UserPatch, UserSecrets, UserSecretsPatch,
    },
};
use reqwest::{Method, header::SET_COOKIE};
use secrecy::SecretString;

use crate::{Client, Credential, Error, builder::checked};

/// What a login gives: the session's cookie, and what to send with it.
#[derive(Clone)]
pub struct Session {
    pub(crate) cookie: SecretString,
    pub(crate) csrf_token: SecretString,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Client {
    /// Logs in with a password. The client that is returned acts in the new session; this one stays as it is.
    pub async fn login(&self, login: &Login) -> Result<Self, Error> {
        let anonymous = self.with_credential(Credential::Anonymous);
        let call = anonymous.post("login", "/api/auth/account/login", login);
        let response = anonymous.send(&call).await?;
        let cookies: Vec<String> = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next())
            .map(|pair| pair.trim().to_owned())
            .collect();
        let logged_in: LoggedIn = anonymous.decode(&call, response).await?;
        let session = Session {
            cookie: checked("session cookie", cookies.join("; ").into())?,
            csrf_token: checked("CSRF token", logged_in.csrf_token.into())?,
        };
        Ok(self.with_credential(Credential::Session(session)))
    }

    /// Ends the session this client acts in.
    pub async fn logout(&self) -> Result<(), Error> {
        let call = self.post("logout", "/api/user/loginout", &Empty {});
        self.fetch::<Empty>(&call).await.map(drop)
    }

    /// Changes the caller's password. His other sessions end; the one this client acts in stays, and so do tokens.
    pub async fn change_password(&self, change: &PasswordChange) -> Result<(), Error> {
        let call = self.post("change_password", "/api/user/changePassword", change);
        self.fetch::<Empty>(&call).await.map(drop)
    }

    /// Who the caller is.
    pub async fn get_user_info(&self) -> Result<UserInfo, Error> {
        let mut call = self.post("get_user_info", "/api/user/userInfo", &Empty {});
        // It is a POST only because the published API has it so: it changes nothing and may be asked again.
        call.is_safe = true;
        self.fetch(&call).await
    }

    /// The names of the caller's own secrets, which the pipelines of all his applications see.
    pub async fn list_user_secrets(&self) -> Result<SecretNames, Error> {
        let call = self.call("list_user_secrets", Method::GET, "/api/user/globalSecrets");
        let secrets: UserSecrets = self.fetch(&call).await?;
        Ok(secrets.secrets)
    }

    /// Adds to the caller's own secrets, or replaces them.
    pub async fn update_user_secrets(&self, patch: &UserSecretsPatch) -> Result<(), Error> {
        let body = Nested { data: patch };
        let call = self.post(
            "update_user_secrets",
            "/api/user/addOrCompileSecrets",
            &body,
        );
        self.fetch::<Empty>(&call).await.map(drop)
    }

    /// Stores the token for a Git host, or removes it when it is empty.
    pub async fn update_provider_token(&self, token: &NewProviderToken) -> Result<(), Error> {
        let body = Nested { data: token };
        let call = self.post(
            "update_provider_token",
            "/api/user/updateUserProviderToken",
            &body,
        );
        self.fetch::<Empty>(&call).await.map(drop)
    }
    /// All users, by name. For administrators.
    pub async fn list_users(&self) -> Result<Vec<User>, Error> {
        let call = self.call("list_users", Method::GET, "/api/users/list");
        let list: UserList = self.fetch(&call).await?;
        Ok(list.result)
    }

    /// Makes a user. For administrators.
    pub async fn create_user(&self, new: &NewUser) -> Result<User, Error> {
        let call = self.post("create_user", "/api/users/create", new);
        self.fetch(&call).await
    }

    /// Changes a user. For administrators.
    pub async fn update_user(&self, patch: &UserPatch) -> Result<(), Error> {
        let call = self.post("update_user", "/api/users/update", patch);
        self.fetch::<Empty>(&call).await.map(drop)
    }
}
