//! Trigger specifications: which events of the Git host start a deployment.
//!
//! Both generations of the published API are here: `events` with a JEXL filter (the older), and `push`, `pr` and
//! `pull_request` with lists of patterns (the newer). A specification may use both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::Provider;

/// What starts a deployment, by provider.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = BTreeMap<Provider, ProviderTrigger>,
    example = json!({"github": {"events": [{"eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]"}]}})
)]
pub struct TriggerSpec(pub BTreeMap<Provider, ProviderTrigger>);

impl TriggerSpec {
    /// Whether nothing starts a deployment but a dispatch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A trigger to be read from a text, or to be written as one: one of the two.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerConversion {
    /// The trigger as YAML or JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The trigger itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_spec: Option<TriggerSpec>,
}

/// A trigger in both forms. Nothing was stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConvertedTrigger {
    /// The trigger; what is shown as `***` stays that.
    pub trigger_spec: TriggerSpec,
    /// The same as YAML. The comments of a text are not in it.
    pub yaml: String,
}

/// What starts a deployment on one provider.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderTrigger {
    /// The webhook's secret; one is made when it is absent. Shown as `***`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Gitee's password, instead of a secret. Shown as `***`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Events with a filter each; the first that matches starts the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventRule>>,
    /// Which pushes of branches and tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushRules>,
    /// Which pull requests, by their target branch alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pr: Option<PrRules>,
    /// Which pull requests, by type, target and source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestRules>,
    /// When to deploy by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<ScheduleRule>>,
}

/// An event of the host and what must hold for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventRule {
    /// The event's name as the host sends it, `push` for instance.
    pub event_name: String,
    /// A JEXL expression over `{headers, body}`; when absent, every such event matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The pipeline file to run, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Only pushes that change a file of this kind: globs, relative to the repository's root. A push whose changed
    /// files the host does not tell in full passes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Not pushes that change files of this kind alone.
    #[serde(
        default,
        rename = "paths-ignore",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub paths_ignore: Vec<String>,
}

/// Rules for pushes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushRules {
    /// Which branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Patterns<String>>,
    /// Which tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Patterns<String>>,
    /// The pipeline file to run, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Only pushes that change a file of this kind: globs, relative to the repository's root. A push whose changed
    /// files the host does not tell in full passes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Not pushes that change files of this kind alone.
    #[serde(
        default,
        rename = "paths-ignore",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub paths_ignore: Vec<String>,
}

/// Rules for pull requests by their target branch.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrRules {
    /// Which target branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Patterns<String>>,
    /// The pipeline file to run, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// Rules for pull requests by type, target and source.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequestRules {
    /// Which types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<PullRequestType>,
    /// Which pairs of branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Patterns<BranchPair>>,
    /// The pipeline file to run, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A time to deploy at, again and again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRule {
    /// When: minute, hour, day of the month, month, day of the week, as cron has them.
    #[schema(example = "30 4 * * mon-fri")]
    pub cron: String,
    /// The time zone that `cron` is meant in, `Asia/Shanghai` for instance; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The full name of the branch or tag to deploy. The task asks the repository where it points.
    #[serde(rename = "ref")]
    #[schema(example = "refs/heads/main")]
    pub git_ref: String,
    /// The pipeline file to run, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What the pipeline's expressions find as `inputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub inputs: Option<crate::dispatch::Inputs>,
    /// What becomes of times that pass while no server runs.
    #[serde(default, skip_serializing_if = "Missed::is_default")]
    pub missed: Missed,
}

/// What becomes of times of a schedule that pass while no server runs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// They are left out, and a delivery says so.
    #[default]
    Skip,
    /// One deployment makes up for all of them.
    Run,
}

impl Missed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happened to a pull request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequestType {
    /// It was opened.
    Opened,
    /// It was closed without a merge.
    Closed,
    /// It was opened again.
    Reopened,
    /// It was merged.
    Merged,
    /// Commits were pushed to it.
    Synchronize,
}

impl PullRequestType {
    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Merged => "merged",
            Self::Synchronize => "synchronize",
        }
    }
}

/// Four lists of patterns; `exclude` beats the others.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(bound(deserialize = "T: Deserialize<'de>"), deny_unknown_fields)]
pub struct Patterns<T> {
    /// Names as they are.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub precise: Vec<T>,
    /// Beginnings of names; an empty list that is written out means every name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Vec<T>>,
    /// Globs.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<T>,
    /// Globs that are left out.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<T>,
}

/// A pair of branches of a pull request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchPair {
    /// The branch it goes into.
    pub target: String,
    /// The branch it comes from; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
