//! Why a Git host did not do what was asked.

use std::time::Duration;

use flowcd_model::application::Provider;

/// Why a Git host did not do what was asked. No text of it holds a token, a secret, or an address with a query.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The token is wrong, expired or revoked.
    #[error("{origin} does not take the token: it is wrong, expired or revoked")]
    Unauthorized {
        /// The host.
        origin: String,
    },
    /// The token is good, and does not allow this.
    #[error("{origin} does not let this account do that: {message}")]
    Forbidden {
        /// The host.
        origin: String,
        /// What the host said.
        message: String,
    },
    /// There is no such thing, or the account must not know of it.
    #[error("{origin} has no {what}, or hides it from this account")]
    NotFound {
        /// The host.
        origin: String,
        /// What was looked for.
        what: String,
    },
    /// The account asked too often.
    #[error("{origin} was asked too often by this account")]
    RateLimited {
        /// The host.
        origin: String,
        /// When to come back, where the host said so.
        retry_after: Option<Duration>,
    },
    /// Nobody answered, or not in time.
    #[error("cannot reach {origin}: {reason}")]
    Unreachable {
        /// The host.
        origin: String,
        /// What went wrong.
        reason: String,
    },
    /// This server does not talk to such a host.
    #[error("{origin} is not asked: {reason}")]
    NotAllowed {
        /// The host.
        origin: String,
        /// Why.
        reason: &'static str,
    },
    /// The host does not want this, now or later.
    #[error("{origin} refused with status {status}: {message}")]
    Refused {
        /// The host.
        origin: String,
        /// The status of its answer.
        status: u16,
        /// What the host said.
        message: String,
    },
    /// Something is wrong with the host, for the time being.
    #[error("{origin} failed with status {status}")]
    Failed {
        /// The host.
        origin: String,
        /// The status of its answer.
        status: u16,
    },
    /// This kind of host has nothing of the kind.
    #[error("a host of the kind {provider} has no {what}")]
    Unsupported {
        /// The kind of host.
        provider: Provider,
        /// What it has not.
        what: &'static str,
    },
    /// The answer is not what such a host answers.
    #[error("{origin} answered something else than expected: {reason}")]
    Malformed {
        /// The host.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl HostError {
    /// Whether the same call can succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unreachable { .. } | Self::Failed { .. } => true,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NotAllowed { .. }
            | Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Malformed { .. } => false,
        }
    }

    /// How long to wait before the next try, where the host said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
