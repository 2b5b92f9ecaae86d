//! Looks at repositories for commits that no webhook told of.
//!
//! What a look finds is made into the push that the host would have told, and goes the way of all deliveries. It is
//! kept first and remembered then: who dies in between finds it again, and sees that it was told of.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use flowcd_engine::git::{RepoUrl, list_refs};
use flowcd_model::{
    application::Application,
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
                tokio::select! {
                    looked = look_at(&state, &app_id) => if let Err(source) = looked {
                        let causes = source.causes().unwrap_or_default();
                        error!(app.id = %app_id, error = causes, "Cannot look at the repository of application `{app_id}`: {source}");
                    },
                    () = state.stopping.cancelled() => {}
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
    let application = &target.application;
    let look = Look::new(application);
    // Before the host is asked: what it tells meanwhile may be newer than its answer.
    let seen = seen(state, &look).await?;
    let refs = match list(state, application).await? {
        Ok(refs) => refs,
        Err(problem) => {
            if application.poll_problem.as_deref() != Some(&problem) {
                warn!(app.id = %app_id, "Cannot look at the repository of application `{app_id}`: {problem}");
            }
            let set = state.store.set_polled(&look, Millis::now(), Err(&problem));
            return Ok(set.await?);
        }
    };
    let remembered = match seen {
        // What is there when looking begins was not pushed just now.
        None => refs,
        Some(seen) => match deliver(state, &target, &look, &seen, refs).await? {
            Some(remembered) => remembered,
            // Somebody else has looked since, or nobody is to look any more.
            None => return Ok(()),
        },
    };
    let set = state
        .store
        .set_polled(&look, Millis::now(), Ok(&remembered));
    Ok(set.await?)
}

/// Where the refs pointed as far as anybody knows; `None` at the first look. A branch that moved away and came back
/// between two looks is where it was, but the host told of it elsewhere.
async fn seen(state: &AppState, look: &Look) -> Result<Option<Refs>> {
    let Some(mut seen) = state.store.polled_refs(&look.app_id).await? else {
        return Ok(None);
    };
    if let Some(polled_time) = look.polled_time {
        let (from, until) = (polled_time.plus_ms(-LAG_MS), Millis::now().plus_ms(-LAG_MS));
        for (git_ref, commit) in state.store.told_between(&look.app_id, from, until).await? {
            match commit {
                Some(commit) => seen.insert(git_ref, commit),
                None => seen.remove(&git_ref),
            };
        }
    }
    Ok(Some(seen))
}

/// Asks the repository for its refs: those, or why there is no answer.
async fn list(state: &AppState, application: &Application) -> Result<Result<Refs, String>> {
    let url = match RepoUrl::parse(&application.repo_url, &state.repo_policy()) {
        Ok(url) => url,
        Err(err) => {
            return Ok(Err(format!(
                "the application's `repo_url` is not allowed any more: {err}"
            )));
        }
    };
    let provider = application.provider;
    let accounts = state
        .store
        .provider_credentials(&application.user_id, provider)
        .await?;
    let credential = credential::for_repo(&url, provider, &application.owner, accounts);
    Ok(match list_refs(&url, credential.as_ref()).await {
        Ok(refs) => Ok(refs
            .into_iter()
            .map(|(name, commit)| (name, commit.to_string()))
            .collect()),
        // The engine sees to it that its messages hold no secrets.
        Err(err) => Err(cut(&err.to_string())),
    })
}

/// Delivers what differs from what was seen. Answers what to remember; `None` when the look counts no more.
async fn deliver(
    state: &AppState,
    target: &WebhookTarget,
    look: &Look,
    seen: &Refs,
    refs: Refs,
) -> Result<Option<Refs>> {
    let mut remembered = refs.clone();
    let mut n_found = 0;
    for (git_ref, after) in &refs {
        let before = seen.get(git_ref).map(String::as_str);
        if before == Some(after) {
            continue;
        }
        if n_found == MAX_FOUND {
            match before {
                Some(before) => remembered.insert(git_ref.clone(), before.to_owned()),
                None => remembered.remove(git_ref),
            };
            continue;
        }
        n_found += 1;
        let found = Found {
            git_ref,
            before,
            after,
        };
        let app_id = &look.app_id;
        match deliver_one(state, target, look, found).await? {
            None => return Ok(None),
            Some(delivered) if delivered.is_duplicate => {
                let id = &delivered.delivery_id;
                info!(delivery.id = %id, app.id = %app_id, "Found `{git_ref}` at {after}, of which delivery `{id}` told");
            }
            Some(delivered) => told(state, app_id, DeliveryKind::Poll, &delivered),
        }
    }
    Ok(Some(remembered))
}

async fn deliver_one(
    state: &AppState,
    target: &WebhookTarget,
    look: &Look,
    found: Found<'_>,
) -> Result<Option<Delivered>> {
    let WebhookTarget {
        application,
        secret,
    } = target;
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
    delivery.key = key(&found, look);
    Ok(state.store.record_polled(look, delivery, tasks).await?)
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

    use super::{Found, key};

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
}
