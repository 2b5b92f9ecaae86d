//! `hooks/..`, `deliveries/..` and `trigger/explain`

use std::{collections::BTreeMap, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderMap},
    post,
    web::{self, Data, Payload},
};
use bytes::{Bytes, BytesMut};
use flowcd_model::{
    delivery::{
        Delivered, Delivery, DeliveryPage, DeliveryQuery, DeliveryRef, Explain, Explanation,
        NotDeployed, Replay, Verdict,
    },
    envelope::Reply,
    id::AppId,
};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    answer::{reply, reply_part},
    extract::{BODY_TIMEOUT, Body, Params, content_length},
};
use crate::{
    auth::{Caller, client_address},
    error::{Error, Result},
    limit::BODY_UNIT_BYTES,
    service::{self, delivery::Arrival},
    state::AppState,
};

/// The longest body of a webhook: what GitHub sends at most.
const MAX_HOOK_BYTES: usize = 25 * 1024 * 1024;
/// The longest body of a replay or an explanation: far above what hosts send but for the rarest of pushes.
const MAX_REPLAY_BYTES: usize = 4 * 1024 * 1024;

/// Names an application as the published receiver does.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HookQuery {
    /// The application's id.
    app_id: AppId,
}

/// Take a webhook
///
/// What the repository's host sends to: GitHub, Gitee, GitLab, Codeup, Gitea, or the hook of a plain repository that
/// sends GitHub's form. It is verified over the bytes of the body with the application's webhook secret, judged by the
/// application's trigger, and kept with the tasks that it makes before this answers. The same delivery twice is
/// answered with what the first one led to.
///
/// A delivery that deploys nothing is answered with 200, too, and `"success": false` with the reason, because it was
/// taken well. One that is not signed with the secret is answered with 401, and nothing is kept of it.
#[utoipa::path(
    tag = "delivery",
    params(("appId" = AppId, Path, description = "The application's id.")),
    request_body(
        content = Object,
        description = "The host's payload, up to 25 MiB.",
        example = json!({"ref": "refs/heads/main", "after": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"})
    ),
    responses(
        (
            status = 200,
            description = "It was taken.",
            body = Reply<Delivered>,
            example = json!({"success": true, "data": {
                "deliveryId": "lam3k2o9beefcafe", "taskId": "lam3k2o9deadbeef", "taskIds": ["lam3k2o9deadbeef"],
                "verdict": "deployed", "reason": "branch `main` matches `main`", "isDuplicate": false
            }})
        ),
        (status = 429, description = "Too many deliveries; `Retry-After` says when to send it again.")
    ),
    security(())
)]
#[post("/hooks/{appId}")]
pub(crate) async fn receive_webhook(
    state: Data<AppState>,
    request: HttpRequest,
    path: web::Path<String>,
    payload: Payload,
) -> Result<HttpResponse> {
    match path.parse() {
        Ok(app_id) => receive(&state, &request, &app_id, payload).await,
        Err(_) => Err(Error::not_found("there is no application of such an id")),
    }
}

/// Take a webhook, at the published address
///
/// The same as `POST /api/hooks/{appId}`.
#[utoipa::path(
    tag = "delivery",
    params(HookQuery),
    request_body(
        content = Object,
        description = "The host's payload, up to 25 MiB.",
        example = json!({"ref": "refs/heads/main", "after": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"})
    ),
    responses(
        (
            status = 200,
            description = "It was taken.",
            body = Reply<Delivered>,
            example = json!({"success": true, "data": {
                "deliveryId": "lam3k2o9beefcafe", "taskId": "lam3k2o9deadbeef", "taskIds": ["lam3k2o9deadbeef"],
                "verdict": "deployed", "reason": "branch `main` matches `main`", "isDuplicate": false
            }})
        ),
        (status = 429, description = "Too many deliveries; `Retry-After` says when to send it again.")
    ),
    security(())
)]
#[post("/common/webhookTriggered")]
pub(crate) async fn receive_webhook_by_query(
    state: Data<AppState>,
    request: HttpRequest,
    query: Params<HookQuery>,
    payload: Payload,
) -> Result<HttpResponse> {
    receive(&state, &request, &query.0.app_id, payload).await
}

async fn receive(
    state: &AppState,
    request: &HttpRequest,
    app_id: &AppId,
    payload: Payload,
) -> Result<HttpResponse> {
    let taken = take(state, request, app_id, payload).await;
    match taken {
        Ok(Ok(delivered)) => Ok(answer(delivered)),
        // Who signs is welcome, whatever he sends.
        Ok(Err(err)) => Err(err),
        Err(err) if matches!(err.code().status(), 400..429) => {
            state
                .hooks
                .refused(client_address(request, &state.config))?;
            Err(err)
        }
        Err(err) => Err(err),
    }
}

async fn take(
    state: &AppState,
    request: &HttpRequest,
    app_id: &AppId,
    payload: Payload,
) -> Result<Result<Delivered>> {
    let began = Instant::now();
    // Before the body is read: who does not know an application has nothing to send.
    let target = service::delivery::webhook_target(state, app_id).await?;
    if request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Error::unsupported_media_type(
            "compressed bodies are not taken; send the body as it is",
        ));
    }
    let headers = texts(request.headers());
    service::delivery::check_headers(&target, &headers)?;
    if content_length(request).is_some_and(|length| length > MAX_HOOK_BYTES) {
        return Err(Error::too_large(MAX_HOOK_BYTES));
    }
    let reading = read(state, payload);
    let (body, _room) = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(read) => read?,
        Err(_) => return Err(Error::malformed("the body did not arrive in time")),
    };
    let arrival = Arrival {
        headers,
        body,
        began,
    };
    service::delivery::receive_delivery(state, target, arrival).await
}

/// Reads a body, and takes memory for it as it comes; the memory is given back with the permit.
async fn read(
    state: &AppState,
    mut payload: Payload,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>)> {
    let mut body = BytesMut::new();
    let (mut room, mut n_reserved): (Option<OwnedSemaphorePermit>, usize) = (None, 0);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|err| {
            Error::malformed("the body ended too early").with_source(err.to_string())
        })?;
        let length = body.len() + chunk.len();
        if length > MAX_HOOK_BYTES {
            return Err(Error::too_large(MAX_HOOK_BYTES));
        }
        if length > n_reserved {
            // As the buffer grows: by doubling.
            let n_more = length.max(2 * n_reserved).max(BODY_UNIT_BYTES) - n_reserved;
            let more = state.hooks.room(n_more).await?;
            n_reserved += n_more;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), room))
}

/// The headers with their names in lower case. One that came several times is joined as HTTP says.
fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        texts
            .entry(name.as_str().to_owned())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    texts
}

fn answer(delivered: Delivered) -> HttpResponse {
    match delivered.verdict {
        Verdict::Deployed | Verdict::Ping => reply(delivered),
        Verdict::Skipped | Verdict::Failed => HttpResponse::Ok().json(NotDeployed {
            success: false,
            message: delivered.reason.clone(),
            data: delivered,
        }),
    }
}

/// List deliveries of an application
///
/// Newest first: what came in from the host, from its replays, from looks at the repository and from schedules, with
/// what was made of it and why. Without headers and bodies. In parts: follow `nextCursor`.
#[utoipa::path(
    tag = "delivery",
    params(DeliveryQuery),
    responses((
        status = 200,
        description = "The deliveries.",
        body = Reply<DeliveryPage>,
        headers(("Link" = String, description = "The next part of the list, where there is one.")),
        example = json!({"success": true, "data": {"result": [{
            "id": "lam3k2o9beefcafe", "appId": "lam3k2o9c0ffee42", "provider": "github", "kind": "webhook",
            "key": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "event": {"eventName": "push", "pusher": {"name": "octocat"}}, "ref": "refs/heads/dev",
            "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", "message": "Say hello",
            "verdict": "skipped", "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)",
            "rules": [{
                "rule": "github.push.branches", "isMatch": false,
                "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)"
            }],
            "taskIds": [], "bodyBytes": 7412, "createdTime": 1668765432123_i64,
            "durationMs": 0.4
        }]}})
    ))
)]
#[get("/deliveries/list")]
pub(crate) async fn list_deliveries(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<DeliveryQuery>,
) -> Result<HttpResponse> {
    let page = service::delivery::list_deliveries(&state, &caller, query.0).await?;
    let next = page.next_cursor.clone();
    Ok(reply_part(&request, page, next.as_deref()))
}

/// Get a delivery
///
/// With its headers and its body, in which `***` stands in the place of whatever authenticates.
#[utoipa::path(
    tag = "delivery",
    params(DeliveryRef),
    responses((
        status = 200,
        description = "The delivery.",
        body = Reply<Delivery>,
        example = json!({"success": true, "data": {
            "id": "lam3k2o9beefcafe", "appId": "lam3k2o9c0ffee42", "provider": "github", "kind": "webhook",
            "key": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "event": {"eventName": "push"}, "ref": "refs/heads/main",
            "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", "message": "Say hello", "verdict": "deployed",
            "reason": "branch `main` matches `main`", "rules": [], "taskIds": ["lam3k2o9deadbeef"], "bodyBytes": 25,
            "createdTime": 1668765432123_i64, "durationMs": 0.4,
            "headers": {"x-github-event": "push", "x-hub-signature-256": "***"},
            "body": "{\"ref\":\"refs/heads/main\"}"
        }})
    ))
)]
#[get("/deliveries/get")]
pub(crate) async fn get_delivery(
    state: Data<AppState>,
    caller: Caller,
    query: Params<DeliveryRef>,
) -> Result<HttpResponse> {
    let delivery = service::delivery::get_delivery(&state, &caller, &query.0.delivery_id).await?;
    Ok(reply(delivery))
}

/// Replay a delivery
///
/// With `deliveryId`, a stored delivery is judged by the rules of today and makes new tasks. With `appId` and
/// `payload`, what you send is taken as if the host had sent it, also what never arrived: the host's id of the delivery
/// among its headers makes sure that it deploys once, however often it comes.
#[utoipa::path(
    tag = "delivery",
    request_body(content = Replay, example = json!({"deliveryId": "lam3k2o9beefcafe"})),
    responses((
        status = 200,
        description = "It was taken; `verdict` says what was made of it.",
        body = Reply<Delivered>,
        example = json!({"success": true, "data": {
            "deliveryId": "lam3k31bcafebeef", "taskId": "lam3k31bcafe0123", "taskIds": ["lam3k31bcafe0123"],
            "verdict": "deployed", "reason": "branch `main` matches `main`", "isDuplicate": false
        }})
    ))
)]
#[post("/deliveries/replay")]
pub(crate) async fn replay_delivery(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Replay, MAX_REPLAY_BYTES>,
) -> Result<HttpResponse> {
    let delivered = service::delivery::replay_delivery(&state, &caller, body.value).await?;
    Ok(reply(delivered))
}

/// Explain what a trigger makes of an event
///
/// For an application, or for a trigger that you send, and a payload, or a stored delivery: what would be deployed,
/// and what each rule says. Nothing is kept.
#[utoipa::path(
    tag = "delivery",
    request_body(content = Explain, example = json!({
        "appId": "lam3k2o9c0ffee42",
        "payload": {"event": "push", "body": {"ref": "refs/heads/dev", "after": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"}}
    })),
    responses((
        status = 200,
        description = "What would happen.",
        body = Reply<Explanation>,
        example = json!({"success": true, "data": {
            "verdict": "skipped", "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)",
            "rules": [{
                "rule": "github.push.branches", "isMatch": false,
                "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)"
            }],
            "event": {"eventName": "push"}, "ref": "refs/heads/dev",
            "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", "pipelineFiles": [], "isFork": false,
            "hasSecrets": true
        }})
    ))
)]
#[post("/trigger/explain")]
pub(crate) async fn explain_trigger(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Explain, MAX_REPLAY_BYTES>,
) -> Result<HttpResponse> {
    let explanation = service::delivery::explain_trigger(&state, &caller, body.value).await?;
    Ok(reply(explanation))
}
