//! Lists that come in parts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The entries.
    pub result: Vec<T>,
    /// How many entries there are in all.
    pub total_count: i64,
    /// What to send as `cursor` for the next part; absent at the end. The header `Link: rel="next"` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
