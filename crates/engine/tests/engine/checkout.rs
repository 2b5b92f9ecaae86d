//! Commits in the workspace.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use flowcd_engine::git::prune_mirrors;

use crate::{
    git_http::{GitHttp, GitHttpOptions},
    repository::{Repository, parse_url},
    runner::{Ran, Runner},
};

/// Says all that a pipeline may want to know of its checkout.
const LOOK: &str = "steps:\n- run: |\n    cat version; git rev-parse HEAD; git log -1 --format=%s; \
                    git rev-list --count HEAD; git status --porcelain; git symbolic-ref -q HEAD; \
                    git describe --always --abbrev=40; git remote get-url origin\n";

/// A repository with three commits; the tag `v2` is on the second.
fn three_commits() -> (Repository, [String; 3]) {
    let repository = Repository::new();
    fs::write(repository.path().join("serverless-pipeline.yaml"), LOOK).expect("it is written");
    let commit = |n: &str| repository.commit("version", &format!("{n}\n"), &format!("Commit {n}"));
    let first = commit("1");
    let second = commit("2");
    repository.git(&["tag", "-a", "v2", "-m", "Version 2"]);
    let third = commit("3");
    (repository, [first, second, third])
}

#[track_caller]
fn check(ran: &Ran, expected: &[&str]) {
    let log = ran.log(1);
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        expected,
        "{}",
        ran.everything()
    );
}

#[tokio::test]
async fn a_branch_a_tag_and_an_old_commit_are_deployed() {
    let (repository, [first, second, third]) = three_commits();
    for url in [
        repository.url(),
        parse_url(&repository.path().display().to_string()),
    ] {
        let origin = url.to_string();
        let ran = Runner::of_commit(url.clone(), &third)
            .git_ref("refs/heads/main")
            .run()
            .await;
        check(
            &ran,
            &[
                "3",
                &third,
                "Commit 3",
                "1",
                "refs/heads/main",
                &third,
                &origin,
            ],
        );
        let ran = Runner::of_commit(url.clone(), &second)
            .git_ref("refs/tags/v2")
            .run()
            .await;
        check(&ran, &["2", &second, "Commit 2", "1", "v2", &origin]);
        let ran = Runner::of_commit(url.clone(), &first).run().await;
        check(&ran, &["1", &first, "Commit 1", "1", &first, &origin]);
        // The commit decides what is deployed, also when the branch has gone on.
        let ran = Runner::of_commit(url, &first)
            .git_ref("refs/heads/main")
            .run()
            .await;
        check(
            &ran,
            &[
                "1",
                &first,
                "Commit 1",
                "1",
                "refs/heads/main",
                &first,
                &origin,
            ],
        );
    }
}

#[tokio::test]
async fn a_commit_that_is_in_the_mirror_needs_no_network() {
    let (repository, [first, second, third]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let server = GitHttp::start(GitHttpOptions::new(repository.root()))
        .await
        .expect("it starts");
    let url = parse_url(&server.url("app"));
    let runner = |commit: &str| Runner::of_commit(url.clone(), commit).mirrors(mirrors.path());
    for commit in [&third, &first, &second] {
        let ran = runner(commit).run().await;
        assert_eq!(
            ran.outcome.status.as_str(),
            "success",
            "{}",
            ran.everything()
        );
        assert!(!ran.log(0).contains("from the mirror"), "{}", ran.log(0));
    }
    let n_requests = server.requests().len();
    drop(server);
    for (commit, text) in [(&first, "1"), (&second, "2"), (&third, "3")] {
        let ran = runner(commit).git_ref("refs/heads/main").run().await;
        assert_eq!(
            ran.log(1).lines().next(),
            Some(text),
            "{}",
            ran.everything()
        );
        assert!(ran.log(0).contains("from the mirror"), "{}", ran.log(0));
    }
    assert!(n_requests > 0);
}

#[tokio::test]
async fn a_tag_is_fetched_also_when_its_commit_is_there() {
    let (repository, [_, second, _]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runner = || Runner::of_commit(repository.url(), &second).mirrors(mirrors.path());
    let ran = runner().run().await;
    assert_eq!(ran.log(1).lines().nth(4), Some(second.as_str()));
    for _ in 0..2 {
        let ran = runner().git_ref("refs/tags/v2").run().await;
        assert_eq!(
            ran.log(1).lines().nth(4),
            Some("v2"),
            "{}",
            ran.everything()
        );
    }
    // A tag that is gone, or that went elsewhere, does not keep its commit from being deployed again.
    repository.git(&["tag", "--delete", "v2"]);
    repository.git(&["tag", "moved"]);
    for tag in ["refs/tags/v2", "refs/tags/gone", "refs/tags/moved"] {
        let ran = runner().git_ref(tag).run().await;
        assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
        assert_eq!(ran.log(1).lines().nth(1), Some(second.as_str()));
    }
}

#[tokio::test]
async fn a_server_that_gives_out_only_what_refs_point_to_is_asked_for_those() {
    let (repository, [first, second, third]) = three_commits();
    let server = GitHttp::start(GitHttpOptions {
        is_v2: false,
        ..GitHttpOptions::new(repository.root())
    })
    .await
    .expect("it starts");
    let url = parse_url(&server.url("app"));
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    for (commit, text) in [(&third, "3"), (&first, "1"), (&second, "2")] {
        let ran = Runner::of_commit(url.clone(), commit)
            .git_ref("refs/heads/main")
            .mirrors(mirrors.path())
            .run()
            .await;
        assert_eq!(
            ran.log(1).lines().next(),
            Some(text),
            "{}",
            ran.everything()
        );
        assert_eq!(
            ran.log(1).lines().nth(3),
            Some("1"),
            "one commit: {}",
            ran.log(1)
        );
    }
    let absent = "0123456789012345678901234567890123456789";
    let ran = Runner::of_commit(url, absent)
        .git_ref("refs/heads/main")
        .run()
        .await;
    assert!(
        ran.error(0).contains(&format!("has no commit {absent}")),
        "{}",
        ran.error(0)
    );
}

#[tokio::test]
async fn what_is_no_commit_is_not_deployed() {
    let (repository, _) = three_commits();
    let tag = repository.git(&["rev-parse", "v2"]);
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let absent = "0".repeat(40);
    for object in [tag, tree, absent] {
        let ran = Runner::of_commit(repository.url(), &object).run().await;
        assert_eq!(ran.statuses(), " -> failure");
        assert!(
            ran.error(0).contains(&format!("has no commit {object}")),
            "{}",
            ran.error(0)
        );
    }
}

#[tokio::test]
async fn a_token_is_used_and_found_nowhere() {
    const TOKEN: &str = "tok-0123456789-abcdef";
    let repository = Repository::new();
    // Enough history that a request is long enough to be packed.
    for n in 0..200 {
        repository.commit("version", &format!("{n}\n"), &format!("Commit {n}"));
    }
    let old = repository.git(&["rev-parse", "HEAD~150"]);
    let pipeline = "steps: [{run: 'cat version; env; git config --list; cat .git/config; \
                    grep -r tok- . || echo nothing; cat /proc/$PPID/cmdline'}]\n";
    let tip = repository.commit("serverless-pipeline.yaml", pipeline, "Add the pipeline");
    let server = GitHttp::start(GitHttpOptions {
        credential: Some(("ada".to_owned(), TOKEN.to_owned())),
        ..GitHttpOptions::new(repository.root())
    })
    .await
    .expect("it starts");
    let url = parse_url(&server.url("app"));
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runner = |commit: &str| {
        Runner::of_commit(url.clone(), commit)
            .credential("ada", TOKEN)
            .mirrors(mirrors.path())
    };
    let (home, ran) = runner(&tip)
        .git_ref("refs/heads/main")
        .run_and_watch(|_| false)
        .await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(ran.log(1).contains("nothing"), "{}", ran.log(1));
    let (_, old) = runner(&old).run_and_watch(|_| false).await;
    assert!(old.error(0).contains("was not found"), "{}", old.error(0));
    let encoded = "YWRhOnRvay0wMTIzNDU2Nzg5LWFiY2RlZg";
    for text in [TOKEN, encoded] {
        assert!(!ran.everything().contains(text), "{}", ran.everything());
        assert!(
            !ran.log(1).contains("***"),
            "it was masked, but should not have been there"
        );
        for folder in [home.path(), mirrors.path(), repository.root()] {
            let found = find(folder, text.as_bytes());
            assert_eq!(found, None, "{text} in {}", folder.display());
        }
    }
    let (_, refused) = Runner::of_commit(url.clone(), &tip)
        .credential("ada", "wrong-token-123")
        .run_and_watch(|_| false)
        .await;
    assert!(
        refused.error(0).contains("refuses access"),
        "{}",
        refused.error(0)
    );
    assert!(!refused.everything().contains("wrong-token-123"));
}

/// A file under `folder` that has `text` in it.
fn find(folder: &Path, text: &[u8]) -> Option<std::path::PathBuf> {
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let path = entry.path();
        let found = if path.is_dir() {
            find(&path, text)
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            bytes
                .windows(text.len())
                .any(|window| window == text)
                .then_some(path)
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[tokio::test]
async fn runs_at_the_same_time_share_one_fetch() {
    let (repository, [_, _, third]) = three_commits();
    let server = GitHttp::start(GitHttpOptions::new(repository.root()))
        .await
        .expect("it starts");
    let url = parse_url(&server.url("app"));
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let runner = Runner::of_commit(url.clone(), &third).mirrors(mirrors.path());
            tokio::spawn(runner.run())
        })
        .collect();
    for run in runs {
        let ran = run.await.expect("a run does not panic");
        assert_eq!(ran.log(1).lines().next(), Some("3"), "{}", ran.everything());
    }
    let n_packs = server
        .requests()
        .iter()
        .filter(|request| request.starts_with("POST"))
        .count();
    // One to list the refs and one for the pack, at most.
    assert!(n_packs <= 2, "{:?}", server.requests());
}

#[tokio::test]
async fn hooks_filters_and_submodules_of_a_repository_do_not_run() {
    let repository = Repository::new();
    let path = repository.path();
    fs::write(
        path.join("serverless-pipeline.yaml"),
        "steps: [{run: 'ls -A; ls -A .git/hooks || true; cat file'}]\n",
    )
    .expect("it is written");
    fs::write(path.join(".gitattributes"), "file filter=evil\n").expect("it is written");
    fs::write(path.join("file"), "as it is\n").expect("it is written");
    fs::create_dir(path.join("hooks")).expect("the folder is made");
    let hook = path.join("hooks/post-checkout");
    fs::write(
        &hook,
        "#!/bin/sh\ntouch \"$(git rev-parse --show-toplevel)/hooked\"\n",
    )
    .expect("it is written");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it is made executable");
    fs::write(
        path.join(".gitmodules"),
        "[submodule \"evil\"]\n\tpath = evil\n\turl = ext::sh -c 'touch hooked'\n",
    )
    .expect("it is written");
    let commit = repository.commit_all("Hostile");
    let link = format!("160000,{commit},evil");
    repository.git(&["update-index", "--add", "--cacheinfo", &link]);
    repository.git(&["commit", "--quiet", "--message", "With a submodule"]);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let ran = Runner::of_commit(repository.url(), &commit).run().await;
    let log = ran.log(1);
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(!log.contains("hooked"), "{log}");
    assert!(log.contains("as it is"), "{log}");
}

#[tokio::test]
async fn a_step_cannot_write_to_the_mirror_through_its_checkout() {
    let (repository, [first, _, third]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let pipeline = "steps:\n- run: |\n    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a\n    \
                    git commit --quiet --allow-empty -m more && git gc --quiet --prune=now && git log --oneline | wc -l\n";
    let commit = repository.commit("serverless-pipeline.yaml", pipeline, "Write");
    let runner = |commit: &str| Runner::of_commit(repository.url(), commit).mirrors(mirrors.path());
    for commit in [&first, &third] {
        runner(commit).run().await;
    }
    let before = list(mirrors.path());
    runner(&commit).run().await;
    let fetched = list(mirrors.path());
    assert!(fetched.len() > before.len());
    let ran = runner(&commit).git_ref("refs/heads/main").run().await;
    assert_eq!(ran.log(1).trim(), "2", "{}", ran.everything());
    assert_eq!(list(mirrors.path()), fetched);
}

/// Every file under `folder`, sorted.
fn list(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn a_repository_with_sha_256_is_deployed() {
    let repository = Repository::with_format("sha256");
    let commit = repository.commit(
        "serverless-pipeline.yaml",
        "steps: [{run: git rev-parse HEAD}]\n",
        "Add",
    );
    let ran = Runner::of_commit(repository.url(), &commit)
        .git_ref("refs/heads/main")
        .run()
        .await;
    assert_eq!(ran.log(1), format!("{commit}\n"), "{}", ran.everything());
    assert_eq!(commit.len(), 64);
}

#[tokio::test]
async fn what_a_killed_fetch_left_does_not_disturb_the_next() {
    let (repository, [first, _, third]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runner = |commit: &str| Runner::of_commit(repository.url(), commit).mirrors(mirrors.path());
    runner(&first).run().await;
    let mirror = fs::read_dir(mirrors.path())
        .expect("it can be read")
        .flatten()
        .next();
    let mirror = mirror.expect("there is a mirror").path().join("repository");
    fs::write(mirror.join("shallow.lock"), "").expect("it is written");
    fs::write(mirror.join(format!("refs/flowcd/{third}.lock")), "").expect("it is written");
    let left = mirror.join("objects/pack/tmp_pack_123456");
    fs::write(&left, "half a pack").expect("it is written");
    let ran = runner(&third).run().await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(!left.exists());
}

#[tokio::test]
async fn mirrors_that_nobody_uses_are_pruned_and_made_again() {
    let (repository, [first, _, _]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runner = || Runner::of_commit(repository.url(), &first).mirrors(mirrors.path());
    runner().run().await;
    let prune = |age| prune_mirrors(mirrors.path(), age).expect("it can be pruned");
    assert_eq!(prune(Duration::from_secs(3600)), 0);
    assert_eq!(prune(Duration::ZERO), 1);
    assert_eq!(prune(Duration::ZERO), 0);
    let ran = runner().run().await;
    assert_eq!(ran.statuses(), "success -> success", "{}", ran.everything());
    assert!(!ran.log(0).contains("from the mirror"), "{}", ran.log(0));
}

#[tokio::test]
async fn a_mirror_with_too_many_packs_starts_afresh() {
    let (repository, [first, _, third]) = three_commits();
    let mirrors = tempfile::tempdir().expect("a temporary folder");
    let runner = |commit: &str| Runner::of_commit(repository.url(), commit).mirrors(mirrors.path());
    runner(&first).run().await;
    let mirror = fs::read_dir(mirrors.path())
        .expect("it can be read")
        .flatten()
        .next();
    let packs = mirror
        .expect("there is a mirror")
        .path()
        .join("repository/objects/pack");
    for n in 0..100 {
        fs::write(packs.join(format!("pack-{n}.pack")), "").expect("it is written");
    }
    for (commit, text) in [(&third, "3"), (&first, "1")] {
        let ran = runner(commit).run().await;
        assert_eq!(
            ran.log(1).lines().next(),
            Some(text),
            "{}",
            ran.everything()
        );
        assert!(!ran.log(0).contains("from the mirror"), "{}", ran.log(0));
    }
    assert_eq!(
        fs::read_dir(packs)
            .expect("it can be read")
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|it| it == "pack"))
            .count(),
        2
    );
}
