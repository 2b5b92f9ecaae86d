//! `dispatch/..`

use actix_web::{HttpResponse, post, web::Data};
use flowcd_model::{
    dispatch::{Cancel, Dispatched, ManualDispatch, Redeploy},
    envelope::{Empty, Reply},
};

use super::{
    answer::{done, once, reply_once},
    extract::{Body, IdempotencyKey},
};
use crate::{auth::Caller, error::Result, service, state::AppState};

/// Start a deployment
///
/// The branch or tag `ref` is looked up in the repository, unless `commitId` says which commit to deploy; that one is
/// only looked for when the task runs. When this answers, the task exists and waits for a runner.
///
/// 503 says that the repository cannot be reached, with a `Retry-After`.
#[utoipa::path(
    tag = "dispatch",
    request_body(content = ManualDispatch, example = json!({
        "appId": "lam3k2o9c0ffee42", "ref": "refs/heads/main", "inputs": {"region": "cn-hangzhou"}
    })),
    responses((
        status = 200,
        description = "It was accepted.",
        body = Reply<Dispatched>,
        example = json!({"success": true, "data": {"taskId": "lam3k2o9deadbeef"}})
    ))
)]
#[post("/dispatch/manual")]
pub(crate) async fn dispatch_task(
    state: Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<ManualDispatch>,
) -> Result<HttpResponse> {
    let once = once(key, "dispatch_task", &body);
    let dispatched = service::dispatch::dispatch_task(&state, &caller, body.value, once).await?;
    Ok(reply_once(dispatched))
}

/// Run a deployment again
///
/// The same commit, ref and inputs, with the secrets of today: also the way back to an earlier state. The new task
/// has the old one's id as `redelivery`.
#[utoipa::path(
    tag = "dispatch",
    request_body(content = Redeploy, example = json!({"taskId": "lam3k2o9deadbeef"})),
    responses((
        status = 200,
        description = "It was accepted.",
        body = Reply<Dispatched>,
        example = json!({"success": true, "data": {"taskId": "lam3k31bcafe0123"}})
    ))
)]
#[post("/dispatch/redeploy")]
pub(crate) async fn redeploy_task(
    state: Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<Redeploy>,
) -> Result<HttpResponse> {
    let once = once(key, "redeploy_task", &body);
    let dispatched = service::dispatch::redeploy_task(&state, &caller, body.value, once).await?;
    Ok(reply_once(dispatched))
}

/// Cancel a deployment
///
/// A task that waits is cancelled at once. One that runs is asked to end: it has `cancelRequested` until its
/// processes are gone and its clean-up steps have run, and is `cancelled` then. Asking twice changes nothing; a task
/// that has ended is answered with 409.
#[utoipa::path(
    tag = "dispatch",
    request_body(content = Cancel, example = json!({"taskId": "lam3k2o9deadbeef"})),
    responses((
        status = 200,
        description = "It is cancelled, or will be.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/dispatch/cancel")]
pub(crate) async fn cancel_task(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Cancel>,
) -> Result<HttpResponse> {
    service::dispatch::cancel_task(&state, &caller, &body.value).await?;
    Ok(done())
}
