//! Pipelines: what a pipeline file declares for those who start it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::id::AppId;

/// Which pipeline to tell of: the one that a dispatch with the same parameters would run.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PipelineQuery {
    /// The application.
    pub app_id: AppId,
    /// The full name of a branch or a tag: `refs/heads/main`, `refs/tags/v1.0`.
    #[serde(rename = "ref")]
    #[param(example = "refs/heads/main")]
    pub git_ref: String,
    /// The commit, in full; the one `ref` points to when absent. With it, the repository is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_id: Option<String>,
}

/// A pipeline as far as it is known before it runs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PipelineInfo {
    /// The commit that it is read from.
    pub commit: String,
    /// The inputs that it declares, none for an empty list. Absent where the server does not have that commit yet, as
    /// none of your tasks has fetched it, or it holds no pipeline that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Vec<InputSpec>>,
}

/// What kind of value an input takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Text.
    #[default]
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of the input's `options`.
    Choice,
}

/// An input that a pipeline declares.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct InputSpec {
    /// Its name: a key of the dispatch's `inputs`.
    pub name: String,
    /// What kind of value it takes.
    #[serde(rename = "type", default)]
    pub input_type: InputType,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its value when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether a value must be given, where there is no default.
    #[serde(default, rename = "required")]
    pub is_required: bool,
    /// What a choice chooses from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}
