//! One commit over the network, into a mirror.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::PathBuf,
};

use super::{
    CommitId, Git, GitError, GitRef,
    command::Remote,
    mirror::{create_folder, io_error},
};

const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// One fetch into a mirror that is locked for it.
pub(super) struct Fetch<'a> {
    pub(super) git: &'a Git,
    pub(super) remote: Remote<'a>,
    pub(super) repository: PathBuf,
    pub(super) commit: &'a CommitId,
}

impl Fetch<'_> {
    /// Whether both could be had in one go. The tag may be gone by now, or the server may want another way to ask.
    pub(super) async fn commit_and_tag(&self, tag: &str) -> Result<bool, GitError> {
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
    pub(super) async fn commit(&self, git_ref: Option<&GitRef>) -> Result<(), GitError> {
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
    pub(super) async fn message(&self) -> Result<String, GitError> {
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
    pub(super) async fn tag_object(&self, tag: &str) -> Result<Option<String>, GitError> {
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
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.repository);
        let args = std::iter::once(git_dir.as_os_str()).chain(args.iter().map(OsStr::new));
        self.git.call(operation, args, remote).await
    }

    fn not_found(&self) -> GitError {
        GitError::CommitNotFound {
            url: self.remote.url.to_string(),
            commit: self.commit.to_string(),
        }
    }
}
