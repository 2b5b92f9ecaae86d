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
        // What `checkout` does beside this only takes locks for a merge that is not there.
        "read-tree".as_ref(),
        "--reset".as_ref(),
        "-u".as_ref(),
        "HEAD".as_ref(),
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

    /// Writes as few files and folders as git takes for a repository: a file system that is busy with removing those
    /// of earlier runs makes new ones slowly.
    fn write_into(&self, folder: &Path, mirror: &Path, record: &Record) -> io::Result<()> {
        for inner in ["objects/info", "refs"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        let mut alternates = mirror.join("objects").into_os_string().into_encoded_bytes();
        alternates.push(b'\n');
        fs::write(folder.join("objects/info/alternates"), alternates)?;
        fs::write(folder.join("config"), self.config())?;
        // Whatever history the mirror has: a deployment sees one commit, the same one every time.
        fs::write(folder.join("shallow"), format!("{}\n", self.commit))?;
        if let Some(refs) = self.packed_refs(record) {
            fs::write(folder.join("packed-refs"), refs)?;
        }
        let branch = self.git_ref.as_ref().filter(|it| it.branch().is_some());
        let head = match branch {
            Some(git_ref) => format!("ref: {git_ref}\n"),
            None => format!("{}\n", self.commit),
        };
        // Last: with it, git takes the folder for a repository.
        fs::write(folder.join("HEAD"), head)
    }

    /// The branch here and at the origin, or the tag with the commit that it means.
    fn packed_refs(&self, record: &Record) -> Option<String> {
        const HEADER: &str = "# pack-refs with: peeled fully-peeled sorted \n";
        let (git_ref, commit) = (self.git_ref.as_ref()?, &self.commit);
        if let Some(branch) = git_ref.branch() {
            return Some(format!(
                "{HEADER}{commit} {git_ref}\n{commit} refs/remotes/origin/{branch}\n"
            ));
        }
        let object = record.tags.get(git_ref.tag()?)?.as_ref()?;
        let peeled = match object == commit.as_str() {
            true => String::new(),
            false => format!("^{commit}\n"),
        };
        Some(format!("{HEADER}{object} {git_ref}\n{peeled}"))
    }

    fn config(&self) -> String {
        let url = self.url.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "{}[remote \"origin\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            repository_config(&self.commit, false)
        )
    }
}
