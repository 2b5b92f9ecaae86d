//! Users, their sessions, secrets and provider tokens.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    application::Provider,
    id::UserId,
    secret::{SecretNames, Secrets},
    time::Millis,
};

/// A user, as told to himself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct UserInfo {
    /// The user's id.
    pub id: UserId,
    /// The name used to log in.
    pub username: String,
    /// Whether he is an administrator, who may make and change users.
    #[serde(default, rename = "isAdmin")]
    pub is_admin: bool,
    /// Whether a GitHub token is stored.
    #[serde(rename = "isAuth")]
    pub has_github_token: bool,
    /// The name of the GitHub account whose token is stored; empty where unknown.
    pub github_name: String,
    /// The accounts on Git hosts for which a token is stored.
    #[serde(rename = "providerTokens")]
    pub provider_tokens: Vec<ProviderAccount>,
    /// What to send as `X-CSRF-Token`; only in a session, not with a token.
    #[serde(default, rename = "csrfToken", skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
    /// When the user was made.
    pub created_time: Millis,
    /// When the user last changed.
    pub updated_time: Millis,
}

/// A user as an administrator sees him.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The name used to log in.
    pub username: String,
    /// Whether he is an administrator, who may make and change users.
    #[serde(rename = "isAdmin")]
    pub is_admin: bool,
    /// Whether he may not log in and his tokens do not work.
    #[serde(rename = "isDisabled")]
    pub is_disabled: bool,
    /// When he was made.
    pub created_time: Millis,
    /// When he last changed.
    pub updated_time: Millis,
}

/// All users, by name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct UserList {
    /// The users.
    pub result: Vec<User>,
}

/// A user to make.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// The name to log in with: 1 to 50 letters, digits, `-` and `_`.
    #[schema(example = "alice")]
    pub username: String,
    /// His first password: at least 10 characters and at most 4,096 bytes.
    #[schema(format = Password)]
    pub password: String,
    /// Whether he is an administrator, who may make and change users.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_admin: bool,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("username", &self.username)
            .field("is_admin", &self.is_admin)
            .finish_non_exhaustive()
    }
}

/// A change of a user. What is absent stays.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserPatch {
    /// The user.
    pub id: UserId,
    /// `true` ends his sessions and refuses his logins and tokens at once; `false` lets him in again, with the tokens
    /// that he had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_disabled: Option<bool>,
    /// Whether he is an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_admin: Option<bool>,
    /// A new password, which ends his sessions: at least 10 characters and at most 4,096 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password)]
    pub password: Option<String>,
}

impl UserPatch {
    /// A change of `id` that changes nothing yet.
    pub fn new(id: UserId) -> Self {
        Self {
            id,
            is_disabled: None,
            is_admin: None,
            password: None,
        }
    }
}

impl fmt::Debug for UserPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPatch")
            .field("id", &self.id)
            .field("is_disabled", &self.is_disabled)
            .field("is_admin", &self.is_admin)
            .finish_non_exhaustive()
    }
}

/// A change of the caller's own password.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password, which a session or a token does not stand in for.
    #[schema(format = Password)]
    pub old_password: String,
    /// The password to come: at least 10 characters and at most 4,096 bytes.
    #[schema(format = Password)]
    pub new_password: String,
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").finish_non_exhaustive()
    }
}

/// An account on a Git host, without its token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ProviderAccount {
    /// The kind of host.
    pub provider: Provider,
    /// The host the token is sent to and no other, as an origin: `https://github.com`.
    pub origin: String,
    /// The account's name, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Who logs in.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// His password.
    #[schema(format = Password)]
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A session just begun; its cookie is in the answer's headers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LoggedIn {
    /// What to send as `X-CSRF-Token` with every request of this session that changes something.
    #[serde(rename = "csrfToken")]
    pub csrf_token: String,
}

/// A body of the form `{"data": ..}`, as the published user operations have it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nested<T> {
    /// The content.
    pub data: T,
}

/// Secrets of the caller, seen by the pipelines of all his applications.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSecretsPatch {
    /// The secrets.
    pub secrets: Secrets,
    /// `true` lays them over the present ones, `false` puts them in their place.
    #[serde(default, rename = "isAdd")]
    pub is_added: bool,
    /// The names of secrets to take away; the others stay where `isAdd` is `true`.
    #[serde(default, rename = "remove", skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// The names of the caller's secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct UserSecrets {
    /// Each name with `***`.
    pub secrets: SecretNames,
}

/// A token for a Git host.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProviderToken {
    /// The token; empty removes the stored one.
    #[schema(format = Password)]
    pub token: String,
    /// The kind of host; `github` when absent, as in the published API.
    #[serde(default)]
    pub provider: Provider,
    /// The host's address, `https://git.example.com` for instance. Needed for `gitea` and `git`; the public host of
    /// the provider when absent. The token is sent to this host and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account's name, where the host wants one beside the token. When it is absent, the name that the host says
    /// at the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `false` stores the token without asking the host whether it works. Hosts of the kind `git` are never asked.
    #[serde(
        default,
        rename = "checkToken",
        skip_serializing_if = "Option::is_none"
    )]
    pub check_token: Option<bool>,
}

impl fmt::Debug for NewProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewProviderToken")
            .field("provider", &self.provider)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
