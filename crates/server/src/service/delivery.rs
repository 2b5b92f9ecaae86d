//! Deliveries: what comes in from Git hosts is verified, judged, and kept with the tasks that it makes.
//!
//! Nothing is written for a delivery that is not signed with the application's secret. Whatever is signed is kept,
//! also what deploys nothing, so that whoever wonders finds out why.

use std::{collections::BTreeMap, time::Instant};

use bytes::Bytes;
use flowcd_model::{
    application::{Application, Provider},
    delivery::{
        Delivered, Delivery, DeliveryKind, DeliveryPage, DeliveryQuery, Explain, Explanation,
        Payload, Replay, Verdict,
    },
    event::HostEvent,
    id::{AppId, DeliveryId, TaskId},
    task::TriggerType,
    time::Millis,
    trigger::TriggerSpec,
};
use flowcd_store::{TaskInsert, WebhookSecret, WebhookTarget};
use tracing::info;

use crate::{
    auth::Caller,
    error::{Error, Result},
    provider::{self, Event, Incoming, Unreadable},
    service::{
        application::{check_limit, get_application},
        trigger::{self, Judgement, judge},
    },
    state::AppState,
};

/// The longest body that is kept with its delivery, in bytes.
const MAX_KEPT_BODY_BYTES: usize = 1024 * 1024;
/// The longest headers that are kept, in bytes of JSON; a host sends about a kilobyte.
const MAX_KEPT_HEADERS_BYTES: usize = 32 * 1024;
/// The longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 2_000;

/// What came in.
pub(crate) struct Arrival {
    /// The headers; their names are in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body, byte by byte.
    pub(crate) body: Bytes,
    /// When it began to come in.
    pub(crate) began: Instant,
}

/// What the receiver of an application's webhooks needs to know.
pub(crate) async fn webhook_target(state: &AppState, id: &AppId) -> Result<WebhookTarget> {
    let target = state.store.webhook_target(id).await?;
    target.ok_or_else(|| {
        Error::not_found(format!(
            "没有找到此应用 (no application `{id}` takes webhooks here)"
        ))
    })
}

/// Takes what an application's host sent: verifies it, judges it, keeps it, and makes its tasks.
pub(crate) async fn receive_delivery(
    state: &AppState,
    target: WebhookTarget,
    arrival: Arrival,
) -> Result<Delivered> {
    let WebhookTarget {
        application,
        secret,
    } = target;
    let provider = application.provider;
    let incoming = Incoming {
        headers: &arrival.headers,
        body: &arrival.body,
    };
    check_form(provider, &incoming)?;
    provider::verify(provider, &incoming, &secret, Millis::now())
        .map_err(|err| Error::need_login(format!("Verify secret error ({err})")))?;
    state.hooks.attempt(&application.id)?;
    let read = provider::read(provider, &incoming);
    let filing = Filing {
        application: &application,
        secret: &secret,
        kind: DeliveryKind::Webhook,
        replay_of: None,
    };
    let (delivery, tasks) = filing.file(&arrival, &read);
    let delivered = if application.poll_seconds.is_some() && is_push(&delivery) {
        // A look at the repository may have been faster.
        let app_id = delivery.app_id.clone();
        let recorded = state.store.record_push(delivery, tasks).await?;
        kept(state, &app_id, DeliveryKind::Webhook, recorded)?
    } else {
        record(state, delivery, tasks).await?
    };
    match read {
        Ok(_) => Ok(delivered),
        // It is kept, and the host shows this in its own list.
        Err(err) => Err(Error::malformed(err.to_string())),
    }
}

/// Refuses what another kind of host sent.
fn check_form(provider: Provider, incoming: &Incoming<'_>) -> Result<()> {
    let expected = match provider {
        Provider::Git => Provider::Github,
        provider => provider,
    };
    match provider::detect(incoming.headers) {
        Some(found) if found == expected => Ok(()),
        // Nothing is verified yet, so nothing is told of the application.
        Some(found) => Err(Error::need_login(format!(
            "Verify secret error (the delivery has the form of {found}, and this application does not take it)"
        ))),
        None => Err(Error::malformed(
            "Unrecognized trigger type (no header names an event: `X-GitHub-Event`, `X-Gitee-Event`, `X-Gitlab-Event`, `X-Codeup-Event` or `X-Gitea-Event`)",
        )),
    }
}

/// Whether it is a push that a look at the repository could have found; one that deletes is none.
fn is_push(delivery: &Delivery) -> bool {
    let has_code = delivery.commit.is_some() || delivery.verdict == Verdict::Deployed;
    delivery.event.is_push() && delivery.git_ref.is_some() && has_code
}

/// Keeps a delivery with its tasks, and wakes the runners.
pub(crate) async fn record(
    state: &AppState,
    delivery: Delivery,
    tasks: Vec<TaskInsert>,
) -> Result<Delivered> {
    let (app_id, kind) = (delivery.app_id.clone(), delivery.kind);
    let recorded = state.store.record_delivery(delivery, tasks).await?;
    kept(state, &app_id, kind, recorded)
}

fn kept(
    state: &AppState,
    app_id: &AppId,
    kind: DeliveryKind,
    recorded: Option<Delivered>,
) -> Result<Delivered> {
    let delivered = recorded.ok_or_else(|| {
        Error::not_found(format!(
            "没有找到此应用 (there is no application `{app_id}`)"
        ))
    })?;
    told(state, app_id, kind, &delivered);
    Ok(delivered)
}

/// Says what was kept, and wakes the runners.
pub(crate) fn told(state: &AppState, app_id: &AppId, kind: DeliveryKind, delivered: &Delivered) {
    let id = &delivered.delivery_id;
    if delivered.is_duplicate {
        info!(delivery.id = %id, app.id = %app_id, "Took a repetition of delivery `{id}`");
        return;
    }
    state.metrics.delivery_taken(kind, delivered.verdict);
    if !delivered.task_ids.is_empty() {
        state.work.wake();
    }
    info!(
        delivery.id = %id, app.id = %app_id, n_tasks = delivered.task_ids.len(),
        "Took delivery `{id}` ({kind}): {}", delivered.verdict
    );
}

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
        read: &std::result::Result<Event, Unreadable>,
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
fn judge_for(
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

/// Deliveries of one of the caller's applications, newest first.
pub(crate) async fn list_deliveries(
    state: &AppState,
    caller: &Caller,
    query: DeliveryQuery,
) -> Result<DeliveryPage> {
    check_limit(query.limit)?;
    let app_id = query.app_id.clone();
    let page = state.store.list_deliveries(&caller.user_id, query).await?;
    page.ok_or_else(|| {
        Error::not_found(format!(
            "没有找到此应用 (there is no application `{app_id}`)"
        ))
    })
}

/// One delivery, with its headers and its body.
pub(crate) async fn get_delivery(
    state: &AppState,
    caller: &Caller,
    id: &DeliveryId,
) -> Result<Delivery> {
    let delivery = state.store.delivery(&caller.user_id, id).await?;
    delivery.ok_or_else(|| Error::not_found(format!("there is no delivery `{id}`")))
}

/// Takes a stored delivery again, or a payload as if the host had sent it.
pub(crate) async fn replay_delivery(
    state: &AppState,
    caller: &Caller,
    replay: Replay,
) -> Result<Delivered> {
    let began = Instant::now();
    let (app_id, arrival, replay_of) = match (replay.delivery_id, replay.app_id, replay.payload) {
        (Some(id), None, None) => {
            let delivery = get_delivery(state, caller, &id).await?;
            let app_id = delivery.app_id.clone();
            (app_id, stored_arrival(delivery, began)?, Some(id))
        }
        (None, Some(app_id), Some(payload)) => {
            let application = get_application(state, caller, &app_id).await?;
            let arrival = payload_arrival(application.provider, payload, began)?;
            (app_id, arrival, None)
        }
        _ => {
            return Err(Error::rule(
                "expected either `deliveryId`, or `appId` and `payload`",
            ));
        }
    };
    // For an application of the caller: his are the only ones that get here.
    let WebhookTarget {
        application,
        secret,
    } = webhook_target(state, &app_id).await?;
    let incoming = Incoming {
        headers: &arrival.headers,
        body: &arrival.body,
    };
    let event = provider::read(application.provider, &incoming)
        .map_err(|err| Error::invalid("payload", err))?;
    let filing = Filing {
        application: &application,
        secret: &secret,
        kind: DeliveryKind::Replay,
        replay_of,
    };
    let (delivery, tasks) = filing.file(&arrival, &Ok(event));
    record(state, delivery, tasks).await
}

fn stored_arrival(delivery: Delivery, began: Instant) -> Result<Arrival> {
    let id = &delivery.id;
    if delivery.kind == DeliveryKind::Schedule {
        return Err(Error::rule(format!(
            "delivery `{id}` came from a schedule: redeploy its task instead"
        )));
    }
    let Some(body) = delivery.body else {
        return Err(Error::rule(format!(
            "the body of delivery `{id}` was too long to be kept: have the host send it again"
        )));
    };
    let mut headers = delivery.headers.unwrap_or_default();
    // What is kept is the JSON, whatever it came in.
    headers.insert("content-type".to_owned(), "application/json".to_owned());
    Ok(Arrival {
        headers,
        body: Bytes::from(body),
        began,
    })
}

fn payload_arrival(provider: Provider, payload: Payload, began: Instant) -> Result<Arrival> {
    let mut headers: BTreeMap<String, String> = payload
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    // The body is JSON here, whatever it was signed as.
    headers.remove("content-type");
    if let Some(event) = payload.event.as_deref().filter(|it| !it.is_empty()) {
        let (name, value) = provider::event_header(provider, event);
        headers.insert(name.to_owned(), value);
    }
    let body = serde_json::to_vec(&payload.body).map_err(Error::internal)?;
    Ok(Arrival {
        headers,
        body: Bytes::from(body),
        began,
    })
}

/// Says what would become of a payload or a stored delivery, and why; nothing is kept.
pub(crate) async fn explain_trigger(
    state: &AppState,
    caller: &Caller,
    explain: Explain,
) -> Result<Explanation> {
    let began = Instant::now();
    let delivery = match &explain.delivery_id {
        Some(id) => Some(get_delivery(state, caller, id).await?),
        None => None,
    };
    let app_id = match (&delivery, explain.app_id) {
        (Some(delivery), Some(app_id)) if delivery.app_id != app_id => {
            return Err(Error::invalid(
                "appId",
                "the delivery is another application's; leave it out",
            ));
        }
        (Some(delivery), _) => Some(delivery.app_id.clone()),
        (None, app_id) => app_id,
    };
    let application = match &app_id {
        Some(app_id) => Some(get_application(state, caller, app_id).await?),
        None => None,
    };
    let spec = match (explain.trigger_spec, &application) {
        (Some(spec), _) => spec,
        (None, Some(application)) => application.trigger_spec.clone(),
        (None, None) => {
            return Err(Error::rule(
                "whose rules are to be asked? send `appId`, `deliveryId` or `triggerSpec`",
            ));
        }
    };
    let provider = provider_of(explain.provider, application.as_ref(), &spec)?;
    trigger::check(&spec, provider)?;
    let arrival = match (delivery, explain.payload) {
        (Some(delivery), None) => stored_arrival(delivery, began)?,
        (None, Some(payload)) => payload_arrival(provider, payload, began)?,
        _ => {
            return Err(Error::rule(
                "what is to be explained? send either `payload` or `deliveryId`",
            ));
        }
    };
    let incoming = Incoming {
        headers: &arrival.headers,
        body: &arrival.body,
    };
    let event =
        provider::read(provider, &incoming).map_err(|err| Error::invalid("payload", err))?;
    let judgement = match &application {
        Some(application) if application.provider == provider => {
            judge_for(application, &spec, &event, &arrival.headers)
        }
        _ => judge(&spec, provider, &event, &arrival.headers),
    };
    let has_fork_secrets = application.is_some_and(|it| it.fork_secrets);
    Ok(Explanation {
        verdict: judgement.verdict,
        reason: judgement.reason,
        rules: judgement.rules,
        event: event.host,
        git_ref: event.git_ref,
        commit: event.commit,
        message: event.message,
        pipeline_files: judgement.pipeline_files,
        is_fork: event.is_fork_code,
        has_secrets: !event.is_fork_code || has_fork_secrets,
    })
}

fn provider_of(
    given: Option<Provider>,
    application: Option<&Application>,
    spec: &TriggerSpec,
) -> Result<Provider> {
    let of_spec = || {
        let mut providers = spec.0.keys();
        match (providers.next(), providers.next()) {
            (Some(provider), None) => Some(*provider),
            _ => None,
        }
    };
    given
        .or_else(|| application.map(|it| it.provider))
        .or_else(of_spec)
        .ok_or_else(|| {
            Error::invalid(
                "provider",
                "the trigger does not tell whose payload it is; name the provider",
            )
        })
}
