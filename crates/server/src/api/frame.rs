//! What every request and every answer goes through: the request's id, the access log, the metrics, the headers that
//! keep browsers careful, and the one place where errors and panics become answers.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;
use rand::{RngExt, distr::Alphanumeric};
use tracing::{Instrument, debug, error, field::Empty, info};

use crate::{error::Error, state::AppState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a request that is taken over from whoever sends it.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// Wraps everything.
pub(crate) async fn frame(
    state: Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.path().to_owned();
    let route = request
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    // Who asks is added when it is known.
    let span = tracing::info_span!("request", request.id = %id, user.id = Empty, token.id = Empty);
    async {
        // Handlers hold no locks and share nothing half-written, so what they leave behind is sound.
        let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let result = match outcome {
            Ok(Ok(response)) => Ok(with_answer(response.map_into_boxed_body(), &id)),
            Ok(Err(err)) => Err(err),
            Err(panic) => Err(Error::internal(panic_message(panic.as_ref())).into()),
        };
        let result = result.map_err(|err| log_and_convert(err, &id));
        let status = match &result {
            Ok(response) => response.status(),
            Err(err) => err.as_response_error().status_code(),
        };
        let seconds = started.elapsed().as_secs_f64();
        state
            .metrics
            .request_answered(method.as_str(), &route, status.as_u16(), seconds);
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
        result.map(|mut response| {
            let is_document = path.starts_with("/docs");
            add_headers(response.headers_mut(), &id, is_document);
            response
        })
    }
    .instrument(span)
    .await
}

/// Writes the body of a failed answer, with the request's id.
fn with_answer(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let Some(err) = response.response().error() else {
        return response;
    };
    let answer = match err.as_error::<Error>() {
        Some(err) => {
            log_failure(err);
            err.answer(Some(id))
        }
        None => {
            let err = Error::of_framework(err);
            log_failure(&err);
            err.answer(Some(id))
        }
    };
    response.into_response(answer)
}

/// The last resort, where there is no response to write to: an error that knows its request.
fn log_and_convert(err: actix_web::Error, id: &str) -> actix_web::Error {
    let ours = match err.as_error::<Error>() {
        Some(_) => None,
        None => Some(Error::of_framework(&err)),
    };
    match ours {
        Some(ours) => {
            log_failure(&ours);
            ours.with_request_id(id).into()
        }
        None => {
            if let Some(ours) = err.as_error::<Error>() {
                log_failure(ours);
            }
            err
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
        (header::CONTENT_SECURITY_POLICY, policy),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Answers are about one user and one moment, unless the handler says otherwise.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_request_id;

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
