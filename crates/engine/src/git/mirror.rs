//! Copies of repositories that stay between runs, so that a commit is fetched once.
//!
//! A mirror is a folder named by the hash of the repository's address:
//!
//! ```text
//! use.lock       shared by every run that works with the mirror, exclusive for whoever removes it; its time of
//!                change is that of the last use
//! fetch.lock     exclusive for whoever adds to it
//! repository/    a bare repository: one shallow pack per commit that was asked for
//!   commits/     a record for each commit that is there completely
//! ```
//!
//! The locks are those of the operating system, so they hold between processes as well and end with their holder.
//! A run whose commit has a record takes no exclusive lock, starts no git and uses no network.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CommitId, Git, GitError, GitRef, command::Remote, fetch::Fetch};
use crate::workdir;

/// With more packs than this, git gets slow, and most of them are of commits that nobody asks for any more: the
/// mirror starts afresh as soon as no run uses it.
const MAX_PACKS: usize = 64;

/// How often a fetch looks whether the one before it has ended.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// The mirror of one repository; it is not removed while this lives.
#[derive(Debug)]
pub(super) struct Mirror {
    folder: PathBuf,
    in_use: Flock<File>,
}

/// What is known of a commit that the mirror has.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Record {
    /// The commit's message.
    pub(super) message: String,
    /// Tags that were asked for together with it: their object, where they are about this commit.
    pub(super) tags: BTreeMap<String, Option<String>>,
}

/// Removes the mirrors in `mirrors` that no run has used for `unused_for`, and answers how many. It blocks.
pub fn prune_mirrors(mirrors: &Path, unused_for: Duration) -> io::Result<usize> {
    let mut n_removed = 0;
    let entries = match fs::read_dir(mirrors) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let folder = entry?.path();
        let repository = folder.join("repository");
        if !repository.is_dir() {
            continue;
        }
        let lock = open_lock(&folder.join("use.lock"))?;
        let age = SystemTime::now().duration_since(lock.metadata()?.modified()?);
        if age.is_ok_and(|age| age < unused_for) {
            continue;
        }
        if let Ok(_exclusive) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            workdir::remove(&repository)?;
            n_removed += 1;
        }
    }
    Ok(n_removed)
}

impl Mirror {
    /// The mirror of the repository at `url`, which may have nothing in it yet. It blocks.
    pub(super) fn open(mirrors: &Path, url: &str) -> Result<Self, GitError> {
        let mirrors = std::path::absolute(mirrors).map_err(io_error("cannot find", mirrors))?;
        let folder = mirrors.join(folder_name(url));
        create_folder(&folder).map_err(io_error("cannot create", &folder))?;
        let path = folder.join("use.lock");
        let cannot_lock = io_error("cannot lock", &path);
        let lock = open_lock(&path).and_then(|file| {
            file.set_modified(SystemTime::now())?;
            lock_shared(file)
        });
        Ok(Self {
            in_use: lock.map_err(cannot_lock)?,
            folder,
        })
    }

    /// The mirror of the repository at `url` if there is one, and nobody is about to remove it. It does not block long.
    pub(super) fn open_known(mirrors: &Path, url: &str) -> Result<Option<Self>, GitError> {
        let folder = mirrors.join(folder_name(url));
        let path = folder.join("use.lock");
        let file = match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(io_error("cannot open", &path))?,
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(in_use) => Ok(Some(Self { folder, in_use })),
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => Ok(None),
            Err((_, errno)) => Err(io_error("cannot lock", &path)(errno.into())),
        }
    }

    /// The bare repository.
    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// What is known of a commit; nothing unless the mirror has all of it, and of the tag that led to it. It blocks.
    pub(super) fn record(&self, commit: &CommitId, git_ref: Option<&GitRef>) -> Option<Record> {
        // A record that cannot be read is as good as none: the commit is fetched again.
        let text = fs::read(self.record_path(commit)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let knows_tag = git_ref
            .and_then(GitRef::tag)
            .is_none_or(|tag| record.tags.contains_key(tag));
        knows_tag.then_some(record)
    }

    /// Fetches exactly one commit, without its history where the server lets us.
    pub(super) async fn fetch(
        &self,
        git: &Git,
        remote: Remote<'_>,
        commit: &CommitId,
        git_ref: Option<&GitRef>,
    ) -> Result<Record, GitError> {
        let lock_path = self.folder.join("fetch.lock");
        let _fetching = tokio::time::timeout(git.timeout, lock_exclusive(git, &lock_path))
            .await
            .map_err(|_| GitError::TimedOut {
                operation: "fetch",
                seconds: git.timeout.as_secs(),
            })??;
        if let Some(record) = self.record(commit, git_ref) {
            return Ok(record);
        }
        self.prepare(commit)
            .map_err(io_error("cannot prepare the mirror", &self.folder))?;
        let fetch = Fetch {
            git,
            remote,
            repository: self.repository(),
            commit,
        };
        let tag = git_ref.and_then(GitRef::tag);
        let has_tag = match tag {
            Some(tag) => fetch.commit_and_tag(tag).await?,
            None => false,
        };
        if !has_tag {
            fetch.commit(git_ref).await?;
        }
        let mut record = Record {
            message: fetch.message().await?,
            tags: BTreeMap::new(),
        };
        if let Some(tag) = tag {
            let object = match has_tag {
                true => fetch.tag_object(tag).await?,
                false => None,
            };
            record.tags.insert(tag.to_owned(), object);
        }
        self.write_record(commit, &record)
            .map_err(io_error("cannot write to the mirror", &self.folder))?;
        Ok(record)
    }

    fn record_path(&self, commit: &CommitId) -> PathBuf {
        self.repository().join(format!("commits/{commit}.json"))
    }

    fn write_record(&self, commit: &CommitId, record: &Record) -> io::Result<()> {
        let path = self.record_path(commit);
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec(record)?)?;
        fs::rename(new, path)
    }

    /// Makes the repository, clears away what a killed git left, and starts afresh when there is too much.
    fn prepare(&self, commit: &CommitId) -> io::Result<()> {
        let repository = self.repository();
        let packs = repository.join("objects/pack");
        if count_packs(&packs) > MAX_PACKS {
            if self.in_use.relock(FlockArg::LockExclusiveNonblock).is_ok() {
                workdir::remove(&repository)?;
            }
            self.in_use.relock(FlockArg::LockShared)?;
        }
        for folder in ["objects/info", "objects/pack", "refs", "commits"] {
            create_folder(&repository.join(folder))?;
        }
        write_if_absent(&repository.join("HEAD"), "ref: refs/heads/main\n")?;
        write_if_absent(&repository.join("config"), &repository_config(commit, true))?;
        for entry in fs::read_dir(&packs)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b"tmp_") {
                fs::remove_file(entry.path())?;
            }
        }
        for lock in [
            "shallow.lock".to_owned(),
            format!("refs/flowcd/{commit}.lock"),
        ] {
            match fs::remove_file(repository.join(lock)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The configuration of a repository that holds commits named like `commit`.
pub(super) fn repository_config(commit: &CommitId, is_bare: bool) -> String {
    let is_sha_256 = commit.as_str().len() == 64;
    let (version, extensions) = if is_sha_256 {
        (1, "[extensions]\n\tobjectFormat = sha256\n")
    } else {
        (0, "")
    };
    format!(
        "[core]\n\trepositoryFormatVersion = {version}\n\tfileMode = true\n\tbare = {is_bare}\n{extensions}"
    )
}

pub(super) fn io_error(what: &str, path: &Path) -> impl FnOnce(io::Error) -> GitError {
    let what = format!("{what} `{}`", path.display());
    move |source| GitError::Io { what, source }
}

/// Files and locks block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| GitError::Io {
            what: "the work on the mirror was interrupted".to_owned(),
            source: io::Error::other(error),
        })?
}

fn folder_name(url: &str) -> String {
    let digest = Sha256::digest(url.as_bytes());
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_if_absent(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, text)
}

fn count_packs(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().as_encoded_bytes().ends_with(b".pack"))
            .count()
    })
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

/// Waits while the mirror is being removed, which does not take long.
fn lock_shared(mut file: File) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, FlockArg::LockShared) {
            Ok(lock) => return Ok(lock),
            Err((same, Errno::EINTR)) => file = same,
            Err((_, errno)) => return Err(errno.into()),
        }
    }
}

/// Waits for the fetch before ours. It asks again and again because a blocking wait could not be cancelled.
async fn lock_exclusive(git: &Git, path: &Path) -> Result<Flock<File>, GitError> {
    let mut file = open_lock(path).map_err(io_error("cannot open", path))?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) => same,
            Err((_, errno)) => return Err(io_error("cannot lock", path)(errno.into())),
        };
        tokio::select! {
            () = git.cancel.cancelled() => return Err(GitError::Cancelled { operation: "fetch" }),
            () = tokio::time::sleep(LOCK_POLL) => {}
        }
    }
}
