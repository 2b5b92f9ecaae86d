//! The envelope every JSON answer under `/api` comes in: [`Reply`] when it worked, [`Problem`] when it did not.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A successful answer: `{"success": true, "data": ..}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Reply<T> {
    /// Always `true`.
    pub success: bool,
    /// What was asked for; an empty object where there is nothing to say.
    pub data: T,
}

impl<T> Reply<T> {
    /// Wraps `data` as a success.
    pub fn new(data: T) -> Self {
        Self {
            success: true,
            data,
        }
    }
}

/// The `data` of an operation that has nothing to say: `{}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Empty {}

/// A failed answer: `{"success": false, "code": "NotFound", "message": "..", "requestId": ".."}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `false`.
    pub success: bool,
    /// What kind of failure it is; stable, made for programs.
    pub code: Code,
    /// What went wrong and what to change; made for people.
    pub message: String,
    /// The request's field that is at fault, as a path (`trigger_spec.github.events[0].eventName`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The id of the request, also in the header `X-Request-Id` and in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The kind of a failure. Each kind has one HTTP status.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
pub enum Code {
    /// 400: the request is malformed, or a field is missing or of the wrong type.
    ParamsInvalid,
    /// 401: no credentials, or they are unknown, expired or disabled.
    NeedLogin,
    /// 403: the caller is known and may not do this.
    NoPermission,
    /// 404: it does not exist, or it is not the caller's to know about.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 409: it does not fit the present state.
    Conflict,
    /// 413: the body is larger than the server takes.
    TooLarge,
    /// 415: the body is not of a media type that the operation takes.
    UnsupportedMediaType,
    /// 422: well-formed, but it breaks a rule.
    Invalid,
    /// 429: too many requests; `Retry-After` says when to come back.
    TooManyRequests,
    /// 500: our fault; the request id leads to the cause in the server's log.
    SystemError,
    /// 503: the server is starting, stopping or overloaded; come back.
    Unavailable,
}

impl Code {
    /// The HTTP status this kind is answered with.
    pub fn status(self) -> u16 {
        match self {
            Self::ParamsInvalid => 400,
            Self::NeedLogin => 401,
            Self::NoPermission => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::SystemError => 500,
            Self::Unavailable => 503,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
