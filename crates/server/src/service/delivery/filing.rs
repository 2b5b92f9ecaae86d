//! How deliveries are filed: what is kept of them, and the tasks that their verdict asks for.

use std::collections::BTreeMap;

use flowcd_model::{
    application::Application,
    delivery::{Delivery, DeliveryKind, Verdict},
    event::HostEvent,
    id::{DeliveryId, TaskId},
    task::TriggerType,
    time::Millis,
    trigger::TriggerSpec,
};
use flowcd_store::{TaskInsert, WebhookSecret};

use super::Arrival;
use crate::{
    provider::{self, Event, Unreadable},
    service::trigger::{Judgement, judge},
};

/// The longest body that is kept with its delivery, in bytes.
const MAX_KEPT_BODY_BYTES: usize = 1024 * 1024;
/// The longest headers that are kept, in bytes of JSON; a host sends about a kilobyte.
const MAX_KEPT_HEADERS_BYTES: usize = 32 * 1024;
/// The longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 2_000;

/// How a delivery is filed.
pub(crate) struct Filing<'a> {
    pub(crate) application: &'a Application,
    pub(crate) secret: &'a WebhookSecret,
    pub(crate) kind: DeliveryKind,
    pub(crate) replay_of: Option<DeliveryId>,
}

impl Filing<'_> {
    /// The delivery as it is kept, and the tasks that it makes.
    pub(crate) fn file(
        &self,
        arrival: &Arrival,
        read: &Result<Event, Unreadable>,
    ) -> (Delivery, Vec<TaskInsert>) {
        let application = self.application;
        let id = DeliveryId::generate();
        let (judgement, body) = match read {
            Ok(event) => (
                judge_for(
                    application,
                    &application.trigger_spec,
                    event,
                    &arrival.headers,
                ),
                provider::blank::body(&event.body, self.secret),
            ),
            Err(err) => (
                Judgement::at_once(Verdict::Failed, err.to_string()),
                provider::blank::text(&arrival.body, self.secret),
            ),
        };
        let event = read.as_ref().ok();
        let tasks: Vec<TaskInsert> = event
            .map(|event| self.tasks(&id, event, &judgement))
            .unwrap_or_default();
        let headers = provider::blank::headers(&arrival.headers, self.secret);
        let delivery = Delivery {
            app_id: application.id.clone(),
            provider: application.provider,
            kind: self.kind,
            key: match (&self.replay_of, event) {
                // A stored delivery is repeated as often as somebody asks for it.
                (Some(_), _) => format!("replay:{id}"),
                (None, Some(event)) => event.key.clone(),
                (None, None) => format!("unreadable:{id}"),
            },
            event: event
                .map(|it| it.host.clone())
                .unwrap_or_else(|| HostEvent {
                    event_name: provider::event_name(application.provider, &arrival.headers)
                        .unwrap_or_default(),
                    ..HostEvent::default()
                }),
            git_ref: event.and_then(|it| it.git_ref.clone()),
            commit: event.and_then(|it| it.commit.clone()),
            message: event.map(|it| it.message.clone()).unwrap_or_default(),
            verdict: judgement.verdict,
            reason: cut(&judgement.reason),
            rules: judgement.rules,
            task_ids: tasks.iter().map(|task| task.id.clone()).collect(),
            replay_of: self.replay_of.clone(),
            body_bytes: i64::try_from(arrival.body.len()).unwrap_or(i64::MAX),
            created_time: Millis::now(),
            duration_ms: arrival.began.elapsed().as_secs_f64() * 1_000.0,
            headers: Some(cut_headers(headers)),
            body: (body.len() <= MAX_KEPT_BODY_BYTES).then_some(body),
            id,
        };
        (delivery, tasks)
    }

    fn tasks(&self, id: &DeliveryId, event: &Event, judgement: &Judgement) -> Vec<TaskInsert> {
        let application = self.application;
        let trigger_type = match self.kind {
            DeliveryKind::Poll => TriggerType::Poll,
            DeliveryKind::Schedule => TriggerType::Schedule,
            DeliveryKind::Webhook | DeliveryKind::Replay => application.provider.into(),
        };
        let insert = |pipeline_file: &String| TaskInsert {
            id: TaskId::generate(),
            app_id: application.id.clone(),
            user_id: application.user_id.clone(),
            git_ref: event.git_ref.clone(),
            commit: event.commit.clone().unwrap_or_default(),
            message: event.message.clone(),
            inputs: Default::default(),
            pipeline_file: pipeline_file.clone(),
            trigger_type,
            redelivery: None,
            delivery_id: Some(id.clone()),
            event: Some(event.host.clone()),
            is_fork: event.is_fork_code,
            is_debug: false,
        };
        judgement.pipeline_files.iter().map(insert).collect()
    }
}

/// Asks an application's rules, or others in their place.
pub(super) fn judge_for(
    application: &Application,
    spec: &TriggerSpec,
    event: &Event,
    headers: &BTreeMap<String, String>,
) -> Judgement {
    match other_repository(application, event) {
        Some(name) => Judgement::at_once(
            Verdict::Skipped,
            format!(
                "the delivery is about the repository `{name}`, and the application is for `{}/{}`",
                application.owner, application.repo_name
            ),
        ),
        None => judge(spec, application.provider, event, headers),
    }
}

/// The name of the repository that an event is about, where it is not the application's: the webhook of a group tells
/// of all its repositories. A repository that was renamed keeps its id.
fn other_repository(application: &Application, event: &Event) -> Option<String> {
    let facts = event.repository.as_ref()?;
    let own = format!("{}/{}", application.owner, application.repo_name);
    let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let is_other = is_number(&facts.id)
        && is_number(&application.provider_repo_id)
        && facts.id != application.provider_repo_id
        && !facts.full_name.is_empty()
        && !facts.full_name.eq_ignore_ascii_case(&own);
    is_other.then(|| facts.full_name.clone())
}

/// A reason or a problem, as long as it may get.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The headers, as many as are kept.
fn cut_headers(headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = MAX_KEPT_HEADERS_BYTES;
    headers
        .into_iter()
        .take_while(|(name, value)| {
            let length = name.len() + value.len();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        })
        .collect()
}
