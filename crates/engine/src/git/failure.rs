//! What git's complaints mean. Its exit status says nothing, so the text has to.

use std::process::ExitStatus;

use super::{GitError, RepoUrl};

pub(super) fn classify(
    operation: &'static str,
    url: Option<&RepoUrl>,
    message: String,
    status: ExitStatus,
) -> GitError {
    let message = if message.is_empty() {
        status.to_string()
    } else {
        message
    };
    let Some(url) = url.map(RepoUrl::to_string) else {
        return GitError::Failed { operation, message };
    };
    let lower = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    if says(NOT_OFFERED) {
        GitError::Failed { operation, message }
    } else if says(UNAUTHORIZED) {
        GitError::Unauthorized { url, message }
    } else if says(NOT_FOUND) {
        GitError::NotFound { url, message }
    } else if says(MOVED) {
        GitError::Moved { url }
    } else if says(UNREACHABLE) {
        GitError::Unreachable { url, message }
    } else {
        GitError::Failed { operation, message }
    }
}

/// The repository answered, and does not have, or does not give away, what was asked for.
const NOT_OFFERED: &[&str] = &[
    "not our ref",
    "unadvertised object",
    "find remote ref",
    "want ",
    "dumb http transport",
];

const UNAUTHORIZED: &[&str] = &[
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "host key verification failed",
    "returned error: 401",
    "returned error: 403",
    "invalid username or password",
    "access denied",
    "dubious ownership",
];

const NOT_FOUND: &[&str] = &[
    "repository not found",
    "returned error: 404",
    "returned error: 410",
    "does not appear to be a git repository",
    "does not exist",
    "' not found",
];

const MOVED: &[&str] = &[
    "returned error: 301",
    "returned error: 302",
    "returned error: 303",
    "returned error: 307",
    "returned error: 308",
];

const UNREACHABLE: &[&str] = &[
    "could not resolve host",
    "name or service not known",
    "failed to connect",
    "couldn't connect",
    "connection refused",
    "connection timed out",
    "connection reset",
    "connection closed",
    "network is unreachable",
    "no route to host",
    "operation too slow",
    "operation timed out",
    "empty reply from server",
    "ssl certificate",
    "ssl_connect",
    "certificate verif",
    "gnutls",
    "returned error: 5",
    "returned error: 429",
    "the remote end hung up",
    "early eof",
];
