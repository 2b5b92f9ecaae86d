//! Users, their sessions, their secrets and their tokens for Git hosts.
//!
//! Users are made by administrators, or by the operator on the machine of the data folder; there is no open sign-up.

pub(crate) mod admin;

use std::{io::Write, net::IpAddr};

use anyhow::Context;
use flowcd_model::{
    application::Provider,
    secret::SecretNames,
    user::{Login, NewProviderToken, PasswordChange, User, UserInfo, UserSecretsPatch},
};
use flowcd_store::Store;
use rand::{RngExt, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

use crate::{
    auth::{Caller, Credential, SESSION_TTL_MS},
    config::{self, Config, MAX_PASSWORD_BYTES},
    error::{Error, Result},
    host::{Account, HostError},
    service::{
        provider::{parse_origin, refusal},
        secret::{check_line, check_secrets},
    },
    state::AppState,
};

/// The user that the first start makes.
pub const ADMIN: &str = "admin";
const ADMIN_PASSWORD_CHARS: usize = 20;
const MAX_USERNAME_CHARS: usize = 50;
const MAX_PROVIDER_TOKEN_CHARS: usize = 4_096;
/// The longest name of an account on a Git host.
const MAX_ACCOUNT_CHARS: usize = 255;

/// Makes the user `admin`, an administrator, when there is no user at all. A password made up for him is told on the terminal, this once.
pub async fn ensure_admin(store: &Store, config: &Config) -> anyhow::Result<()> {
    let users = store.list_users().await?;
    if !users.is_empty() {
        if !users.iter().any(|user| user.is_admin && !user.is_disabled) {
            warn!("There is no administrator; `flowcd-server user promote NAME` makes a user one");
        }
        return Ok(());
    }
    let (password, made_up) = match &config.admin_password {
        Some(password) => (password.clone(), None),
        None => {
            let password = random_password();
            (SecretString::from(password.as_str()), Some(password))
        }
    };
    match store.create_admin(ADMIN, &password).await {
        Ok(user) => info!(user.id = %user.id, "Made the user `{ADMIN}`"),
        // Another server on the same database was faster, and its password counts.
        Err(flowcd_store::Error::DuplicateUser) => return Ok(()),
        Err(err) => return Err(err.into()),
    }
    if let Some(password) = made_up {
        // To the terminal and not to the log, which is kept and sent around.
        let mut terminal = std::io::stderr().lock();
        writeln!(
            terminal,
            "\nThe first user is `{ADMIN}`, and his password is shown only now:\n\n    {password}\n"
        )
        .context("cannot tell the password of the first user")?;
    }
    Ok(())
}

fn random_password() -> String {
    let mut rng = rand::rng();
    (0..ADMIN_PASSWORD_CHARS)
        .map(|_| char::from(rng.sample(Alphanumeric)))
        .collect()
}

/// Makes a user.
pub async fn create_user(store: &Store, username: &str, password: &SecretString) -> Result<User> {
    check_username(username)?;
    made(username, store.create_user(username, password).await)
}

/// Makes an administrator.
pub async fn create_admin(store: &Store, username: &str, password: &SecretString) -> Result<User> {
    check_username(username)?;
    made(username, store.create_admin(username, password).await)
}

fn check_username(username: &str) -> Result<()> {
    let is_name = (1..=MAX_USERNAME_CHARS).contains(&username.len())
        && username
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match is_name {
        true => Ok(()),
        false => Err(Error::rule(format!(
            "a user's name is 1 to {MAX_USERNAME_CHARS} letters, digits, `-` and `_`"
        ))
        .with_field("username")),
    }
}

fn made(username: &str, outcome: flowcd_store::Result<User>) -> Result<User> {
    match outcome {
        Err(flowcd_store::Error::DuplicateUser) => Err(Error::conflict(format!(
            "用户名已存在 (there is a user `{username}` already)"
        ))
        .with_field("username")),
        outcome => Ok(outcome?),
    }
}

/// Changes a user's password and ends his sessions.
pub async fn set_password(store: &Store, username: &str, password: &SecretString) -> Result<User> {
    let user = store.set_password(username, password).await?;
    user.ok_or_else(|| absent(username))
}

/// Shuts a user out.
pub async fn disable_user(store: &Store, username: &str) -> Result<User> {
    let user = store.disable_user(username).await?;
    user.ok_or_else(|| absent(username))
}

/// Lets a user in again.
pub async fn enable_user(store: &Store, username: &str) -> Result<User> {
    let user = store.enable_user(username).await?;
    user.ok_or_else(|| absent(username))
}

/// Makes a user an administrator.
pub async fn promote_user(store: &Store, username: &str) -> Result<User> {
    let user = store.promote_user(username).await?;
    user.ok_or_else(|| absent(username))
}

/// Makes an administrator a user like any other. The operator can make the next one, so it may be the last.
pub async fn demote_user(store: &Store, username: &str) -> Result<User> {
    let user = store.demote_user(username).await?;
    user.ok_or_else(|| absent(username))
}

fn absent(username: &str) -> Error {
    Error::not_found(format!("there is no user `{username}`"))
}

/// Begins a session; answers the value of its cookie.
pub(crate) async fn login(
    state: &AppState,
    address: Option<IpAddr>,
    login: Login,
) -> Result<SecretString> {
    state.logins.attempt(address, &login.username)?;
    // The same answer for an unknown name, a disabled user and a wrong password.
    let refused =
        || Error::need_login("用户名或密码不正确 (the username or the password is wrong)");
    if login.password.len() > MAX_PASSWORD_BYTES || login.username.len() > MAX_USERNAME_CHARS {
        return Err(refused());
    }
    let password = SecretString::from(login.password);
    let user = {
        let _permit = state.logins.hashing.acquire().await;
        state
            .store
            .verify_password(&login.username, &password)
            .await?
    };
    let user = user.ok_or_else(refused)?;
    let cookie = state.store.create_session(&user.id, SESSION_TTL_MS).await?;
    info!(user.id = %user.id, "User `{}` logged in", user.username);
    Ok(cookie)
}

/// Ends the caller's session; a token is no session and stays.
pub(crate) async fn logout(state: &AppState, caller: &Caller) -> Result<()> {
    match &caller.credential {
        Credential::Token(_) => Ok(()),
        Credential::Session(cookie) => {
            Ok(state.store.delete_session(cookie.expose_secret()).await?)
        }
    }
}

/// Changes the caller's password, for whoever knows the present one: a session that was left open or a token that was
/// found is not enough. His other sessions end; his tokens stay.
pub(crate) async fn change_password(
    state: &AppState,
    caller: &Caller,
    address: Option<IpAddr>,
    change: PasswordChange,
) -> Result<()> {
    let user = state.store.user(&caller.user_id).await?;
    let user = user.ok_or_else(nobody)?;
    config::password(change.new_password.clone())
        .map_err(|problem| Error::invalid("newPassword", problem))?;
    // What is tried here counts as if it were tried at the login.
    state.logins.attempt(address, &user.username)?;
    // No 401, which would say that the session has ended.
    let refused = || Error::invalid("oldPassword", "密码不正确 (it is not your password)");
    if change.old_password.len() > MAX_PASSWORD_BYTES {
        return Err(refused());
    }
    let session = match &caller.credential {
        Credential::Token(_) => None,
        Credential::Session(cookie) => Some(cookie),
    };
    let is_changed = {
        let _permit = state.logins.hashing.acquire().await;
        let changing = state.store.change_password(&user.id, change, session);
        changing.await?
    };
    if !is_changed {
        return Err(refused());
    }
    info!(user.id = %user.id, "User `{}` changed his password", user.username);
    Ok(())
}

fn nobody() -> Error {
    Error::not_found("当前用户信息不存在 (there is no such user)")
}

/// What the caller is told of himself.
pub(crate) async fn get_user_info(state: &AppState, caller: &Caller) -> Result<UserInfo> {
    let info = state.store.user_info(&caller.user_id).await?;
    let info = info.ok_or_else(nobody)?;
    Ok(UserInfo {
        csrf_token: caller.csrf_token(),
        ..info
    })
}

/// The names of the caller's secrets.
pub(crate) async fn list_user_secrets(state: &AppState, caller: &Caller) -> Result<SecretNames> {
    Ok(state.store.user_secret_names(&caller.user_id).await?)
}

/// Adds to or replaces the caller's secrets.
pub(crate) async fn update_user_secrets(
    state: &AppState,
    caller: &Caller,
    patch: UserSecretsPatch,
) -> Result<()> {
    check_secrets("data.secrets", &patch.secrets)?;
    Ok(state
        .store
        .patch_user_secrets(&caller.user_id, patch)
        .await?)
}

/// Keeps the caller's token for a Git host, or forgets it.
pub(crate) async fn update_provider_token(
    state: &AppState,
    caller: &Caller,
    new: NewProviderToken,
) -> Result<()> {
    let origin = match (
        new.url.as_deref().filter(|url| !url.is_empty()),
        new.provider.public_origin(),
    ) {
        (Some(url), _) => parse_origin("data.url", url, state.config.allow_http_repos)?,
        (None, Some(origin)) => origin.to_owned(),
        (None, None) => {
            return Err(Error::invalid(
                "data.url",
                format!(
                    "provider {} has no public host; say which one the token is for",
                    new.provider
                ),
            ));
        }
    };
    let username = new.username.as_deref().filter(|name| !name.is_empty());
    if let Some(username) = username {
        check_line("data.username", username, MAX_ACCOUNT_CHARS)?;
        if username.contains(':') {
            return Err(Error::invalid(
                "data.username",
                "it holds a `:`, which HTTP cannot send",
            ));
        }
    }
    let token = match new.token.as_str() {
        "" => None,
        token => {
            check_line("data.token", token, MAX_PROVIDER_TOKEN_CHARS)?;
            Some(SecretString::from(token))
        }
    };
    let mut username = username.map(str::to_owned);
    if let Some(token) = &token
        && new.provider != Provider::Git
        && new.check_token != Some(false)
    {
        let account = Account {
            provider: new.provider,
            origin: origin.clone(),
            token: token.clone(),
        };
        let login = check_token(state, &account).await?;
        username = username.or(login);
    }
    let kept = state.store.set_provider_token(
        &caller.user_id,
        new.provider,
        &origin,
        username.as_deref(),
        token.as_ref(),
    );
    kept.await?;
    let what = if token.is_some() { "Stored" } else { "Removed" };
    info!(user.id = %caller.user_id, "{what} a token for {origin}");
    Ok(())
}

/// Asks the host whether it takes a token; answers the account's name where git can send it beside the token. GitHub
/// and GitLab take any name there, and the others this one.
async fn check_token(state: &AppState, account: &Account) -> Result<Option<String>> {
    match state.hosts.whoami(account).await {
        Ok(user) => {
            let login = user.login;
            let is_sendable =
                check_line("login", &login, MAX_ACCOUNT_CHARS).is_ok() && !login.contains(':');
            Ok(is_sendable.then_some(login))
        }
        Err(err) => Err(match &err {
            HostError::Unauthorized { .. } => refusal(&err).with_field("data.token"),
            HostError::Forbidden { .. } => Error::invalid(
                "data.token",
                format!(
                    "{err}; let the token read its own account, or send `checkToken: false` to store it unchecked"
                ),
            ),
            HostError::NotAllowed { .. } => Error::invalid("data.url", &err),
            HostError::NotFound { .. }
            | HostError::Malformed { .. }
            | HostError::Refused { .. } => Error::invalid(
                "data.url",
                format!(
                    "{err}; is it a host of the kind {}? `checkToken: false` stores the token unchecked",
                    account.provider
                ),
            ),
            _ => refusal(&err),
        }),
    }
}
