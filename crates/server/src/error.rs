//! The one error of the server's HTTP side, and how it becomes an answer.
//!
//! An error has two texts: the message, which is sent, and its source, which is logged once with the request's id and
//! never sent. The status follows from the code, here and nowhere else.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use flowcd_model::envelope::{Code, Problem};

use crate::logs::LogError;

/// Why a request was not done.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Box<str>,
    field: Option<Box<str>>,
    retry_after_s: Option<u64>,
    allow: Option<Box<str>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the services and the handlers answer.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into().into(),
            field: None,
            retry_after_s: None,
            allow: None,
            source: None,
        }
    }

    /// 400: the request is malformed.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Code::ParamsInvalid, message)
    }

    /// 401: nobody we know.
    pub(crate) fn need_login(message: impl Into<String>) -> Self {
        Self::new(Code::NeedLogin, message)
    }

    /// 403: somebody we know, and he may not.
    pub(crate) fn no_permission(message: impl Into<String>) -> Self {
        Self::new(Code::NoPermission, message)
    }

    /// 404: absent, or not the caller's to know about.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// 405: the path takes other methods.
    pub(crate) fn method_not_allowed(method: &str, allow: String) -> Self {
        let message = format!("this path does not take {method}, but {allow}");
        Self {
            allow: Some(allow.into()),
            ..Self::new(Code::MethodNotAllowed, message)
        }
    }

    /// 409: it does not fit the present state.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// 413: the body is longer than `max_bytes`.
    pub(crate) fn too_large(max_bytes: usize) -> Self {
        Self::new(
            Code::TooLarge,
            format!("the body is longer than {max_bytes} bytes"),
        )
    }

    /// 415: the body is of the wrong media type.
    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(Code::UnsupportedMediaType, message)
    }

    /// 422: well-formed, but `field` breaks a rule.
    pub(crate) fn invalid(field: impl Into<String>, message: impl fmt::Display) -> Self {
        let field = field.into();
        Self::new(Code::Invalid, format!("`{field}`: {message}")).with_field(field)
    }

    /// 422: well-formed, but it breaks a rule that is not about one field.
    pub(crate) fn rule(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// 429: too many requests.
    pub(crate) fn too_many(message: impl Into<String>, retry_after_s: u64) -> Self {
        Self::new(Code::TooManyRequests, message).with_retry_after(retry_after_s)
    }

    /// 500: our fault.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                Code::SystemError,
                "the server failed; its log has the cause under this request's id",
            )
        }
    }

    /// 503: come back.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message).with_retry_after(5)
    }

    pub(crate) fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into());
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The cause and its causes, for the log; `None` where the message says it all.
    pub(crate) fn causes(&self) -> Option<String> {
        let mut text = String::new();
        let mut next: Option<&dyn std::error::Error> = match &self.source {
            Some(source) => Some(source.as_ref()),
            None => return None,
        };
        while let Some(cause) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        Some(text)
    }

    /// The answer to the request `request_id`.
    pub(crate) fn answer(&self, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_ref()));
        }
        if self.code == Code::NeedLogin {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(Problem {
            success: false,
            code: self.code,
            message: self.message.to_string(),
            field: self.field.as_deref().map(str::to_owned),
            request_id: request_id.map(str::to_owned),
        })
    }

    /// Our error for one that the web framework raised.
    pub(crate) fn of_framework(err: &actix_web::Error) -> Self {
        let inner = err.as_response_error();
        let status = inner.status_code();
        let message = inner.to_string();
        match status.as_u16() {
            413 => Self::new(Code::TooLarge, message),
            415 => Self::new(Code::UnsupportedMediaType, message),
            404 => Self::not_found("there is nothing at this path"),
            400..500 => Self::malformed(message),
            _ => Self::internal(message),
        }
    }
}

/// What the store says, where the service had nothing better to make of it.
impl From<flowcd_store::Error> for Error {
    fn from(err: flowcd_store::Error) -> Self {
        use flowcd_store::Error as E;
        match err {
            E::InvalidCursor => Self::invalid("cursor", err),
            E::OutOfRange(field) => Self::invalid(field, "is out of range"),
            E::DuplicateUser | E::DuplicateApplication | E::IdempotencyReplay => {
                Self::conflict(err.to_string())
            }
            err if err.is_temporary() => {
                Self::unavailable("the database cannot be reached; try again").with_source(err)
            }
            err => Self::internal(err),
        }
    }
}

impl From<LogError> for Error {
    fn from(err: LogError) -> Self {
        match err {
            LogError::Index(err) => err.into(),
            err => Self::internal(err),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The frame around every request writes the answer anew, with the request's id.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.answer(None)
    }
}

/// The field at fault and what is wrong with it, from what serde says and where.
pub(crate) fn describe(path: &str, message: &str) -> (String, String) {
    // serde_json adds the place in the text, which means little for a body that a program wrote.
    let message = match message.rfind(" at line ") {
        Some(end) => &message[..end],
        None => message,
    };
    let path = if path == "." { "" } else { path };
    for (start, meaning) in [
        ("missing field `", "it is missing"),
        ("unknown field `", "there is no such field"),
        ("duplicate field `", "it is there twice"),
    ] {
        let Some(rest) = message.strip_prefix(start) else {
            continue;
        };
        let Some((name, rest)) = rest.split_once('`') else {
            continue;
        };
        let is_named = path == name || path.ends_with(&format!(".{name}"));
        let field = match path {
            "" => name.to_owned(),
            _ if is_named => path.to_owned(),
            _ => format!("{path}.{name}"),
        };
        return (field, format!("{meaning}{rest}"));
    }
    // The name of a type of ours says nothing to whoever sends it.
    let message = match message.split_once("expected struct ") {
        Some((start, _)) => format!("{start}expected an object"),
        None => message.to_owned(),
    };
    (path.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use flowcd_model::envelope::Code;

    use super::Error;

    #[test]
    fn the_source_is_logged_and_not_sent() {
        let io = std::io::Error::other("disk on fire");
        let err = Error::internal(anyhow::Error::from(io).context("cannot write `x`"));
        assert_eq!(err.status_code().as_u16(), 500);
        assert_eq!(
            err.causes().as_deref(),
            Some("cannot write `x`: disk on fire")
        );
        assert!(!err.to_string().contains("fire"));
    }

    #[test]
    fn an_invalid_field_is_named_in_the_message_and_beside_it() {
        let err = Error::invalid("secrets.A-B", "letters, digits and _");
        assert_eq!(err.code(), Code::Invalid);
        assert_eq!(err.to_string(), "`secrets.A-B`: letters, digits and _");
        assert_eq!(err.field.as_deref(), Some("secrets.A-B"));
    }
}
