//! Tasks: one deployment of an application at a commit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    application::Provider,
    dispatch::Inputs,
    event::{HostEvent, Pusher},
    id::{AppId, DeliveryId, TaskId, UserId},
    step::Step,
    time::Millis,
};

/// Where a task stands.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// It waits for a runner.
    Pending,
    /// A runner has it.
    Running,
    /// It ended well.
    Success,
    /// A step failed, the set-up failed, or its runner was lost.
    Failure,
    /// It was cancelled, and nothing of it runs any more.
    Cancelled,
}

impl TaskStatus {
    /// Every status, in the order a task goes through them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Success,
        Self::Failure,
        Self::Cancelled,
    ];

    /// Whether the task will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Cancelled)
    }

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no task status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownStatus;

impl fmt::Display for UnknownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a task's status is pending, running, success, failure or cancelled")
    }
}

impl std::error::Error for UnknownStatus {}

impl FromStr for TaskStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// What made a task.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerType {
    /// `POST dispatch/manual`.
    Manual,
    /// `POST dispatch/redeploy`.
    Redeploy,
    /// A webhook of GitHub.
    Github,
    /// A webhook of Gitee.
    Gitee,
    /// A webhook of GitLab.
    Gitlab,
    /// A webhook of Codeup.
    Codeup,
    /// A webhook of Gitea.
    Gitea,
    /// A webhook that a plain repository's hook sent.
    Git,
    /// The clock.
    Schedule,
    /// A look at the repository found a commit that no webhook had told of.
    Poll,
}

impl TriggerType {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::Manual,
        Self::Redeploy,
        Self::Github,
        Self::Gitee,
        Self::Gitlab,
        Self::Codeup,
        Self::Gitea,
        Self::Git,
        Self::Schedule,
        Self::Poll,
    ];

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Redeploy => "redeploy",
            Self::Github => Provider::Github.as_str(),
            Self::Gitee => Provider::Gitee.as_str(),
            Self::Gitlab => Provider::Gitlab.as_str(),
            Self::Codeup => Provider::Codeup.as_str(),
            Self::Gitea => Provider::Gitea.as_str(),
            Self::Git => Provider::Git.as_str(),
            Self::Schedule => "schedule",
            Self::Poll => "poll",
        }
    }
}

impl From<Provider> for TriggerType {
    /// The type of the tasks that a provider's webhooks make.
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Github => Self::Github,
            Provider::Gitee => Self::Gitee,
            Provider::Gitlab => Self::Gitlab,
            Provider::Codeup => Self::Codeup,
            Provider::Gitea => Self::Gitea,
            Provider::Git => Self::Git,
        }
    }
}

impl fmt::Display for TriggerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no trigger type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownTriggerType;

impl fmt::Display for UnknownTriggerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a task is triggered by manual, redeploy, github, gitee, gitlab, codeup, gitea, git, schedule or poll",
        )
    }
}

impl std::error::Error for UnknownTriggerType {}

impl FromStr for TriggerType {
    type Err = UnknownTriggerType;

    fn from_str(text: &str) -> Result<Self, UnknownTriggerType> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownTriggerType)
    }
}

/// A deployment of an application.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Task {
    /// The task's id.
    pub id: TaskId,
    /// The user who owns it.
    pub user_id: UserId,
    /// The application that is deployed.
    pub app_id: AppId,
    /// The how-manieth task of its application it is, from 1.
    pub number: i64,
    /// Where it stands.
    pub status: TaskStatus,
    /// Whether somebody asked to cancel it. While this is `true` and `status` is `running`, it is being ended.
    #[serde(rename = "cancelRequested")]
    pub is_cancel_requested: bool,
    /// Its steps so far, the set-up first; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// The commit's message, or the one given at dispatch.
    pub message: String,
    /// The commit that is deployed: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits. Empty while the task has yet to ask
    /// the repository where `ref` points, as those of a schedule or of a release do when they begin.
    pub commit: String,
    /// The full name of the ref, `refs/heads/main` for instance, or of a pull request's head,
    /// `refs/pull/7/head`; absent where there is none.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The ref without `refs/heads/` or `refs/tags/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The owner of the repository.
    pub owner: String,
    /// The name of the repository.
    pub repo_name: String,
    /// What made the task.
    #[serde(rename = "triggerType")]
    pub trigger_type: TriggerType,
    /// The delivery that made the task.
    #[serde(
        default,
        rename = "deliveryId",
        skip_serializing_if = "Option::is_none"
    )]
    pub delivery_id: Option<DeliveryId>,
    /// What on the Git host led to the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<HostEvent>,
    /// Whether the code comes from a fork: it runs without secrets, unless the application allows them.
    #[serde(default, rename = "isFork", skip_serializing_if = "std::ops::Not::not")]
    pub is_fork: bool,
    /// The task that this one runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redelivery: Option<TaskId>,
    /// The inputs given at dispatch.
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    #[schema(value_type = Object)]
    pub inputs: Inputs,
    /// Whether its log also tells the environment, the values of expressions, the commands of git and timings.
    #[serde(
        default,
        rename = "useDebug",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub is_debug: bool,
    /// What its steps wrote to `$FLOWCD_SUMMARY`, in Markdown and with secrets masked. Only a single task has it,
    /// not one in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Why the task failed, where no step says it: `runner lost`, ..
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was accepted.
    pub created_time: Millis,
    /// When it last changed.
    pub updated_time: Millis,
    /// When a runner took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_time: Option<Millis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_time: Option<Millis>,
}

/// What an application remembers of its newest task.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LatestTask {
    /// The task's id.
    #[serde(rename = "taskId")]
    pub task_id: TaskId,
    /// The commit that it deploys.
    pub commit: String,
    /// The commit's message.
    pub message: String,
    /// The full name of the ref; absent where there is none.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// Whether it has ended.
    pub completed: bool,
    /// Where it stands.
    pub status: TaskStatus,
    /// Its number within the application. Like all that follows, it is absent for tasks of older releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// What made it.
    #[serde(
        default,
        rename = "triggerType",
        skip_serializing_if = "Option::is_none"
    )]
    pub trigger_type: Option<TriggerType>,
    /// Who did what led to it, as far as the host says.
    #[serde(default, skip_serializing_if = "Pusher::is_empty")]
    pub pusher: Pusher,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Millis>,
    /// When a runner took it; absent before.
    #[serde(
        default,
        rename = "startedTime",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_time: Option<Millis>,
    /// When it ended; absent before.
    #[serde(
        default,
        rename = "finishedTime",
        skip_serializing_if = "Option::is_none"
    )]
    pub finished_time: Option<Millis>,
}

/// Which tasks to list, newest first.
///
/// Without `limit` and `cursor` the answer is the page `currentPage` of `pageSize` tasks, as in the published API.
/// With either of them it is keyset pagination: it costs the same at any depth, and tasks that arrive in between
/// neither repeat nor hide an entry.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// The application whose tasks to list.
    pub app_id: AppId,
    /// Only tasks with this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// The page to answer, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, default = 1)]
    pub current_page: Option<i64>,
    /// Tasks on a page, at most 100; 10 when it is absent or not positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(default = 10)]
    pub page_size: Option<i64>,
    /// At most this many tasks, from 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// Where the last answer ended: its `nextCursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl TaskQuery {
    /// All tasks of an application, first page.
    pub fn new(app_id: AppId) -> Self {
        Self {
            app_id,
            status: None,
            current_page: None,
            page_size: None,
            limit: None,
            cursor: None,
        }
    }
}

/// Names a task.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct TaskRef {
    /// The task's id.
    pub task_id: TaskId,
}
