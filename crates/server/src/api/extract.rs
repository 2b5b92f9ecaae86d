//! What a request says, as types: its query, its body, its idempotency key.
//!
//! Every refusal names the field at fault.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    time::Duration,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest, Sha256};

use super::form;
use crate::error::{Error, Result, describe};

/// The longest body that the API takes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The longest body that it takes from somebody whom it does not know: many of them may come at once.
pub(crate) const MAX_STRANGERS_BODY_BYTES: usize = 32 * 1024;
/// How long a body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest idempotency key.
const MAX_KEY_CHARS: usize = 255;

/// The parameters in the URL.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query(request.query_string()).map(Self))
    }
}

fn query<T: DeserializeOwned>(text: &str) -> Result<T> {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
        .map_err(|err| refusal(&err.path().to_string(), &err.inner().to_string()))
}

/// The body: JSON, or a form, of `MAX` bytes at most. Read only when the caller is known.
pub(crate) struct Body<T, const MAX: usize = MAX_BODY_BYTES> {
    pub(crate) value: T,
    /// What was sent, as a hash: whether a request is the same as an earlier one.
    pub(crate) sha256: [u8; 32],
}

impl<T: DeserializeOwned + 'static, const MAX: usize> FromRequest for Body<T, MAX> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = Kind::of(request);
        let body = read_in_time(request, payload, MAX);
        Box::pin(async move {
            let kind = kind?;
            let bytes = body.await?;
            Ok(Self {
                value: parse(kind, &bytes)?,
                sha256: Sha256::digest(&bytes).into(),
            })
        })
    }
}

/// A body that is not looked at, but read: one that is left in the connection would end it.
pub(crate) struct IgnoredBody;

impl FromRequest for IgnoredBody {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_in_time(request, payload, MAX_BODY_BYTES);
        Box::pin(async move { body.await.map(|_| Self) })
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Json,
    Form,
}

impl Kind {
    fn of(request: &HttpRequest) -> Result<Self> {
        let headers = request.headers();
        let encoding = headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Error::unsupported_media_type(
                "compressed bodies are not taken; send the body as it is",
            ));
        }
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let text = value.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "text/json" => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            _ if essence.starts_with("application/") && essence.ends_with("+json") => {
                Ok(Self::Json)
            }
            _ => Err(Error::unsupported_media_type(
                "send the body as `Content-Type: application/json` (or application/x-www-form-urlencoded)",
            )),
        }
    }
}

/// How long the body is, where the request says so.
pub(crate) fn content_length(request: &HttpRequest) -> Option<usize> {
    let value = request.headers().get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn read_in_time(
    request: &HttpRequest,
    payload: &mut Payload,
    max_bytes: usize,
) -> impl Future<Output = Result<Bytes>> + use<> {
    let is_too_long = content_length(request).is_some_and(|length| length > max_bytes);
    let payload = payload.take();
    async move {
        if is_too_long {
            return Err(Error::too_large(max_bytes));
        }
        match tokio::time::timeout(BODY_TIMEOUT, read(payload, max_bytes)).await {
            Ok(body) => body,
            Err(_) => Err(Error::malformed("the body did not arrive in time")),
        }
    }
}

async fn read(mut payload: Payload, max_bytes: usize) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|err| {
            Error::malformed("the body ended too early").with_source(err.to_string())
        })?;
        if body.len() + chunk.len() > max_bytes {
            return Err(Error::too_large(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn parse<T: DeserializeOwned>(kind: Kind, body: &[u8]) -> Result<T> {
    let text = body.trim_ascii();
    // Without `-H`, curl says that its data are a form, whatever they are.
    let is_json = kind == Kind::Json || text.starts_with(b"{");
    if !is_json {
        return form::parse(text).map_err(|(path, message)| refusal(&path, &message));
    }
    // An empty body is missing fields, rather than bad JSON.
    let text: &[u8] = if text.is_empty() { b"{}" } else { text };
    check_values(text)?;
    // serde would take the fields from an array, too, one after the other.
    if !text.starts_with(b"{") {
        let what = match serde_json::from_slice::<IgnoredAny>(text) {
            Ok(_) => "the body is JSON, but no object".to_owned(),
            Err(err) => format!("the body is not JSON: {err}"),
        };
        return Err(Error::malformed(what));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|err| {
        if err.inner().is_data() {
            refusal(&err.path().to_string(), &err.inner().to_string())
        } else {
            Error::malformed(format!("the body is not JSON: {}", err.inner()))
        }
    })?;
    deserializer
        .end()
        .map_err(|err| Error::malformed(format!("the body is not JSON: {err}")))?;
    Ok(value)
}

/// Refuses a text that stands for so many values that they take a hundred times its length.
fn check_values(text: &[u8]) -> Result<()> {
    match crate::provider::is_too_dense(text) {
        true => Err(Error::malformed(format!(
            "the body has more than {} values",
            crate::provider::MAX_VALUES
        ))),
        false => Ok(()),
    }
}

/// A 400 that names the field, from what serde says and where.
fn refusal(path: &str, message: &str) -> Error {
    let (mut field, message) = describe(path, message);
    let text = match field.as_str() {
        "" => message,
        _ => format!("`{field}`: {message}"),
    };
    let err = Error::malformed(text);
    match std::mem::take(&mut field) {
        field if field.is_empty() => err,
        field => err.with_field(field),
    }
}

/// The header `Idempotency-Key`.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all("idempotency-key");
        let key = match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => idempotency_key(value.as_bytes()).map(Some),
            (Some(_), Some(_)) => Err(Error::malformed("`Idempotency-Key` is there twice")),
        };
        ready(key.map(Self))
    }
}

fn idempotency_key(value: &[u8]) -> Result<String> {
    let is_key =
        (1..=MAX_KEY_CHARS).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    match String::from_utf8(value.to_vec()) {
        Ok(key) if is_key => Ok(key),
        _ => Err(Error::malformed(
            "`Idempotency-Key` is 1 to 255 visible ASCII characters without blanks",
        )
        .with_field("Idempotency-Key")),
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{
        application::NewApplication, dispatch::ManualDispatch, task::TaskQuery, token::NewToken,
    };

    use super::{Kind, idempotency_key, parse, query};

    fn refused<T: serde::de::DeserializeOwned>(kind: Kind, body: &str) -> String {
        match parse::<T>(kind, body.as_bytes()) {
            Ok(_) => "taken".to_owned(),
            Err(err) => err.to_string(),
        }
    }

    #[test]
    fn a_bad_body_is_told_by_the_field_at_fault() {
        let application = |trigger: &str| {
            format!(
                r#"{{"repo":"r","owner":"o","repo_url":"u","provider":"github","trigger_spec":{trigger}}}"#
            )
        };
        for (body, message) in [
            (String::new(), "`repo`: it is missing"),
            (
                "{".to_owned(),
                "the body is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            ("[1]".to_owned(), "the body is JSON, but no object"),
            (
                "hello".to_owned(),
                "the body is not JSON: expected value at line 1 column 1",
            ),
            (
                application("7"),
                "`trigger_spec`: invalid type: integer `7`, expected a map",
            ),
            (
                application(r#"{"github":7}"#),
                "`trigger_spec.github`: invalid type: integer `7`, expected an object",
            ),
            (
                application("{}") + "x",
                "the body is not JSON: trailing characters at line 1 column 78",
            ),
            (
                application(r#"{"github":{"events":[{"eventName":7}]}}"#),
                "`trigger_spec.github.events[0].eventName`: invalid type: integer `7`, expected a string",
            ),
            (
                application(r#"{"github":{"events":[{}]}}"#),
                "`trigger_spec.github.events[0].eventName`: it is missing",
            ),
            (
                application(r#"{"github":{"evnets":[]}}"#),
                "`trigger_spec.github.evnets`: there is no such field, expected one of `secret`, `password`, `events`, `push`, `pr`, `pull_request`, `schedule`",
            ),
        ] {
            assert_eq!(
                refused::<NewApplication>(Kind::Json, &body),
                message,
                "{body}"
            );
        }
    }

    #[test]
    fn forms_are_taken_and_so_is_json_that_calls_itself_a_form() {
        for (kind, body) in [
            (Kind::Form, "appId=0123456789abcdef&ref=refs%2Fheads%2Fmain"),
            (
                Kind::Form,
                r#"{"appId":"0123456789abcdef","ref":"refs/heads/main"}"#,
            ),
            (
                Kind::Json,
                r#"{"appId":"0123456789abcdef","ref":"refs/heads/main"}"#,
            ),
        ] {
            let dispatch = parse::<ManualDispatch>(kind, body.as_bytes());
            assert!(
                dispatch.is_ok_and(|it| it.git_ref == "refs/heads/main"),
                "{body}"
            );
        }
        let token = parse::<NewToken>(Kind::Form, b"expiration=-1&description=12");
        assert!(token.is_ok_and(|it| it.expiration == -1 && it.description == "12"));
        assert_eq!(
            refused::<ManualDispatch>(Kind::Form, "appId=x"),
            "`appId`: an id is 8 to 64 letters and digits"
        );
    }

    #[test]
    fn a_bad_query_is_told_by_the_parameter_at_fault() {
        for (text, message) in [
            ("", "`appId`: it is missing"),
            (
                "appId=..%2f..",
                "`appId`: an id is 8 to 64 letters and digits",
            ),
            (
                "appId=0123456789abcdef&pageSize=ten",
                "`pageSize`: invalid digit found in string",
            ),
            (
                "appId=0123456789abcdef&appId=0123456789abcdef",
                "`appId`: it is there twice",
            ),
        ] {
            let err = query::<TaskQuery>(text).err();
            assert_eq!(
                err.map(|err| err.to_string()).as_deref(),
                Some(message),
                "{text}"
            );
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        for key in [
            "a",
            "550e8400-e29b-41d4-a716-446655440000",
            &"k".repeat(255),
        ] {
            assert!(idempotency_key(key.as_bytes()).is_ok(), "{key}");
        }
        for key in ["", "a b", "a\tb", "\u{e4}", &"k".repeat(256)] {
            assert!(idempotency_key(key.as_bytes()).is_err(), "{key}");
        }
    }
}
