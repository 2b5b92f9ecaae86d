//! Deliveries: what comes in from Git hosts is verified, judged, and kept with the tasks that it makes.
//!
//! Nothing is written for a delivery that is not signed with the application's secret. Whatever is signed is kept,
//! also what deploys nothing, so that whoever wonders finds out why.

mod filing;

use std::{collections::BTreeMap, time::Instant};

use bytes::Bytes;
use flowcd_model::{
    application::{Application, Provider},
    delivery::{
        Delivered, Delivery, DeliveryKind, DeliveryPage, DeliveryQuery, Explain, Explanation,
        Payload, Replay, Verdict,
    },
    id::{AppId, DeliveryId},
    time::Millis,
    trigger::TriggerSpec,
};
use flowcd_store::{TaskInsert, WebhookTarget};
use tracing::info;

use filing::judge_for;
pub(crate) use filing::{Filing, cut};

use crate::{
    auth::Caller,
    error::{Error, Result},
    provider::{self, Incoming},
    service::{
        application::{check_limit, get_application},
        trigger::{self, judge},
    },
    state::AppState,
};

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
