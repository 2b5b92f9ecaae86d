//! Applications: a repository bound to a trigger and secrets.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    id::{AppId, UserId},
    secret::{Secret, SecretChanges, SecretNames, Secrets},
    task::LatestTask,
    time::Millis,
    trigger::TriggerSpec,
};

/// What kind of host a repository lives on.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    ToSchema,
)]
// Read by way of text: so the path of an error inside a map by provider names the provider.
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Provider {
    /// github.com or GitHub Enterprise.
    #[default]
    Github,
    /// gitee.com.
    Gitee,
    /// gitlab.com or a GitLab of one's own.
    Gitlab,
    /// codeup.aliyun.com.
    Codeup,
    /// A Gitea or Forgejo.
    Gitea,
    /// Any other Git repository.
    Git,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 6] = [
        Self::Github,
        Self::Gitee,
        Self::Gitlab,
        Self::Codeup,
        Self::Gitea,
        Self::Git,
    ];

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitee => "gitee",
            Self::Gitlab => "gitlab",
            Self::Codeup => "codeup",
            Self::Gitea => "gitea",
            Self::Git => "git",
        }
    }

    /// The origin of the provider's public host; `None` where everybody runs his own.
    pub fn public_origin(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("https://github.com"),
            Self::Gitee => Some("https://gitee.com"),
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Codeup => Some("https://codeup.aliyun.com"),
            Self::Gitea | Self::Git => None,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownProvider;

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a provider is github, gitee, gitlab, codeup, gitea or git")
    }
}

impl std::error::Error for UnknownProvider {}

impl TryFrom<String> for Provider {
    type Error = UnknownProvider;

    fn try_from(text: String) -> Result<Self, UnknownProvider> {
        text.parse()
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == text)
            .ok_or(UnknownProvider)
    }
}

/// A repository bound to a trigger and secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Application {
    /// The application's id.
    pub id: AppId,
    /// The user who owns it.
    pub user_id: UserId,
    /// What kind of host the repository lives on.
    pub provider: Provider,
    /// The repository's id there, as text.
    pub provider_repo_id: String,
    /// The repository's name.
    pub repo_name: String,
    /// The repository's owner.
    pub owner: String,
    /// The URL it is cloned from.
    pub repo_url: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What starts a deployment. Its webhook secrets and passwords are shown as `***`.
    pub trigger_spec: TriggerSpec,
    /// The names of its secrets, each with `***`.
    #[serde(default, skip_serializing_if = "SecretNames::is_empty")]
    pub secrets: SecretNames,
    /// Variables for every step, where they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub envs: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether pull requests from forks run with the secrets, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fork_secrets: bool,
    /// The webhook at the repository's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// How often the repository is looked at for commits that no webhook told of, in seconds; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_seconds: Option<i64>,
    /// When it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_time: Option<Millis>,
    /// Why the last look failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_problem: Option<String>,
    /// Its newest task; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_task: Option<LatestTask>,
    /// When it was made.
    pub created_time: Millis,
    /// When it last changed.
    pub updated_time: Millis,
}

/// The webhook of an application at the repository's host.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Where the host is to send to.
    pub url: String,
    /// Whether it was installed, with the owner's account on the host.
    pub is_installed: bool,
    /// Its id on the host, where it was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_id: Option<String>,
    /// Why it was not installed, or is not as it should be, and what to do about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An application to make.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// The repository's name.
    #[schema(example = "hello")]
    pub repo: String,
    /// The repository's owner.
    #[schema(example = "octocat")]
    pub owner: String,
    /// The URL to clone from: `https://..`, `ssh://..` or `git@host:path`.
    #[schema(example = "https://github.com/octocat/hello.git")]
    pub repo_url: String,
    /// The repository's id on its host, as text; a number is taken, too. `owner/repo` when absent.
    #[serde(
        default,
        deserialize_with = "text_or_number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(example = "1296269")]
    pub provider_repo_id: Option<String>,
    /// What kind of host it lives on.
    pub provider: Provider,
    /// What starts a deployment; when absent, only a dispatch does.
    #[serde(default)]
    pub trigger_spec: TriggerSpec,
    /// What it is for; at most 1,000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the pipeline's expressions find as `secrets`, over the user's own.
    #[serde(default)]
    pub secrets: Secrets,
    /// Variables for every step: text, numbers or booleans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub envs: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether pull requests from forks run with the secrets, too: whoever can open one can then read them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fork_secrets: bool,
    /// How often to look at the repository for commits that no webhook told of, in seconds, from 30 to 86,400; not at
    /// all when it is absent or 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400)]
    pub poll_seconds: Option<i64>,
    /// `false` leaves the webhook at the host to you; else it is installed where you have stored a token for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_webhook: Option<bool>,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected text or a whole number")]
    enum TextOrNumber {
        Text(String),
        Number(i64),
    }
    Ok(
        Option::<TextOrNumber>::deserialize(deserializer)?.map(|value| match value {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        }),
    )
}

/// An application just made.
#[derive(Clone, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct CreatedApplication {
    /// The application's id.
    pub id: AppId,
    /// The secret to install with the repository's webhook, shown this once.
    #[serde(rename = "webhookSecret")]
    pub webhook_secret: String,
    /// The webhook at the host: what to install there where that was not done.
    pub webhook: Webhook,
}

impl fmt::Debug for CreatedApplication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApplication")
            .field("id", &self.id)
            .field("webhook", &self.webhook)
            .finish_non_exhaustive()
    }
}

/// A change of an application. What is absent stays.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationPatch {
    /// The application.
    #[serde(rename = "appId")]
    pub app_id: AppId,
    /// Replaces all secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Secrets>,
    /// Sets some secrets, and takes away those that are `null`; the others stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_changes: Option<SecretChanges>,
    /// Replaces the whole trigger; ignored when it is an empty object. The webhook's secret stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_spec: Option<TriggerSpec>,
    /// Replaces what the webhook is signed with, which `trigger_spec` never does: from then on, what is signed with the
    /// old one is refused. One that is installed at the host is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<Secret>,
    /// The published API asks for it beside `trigger_spec`; it must be the application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Replaces the description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Replaces the URL to clone from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_url: Option<String>,
    /// Replaces all variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub envs: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether pull requests from forks run with the secrets, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork_secrets: Option<bool>,
    /// How often to look at the repository for commits that no webhook told of, in seconds; 0 ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400)]
    pub poll_seconds: Option<i64>,
    /// `true` installs the webhook at the host, or installs it again; `false` removes it. When it is absent, one that
    /// is installed is brought in line with a changed trigger or URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_webhook: Option<bool>,
}

impl ApplicationPatch {
    /// A change of `app_id` that changes nothing yet.
    pub fn new(app_id: AppId) -> Self {
        Self {
            app_id,
            secrets: None,
            secret_changes: None,
            trigger_spec: None,
            webhook_secret: None,
            provider: None,
            description: None,
            repo_url: None,
            envs: None,
            fork_secrets: None,
            poll_seconds: None,
            install_webhook: None,
        }
    }
}

/// Names an application by `id`.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[into_params(parameter_in = Query)]
pub struct ApplicationQuery {
    /// The application's id.
    pub id: AppId,
}

/// Names an application by `appId`.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ApplicationRef {
    /// The application's id.
    pub app_id: AppId,
}

/// Which applications to list; without parameters, all of them.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, PartialEq, Serialize)]
#[into_params(parameter_in = Query)]
pub struct ApplicationListQuery {
    /// At most this many, from 1 to 100; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// Where the last answer ended, from its header `Link: rel="next"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The answer to a deletion.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Deleted {
    /// What was done, for people.
    pub message: String,
}
