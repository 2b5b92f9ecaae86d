//! Git: what may be asked of it, and how it is asked.

mod checkout;
mod command;
mod failure;
mod fetch;
mod file;
mod local;
mod mirror;
mod name;
mod refs;
mod trace;
mod url;

use std::time::Duration;

use secrecy::SecretString;

use self::command::Remote;
pub(crate) use self::{
    checkout::{CheckedOut, check_out},
    command::Git,
    trace::Trace,
};

pub use self::{
    file::read_file,
    local::{LocalRepository, describe_folder},
    mirror::prune_mirrors,
    name::{CommitId, GitRef, InvalidCommitId, InvalidGitRef},
    refs::{default_branch, list_refs},
    url::{InvalidUrl, RepoPolicy, RepoUrl, is_forbidden_host},
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
    /// The repository has more branches and tags than anybody looks through.
    #[error(
        "the repository `{url}` has too many branches and tags to list: at most {max} are looked at"
    )]
    TooManyRefs {
        /// The repository.
        url: String,
        /// How many may be listed.
        max: usize,
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
    /// There is no repository, or the host does not show it to this credential.
    #[error("the repository `{url}` does not exist or is hidden: {message}")]
    NotFound {
        /// The repository.
        url: String,
        /// What git said, without secrets.
        message: String,
    },
    /// The repository answers from another address now.
    #[error("the repository `{url}` has moved; redirects are not followed, so use its new address")]
    Moved {
        /// The repository.
        url: String,
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

/// How long a repository may take to tell its refs. Somebody waits for the answer.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the repository which commit a branch or a tag points to. An annotated tag answers the commit it is about.
pub async fn resolve_ref(
    url: &RepoUrl,
    git_ref: &GitRef,
    credential: Option<&Credential>,
) -> Result<CommitId, GitError> {
    let peeled = format!("{git_ref}^{{}}");
    let args = [
        "ls-remote",
        "--quiet",
        "--end-of-options",
        url.as_str(),
        git_ref.as_str(),
        &peeled,
    ];
    let output = Git::new(LIST_TIMEOUT)
        .call("ls-remote", args, Some(Remote { url, credential }))
        .await?;
    let output = String::from_utf8_lossy(&output);
    // Git matches the tail of a name, so there can be others: only the exact ones count.
    let find = |name: &str| {
        output
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, ref_name)| *ref_name == name)
            .and_then(|(commit, _)| commit.parse().ok())
    };
    find(&peeled)
        .or_else(|| find(git_ref.as_str()))
        .ok_or_else(|| GitError::RefNotFound {
            url: url.to_string(),
            git_ref: git_ref.to_string(),
        })
}

/// Asks the repository which commit its default branch is at.
pub(crate) async fn resolve_head(
    url: &RepoUrl,
    credential: Option<&Credential>,
) -> Result<CommitId, GitError> {
    let args = [
        "ls-remote",
        "--quiet",
        "--end-of-options",
        url.as_str(),
        "HEAD",
    ];
    let output = Git::new(LIST_TIMEOUT)
        .call("ls-remote", args, Some(Remote { url, credential }))
        .await?;
    String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .find(|(_, ref_name)| *ref_name == "HEAD")
        .and_then(|(commit, _)| commit.parse().ok())
        .ok_or_else(|| GitError::RefNotFound {
            url: url.to_string(),
            git_ref: "HEAD".to_owned(),
        })
}
