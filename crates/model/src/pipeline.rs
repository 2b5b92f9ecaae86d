//! Pipelines: what a pipeline file declares for those who start it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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
