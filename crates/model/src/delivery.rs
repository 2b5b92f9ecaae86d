//! Deliveries: what came in that could start a deployment, and what was made of it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    application::Provider,
    event::HostEvent,
    id::{AppId, DeliveryId, TaskId},
    time::Millis,
    trigger::TriggerSpec,
};

/// How a delivery came about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// The host sent it.
    Webhook,
    /// Somebody sent it again, or from a file.
    Replay,
    /// A look at the repository found a commit that no webhook had told of.
    Poll,
    /// A schedule came due.
    Schedule,
}

impl DeliveryKind {
    const ALL: [Self; 4] = [Self::Webhook, Self::Replay, Self::Poll, Self::Schedule];

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Replay => "replay",
            Self::Poll => "poll",
            Self::Schedule => "schedule",
        }
    }
}

impl fmt::Display for DeliveryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no kind of delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a delivery is a webhook, a replay, a poll or a schedule")
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for DeliveryKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// What was made of a delivery.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It started a deployment, or several.
    Deployed,
    /// No rule asks for a deployment.
    Skipped,
    /// The host only tried whether somebody is there.
    Ping,
    /// It could not be judged: the payload or a rule is wrong.
    Failed,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Deployed, Self::Skipped, Self::Ping, Self::Failed];

    /// The name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Skipped => "skipped",
            Self::Ping => "ping",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownVerdict;

impl fmt::Display for UnknownVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a verdict is deployed, skipped, ping or failed")
    }
}

impl std::error::Error for UnknownVerdict {}

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or(UnknownVerdict)
    }
}

/// What one rule of the trigger says to a delivery.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleVerdict {
    /// Where the rule stands: `github.events[0]`, `github.push.branches`.
    pub rule: String,
    /// Whether it asks for a deployment.
    pub is_match: bool,
    /// Why, or why not.
    pub reason: String,
    /// The pipeline file that it asks for, where it matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// Something that came in and could start a deployment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The delivery's id.
    pub id: DeliveryId,
    /// The application that it is for.
    pub app_id: AppId,
    /// The application's provider.
    pub provider: Provider,
    /// How it came about.
    pub kind: DeliveryKind,
    /// What makes it the same as another one: the host's id for it, or a hash of its body where the host has none.
    pub key: String,
    /// What was said to have happened.
    pub event: HostEvent,
    /// The full name of the ref that it is about; absent where it is about none.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The commit that it is about; absent where the host does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit's message, or the title of the pull request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was made of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What each rule of the trigger said, in order. Empty where none was asked.
    pub rules: Vec<RuleVerdict>,
    /// The tasks that it made.
    pub task_ids: Vec<TaskId>,
    /// The delivery that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<DeliveryId>,
    /// How long the body was, in bytes.
    pub body_bytes: i64,
    /// When it came in.
    pub created_time: Millis,
    /// From its arrival to the verdict, in milliseconds.
    pub duration_ms: f64,
    /// Its headers, in lower case; what authenticates is `***`. Only a single delivery has them, not one in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Its body, with `***` in the place of secrets. Only a single delivery has it, and only where it was no longer
    /// than what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Which deliveries to list, newest first.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// The application whose deliveries to list.
    pub app_id: AppId,
    /// Only those with this verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// At most this many, from 1 to 100; 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// Where the last answer ended: its `nextCursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl DeliveryQuery {
    /// The newest deliveries of an application.
    pub fn new(app_id: AppId) -> Self {
        Self {
            app_id,
            verdict: None,
            limit: None,
            cursor: None,
        }
    }
}

/// A part of the list of deliveries.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub result: Vec<Delivery>,
    /// What to send as `cursor` for the next part; absent at the end. The header `Link: rel="next"` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Names a delivery.
#[derive(Clone, Debug, Deserialize, IntoParams, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DeliveryRef {
    /// The delivery's id.
    pub delivery_id: DeliveryId,
}

/// A payload as a host would have sent it, without its signature.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload {
    /// The headers that tell the event, `{"x-github-event": "push"}` for instance. With the host's id of the delivery
    /// among them (`x-github-delivery`), the payload counts as that delivery, and twice is once.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The event, in short: `push` is `x-github-event: push` for an application of GitHub, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The body.
    #[schema(value_type = Object)]
    pub body: serde_json::Map<String, serde_json::Value>,
}

/// A delivery to repeat: one that is stored, or a payload for an application.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replay {
    /// The stored delivery. It is judged by the rules of today, and makes new tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<DeliveryId>,
    /// The application that `payload` is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
    /// What to take as if the host had sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

/// What a delivery led to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// The delivery; the first one, when the same came more than once.
    pub delivery_id: DeliveryId,
    /// The first task that it made; absent when it made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// All tasks that it made: one for each pipeline file that the matching rules name.
    pub task_ids: Vec<TaskId>,
    /// What was made of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether the same delivery had come before, and this is what it led to then.
    pub is_duplicate: bool,
}

/// The answer to a webhook that deploys nothing: for the host it is a success, for whoever reads it no deployment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct NotDeployed {
    /// Always `false`.
    pub success: bool,
    /// Why nothing is deployed.
    pub message: String,
    /// The delivery that was kept.
    pub data: Delivered,
}

/// What would happen: for an application or a trigger of its own, with a payload or a stored delivery.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Explain {
    /// The stored delivery to explain; its application's rules of today are asked, unless `triggerSpec` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<DeliveryId>,
    /// The application whose rules are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
    /// Rules that are asked in the place of the application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_spec: Option<TriggerSpec>,
    /// The provider whose payload it is; the application's when absent, or the only one of `triggerSpec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// What to take as if the host had sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

/// What would happen, and why. Nothing was stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What would be made of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What each rule says, in order.
    pub rules: Vec<RuleVerdict>,
    /// What is understood to have happened.
    pub event: HostEvent,
    /// The full name of the ref that would be deployed.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The commit that would be deployed; absent where the task would ask the repository for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit's message, or the title of the pull request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The pipeline files that would run, each as a task of its own.
    pub pipeline_files: Vec<String>,
    /// Whether the code comes from a fork.
    pub is_fork: bool,
    /// Whether it would run with the secrets of the application.
    pub has_secrets: bool,
}
