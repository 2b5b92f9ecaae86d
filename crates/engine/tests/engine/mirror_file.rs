//! Reading a file of a commit from the mirror of its repository.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
};

use flowcd_engine::git::{CommitId, RepoUrl, read_file};
use nix::fcntl::{Flock, FlockArg};

use crate::{
    repository::{Repository, parse_url},
    runner::Runner,
};

const FILE: &str = "serverless-pipeline.yaml";
const PIPELINE: &str = "steps:\n  - run: 'true'\n";

async fn read(mirrors: &Path, url: &RepoUrl, commit: &str, path: &str) -> Option<String> {
    let commit: CommitId = commit.parse().expect("a commit");
    let text = read_file(mirrors, url, &commit, path, 1024).await;
    text.expect("no error")
        .map(|text| String::from_utf8_lossy(&text).into_owned())
}

async fn check_out(repository: &Repository, commit: &str, mirrors: &Path) {
    let runner = Runner::of_commit(repository.url(), commit).mirrors(mirrors);
    runner.run().await;
}

#[tokio::test]
async fn a_file_of_a_commit_that_was_deployed_is_read_from_the_mirror() {
    let repository = Repository::with_pipeline(PIPELINE);
    fs::create_dir(repository.path().join("ci")).expect("a folder");
    let first = repository.commit("ci/\u{4f60} b.yml", "first", "First");
    let second = repository.commit("ci/\u{4f60} b.yml", "second", "Second");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mirrors = folder.path().join("mirrors");
    let url = repository.url();
    assert_eq!(read(&mirrors, &url, &first, FILE).await, None);
    assert!(!mirrors.exists(), "looking makes nothing");
    check_out(&repository, &first, &mirrors).await;
    assert_eq!(
        read(&mirrors, &url, &first, FILE).await.as_deref(),
        Some(PIPELINE)
    );
    assert_eq!(
        read(&mirrors, &url, &first, "ci/\u{4f60} b.yml")
            .await
            .as_deref(),
        Some("first")
    );
    assert_eq!(
        read(&mirrors, &url, &second, FILE).await,
        None,
        "not fetched"
    );
    check_out(&repository, &second, &mirrors).await;
    assert_eq!(
        read(&mirrors, &url, &second, "ci/\u{4f60} b.yml")
            .await
            .as_deref(),
        Some("second")
    );
    let other = parse_url(&format!("{url}/"));
    assert_eq!(
        read(&mirrors, &other, &first, FILE).await,
        None,
        "another repository"
    );
}

#[tokio::test]
async fn what_is_no_file_inside_of_the_repository_or_too_long_is_not_read() {
    let repository = Repository::with_pipeline(PIPELINE);
    fs::create_dir(repository.path().join("ci")).expect("a folder");
    fs::write(repository.path().join("ci/exact"), "x".repeat(1024)).expect("a file");
    fs::write(repository.path().join("ci/long"), "x".repeat(1025)).expect("a file");
    symlink("/etc/passwd", repository.path().join("link.yaml")).expect("a link");
    let commit = repository.commit_all("Odd files");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mirrors, url) = (folder.path(), repository.url());
    check_out(&repository, &commit, mirrors).await;
    for path in [
        "absent",
        "ci",
        "",
        "/etc/passwd",
        "../app/x",
        "ci/../ci/exact",
        "./ci/exact",
        "-ci",
        "ci/long",
        "ci/",
        "link.yaml/x",
    ] {
        assert_eq!(read(mirrors, &url, &commit, path).await, None, "{path}");
    }
    assert!(read(mirrors, &url, &commit, "ci/exact").await.is_some());
    assert_eq!(
        read(mirrors, &url, &commit, "link.yaml").await.as_deref(),
        Some("/etc/passwd")
    );
}

#[tokio::test]
async fn reading_waits_neither_for_a_fetch_nor_for_the_removal_of_the_mirror() {
    let repository = Repository::with_pipeline(PIPELINE);
    let commit = repository.commit("file", "1", "First");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mirrors, url) = (folder.path(), repository.url());
    check_out(&repository, &commit, mirrors).await;
    let mirror = fs::read_dir(mirrors)
        .expect("mirrors")
        .next()
        .expect("one")
        .expect("it is read")
        .path();
    let hold = |name: &str| {
        let file = File::options()
            .write(true)
            .open(mirror.join(name))
            .expect("a lock file");
        Flock::lock(file, FlockArg::LockExclusiveNonblock).expect("nobody holds it")
    };
    let fetching = hold("fetch.lock");
    assert_eq!(
        read(mirrors, &url, &commit, FILE).await.as_deref(),
        Some(PIPELINE)
    );
    drop(fetching);
    let removing = hold("use.lock");
    assert_eq!(read(mirrors, &url, &commit, FILE).await, None);
    drop(removing);
    assert_eq!(
        read(mirrors, &url, &commit, FILE).await.as_deref(),
        Some(PIPELINE)
    );
}
