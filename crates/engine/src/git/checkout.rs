//! A commit into a folder.
//!
//! The folder gets a `.git` of its own that borrows the mirror's objects (`objects/info/alternates`), so that a warm
//! checkout costs one call of git and no copy. It has an origin without a credential, the one commit, the branch or
//! tag that led to it, and nothing to write to in the mirror.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    CommitId, Git, GitError, GitRef,
    command::Remote,
    mirror::{Mirror, Record, blocking, io_error, repository_config},
};
use crate::job::Checkout;

/// A commit that is in the workspace.
#[derive(Debug)]
pub(crate) struct CheckedOut {
    /// Its message.
    pub(crate) message: String,
    /// Whether it came over the network; else it was there from an earlier run.
    pub(crate) is_fetched: bool,
    /// Keeps the mirror from being removed while git in the workspace may need it.
    _mirror: Arc<Mirror>,
}

/// Brings the commit into `workspace`, an empty folder.
pub(crate) async fn check_out(
    checkout: &Checkout,
    git: &Git,
    workspace: &Path,
) -> Result<CheckedOut, GitError> {
    let warm = {
        let Checkout {
            url,
            commit,
            git_ref,
            mirrors,
            ..
        } = checkout;
        let (mirrors, url) = (mirrors.clone(), url.to_string());
        let skeleton = Skeleton::new(workspace, &url, commit, git_ref.as_ref());
        blocking(move || {
            let mirror = Mirror::open(&mirrors, &url)?;
            let record = mirror.record(&skeleton.commit, skeleton.git_ref.as_ref());
            if let Some(record) = &record {
                skeleton.write(&mirror, record)?;
            }
            Ok((Arc::new(mirror), record))
        })
    };
    let (mirror, record) = warm.await?;
    let is_fetched = record.is_none();
    let record = match record {
        Some(record) => record,
        None => {
            let remote = Remote {
                url: &checkout.url,
                credential: checkout.credential.as_ref(),
            };
            let git_ref = checkout.git_ref.as_ref();
            let record = mirror.fetch(git, remote, &checkout.commit, git_ref).await?;
            let skeleton =
                Skeleton::new(workspace, checkout.url.as_str(), &checkout.commit, git_ref);
            let (mirror, record) = (Arc::clone(&mirror), record);
            blocking(move || {
                skeleton.write(&mirror, &record)?;
                Ok(record)
            })
            .await?
        }
    };
    let args = [
        "-C".as_ref(),
        workspace.as_os_str(),
        "checkout".as_ref(),
        "--quiet".as_ref(),
        "--force".as_ref(),
    ];
    git.call("checkout", args, None).await?;
    Ok(CheckedOut {
        message: record.message,
        is_fetched,
        _mirror: mirror,
    })
}

/// The `.git` folder that git would have made, in a tenth of the time.
struct Skeleton {
    workspace: PathBuf,
    url: String,
    commit: CommitId,
    git_ref: Option<GitRef>,
}

impl Skeleton {
    fn new(workspace: &Path, url: &str, commit: &CommitId, git_ref: Option<&GitRef>) -> Self {
        Self {
            workspace: workspace.to_owned(),
            url: url.to_owned(),
            commit: commit.clone(),
            git_ref: git_ref.cloned(),
        }
    }

    fn write(&self, mirror: &Mirror, record: &Record) -> Result<(), GitError> {
        let folder = self.workspace.join(".git");
        self.write_into(&folder, &mirror.repository(), record)
            .map_err(io_error("cannot write", &folder))
    }

    fn write_into(&self, folder: &Path, mirror: &Path, record: &Record) -> io::Result<()> {
        for inner in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "info",
        ] {
            fs::create_dir_all(folder.join(inner))?;
        }
        let mut alternates = mirror.join("objects").into_os_string().into_encoded_bytes();
        alternates.push(b'\n');
        fs::write(folder.join("objects/info/alternates"), alternates)?;
        fs::write(folder.join("config"), self.config())?;
        let line = format!("{}\n", self.commit);
        // Whatever history the mirror has: a deployment sees one commit, the same one every time.
        fs::write(folder.join("shallow"), &line)?;
        let write_ref = |name: &str, line: &str| {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, line)
        };
        let mut head = line.clone();
        if let Some(git_ref) = &self.git_ref {
            if let Some(branch) = git_ref.branch() {
                write_ref(git_ref.as_str(), &line)?;
                write_ref(&format!("refs/remotes/origin/{branch}"), &line)?;
                head = format!("ref: {git_ref}\n");
            }
            let tag_object = git_ref.tag().and_then(|tag| record.tags.get(tag));
            if let Some(Some(object)) = tag_object {
                write_ref(git_ref.as_str(), &format!("{object}\n"))?;
            }
        }
        // Last: with it, git takes the folder for a repository.
        fs::write(folder.join("HEAD"), head)
    }

    fn config(&self) -> String {
        let url = self.url.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "{}[remote \"origin\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            repository_config(&self.commit, false)
        )
    }
}
