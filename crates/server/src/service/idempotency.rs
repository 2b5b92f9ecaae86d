//! Doing a thing once, however often it is asked for with one `Idempotency-Key`.
//!
//! The answer is written in the transaction of the effect, so there is never one without the other. The keys in
//! flight are kept in memory beside that: whoever asks while the first request is being worked on is told to come
//! back, instead of doing the same work to no end.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use flowcd_model::{envelope::Code, id::UserId};
use flowcd_store::{IdempotencyRecord, StoredResponse};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    auth::{Caller, is_same},
    error::{Error, Result},
    state::AppState,
};

/// A request that is to be done once.
#[derive(Clone)]
pub(crate) struct Once {
    pub(crate) key: String,
    pub(crate) operation: &'static str,
    pub(crate) body_sha256: [u8; 32],
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer<T> {
    /// By doing what was asked.
    New(T),
    /// From an earlier request with the same key.
    Replayed(T),
}

/// Makes the record that goes into the transaction of the effect.
pub(crate) struct Recorder<'a> {
    caller: &'a Caller,
    once: &'a Once,
}

impl Recorder<'_> {
    pub(crate) fn record<T: Serialize>(&self, answer: &T) -> Result<IdempotencyRecord> {
        Ok(IdempotencyRecord {
            user_id: self.caller.user_id.clone(),
            key: self.once.key.clone(),
            operation: self.once.operation,
            body_sha256: self.once.body_sha256,
            response: serde_json::to_string(answer).map_err(Error::internal)?,
        })
    }
}

/// Does `act`, unless the same was done before; without a key, in any case.
///
/// `act` hands what the recorder makes to the store, together with the effect.
pub(crate) async fn once<T: DeserializeOwned>(
    state: &AppState,
    caller: &Caller,
    once: Option<Once>,
    act: impl AsyncFnOnce(Option<Recorder<'_>>) -> Result<T>,
) -> Result<Answer<T>> {
    let Some(once) = once else {
        return act(None).await.map(Answer::New);
    };
    let _entry = state.in_flight.enter(&caller.user_id, &once.key)?;
    let stored = state.store.idempotent_response(&caller.user_id, &once.key);
    if let Some(stored) = stored.await? {
        return replay(&once, &stored);
    }
    let recorder = Recorder {
        caller,
        once: &once,
    };
    match act(Some(recorder)).await {
        Ok(answer) => Ok(Answer::New(answer)),
        Err(err) if err.code() == Code::Conflict => {
            // Another server, which has its own keys in flight, may have been faster.
            let stored = state.store.idempotent_response(&caller.user_id, &once.key);
            match stored.await? {
                Some(stored) => replay(&once, &stored),
                None => Err(err),
            }
        }
        Err(err) => Err(err),
    }
}

fn replay<T: DeserializeOwned>(once: &Once, stored: &StoredResponse) -> Result<Answer<T>> {
    let is_same_request =
        stored.operation == once.operation && is_same(&stored.body_sha256, &once.body_sha256);
    if !is_same_request {
        return Err(Error::rule(
            "this `Idempotency-Key` was used for another request; take a new key for a new request",
        )
        .with_field("Idempotency-Key"));
    }
    serde_json::from_str(&stored.response)
        .map(Answer::Replayed)
        .map_err(Error::internal)
}

/// The keys of the requests that are being worked on.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<(UserId, String)>>);

impl InFlight {
    fn enter(&self, user_id: &UserId, key: &str) -> Result<Entry<'_>> {
        let entry = (user_id.clone(), key.to_owned());
        if self.keys().insert(entry.clone()) {
            return Ok(Entry {
                in_flight: self,
                entry,
            });
        }
        Err(Error::conflict(
            "a request with this `Idempotency-Key` is being worked on; ask again for its answer",
        )
        .with_field("Idempotency-Key")
        .with_retry_after(1))
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashSet<(UserId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key in flight, until this is dropped.
struct Entry<'a> {
    in_flight: &'a InFlight,
    entry: (UserId, String),
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.in_flight.keys().remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::id::UserId;
    use flowcd_store::StoredResponse;

    use super::{Answer, InFlight, Once, replay};

    #[test]
    fn a_key_is_in_flight_once_per_user_and_until_it_is_done() {
        let in_flight = InFlight::default();
        let (alice, bob) = (UserId::generate(), UserId::generate());
        let entry = in_flight.enter(&alice, "k");
        assert!(entry.is_ok());
        assert!(in_flight.enter(&alice, "k").is_err());
        assert!(in_flight.enter(&alice, "l").is_ok());
        assert!(in_flight.enter(&bob, "k").is_ok());
        drop(entry);
        assert!(in_flight.enter(&alice, "k").is_ok());
    }

    #[test]
    fn only_the_same_request_is_answered_from_the_record() {
        let stored = StoredResponse {
            operation: "dispatch_task".to_owned(),
            body_sha256: [1; 32],
            response: "7".to_owned(),
        };
        let ask = |operation, body_sha256| {
            let once = Once {
                key: "k".to_owned(),
                operation,
                body_sha256,
            };
            replay::<i32>(&once, &stored).ok()
        };
        assert_eq!(ask("dispatch_task", [1; 32]), Some(Answer::Replayed(7)));
        assert_eq!(ask("dispatch_task", [2; 32]), None);
        assert_eq!(ask("redeploy_task", [1; 32]), None);
    }
}
