//! What git knows of a folder on this machine.

use std::fs;

use flowcd_engine::git::{GitError, LocalRepository, describe_folder};

use crate::repository::Repository;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[tokio::test]
async fn a_working_tree_tells_its_commit_branch_and_origin() {
    let repository = Repository::new();
    let path = repository.path();
    let describe = async || {
        let found = describe_folder(&path, PATH).await.expect("no error");
        found.expect("a repository")
    };
    let empty = describe().await;
    assert_eq!(
        (empty.commit, empty.message, empty.author),
        (None, None, None)
    );
    assert_eq!(empty.branch_ref.as_deref(), Some("refs/heads/main"));

    let commit = repository.commit("file", "1", "Subject\n\nA body\nof two lines");
    repository.git(&[
        "remote",
        "add",
        "origin",
        "https://ada:t0ken@example.com/a/b.git",
    ]);
    let root = path.canonicalize().expect("the folder");
    let expected = LocalRepository {
        root: root.clone(),
        commit: Some(commit.parse().expect("a commit")),
        message: Some("Subject\n\nA body\nof two lines".to_owned()),
        author: Some(("Ada".to_owned(), "ada@example.com".to_owned())),
        branch_ref: Some("refs/heads/main".to_owned()),
        remote_url: Some("https://example.com/a/b.git".to_owned()),
    };
    assert_eq!(describe().await, expected);
    fs::create_dir(path.join("inner")).expect("a folder");
    let inner = describe_folder(&path.join("inner"), PATH)
        .await
        .expect("no error");
    assert_eq!(inner, Some(expected));
    repository.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(describe().await.branch_ref, None);
}

#[tokio::test]
async fn a_folder_without_a_repository_or_without_git_is_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let found = describe_folder(folder.path(), PATH).await;
    assert_eq!(found.expect("no error"), None);
    let found = describe_folder(folder.path(), "/nonexistent").await;
    assert!(matches!(found, Err(GitError::Io { .. })), "{found:?}");
}

#[tokio::test]
async fn nothing_of_a_repositorys_configuration_is_run_for_it() {
    let repository = Repository::with_pipeline("");
    let canary = repository.root().join("canary");
    let script = repository.root().join("script");
    fs::write(
        &script,
        format!("#!/bin/sh\ntouch '{}'\n", canary.display()),
    )
    .expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).expect("its mode");
    let script = script.to_str().expect("UTF-8");
    for key in [
        "core.fsmonitor",
        "core.pager",
        "gpg.program",
        "core.editor",
        "credential.helper",
    ] {
        repository.git(&["config", key, script]);
    }
    repository.git(&["config", "log.showSignature", "true"]);
    describe_folder(&repository.path(), PATH)
        .await
        .expect("no error");
    assert!(!canary.exists());
}
