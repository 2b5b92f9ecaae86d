//! Events of Git hosts: what somebody did there, as far as a deployment is concerned.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trigger::PullRequestType;

/// What on a Git host led to a task. Everything in it was said by the host, and much of it chosen by whoever pushed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostEvent {
    /// The event's name as the host sends it: `push`, `Merge Request Hook`, ..
    pub event_name: String,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Pusher::is_empty")]
    pub pusher: Pusher,
    /// The pull or merge request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
}

impl HostEvent {
    /// Whether it is a push of a branch or a tag, by the name that any host gives to those.
    pub fn is_push(&self) -> bool {
        matches!(
            self.event_name.as_str(),
            "push" | "Push Hook" | "Tag Push Hook" | "push_hooks" | "tag_push_hooks"
        )
    }
}

/// Who did something on a Git host. What the host does not say is empty.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Pusher {
    /// The account's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The mail address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The URL of a picture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
}

impl Pusher {
    /// Whether the host said nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.email.is_empty() && self.avatar_url.is_empty()
    }
}

/// A pull request, or what GitLab and Codeup call a merge request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// Its number in the repository that it goes into.
    pub number: i64,
    /// Its title.
    pub title: String,
    /// What happened to it; absent for what no rule can name, a new label for instance.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<PullRequestType>,
    /// The branch it comes from.
    pub source_branch: String,
    /// The branch it goes into.
    pub target_branch: String,
    /// Whether it comes from another repository than the one it goes into.
    pub is_fork: bool,
}
