//! Real Git repositories in temporary folders.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// A repository with a working tree, on branch `main`.
pub(crate) struct Repo {
    folder: TempDir,
}

impl Repo {
    /// A repository whose only commit holds this pipeline.
    pub(crate) fn with_pipeline(pipeline: &str) -> Self {
        let repo = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo.git(&["config", "user.name", "Dev"]);
        repo.git(&["config", "user.email", "dev@example.com"]);
        repo.commit(&[("serverless-pipeline.yaml", pipeline)], "First commit");
        repo
    }

    /// Writes files, commits them all, and answers the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (name, text) in files {
            fs::write(self.path().join(name), text).expect("a file in a temporary folder");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in it and answers what it prints.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .args(args)
            .output()
            .expect("git starts");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The URL it is deployed from.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }
}
