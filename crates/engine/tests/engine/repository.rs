//! Repositories to deploy from.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use flowcd_engine::git::{RepoPolicy, RepoUrl};
use tempfile::TempDir;

/// Everything is allowed: tests live on loopback and in temporary folders.
pub(crate) const POLICY: RepoPolicy = RepoPolicy {
    local: true,
    http: true,
};

/// A repository with a branch `main` and nothing in it, called `app` in a folder of its own.
pub(crate) struct Repository {
    root: TempDir,
}

impl Repository {
    pub(crate) fn new() -> Self {
        Self::with_format("sha1")
    }

    pub(crate) fn with_format(format: &str) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let repository = Self { root };
        fs::create_dir(repository.path()).expect("the folder is made");
        let format = format!("--object-format={format}");
        repository.git(&["init", "--quiet", "--initial-branch=main", &format]);
        repository
    }

    /// A repository with this pipeline in one commit.
    pub(crate) fn with_pipeline(pipeline: &str) -> Self {
        let repository = Self::new();
        repository.commit("serverless-pipeline.yaml", pipeline, "Add the pipeline");
        repository
    }

    /// The folder that the repository is in.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("app")
    }

    /// Calls git in it, and answers what it says.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .output()
            .expect("git runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a file and commits it; answers the commit.
    pub(crate) fn commit(&self, file: &str, text: &str, message: &str) -> String {
        fs::write(self.path().join(file), text).expect("the file is written");
        self.commit_all(message)
    }

    /// Commits whatever is in the folder; answers the commit.
    pub(crate) fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn url(&self) -> RepoUrl {
        parse_url(&format!("file://{}", self.path().display()))
    }
}

pub(crate) fn parse_url(text: &str) -> RepoUrl {
    RepoUrl::parse(text, &POLICY).expect("the address is allowed")
}
