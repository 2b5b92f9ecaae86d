//! What the account on a Git host can see there: repositories, organizations, branches.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A repository that the account can see.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct HostRepository {
    /// The repository's id on its host, as text: what an application keeps as `provider_repo_id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who it belongs to: a user, an organization or a group, with the groups around it (`group/subgroup`).
    pub owner: String,
    /// A picture of the owner; empty where the host has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    /// The URL it is cloned from by HTTPS.
    pub url: String,
    /// Whether only its members see it.
    pub private: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The branch that is shown first; empty for an empty repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default_branch: String,
    /// Whether you have an application for it already.
    #[serde(default)]
    pub disabled: bool,
}

/// An organization, or a group, that the account belongs to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct HostOrganization {
    /// Its name, as in the addresses of its repositories.
    pub org: String,
    /// Its id on the host, as text.
    pub id: String,
}

/// A branch of a repository.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct HostBranch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// The commit it is at.
    pub commit_sha: String,
}

/// Which account to look with.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostQuery {
    /// The host's address where you have accounts on several of this kind; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Whose repositories to list.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostOrganizationQuery {
    /// The organization, as [`HostOrganization::org`] names it.
    pub org: String,
    /// The host's address where you have accounts on several of this kind; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Which repository's branches to list.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostBranchQuery {
    /// Who it belongs to.
    pub owner: String,
    /// Its name.
    pub repo: String,
    /// The host's address where you have accounts on several of this kind; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
