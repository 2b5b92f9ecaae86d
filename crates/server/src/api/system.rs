//! What is outside `/api`: whether the server lives, what it is, and how it does.
//!
//! All of it is open to anybody who can reach the server, and none of it names a user, a repository or a task.

use std::{future::Future, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header,
    web::{self, Data},
};
use flowcd_model::{
    system::{Health, Version},
    time::Millis,
};

use super::document::{Allowed, Text};
use crate::{
    error::{Error, Result},
    metrics::Standing,
    state::AppState,
    version::{COMMIT, VERSION},
};

/// How long the database may take to answer a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Say that the server lives
///
/// It answers requests; nothing else is checked. For a supervisor that restarts what is dead.
#[utoipa::path(
    tag = "system",
    responses((status = 200, description = "It lives.", body = Health, example = json!({"status": "ok"}))),
    security(())
)]
#[get("/healthz")]
pub(crate) async fn get_health() -> web::Json<Health> {
    web::Json(Health {
        status: "ok".to_owned(),
    })
}

/// Say that the server is ready
///
/// Its database answers and it is not stopping. For a load balancer.
#[utoipa::path(
    tag = "system",
    responses((status = 200, description = "It is ready.", body = Health, example = json!({"status": "ok"}))),
    security(())
)]
#[get("/readyz")]
pub(crate) async fn get_readiness(state: Data<AppState>) -> Result<web::Json<Health>> {
    if state.stopping.is_cancelled() {
        return Err(Error::unavailable("the server is stopping"));
    }
    in_time(state.store.ping()).await?;
    Ok(web::Json(Health {
        status: "ok".to_owned(),
    }))
}

/// Waits for the database, but not longer than a probe waits for us.
async fn in_time<T>(answer: impl Future<Output = flowcd_store::Result<T>>) -> Result<T> {
    match tokio::time::timeout(PROBE_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::unavailable("the database does not answer")),
    }
}

/// Say which flowcd this is
#[utoipa::path(
    tag = "system",
    responses((
        status = 200,
        description = "The release and the commit it was built from.",
        body = Version,
        example = json!({"version": "0.1.0", "commit": "1a2b3c4d5e6f"})
    )),
    security(())
)]
#[get("/version")]
pub(crate) async fn get_version() -> web::Json<Version> {
    web::Json(Version {
        version: VERSION.to_owned(),
        commit: COMMIT.to_owned(),
    })
}

/// Tell Prometheus
///
/// Requests, tasks by status, the queue, the steps' times, the log's bytes. Without credentials, as Prometheus expects
/// it: it has numbers and no names. Keep it from the outside with the reverse proxy where even those are too much.
#[utoipa::path(
    tag = "system",
    responses((
        status = 200,
        description = "Prometheus' text format.",
        body = String,
        content_type = "text/plain",
        example = "flowcd_queue_depth 0\n"
    )),
    security(())
)]
#[get("/metrics")]
pub(crate) async fn get_metrics(state: Data<AppState>) -> Result<HttpResponse> {
    let n_tasks = in_time(state.store.task_counts()).await?;
    let oldest = in_time(state.store.oldest_pending()).await?;
    let standing = Standing {
        n_tasks: n_tasks.into_iter().collect(),
        oldest_wait_ms: oldest.map_or(0, |oldest| Millis::now().since_ms(oldest).max(0)),
    };
    let text = state.metrics.text(&standing).map_err(Error::internal)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text))
}

/// Get this description
///
/// OpenAPI 3.1, as JSON. `/docs` shows it for people.
#[utoipa::path(
    tag = "system",
    responses((status = 200, description = "The description.", body = Object)),
    security(())
)]
#[get("/openapi.json")]
pub(crate) async fn get_openapi(document: Data<Text>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(document.0.clone())
}

/// Whatever no operation takes: 405 where another method would do, else 404.
pub(crate) async fn refuse(request: HttpRequest, allowed: Data<Allowed>) -> Result<HttpResponse> {
    match allowed.methods(request.path()) {
        Some(methods) => Err(Error::method_not_allowed(
            request.method().as_str(),
            methods,
        )),
        None => Err(Error::not_found(
            "there is nothing at this path; /docs has all that there is",
        )),
    }
}

/// From `/docs` to `/docs/`, where the API browser is.
pub(crate) async fn go_to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}
