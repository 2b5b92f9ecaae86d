//! Dispatch: starting, repeating and cancelling deployments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AppId, TaskId};

/// Inputs of a deployment: any JSON object. Its keys are names at the top of the pipeline's expressions.
pub type Inputs = serde_json::Map<String, serde_json::Value>;

/// A deployment to start.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManualDispatch {
    /// The application to deploy.
    pub app_id: AppId,
    /// The full name of a branch or a tag: `refs/heads/main`, `refs/tags/v1.0`.
    #[serde(rename = "ref")]
    #[schema(example = "refs/heads/main")]
    pub git_ref: String,
    /// The commit to deploy, in full; the one `ref` points to when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_id: Option<String>,
    /// The message to keep with the task; the commit's own when absent and the repository tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the pipeline's expressions find as `inputs`, and each key at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub inputs: Option<Inputs>,
    /// Whether the log also tells the environment, the values of expressions, the commands of git and timings.
    #[serde(
        default,
        rename = "useDebug",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub is_debug: bool,
}

/// A deployment to run again: same commit, ref and inputs, with the secrets of today.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redeploy {
    /// The task to run again.
    pub task_id: TaskId,
    /// Whether the log also tells the environment, the values of expressions, the commands of git and timings.
    #[serde(
        default,
        rename = "useDebug",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub is_debug: bool,
}

/// A deployment to cancel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cancel {
    /// The task to cancel.
    pub task_id: TaskId,
}

/// A deployment that was accepted: its row exists.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dispatched {
    /// The new task.
    pub task_id: TaskId,
}
