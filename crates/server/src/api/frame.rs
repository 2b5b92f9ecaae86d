//! What every request and every answer goes through: the request's id, the access log, the metrics, the headers that
//! keep browsers careful, and the one place where errors and panics become answers.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;
use rand::{RngExt, distr::Alphanumeric};
use tracing::{Instrument, debug, error, field::Empty, info};

use super::unread::Unread;
use crate::{error::Error, metrics::Metrics};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a request that is taken over from whoever sends it.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// Wraps everything.
pub(crate) async fn frame(
    metrics: Data<Metrics>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.path().to_owned();
    let route = request
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    let unread = Unread::of(&mut request);
    // Who asks is added when it is known.
    let span = tracing::info_span!("request", request.id = %id, user.id = Empty, token.id = Empty);
    async {
        // Handlers hold no locks and share nothing half-written, so what they leave behind is sound.
        let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        // Without a response of the web framework's own there is no way back but an error, which carries the answer.
        let mut result = match outcome {
            Ok(Ok(response)) => Ok(with_answer(response.map_into_boxed_body(), &id)),
            Ok(Err(err)) => Err(answer(&err, &id)),
            Err(panic) => Err(answer(
                &Error::internal(panic_message(panic.as_ref())).into(),
                &id,
            )),
        };
        let (status, headers) = match &mut result {
            Ok(response) => (response.status(), response.headers_mut()),
            Err(response) => (response.status(), response.headers_mut()),
        };
        add_headers(headers, &id, path.starts_with("/docs"));
        let seconds = started.elapsed().as_secs_f64();
        metrics.request_answered(method.as_str(), &route, status.as_u16(), seconds);
        let ms = (seconds * 100_000.0).round() / 100.0;
        let status = status.as_u16();
        // Probes come every few seconds and say nothing.
        match route.as_str() {
            "/healthz" | "/readyz" | "/metrics" => {
                debug!(http.method = %method, http.path = path, http.status = status, ms, "Answered `{method} {path}` with {status}");
            }
            _ => {
                info!(http.method = %method, http.path = path, http.status = status, ms, "Answered `{method} {path}` with {status}");
            }
        }
        if let Some(unread) = unread {
            result = match result {
                Ok(response) => Ok(response.map_body(|_, body| unread.held_by(body))),
                Err(response) => Err(response.map_body(|_, body| unread.held_by(body))),
            };
        }
        result.map_err(|response| InternalError::from_response("answered", response).into())
    }
    .instrument(span)
    .await
}

/// Writes the body of a failed answer, with the request's id.
fn with_answer(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    match response.response().error() {
        Some(err) => {
            let answer = answer(err, id);
            response.into_response(answer)
        }
        None => response,
    }
}

/// The answer to a request that failed.
fn answer(err: &actix_web::Error, id: &str) -> HttpResponse {
    match err.as_error::<Error>() {
        Some(err) => {
            log_failure(err);
            err.answer(Some(id))
        }
        None => {
            let err = Error::of_framework(err);
            log_failure(&err);
            err.answer(Some(id))
        }
    }
}

/// The only place where the cause of a failed request is logged.
fn log_failure(err: &Error) {
    if err.code().status() < 500 {
        if let Some(causes) = err.causes() {
            debug!(error = causes, "Refused a request: {err}");
        }
        return;
    }
    let causes = err.causes().unwrap_or_default();
    error!(error = causes, "Failed a request: {err}");
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "a handler panicked: {}",
        text.unwrap_or("without a message")
    )
}

/// The id that was sent, if it is one, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sent = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match sent {
        Some(id) if is_request_id(id) => id.to_owned(),
        _ => {
            let mut rng = rand::rng();
            (0..20)
                .map(|_| char::from(rng.sample(Alphanumeric)))
                .collect()
        }
    }
}

fn is_request_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

fn add_headers(headers: &mut HeaderMap, id: &str, is_document: bool) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let policy = if is_document {
        // The API browser brings its own styles inline and its icons as data.
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page of the console says itself what it may load.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        );
    }
    // Answers are about one user and one moment, unless the handler says otherwise.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpResponse,
        http::{StatusCode, header::HeaderMap},
        middleware::from_fn,
        test::{TestRequest, init_service, read_body, try_call_service},
        web::{self, Data},
    };
    use flowcd_model::envelope::{Code, Problem};

    use super::{frame, is_request_id};
    use crate::{error::Error, metrics::Metrics};

    async fn panics() -> HttpResponse {
        panic!("secret of a panic");
    }

    async fn fails() -> Result<HttpResponse, Error> {
        Err(Error::internal("secret of a cause"))
    }

    async fn fails_in_the_framework() -> Result<HttpResponse, actix_web::Error> {
        Err(actix_web::error::ErrorBadGateway("secret of the framework"))
    }

    /// The status, the problem and the headers that a request to `path` is answered with.
    async fn answer(path: &str) -> (StatusCode, Problem, HeaderMap) {
        let metrics = Metrics::new().expect("metrics");
        let app = App::new()
            .app_data(Data::new(metrics))
            .route("/panics", web::get().to(panics))
            .route("/fails", web::get().to(fails))
            .route("/framework", web::get().to(fails_in_the_framework))
            .wrap(from_fn(frame));
        let app = init_service(app).await;
        let request = TestRequest::get()
            .uri(path)
            .insert_header(("x-request-id", "r-1"));
        match try_call_service(&app, request.to_request()).await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                let problem = serde_json::from_slice(&read_body(response).await);
                (status, problem.expect("a problem"), headers)
            }
            // What the server does with an error that comes all the way out.
            Err(err) => {
                let response = err.error_response();
                let (status, headers) = (response.status(), response.headers().clone());
                let body = actix_web::body::to_bytes(response.into_body()).await;
                let problem = serde_json::from_slice(&body.expect("a body"));
                (status, problem.expect("a problem"), headers)
            }
        }
    }

    #[actix_web::test]
    async fn whatever_goes_wrong_is_a_problem_with_the_requests_id_and_without_its_cause() {
        for path in ["/panics", "/fails", "/framework"] {
            let (status, problem, headers) = answer(path).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert_eq!(problem.code, Code::SystemError, "{path}");
            assert_eq!(problem.request_id.as_deref(), Some("r-1"), "{path}");
            assert!(!problem.message.contains("secret"), "{path}");
            for (name, value) in [
                ("x-request-id", "r-1"),
                ("x-content-type-options", "nosniff"),
                ("cache-control", "no-store"),
            ] {
                let sent = headers.get(name).and_then(|it| it.to_str().ok());
                assert_eq!(sent, Some(value), "{path}");
            }
        }
    }

    #[test]
    fn only_plain_ids_are_taken_over() {
        for id in ["1", "5f0c-11ed_a.b:c/d+e=", &"a".repeat(128)] {
            assert!(is_request_id(id), "{id}");
        }
        for id in ["", "a b", "a\"b", "a\u{e4}", "<script>", &"a".repeat(129)] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
