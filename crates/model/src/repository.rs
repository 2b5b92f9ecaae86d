//! What a repository has that can be deployed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The branches and tags of a repository, up to 1,000 of each.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryRefs {
    /// The name of the default branch, where there is one and the repository tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// The default branch, and then the others by name.
    pub branches: Vec<NamedCommit>,
    /// The tags, those that look newest first: by name, backwards, with numbers as numbers.
    pub tags: Vec<NamedCommit>,
    /// How many branches there are; when it is more than are listed, the list was cut.
    pub total_branches: u64,
    /// How many tags there are; when it is more than are listed, the list was cut.
    pub total_tags: u64,
}

/// A branch or a tag, and where it points.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct NamedCommit {
    /// Its name: after `refs/heads/` or `refs/tags/`, what a dispatch takes as `ref`.
    pub name: String,
    /// The commit. For an annotated tag, the one that it is about.
    pub commit: String,
}
