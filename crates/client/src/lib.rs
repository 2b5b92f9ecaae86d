//! The typed client of the flowcd API.
//!
//! One [`Client`] talks to one server as one caller. Every operation of the API is a method that takes and returns
//! the types of [`model`]; a failure is an [`Error`] that keeps what the server said of it.
//!
//! ```no_run
//! use flowcd_client::{Client, model::dispatch::ManualDispatch, model::log::TaskEvent};
//! use futures_util::StreamExt;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://127.0.0.1:9000")?
//!     .token("0123456789abcdefghijABCDEFGHIJ0123456789")
//!     .build()?;
//!
//! let application = client.list_applications().await?.remove(0);
//! let dispatched = client
//!     .dispatch_task(&ManualDispatch {
//!         app_id: application.id,
//!         git_ref: "refs/heads/main".to_owned(),
//!         commit_id: None,
//!         message: None,
//!         inputs: None,
//!         is_debug: false,
//!     })
//!     .await?;
//!
//! let mut events = client.follow_task(&dispatched.task_id);
//! while let Some(event) = events.next().await {
//!     match event? {
//!         TaskEvent::Log(log) => print!("{}", String::from_utf8_lossy(&flowcd_client::log_bytes(&log)?)),
//!         TaskEvent::End(end) => println!("{}", end.status),
//!         TaskEvent::Step(_) | TaskEvent::Status(_) => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is retried
//!
//! Only what is safe to send twice: `GET`s, what only asks ([`Client::explain_trigger`]), and calls that carry an
//! `Idempotency-Key`, which the client makes itself for [`Client::create_application`], [`Client::dispatch_task`] and
//! [`Client::redeploy_task`].
//! They are sent again when the connection failed, when the server asks to come back (`429`, `503`, and `409` while
//! the first call with the same key is still at work) and when a proxy could not reach it (`502`, `504`).
//!
//! # Where the token goes
//!
//! To the server the client was built for, in the header `cd_token`, and nowhere else: redirects are not followed,
//! and no log line or `Debug` output holds it.
//! A server on the loopback is never reached through a proxy.

mod application;
mod builder;
mod call;
mod delivery;
mod dispatch;
mod error;
mod log;
mod page;
mod provider;
mod raw;
mod retry;
mod sse;
mod system;
mod task;
mod token;
mod user;

use std::{fmt, sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
pub use flowcd_model as model;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

pub use crate::{
    application::ApplicationPage,
    builder::ClientBuilder,
    error::{ApiError, Error},
    log::{LogPart, log_bytes},
    raw::RawResponse,
    retry::IdempotencyKey,
    user::Session,
};
use crate::{
    builder::Limits,
    call::{Call, decode_reply, excerpt, refused},
    retry::{Failure, Retry},
};

/// The most that one answer may hold. A step's log is at most 64 MiB by default, and JSON can make it six times that.
const MAX_ANSWER_BYTES: usize = 512 * 1024 * 1024;

/// A caller of one flowcd server. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    credential: Credential,
    limits: Limits,
}

/// How the client says who it is.
#[derive(Clone)]
enum Credential {
    Anonymous,
    Token(SecretString),
    Session(Session),
}

impl Client {
    /// Starts to build a client of the server at `url`, `https://cd.example.com` for instance.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] when `url` is not the address of an HTTP server, or holds a password, a query or a
    /// fragment.
    pub fn builder(url: &str) -> Result<ClientBuilder, Error> {
        ClientBuilder::new(url)
    }

    /// The server's address.
    pub fn url(&self) -> &Url {
        &self.inner.base
    }

    /// The same client, connections included, with other credentials.
    fn with_credential(&self, credential: Credential) -> Self {
        Self {
            inner: Arc::new(Inner {
                http: self.inner.http.clone(),
                base: self.inner.base.clone(),
                credential,
                limits: self.inner.limits.clone(),
            }),
        }
    }

    fn call(&self, operation: &'static str, method: Method, path: &str) -> Call {
        Call {
            operation,
            is_safe: method == Method::GET,
            method,
            url: self.endpoint(path),
            body: None,
            accept: "application/json",
            key: None,
            last_event_id: None,
        }
    }

    fn get<Q: Serialize>(&self, operation: &'static str, path: &str, query: &Q) -> Call {
        let mut call = self.call(operation, Method::GET, path);
        call.set_query(query);
        call
    }

    fn post<B: Serialize>(&self, operation: &'static str, path: &str, body: &B) -> Call {
        let mut call = self.call(operation, Method::POST, path);
        let json = serde_json::to_vec(body)
            .expect("the API's types have text keys and no failing Serialize");
        call.body = Some(Bytes::from(json));
        call
    }

    /// `path` (which starts with `/`) on the server, below the path of its address where it has one.
    fn endpoint(&self, path: &str) -> Url {
        let mut url = self.inner.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// Sends `call` and reads the `data` of the answer's envelope.
    async fn fetch<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let response = self.send(call).await?;
        self.decode(call, response).await
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        call: &Call,
        response: Response,
    ) -> Result<T, Error> {
        let status = response.status();
        let body = self.read_body(call, response).await?;
        decode_reply(call.operation, status, &body)
    }

    /// The one place where requests leave: authenticates, sends, retries what is safe, and turns every failure into
    /// an [`Error`]. An `Ok` answer has a successful status; its body is still to be read.
    async fn send(&self, call: &Call) -> Result<Response, Error> {
        let mut retry = Retry::new(&self.inner.limits);
        loop {
            let failure = match self.send_once(call).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let delay = if call.is_safe || call.key.is_some() {
                retry.delay_after(&failure)
            } else {
                None
            };
            let Some(delay) = delay else {
                return Err(failure.error);
            };
            tracing::debug!(
                operation = call.operation,
                error = %failure.error,
                delay_ms = delay.as_millis(),
                "Repeating a call that failed"
            );
            tokio::time::sleep(delay).await;
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Response, Failure> {
        let started_at = Instant::now();
        let sent = tokio::time::timeout(self.inner.limits.request, self.request(call).send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(source)) => return Err(self.transport_failure(call, source).into()),
            Err(_) => return Err(self.timed_out(call).into()),
        };
        let status = response.status();
        tracing::debug!(
            operation = call.operation,
            status = status.as_u16(),
            elapsed_ms = started_at.elapsed().as_millis(),
            "Got an answer"
        );
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry::retry_after(response.headers());
        if status.is_redirection() {
            let location = response
                .headers()
                .get(LOCATION)
                .map(HeaderValue::as_bytes)
                .unwrap_or_default();
            return Err(Error::Redirected {
                operation: call.operation,
                location: excerpt(location),
            }
            .into());
        }
        let error = match self.read_body(call, response).await {
            Ok(body) => refused(call.operation, status, &body),
            Err(error) => error,
        };
        Err(Failure { error, retry_after })
    }

    fn request(&self, call: &Call) -> RequestBuilder {
        let mut request = self
            .inner
            .http
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT, call.accept);
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key.as_str());
        }
        if let Some(id) = &call.last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        match &self.inner.credential {
            Credential::Anonymous => request,
            Credential::Token(token) => request.header("cd_token", sensitive(token)),
            Credential::Session(session) => request
                .header(COOKIE, sensitive(&session.cookie))
                .header("X-CSRF-Token", sensitive(&session.csrf_token)),
        }
    }

    /// Reads a body of limited size; a server that falls silent does not hold the caller for ever.
    async fn read_body(&self, call: &Call, mut response: Response) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        loop {
            let chunk =
                match tokio::time::timeout(self.inner.limits.silence, response.chunk()).await {
                    Ok(Ok(chunk)) => chunk,
                    Ok(Err(source)) => return Err(self.transport_failure(call, source)),
                    Err(_) => return Err(self.timed_out(call)),
                };
            let Some(chunk) = chunk else {
                return Ok(body.freeze());
            };
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Error::TooLarge {
                    operation: call.operation,
                    limit_bytes: MAX_ANSWER_BYTES,
                });
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn transport_failure(&self, call: &Call, source: reqwest::Error) -> Error {
        if source.is_timeout() {
            return self.timed_out(call);
        }
        Error::Unreachable {
            url: self.inner.base.to_string(),
            // The URL is told above, and a query has no place in an error's text.
            source: source.without_url(),
        }
    }

    fn timed_out(&self, call: &Call) -> Error {
        Error::Timeout {
            operation: call.operation,
            url: self.inner.base.to_string(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.inner.base.as_str())
            .finish_non_exhaustive()
    }
}

/// Checked when the client was built, so that no request can fail on it.
fn sensitive(secret: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .expect("credentials are checked when they are taken in");
    value.set_sensitive(true);
    value
}
