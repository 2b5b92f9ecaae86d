//! The names git uses: commits, branches and tags, by grammar.
//!
//! Whatever passes here is safe as an argument of git: no commit and no full ref name starts with a dash or holds a
//! character that git or a shell reads in another way.

use std::{fmt, str::FromStr};

/// A commit's full name: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, lower case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CommitId(String);

impl CommitId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no commit's full name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a commit is 40 or 64 hexadecimal digits")]
pub struct InvalidCommitId;

impl FromStr for CommitId {
    type Err = InvalidCommitId;

    fn from_str(text: &str) -> Result<Self, InvalidCommitId> {
        let is_commit =
            matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidCommitId)
        }
    }
}

/// The full name of a branch (`refs/heads/..`) or a tag (`refs/tags/..`).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GitRef(String);

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

impl GitRef {
    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `refs/heads/` or `refs/tags/`.
    pub fn short(&self) -> &str {
        self.branch().or_else(|| self.tag()).unwrap_or(&self.0)
    }

    /// The branch's name, if it is a branch.
    pub fn branch(&self) -> Option<&str> {
        self.0.strip_prefix(HEADS)
    }

    /// The tag's name, if it is a tag.
    pub fn tag(&self) -> Option<&str> {
        self.0.strip_prefix(TAGS)
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no full name of a branch or a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidGitRef {
    /// It is not under `refs/heads/` or `refs/tags/`.
    #[error("a ref is the full name of a branch or a tag: `refs/heads/..` or `refs/tags/..`")]
    NotFull,
    /// Git would not take it.
    #[error("the ref is not a name that git allows")]
    Malformed,
}

impl FromStr for GitRef {
    type Err = InvalidGitRef;

    fn from_str(text: &str) -> Result<Self, InvalidGitRef> {
        let name = text
            .strip_prefix(HEADS)
            .or_else(|| text.strip_prefix(TAGS))
            .ok_or(InvalidGitRef::NotFull)?;
        if is_allowed(name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidGitRef::Malformed)
        }
    }
}

/// The rules of `git check-ref-format --branch`: stricter than for refs at large, because a name that starts with a
/// dash, or is called `HEAD`, can be made with plumbing and confuses every tool that shows it.
fn is_allowed(name: &str) -> bool {
    let is_bad_char =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.is_empty()
        && name.len() <= 1024
        && name != "HEAD"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.contains(is_bad_char)
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}
