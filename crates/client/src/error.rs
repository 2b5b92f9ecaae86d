//! What can go wrong, as a caller can act on it.

use std::fmt;

use flowcd_model::envelope::Code;
use serde::Deserialize;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's address cannot be used.
    #[error("`{url}` cannot be a server's address: {reason}")]
    InvalidUrl {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The token, cookie or key holds what no header can carry; it is not repeated here.
    #[error("the {what} must be visible ASCII characters, and not empty")]
    InvalidCredential {
        /// Which of them.
        what: &'static str,
    },

    /// A path given to [`Client::raw`](crate::Client::raw) is none.
    #[error("`{path}` is not a path of the API")]
    InvalidPath {
        /// What was given.
        path: String,
    },

    /// The HTTP client could not be set up; where the system's certificates cannot be read, for instance.
    #[error("cannot set up the HTTP client")]
    SetUp(#[source] reqwest::Error),

    /// The server understood the request and refused it, or failed at it.
    #[error("{0}")]
    Api(Box<ApiError>),

    /// No connection, or it broke.
    #[error("cannot reach the server at `{url}`")]
    Unreachable {
        /// The server's address.
        url: String,
        /// What happened to the connection.
        #[source]
        source: reqwest::Error,
    },

    /// The server is there and does not answer.
    #[error("the server at `{url}` did not answer `{operation}` in time")]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// The server's address.
        url: String,
    },

    /// The answer is not what the API promises; the server may be of another version.
    #[error("cannot read the answer to `{operation}`")]
    Decode {
        /// What was asked.
        operation: &'static str,
        /// Where it stopped making sense.
        #[source]
        source: serde_json::Error,
    },

    /// Part of an answer breaks the API's promise in a way that is not about JSON.
    #[error("cannot read the answer to `{operation}`: {reason}")]
    Malformed {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The failure does not come from flowcd: a proxy's page, or another server.
    #[error(
        "`{operation}` was answered with HTTP {status} by something that is not flowcd: {excerpt}"
    )]
    Foreign {
        /// What was asked.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// How the answer begins.
        excerpt: String,
    },

    /// The server sends elsewhere. It is not followed, because the token is for this server alone.
    #[error("`{operation}` was redirected to `{location}`, where the token does not go")]
    Redirected {
        /// What was asked.
        operation: &'static str,
        /// Where to.
        location: String,
    },

    /// The answer is larger than the client takes.
    #[error("the answer to `{operation}` is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was asked.
        operation: &'static str,
        /// The most the client takes.
        limit_bytes: usize,
    },

    /// A followed stream broke, and could not be taken up again within the limit.
    #[error("lost the task's events and could not take them up again in {n_attempts} attempts")]
    GaveUp {
        /// How often it was tried since the last sign of life.
        n_attempts: u32,
        /// How the last attempt failed.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// What the server said, where it said anything.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(api) => Some(api),
            Self::GaveUp { source, .. } => source.api(),
            _ => None,
        }
    }

    /// The kind of failure the server named.
    pub fn code(&self) -> Option<Code> {
        self.api().map(|api| api.code)
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Foreign { status, .. } => Some(*status),
            Self::GaveUp { source, .. } => source.status(),
            other => other.api().map(|api| api.status),
        }
    }

    /// Whether the same call may work later: the server is away, or asks to come back.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Api(_) | Self::Foreign { .. } => {
                matches!(self.status(), Some(429 | 502 | 503 | 504))
            }
            _ => false,
        }
    }
}

/// What the server said of a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// What was asked.
    pub operation: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What kind of failure it is.
    pub code: Code,
    /// What went wrong and what to change.
    pub message: String,
    /// The request's field that is at fault.
    pub field: Option<String>,
    /// The id of the request, which leads to it in the server's log.
    pub request_id: Option<String>,
}

/// The message alone: the other fields are for whoever prints the error to lay out.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A `Problem` whose code may be one that this client does not know yet.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireProblem {
    #[serde(default)]
    code: serde_json::Value,
    message: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

impl WireProblem {
    pub(crate) fn into_api_error(self, operation: &'static str, status: u16) -> ApiError {
        ApiError {
            operation,
            status,
            code: serde_json::from_value(self.code).unwrap_or_else(|_| code_of_status(status)),
            message: self.message,
            field: self.field,
            request_id: self.request_id,
        }
    }
}

fn code_of_status(status: u16) -> Code {
    match status {
        400 => Code::ParamsInvalid,
        401 => Code::NeedLogin,
        403 => Code::NoPermission,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        409 => Code::Conflict,
        413 => Code::TooLarge,
        415 => Code::UnsupportedMediaType,
        429 => Code::TooManyRequests,
        503 => Code::Unavailable,
        500.. => Code::SystemError,
        _ => Code::Invalid,
    }
}
