//! Looks at repositories for commits that no webhook told of.
//!
//! What a look finds is made into the push that the host would have told, and goes the way of all deliveries. It is
//! kept first and remembered then: who dies in between finds it again, and sees that it was told of.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use flowcd_engine::git::{GitError, RepoUrl, list_refs};
use flowcd_model::{
    delivery::{Delivered, DeliveryKind},
    id::AppId,
    time::Millis,
};
use flowcd_store::{Look, Refs, WebhookTarget};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::{
    error::{Error, Result},
    provider::{self, Incoming, found::Found},
    service::{
        credential,
        delivery::{Arrival, Filing, cut, told},
    },
    state::AppState,
};

/// Looks that are under way at once: each is a process and a connection.
const MAX_LOOKS: usize = 8;
/// What one look delivers at most; the next one goes on.
const MAX_FOUND: usize = 100;
/// For so long after a host told of a push, its answers may be older than that.
const LAG_MS: i64 = 60_000;

/// The looks that are under way.
pub(crate) struct Looks {
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_LOOKS)),
            tasks: TaskTracker::new(),
        }
    }
}

impl Looks {
    /// Waits for those that are under way, when none begins any more. They end when the server is asked to stop.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One pass: begins to look at the repositories that are due. It waits for no look unless all may be under way.
pub(crate) async fn look_at_due(state: &AppState) -> Result<()> {
    loop {
        let permits = Arc::clone(&state.looks.permits).acquire_owned().await;
        let mut permits = vec![permits.map_err(Error::internal)?];
        while let Ok(permit) = Arc::clone(&state.looks.permits).try_acquire_owned() {
            permits.push(permit);
        }
        let due = state
            .store
            .claim_polls(Millis::now(), permits.len())
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        for (app_id, permit) in due.into_iter().zip(permits) {
            let state = state.clone();
            state.clone().looks.tasks.spawn(async move {
                if let Err(source) = look_at(&state, &app_id).await {
                    let causes = source.causes().unwrap_or_default();
                    error!(app.id = %app_id, error = causes, "Cannot look at the repository of application `{app_id}`: {source}");
                }
                drop(permit);
            });
        }
    }
}

/// Looks at an application's repository, delivers what is new there, and remembers it.
async fn look_at(state: &AppState, app_id: &AppId) -> Result<()> {
    let Some(target) = state.store.webhook_target(app_id).await? else {
        return Ok(());
    };
    let looking = Looking {
        state,
        look: Look::new(&target.application),
        target,
    };
    let remembered = state.store.polled_refs(app_id).await?;
    // Before the host is asked: what it tells meanwhile may be newer than its answer.
    let told = looking.told().await?;
    match looking.list().await? {
        Listed::Refs(refs) => looking.take(remembered, told, refs).await,
        Listed::Problem(problem) => {
            if looking.target.application.poll_problem.as_deref() != Some(&problem) {
                warn!(app.id = %app_id, "Cannot look at the repository of application `{app_id}`: {problem}");
            }
            looking.end(Err(&problem)).await
        }
        // The next start begins with a look.
        Listed::Cancelled => Ok(()),
    }
}

/// A look that is under way.
struct Looking<'a> {
    state: &'a AppState,
    look: Look,
    target: WebhookTarget,
}

/// What a repository answered.
enum Listed {
    Refs(Refs),
    /// Nothing, and why.
    Problem(String),
    /// The server stops.
    Cancelled,
}

impl Looking<'_> {
    /// What the host told since the last look, the oldest first, as far as its answers must know it by now.
    async fn told(&self) -> Result<Vec<(String, Option<String>)>> {
        let Some(polled_time) = self.look.polled_time else {
            return Ok(Vec::new());
        };
        let (from, until) = (polled_time.plus_ms(-LAG_MS), Millis::now().plus_ms(-LAG_MS));
        let store = &self.state.store;
        Ok(store.told_between(&self.look.app_id, from, until).await?)
    }

    /// Asks the repository for its refs.
    async fn list(&self) -> Result<Listed> {
        let (state, application) = (self.state, &self.target.application);
        let url = match RepoUrl::parse(&application.repo_url, &state.repo_policy()) {
            Ok(url) => url,
            Err(err) => {
                let problem = "the application's `repo_url` is not allowed any more";
                return Ok(Listed::Problem(format!("{problem}: {err}")));
            }
        };
        let provider = application.provider;
        let accounts = state
            .store
            .provider_credentials(&application.user_id, provider)
            .await?;
        let credential = credential::for_repo(&url, provider, &application.owner, accounts);
        let listing = list_refs(&url, credential.as_ref(), &state.stopping);
        Ok(match listing.await {
            Ok(refs) => {
                let refs = refs.into_iter();
                Listed::Refs(refs.map(|(name, it)| (name, it.to_string())).collect())
            }
            Err(GitError::Cancelled { .. }) => Listed::Cancelled,
            // The engine sees to it that its messages hold no secrets.
            Err(err) => Listed::Problem(cut(&err.to_string())),
        })
    }

    /// Delivers what differs from what was there before, and remembers it.
    async fn take(
        &self,
        remembered: Option<Refs>,
        told: Vec<(String, Option<String>)>,
        refs: Refs,
    ) -> Result<()> {
        let Some(remembered) = remembered else {
            // What is there when looking begins was not pushed just now.
            return self.end(Ok(Some(&refs))).await;
        };
        let handled = match self.deliver(&before(&remembered, told), &refs).await? {
            Some(handled) => handled,
            // Somebody else has looked since, or nobody is to look any more.
            None => return Ok(()),
        };
        self.end(Ok((handled != remembered).then_some(&handled)))
            .await
    }

    async fn end(&self, outcome: std::result::Result<Option<&Refs>, &str>) -> Result<()> {
        let store = &self.state.store;
        Ok(store.set_polled(&self.look, Millis::now(), outcome).await?)
    }

    /// Delivers what differs from `seen`. Answers what to remember; `None` when the look counts no more.
    async fn deliver(&self, seen: &Refs, refs: &Refs) -> Result<Option<Refs>> {
        let mut handled = refs.clone();
        let mut n_found = 0;
        for (git_ref, after) in refs {
            let before = seen.get(git_ref).map(String::as_str);
            if before == Some(after) {
                continue;
            }
            if n_found == MAX_FOUND {
                match before {
                    Some(before) => handled.insert(git_ref.clone(), before.to_owned()),
                    None => handled.remove(git_ref),
                };
                continue;
            }
            n_found += 1;
            let found = Found {
                git_ref,
                before,
                after,
            };
            let Some(delivered) = self.deliver_one(found).await? else {
                return Ok(None);
            };
            let app_id = &self.look.app_id;
            if delivered.is_duplicate {
                let id = &delivered.delivery_id;
                info!(delivery.id = %id, app.id = %app_id, "Found `{git_ref}` at {after}, of which delivery `{id}` told");
            } else {
                told(self.state, app_id, DeliveryKind::Poll, &delivered);
            }
        }
        Ok(Some(handled))
    }

    async fn deliver_one(&self, found: Found<'_>) -> Result<Option<Delivered>> {
        let WebhookTarget {
            application,
            secret,
        } = &self.target;
        let provider = application.provider;
        let body = serde_json::to_vec(&found.body(application)).map_err(Error::internal)?;
        let arrival = Arrival {
            headers: found.headers(provider),
            body: Bytes::from(body),
            began: Instant::now(),
        };
        let incoming = Incoming {
            headers: &arrival.headers,
            body: &arrival.body,
        };
        let read = provider::read(provider, &incoming);
        let filing = Filing {
            application,
            secret,
            kind: DeliveryKind::Poll,
            replay_of: None,
        };
        let (mut delivery, tasks) = filing.file(&arrival, &read);
        delivery.key = key(&found, &self.look);
        let store = &self.state.store;
        Ok(store.record_polled(&self.look, delivery, tasks).await?)
    }
}

/// Where the refs pointed before, as far as anybody knows. One that moved away and came back between two looks is
/// where it was, but the host told of it elsewhere.
fn before(remembered: &Refs, told: Vec<(String, Option<String>)>) -> Refs {
    let mut refs = remembered.clone();
    for (git_ref, commit) in told {
        match commit {
            Some(commit) => refs.insert(git_ref, commit),
            None => refs.remove(&git_ref),
        };
    }
    refs
}

/// What makes a find the same as another one: whoever goes on from the same look finds the same. A branch that comes
/// back to a commit is found by a later look.
fn key(found: &Found<'_>, look: &Look) -> String {
    let Found { git_ref, after, .. } = found;
    let since = look.polled_time.unwrap_or_default();
    format!("poll:{git_ref}:{after}:{}", since.0)
}

#[cfg(test)]
mod tests {
    use flowcd_model::{id::AppId, time::Millis};
    use flowcd_store::Look;

    use super::{Found, before, key};

    #[test]
    fn a_find_is_the_same_for_whoever_goes_on_from_the_same_look() {
        let look = |time| Look {
            app_id: AppId::generate(),
            repo_url: "https://git.example.com/o/r".to_owned(),
            polled_time: Some(Millis(time)),
        };
        let found = |before| Found {
            git_ref: "refs/heads/main",
            before,
            after: "abc",
        };
        let first = key(&found(Some("x")), &look(17));
        assert_eq!(first, "poll:refs/heads/main:abc:17");
        assert_eq!(key(&found(None), &look(17)), first);
        assert_ne!(key(&found(Some("x")), &look(18)), first);
    }

    #[test]
    fn what_the_host_told_since_a_look_is_where_the_refs_were_before_the_next_one() {
        let refs = |refs: &[(&str, &str)]| {
            let owned = |(name, commit): &(&str, &str)| ((*name).to_owned(), (*commit).to_owned());
            refs.iter().map(owned).collect()
        };
        let told = vec![
            ("main".to_owned(), Some("b".to_owned())),
            ("gone".to_owned(), None),
            ("new".to_owned(), Some("n".to_owned())),
            ("main".to_owned(), Some("c".to_owned())),
        ];
        let remembered = refs(&[("gone", "g"), ("main", "a"), ("other", "o")]);
        assert_eq!(
            before(&remembered, told),
            refs(&[("main", "c"), ("new", "n"), ("other", "o")])
        );
    }
}
