//! What a working tree on this machine is a copy of.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use super::{CommitId, Git, GitError};

/// How long git may take to answer about a folder.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What git knows of a folder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocalRepository {
    /// The repository's own folder.
    pub root: PathBuf,
    /// The commit that was checked out last; `None` before the first one.
    pub commit: Option<CommitId>,
    /// Its message.
    pub message: Option<String>,
    /// Who wrote it: name and address.
    pub author: Option<(String, String)>,
    /// The full name of the branch; `None` when there is none.
    pub branch_ref: Option<String>,
    /// Where `origin` is, without a user's name or password.
    pub remote_url: Option<String>,
}

/// Asks git about `folder`, with the `git` that is found in `path` (written as `PATH` is). `None` when the folder is
/// in no repository.
pub async fn describe_folder(
    folder: &Path,
    path: &str,
) -> Result<Option<LocalRepository>, GitError> {
    let git = Git {
        path: path.to_owned(),
        ..Git::new(TIMEOUT)
    };
    let asked = Asked { git, folder };
    let Some(root) = asked.answer(&["rev-parse", "--show-toplevel"]).await? else {
        return Ok(None);
    };
    let mut repository = LocalRepository {
        root: PathBuf::from(root),
        branch_ref: asked.answer(&["symbolic-ref", "--quiet", "HEAD"]).await?,
        remote_url: asked
            .answer(&["config", "--local", "--get", "remote.origin.url"])
            .await?
            .as_deref()
            .map(without_credential),
        ..LocalRepository::default()
    };
    let args = [
        "log",
        "-1",
        "--no-show-signature",
        "--no-notes",
        "--no-color",
        "--format=%H%n%an%n%ae%n%B",
    ];
    if let Some(answer) = asked.answer(&args).await? {
        let mut lines = answer.splitn(4, '\n');
        repository.commit = lines.next().and_then(|commit| commit.parse().ok());
        repository.author = lines
            .next()
            .zip(lines.next())
            .map(|(name, email)| (name.to_owned(), email.to_owned()));
        repository.message = lines.next().map(|message| message.trim_end().to_owned());
    }
    Ok(Some(repository))
}

struct Asked<'a> {
    git: Git,
    folder: &'a Path,
}

impl Asked<'_> {
    /// What git answers; `None` where it says no.
    async fn answer(&self, args: &[&str]) -> Result<Option<String>, GitError> {
        let all = [OsStr::new("-C"), self.folder.as_os_str()];
        let all = all.into_iter().chain(args.iter().map(OsStr::new));
        match self.git.call("rev-parse", all, None).await {
            Ok(output) => {
                let output = String::from_utf8_lossy(&output);
                Ok(Some(output.trim_end().to_owned()).filter(|text| !text.is_empty()))
            }
            Err(GitError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// People keep tokens in the addresses of their repositories; what a run is told of, any step can print.
fn without_credential(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    let is_web = matches!(url.scheme(), "http" | "https");
    let has_secret = url.password().is_some() || (is_web && !url.username().is_empty());
    if !has_secret {
        return text.to_owned();
    }
    // An address that has a password can also do without.
    let _ = url.set_password(None);
    if is_web {
        let _ = url.set_username("");
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::without_credential;

    #[test]
    fn an_address_loses_its_credential_and_nothing_else() {
        for (text, expected) in [
            ("https://ada:t0ken@host/a.git", "https://host/a.git"),
            ("https://t0ken@host/a", "https://host/a"),
            ("ssh://git:pw@host/a", "ssh://git@host/a"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("/srv/git/a", "/srv/git/a"),
        ] {
            assert_eq!(without_credential(text), expected);
        }
    }
}
