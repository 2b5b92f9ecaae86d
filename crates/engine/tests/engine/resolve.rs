//! Asking a repository what its refs point to.

use flowcd_engine::git::{GitError, GitRef, default_branch, list_refs, resolve_ref};

use tokio_util::sync::CancellationToken;

use crate::{
    git_http::{GitHttp, GitHttpOptions},
    repository::{Repository, parse_url},
    runner::credential,
};

fn git_ref(text: &str) -> GitRef {
    text.parse().expect("it is a ref")
}

#[tokio::test]
async fn branches_and_tags_lead_to_commits() {
    let repository = Repository::new();
    let first = repository.commit("file", "1", "First");
    repository.git(&["tag", "plain"]);
    repository.git(&["tag", "-a", "v1", "-m", "Version 1"]);
    let second = repository.commit("file", "2", "Second");
    // Names that end like the one that is asked for.
    repository.git(&["branch", "refs/heads/main", "plain"]);
    repository.git(&["branch", "aaa/main", "plain"]);
    for (name, commit) in [
        ("refs/heads/main", &second),
        ("refs/tags/plain", &first),
        ("refs/tags/v1", &first),
        ("refs/heads/refs/heads/main", &first),
    ] {
        let found = resolve_ref(&repository.url(), &git_ref(name), None).await;
        assert_eq!(found.expect(name).as_str(), commit, "{name}");
    }
}

#[tokio::test]
async fn all_branches_and_tags_are_listed_with_their_commits() {
    let repository = Repository::new();
    let first = repository.commit("file", "1", "First");
    repository.git(&["tag", "-a", "v1", "-m", "Version 1"]);
    repository.git(&["tag", "-a", "v2", "-m", "A tag of a tag", "v1"]);
    let second = repository.commit("file", "2", "Second");
    repository.git(&["update-ref", "refs/heads/-odd", "HEAD"]);
    repository.git(&["update-ref", "refs/pull/1/head", "HEAD"]);
    let cancel = CancellationToken::new();
    let refs = list_refs(&repository.url(), None, &cancel)
        .await
        .expect("listed");
    let refs: Vec<(&str, &str)> = refs
        .iter()
        .map(|(name, commit)| (name.as_str(), commit.as_str()))
        .collect();
    assert_eq!(
        refs,
        [
            ("refs/heads/main", second.as_str()),
            ("refs/tags/v1", &first),
            ("refs/tags/v2", &first)
        ]
    );
    let error = list_refs(&parse_url("/no/such/repository"), None, &cancel).await;
    assert!(matches!(error, Err(GitError::NotFound { .. })), "{error:?}");
}

#[tokio::test]
async fn a_repository_tells_its_default_branch() {
    let repository = Repository::new();
    let branch = async || {
        let found = default_branch(&repository.url(), None).await;
        found.expect("an answer").map(|git_ref| git_ref.to_string())
    };
    assert_eq!(branch().await, None, "it has no commit");
    repository.commit("file", "1", "First");
    repository.git(&["branch", "a/HEAD"]);
    assert_eq!(branch().await.as_deref(), Some("refs/heads/main"));
    repository.git(&["branch", "--move", "main", "trunk"]);
    assert_eq!(branch().await.as_deref(), Some("refs/heads/trunk"));
    repository.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(branch().await, None, "it is at no branch");
    let error = default_branch(&parse_url("/no/such/repository"), None).await;
    assert!(matches!(error, Err(GitError::NotFound { .. })), "{error:?}");
}

#[tokio::test]
async fn a_ref_that_is_not_there_is_told_from_a_repository_that_is_not() {
    let repository = Repository::with_pipeline("");
    let error = resolve_ref(&repository.url(), &git_ref("refs/heads/absent"), None).await;
    assert!(
        matches!(error, Err(GitError::RefNotFound { .. })),
        "{error:?}"
    );
    let url = parse_url("/no/such/repository");
    let error = resolve_ref(&url, &git_ref("refs/heads/main"), None).await;
    assert!(matches!(error, Err(GitError::NotFound { .. })), "{error:?}");
    let url = parse_url("http://127.0.0.1:1/app");
    let error = resolve_ref(&url, &git_ref("refs/heads/main"), None).await;
    assert!(
        matches!(error, Err(GitError::Unreachable { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_credential_is_needed_and_a_wrong_one_is_not_told() {
    let repository = Repository::with_pipeline("");
    let server = GitHttp::start(GitHttpOptions {
        credential: Some(("ada".to_owned(), "right-token".to_owned())),
        ..GitHttpOptions::new(repository.root())
    })
    .await
    .expect("it starts");
    let url = parse_url(&server.url("app"));
    let main = git_ref("refs/heads/main");
    let error = resolve_ref(&url, &main, None)
        .await
        .expect_err("nobody is let in");
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
    let wrong = credential("ada", "wrong-token");
    let error = resolve_ref(&url, &main, Some(&wrong))
        .await
        .expect_err("it is wrong");
    assert!(matches!(error, GitError::Unauthorized { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong-token"));
    let right = credential("ada", "right-token");
    let commit = resolve_ref(&url, &main, Some(&right))
        .await
        .expect("it is let in");
    assert_eq!(commit.as_str(), repository.git(&["rev-parse", "HEAD"]));
}

#[tokio::test]
async fn a_redirect_is_not_followed_so_that_no_credential_goes_elsewhere() {
    let repository = Repository::with_pipeline("");
    let other = GitHttp::start(GitHttpOptions::new(repository.root()))
        .await
        .expect("it starts");
    let server = GitHttp::start(GitHttpOptions {
        redirect: Some(other.url("").trim_end_matches('/').to_owned()),
        ..GitHttpOptions::new(repository.root())
    })
    .await
    .expect("it starts");
    let url = parse_url(&server.url("app"));
    let credential = credential("ada", "token");
    let error = resolve_ref(&url, &git_ref("refs/heads/main"), Some(&credential)).await;
    assert!(matches!(error, Err(GitError::Moved { .. })), "{error:?}");
    assert_eq!(other.requests(), Vec::<String>::new());
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.ends_with(" authorized"))
    );
}
