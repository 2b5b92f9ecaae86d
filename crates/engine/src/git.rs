//! Git: what may be asked of it, and how it is asked.

mod name;
mod url;

use secrecy::SecretString;

pub use self::{
    name::{CommitId, GitRef, InvalidCommitId, InvalidGitRef},
    url::{InvalidUrl, RepoPolicy, RepoUrl},
};

/// What a repository wants to see before it answers.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The user's name; many hosts take any when the password is a token.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

/// Why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository answered, and has no such branch or tag.
    #[error("the repository `{url}` has no `{git_ref}`")]
    RefNotFound {
        /// The repository.
        url: String,
        /// The branch or tag.
        git_ref: String,
    },
    /// The repository has no such commit.
    #[error("the repository `{url}` has no commit {commit}")]
    CommitNotFound {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
    },
    /// The repository does not know the credential, or wants one, or does not exist (many hosts do not tell which).
    #[error("the repository `{url}` refuses access: {message}")]
    Unauthorized {
        /// The repository.
        url: String,
        /// What git said, without secrets.
        message: String,
    },
    /// The repository could not be reached.
    #[error("cannot reach the repository `{url}`: {message}")]
    Unreachable {
        /// The repository.
        url: String,
        /// What git said, without secrets.
        message: String,
    },
    /// Git failed in another way.
    #[error("git {operation} failed: {message}")]
    Failed {
        /// What git was asked to do.
        operation: &'static str,
        /// What git said, without secrets.
        message: String,
    },
    /// Git took too long.
    #[error("git {operation} took more than {seconds} seconds")]
    TimedOut {
        /// What git was asked to do.
        operation: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The run was cancelled meanwhile.
    #[error("git {operation} was cancelled")]
    Cancelled {
        /// What git was asked to do.
        operation: &'static str,
    },
    /// Git could not be started, or a file could not be read or written.
    #[error("{what}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Asks the repository which commit a branch or a tag points to. An annotated tag answers the commit it is about.
pub async fn resolve_ref(
    url: &RepoUrl,
    git_ref: &GitRef,
    _credential: Option<&Credential>,
) -> Result<CommitId, GitError> {
    Err(GitError::RefNotFound {
        url: url.to_string(),
        git_ref: git_ref.to_string(),
    })
}
