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

use super::{CommitId, Git, GitError, GitRef, command::Remote};
use crate::workdir;

/// With more packs than this, git gets slow, and most of them are of commits that nobody asks for any more: the
/// mirror starts afresh as soon as no run uses it.
const MAX_PACKS: usize = 64;

const MAX_MESSAGE_BYTES: usize = 64 * 1024;

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

/// One fetch into a mirror that is locked for it.
struct Fetch<'a> {
    git: &'a Git,
    remote: Remote<'a>,
    repository: PathBuf,
    commit: &'a CommitId,
}

impl Fetch<'_> {
    /// Whether both could be had in one go. The tag may be gone by now, or the server may want another way to ask.
    async fn commit_and_tag(&self, tag: &str) -> Result<bool, GitError> {
        let refspecs = [
            format!("+{0}:refs/flowcd/{0}", self.commit),
            format!("+refs/tags/{tag}:refs/tags/{tag}"),
        ];
        match self.fetch(&["--depth=1"], &refspecs).await {
            Ok(()) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The commit by its name; if the server only gives out what its refs point to, by way of them.
    async fn commit(&self, git_ref: Option<&GitRef>) -> Result<(), GitError> {
        let refspec = format!("+{0}:refs/flowcd/{0}", self.commit);
        match self.fetch(&["--depth=1"], &[refspec]).await {
            Ok(()) => return Ok(()),
            Err(GitError::Failed { message, .. }) if message.contains("not our ref") => {
                return Err(self.not_found());
            }
            Err(GitError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        if let Some(git_ref) = git_ref {
            let refspec = format!("+{git_ref}:refs/flowcd/ref");
            match self.fetch(&["--depth=1"], &[refspec]).await {
                Ok(()) if self.has_commit().await? => return self.keep_commit(),
                Ok(()) | Err(GitError::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let refspecs = [
            "+refs/heads/*:refs/flowcd/heads/*".to_owned(),
            "+refs/tags/*:refs/flowcd/tags/*".to_owned(),
        ];
        let is_shallow = self.repository.join("shallow").exists();
        let depth: &[&str] = if is_shallow { &["--unshallow"] } else { &[] };
        self.fetch(depth, &refspecs).await?;
        if self.has_commit().await? {
            self.keep_commit()
        } else {
            Err(self.not_found())
        }
    }

    async fn fetch(&self, depth: &[&str], refspecs: &[String]) -> Result<(), GitError> {
        let mut args = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
        ];
        args.extend(depth);
        args.extend(["--end-of-options", self.remote.url.as_str()]);
        args.extend(refspecs.iter().map(String::as_str));
        self.call("fetch", &args, Some(self.remote)).await?;
        Ok(())
    }

    async fn has_commit(&self) -> Result<bool, GitError> {
        let object = format!("{}^{{commit}}", self.commit);
        match self
            .call("cat-file", &["cat-file", "-e", &object], None)
            .await
        {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the commit a ref, as a fetch of the commit itself does: git takes only what refs lead to for complete.
    fn keep_commit(&self) -> Result<(), GitError> {
        let folder = self.repository.join("refs/flowcd");
        create_folder(&folder)
            .and_then(|()| {
                fs::write(
                    folder.join(self.commit.as_str()),
                    format!("{}\n", self.commit),
                )
            })
            .map_err(io_error("cannot write to the mirror", &folder))
    }

    /// The commit's message; an error when the name is that of something else, a tag for instance.
    async fn message(&self) -> Result<String, GitError> {
        let args = [
            "log",
            "-1",
            "--no-show-signature",
            "--no-notes",
            "--no-color",
            "--format=%H%n%B",
            "--end-of-options",
            self.commit.as_str(),
        ];
        let output = match self.call("log", &args, None).await {
            Err(GitError::Failed { .. }) => return Err(self.not_found()),
            output => output?,
        };
        let output = String::from_utf8_lossy(&output);
        let (commit, message) = output.split_once('\n').unwrap_or((&output, ""));
        if commit != self.commit.as_str() {
            return Err(self.not_found());
        }
        let end = message.floor_char_boundary(MAX_MESSAGE_BYTES);
        Ok(message[..end].trim_end().to_owned())
    }

    /// The object of an annotated or plain tag that is about this commit.
    async fn tag_object(&self, tag: &str) -> Result<Option<String>, GitError> {
        let name = format!("refs/tags/{tag}");
        let format = "--format=%(refname) %(objectname) %(*objectname)";
        let output = self
            .call("for-each-ref", &["for-each-ref", format, &name], None)
            .await?;
        let output = String::from_utf8_lossy(&output);
        let object = output.lines().find_map(|line| {
            let mut words = line.split(' ');
            if words.next()? != name {
                return None;
            }
            let object = words.next()?;
            let peeled = words.next().filter(|peeled| !peeled.is_empty());
            (peeled.unwrap_or(object) == self.commit.as_str()).then(|| object.to_owned())
        });
        Ok(object)
    }

    async fn call(
        &self,
        operation: &'static str,
        args: &[&str],
        remote: Option<Remote<'_>>,
    ) -> Result<Vec<u8>, GitError> {
        let mut git_dir = std::ffi::OsString::from("--git-dir=");
        git_dir.push(&self.repository);
        let args =
            std::iter::once(git_dir.as_os_str()).chain(args.iter().map(std::ffi::OsStr::new));
        self.git.call(operation, args, remote).await
    }

    fn not_found(&self) -> GitError {
        GitError::CommitNotFound {
            url: self.remote.url.to_string(),
            commit: self.commit.to_string(),
        }
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

fn folder_name(url: &str) -> String {
    let digest = Sha256::digest(url.as_bytes());
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn create_folder(path: &Path) -> io::Result<()> {
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
