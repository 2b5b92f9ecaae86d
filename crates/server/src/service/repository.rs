//! What is asked of an application's repository while somebody waits for the answer.

use std::{cmp::Ordering, collections::BTreeMap, future::Future, time::Duration};

use flowcd_engine::git::{
    CommitId, Credential, GitError, GitRef, RepoUrl, default_branch, list_refs as ask_for_refs,
    resolve_ref,
};
use flowcd_model::{
    application::Application,
    id::AppId,
    repository::{NamedCommit, RepositoryRefs},
};

use crate::{
    auth::Caller,
    error::{Error, Result},
    service::{application::get_application, credential},
    state::AppState,
};

/// How long a repository may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The most branches, and the most tags, that are told.
const MAX_LISTED: usize = 1_000;

/// A repository, and what its owner opens it with.
struct Remote {
    url: RepoUrl,
    credential: Option<Credential>,
}

impl Remote {
    async fn of(state: &AppState, application: &Application) -> Result<Self> {
        let url = RepoUrl::parse(&application.repo_url, &state.repo_policy()).map_err(|err| {
            Error::rule(format!(
                "the application's `repo_url` is not allowed any more: {err}"
            ))
        })?;
        let provider = application.provider;
        let accounts = state
            .store
            .provider_credentials(&application.user_id, provider)
            .await?;
        let credential = credential::for_repo(&url, provider, &application.owner, accounts);
        Ok(Self { url, credential })
    }

    /// Waits for the answer to `n_calls` calls of git, each of which is a process and a connection.
    async fn answer<T>(
        &self,
        state: &AppState,
        n_calls: u32,
        asking: impl Future<Output = Result<T, GitError>>,
    ) -> Result<T> {
        let permitted = async {
            let _permits = state.resolving.acquire_many(n_calls).await;
            asking.await
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, permitted).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(err)) => Err(refusal(err, self.credential.is_some())),
            Err(_) => Err(unreachable(format!(
                "the repository did not answer within {} s",
                ANSWER_TIMEOUT.as_secs()
            ))),
        }
    }
}

/// Asks the repository which commit the ref points to.
pub(crate) async fn resolve(
    state: &AppState,
    application: &Application,
    git_ref: &GitRef,
) -> Result<CommitId> {
    let remote = Remote::of(state, application).await?;
    let asking = resolve_ref(&remote.url, git_ref, remote.credential.as_ref());
    remote.answer(state, 1, asking).await
}

/// The branches and tags of an application's repository.
pub(crate) async fn list_refs(
    state: &AppState,
    caller: &Caller,
    app_id: &AppId,
) -> Result<RepositoryRefs> {
    let application = get_application(state, caller, app_id).await?;
    let remote = Remote::of(state, &application).await?;
    let (url, credential) = (&remote.url, remote.credential.as_ref());
    // Git tells the default branch only to those who ask for nothing else.
    let asking = async {
        tokio::try_join!(
            ask_for_refs(url, credential, &state.stopping),
            default_branch(url, credential)
        )
    };
    let (refs, default) = remote.answer(state, 2, asking).await?;
    Ok(arrange(refs, default.as_ref()))
}

/// Puts refs, by their full names, into the order in which somebody chooses from them, and cuts what is too much.
fn arrange(refs: BTreeMap<String, CommitId>, default: Option<&GitRef>) -> RepositoryRefs {
    let default = default.filter(|git_ref| refs.contains_key(git_ref.as_str()));
    let default_branch = default.map(|git_ref| git_ref.short().to_owned());
    let (mut branches, mut tags) = (Vec::new(), Vec::new());
    for (full_name, commit) in refs {
        let (list, name) = match full_name.split_at_checked("refs/heads/".len()) {
            Some(("refs/heads/", name)) => (&mut branches, name),
            _ => (
                &mut tags,
                full_name.strip_prefix("refs/tags/").unwrap_or(&full_name),
            ),
        };
        list.push(NamedCommit {
            name: name.to_owned(),
            commit: commit.to_string(),
        });
    }
    let (total_branches, total_tags) = (branches.len() as u64, tags.len() as u64);
    if let Some(place) = branches
        .iter()
        .position(|branch| Some(&branch.name) == default_branch.as_ref())
    {
        branches[..=place].rotate_right(1);
    }
    branches.truncate(MAX_LISTED);
    let newest_first = |a: &NamedCommit, b: &NamedCommit| by_number(&b.name, &a.name);
    if tags.len() > MAX_LISTED {
        tags.select_nth_unstable_by(MAX_LISTED, newest_first);
        tags.truncate(MAX_LISTED);
    }
    tags.sort_by(newest_first);
    RepositoryRefs {
        default_branch,
        branches,
        tags,
        total_branches,
        total_tags,
    }
}

/// Compares names with the numbers in them as numbers: `v1.9` comes before `v1.10`.
fn by_number(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let ([first, ..], [second, ..]) = (left, right) {
        let (number, other) = (digits(left), digits(right));
        let order = if number.is_empty() || other.is_empty() {
            first.cmp(second)
        } else {
            let (number, other) = (without_zeros(number), without_zeros(other));
            number.len().cmp(&other.len()).then(number.cmp(other))
        };
        if order.is_ne() {
            return order;
        }
        left = &left[number.len().max(1)..];
        right = &right[other.len().max(1)..];
    }
    left.len().cmp(&right.len()).then(a.cmp(b))
}

/// The digits that a text begins with.
fn digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|byte| *byte != b'0');
    &digits[start.unwrap_or(digits.len())..]
}

/// What went wrong with a repository, as an answer. The messages of git hold no secrets: the engine sees to that.
fn refusal(err: GitError, is_authenticated: bool) -> Error {
    match &err {
        GitError::RefNotFound { .. } => Error::invalid("ref", &err),
        GitError::Unauthorized { .. } | GitError::NotFound { .. } if is_authenticated => {
            Error::rule(format!(
                "{err}; the stored token for this host does not open it: store another one by `POST user/updateUserProviderToken`"
            ))
        }
        GitError::Unauthorized { .. } | GitError::NotFound { .. } => Error::rule(format!(
            "{err}; if it is private, store a token for its host by `POST user/updateUserProviderToken`"
        )),
        GitError::Unreachable { .. } | GitError::TimedOut { .. } => unreachable(err.to_string()),
        GitError::Failed { .. }
        | GitError::Moved { .. }
        | GitError::CommitNotFound { .. }
        | GitError::TooManyRefs { .. } => Error::rule(err.to_string()),
        GitError::Cancelled { .. } => Error::unavailable("the server is stopping"),
        GitError::Io { .. } => Error::internal(err),
    }
}

fn unreachable(message: String) -> Error {
    Error::unavailable(message).with_retry_after(30)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flowcd_engine::git::{CommitId, GitError, GitRef};
    use flowcd_model::repository::RepositoryRefs;

    use super::{MAX_LISTED, arrange, refusal};

    fn arranged(names: impl IntoIterator<Item = String>, default: &str) -> RepositoryRefs {
        let commit: CommitId = "a".repeat(40).parse().expect("a commit");
        let refs: BTreeMap<_, _> = names
            .into_iter()
            .map(|name| (name, commit.clone()))
            .collect();
        let default: GitRef = default.parse().expect("a ref");
        arrange(refs, Some(&default))
    }

    #[test]
    fn the_default_branch_comes_first_and_the_newest_tag() {
        let names = [
            "refs/heads/a",
            "refs/heads/b/c",
            "refs/heads/main",
            "refs/heads/z",
            "refs/tags/2024-01-02",
            "refs/tags/v1.10.0",
            "refs/tags/v1.9.2",
            "refs/tags/v1.9.2-rc1",
            "refs/tags/v01.9.2",
            "refs/tags/refs/heads/x",
        ];
        let told = arranged(names.map(str::to_owned), "refs/heads/main");
        let names =
            |list: &[super::NamedCommit]| list.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        assert_eq!(told.default_branch.as_deref(), Some("main"));
        assert_eq!(names(&told.branches), ["main", "a", "b/c", "z"]);
        assert_eq!(
            names(&told.tags),
            [
                "v1.10.0",
                "v1.9.2-rc1",
                "v1.9.2",
                "v01.9.2",
                "refs/heads/x",
                "2024-01-02"
            ]
        );
        assert_eq!((told.total_branches, told.total_tags), (4, 6));
        // One that nobody has pushed to yet.
        let told = arranged(["refs/heads/a".to_owned()], "refs/heads/main");
        assert_eq!((told.default_branch, told.branches.len()), (None, 1));
    }

    #[test]
    fn what_is_too_much_is_cut_and_counted() {
        let numbers = 0..MAX_LISTED + 5;
        let names = numbers.flat_map(|n| [format!("refs/heads/b{n}"), format!("refs/tags/v{n}")]);
        let told = arranged(names, "refs/heads/b999");
        assert_eq!(
            (told.branches.len(), told.tags.len()),
            (MAX_LISTED, MAX_LISTED)
        );
        assert_eq!((told.total_branches, told.total_tags), (1_005, 1_005));
        assert_eq!(told.branches[0].name, "b999");
        assert_eq!(
            (
                told.tags[0].name.as_str(),
                told.tags[MAX_LISTED - 1].name.as_str()
            ),
            ("v1004", "v5")
        );
    }

    #[test]
    fn each_failure_of_a_repository_has_its_answer() {
        let url = || "https://git.example.com/o/r".to_owned();
        let message = || "m".to_owned();
        for (err, is_authenticated, status, part) in [
            (
                GitError::RefNotFound {
                    url: url(),
                    git_ref: "refs/heads/x".to_owned(),
                },
                false,
                422,
                "`ref`: ",
            ),
            (
                GitError::Unauthorized {
                    url: url(),
                    message: message(),
                },
                false,
                422,
                "if it is private",
            ),
            (
                GitError::Unauthorized {
                    url: url(),
                    message: message(),
                },
                true,
                422,
                "store another one",
            ),
            (
                GitError::Unreachable {
                    url: url(),
                    message: message(),
                },
                false,
                503,
                "cannot reach",
            ),
            (
                GitError::TimedOut {
                    operation: "ls-remote",
                    seconds: 30,
                },
                false,
                503,
                "30 seconds",
            ),
            (
                GitError::Io {
                    what: "cannot start git".to_owned(),
                    source: std::io::Error::other("x"),
                },
                false,
                500,
                "log",
            ),
        ] {
            let answer = refusal(err, is_authenticated);
            assert_eq!(answer.code().status(), status, "{answer}");
            assert!(answer.to_string().contains(part), "{answer}");
        }
    }
}
