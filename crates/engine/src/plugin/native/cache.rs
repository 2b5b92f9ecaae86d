//! The cache plugin: folders that are there again in the next run.
//!
//! Its step restores what was saved under the key; at the end of a run that did not fail, what was not restored under
//! the very key is saved under it. What goes wrong is a warning and no failure: a cache makes a run faster, nothing
//! else.

mod archive;
mod place;
mod store;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Done, NotDone};
use crate::{
    log::StepLog,
    plugin::{Call, input::Inputs, scratch::Scratch},
};

use self::{
    archive::{Named, Restored},
    place::{Place, Roots},
    store::{Entry, Store},
};

/// The longest key: the names of files have a limit, and a key is in one.
const MAX_KEY_BYTES: usize = 180;

/// What the step was asked for.
struct Request {
    key: String,
    restore_keys: Vec<String>,
    places: Vec<Place>,
}

impl Request {
    fn read(call: &Call<'_>) -> Result<Self, String> {
        let inputs = Inputs(&call.inputs);
        let key = inputs.required(&["key"])?;
        check_key(&key)?;
        let restore_keys = inputs.list(&["restore-keys", "restoreKeys"])?;
        let roots = Roots::of(call)?;
        let places = inputs
            .list(&["path", "paths"])?
            .into_iter()
            .map(|path| roots.place(&path))
            .collect::<Result<Vec<_>, _>>()?;
        if places.is_empty() {
            return Err("the input `path` is missing".to_owned());
        }
        for (n, place) in places.iter().enumerate() {
            let mut others = places.iter().enumerate().filter(|(other, _)| *other != n);
            if let Some((_, outer)) = others.find(|(_, it)| place.path.starts_with(&it.path)) {
                return Err(format!(
                    "the path `{}` lies within `{}`, which is cached as well",
                    place.path.display(),
                    outer.path.display()
                ));
            }
        }
        Ok(Self {
            key,
            restore_keys,
            places,
        })
    }
}

impl Request {
    /// The paths by their names in archives.
    fn named(&self) -> Vec<Named> {
        let name = |place: &Place| {
            let digest = Sha256::digest(place.written.trim_end_matches('/').as_bytes());
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        let places = self.places.iter();
        places
            .map(|place| Named {
                name: name(place),
                path: place.path.clone(),
            })
            .collect()
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if key.len() > MAX_KEY_BYTES {
        return Err(format!("the key is longer than {MAX_KEY_BYTES} bytes"));
    }
    if key.chars().any(char::is_control) {
        return Err("the key has control characters in it".to_owned());
    }
    Ok(())
}

/// The step: brings back what is there under the key.
pub(super) async fn restore(call: &Call<'_>, log: &mut StepLog) -> Result<Done, NotDone> {
    for name in ["ossConfig", "credentials", "region"] {
        if call.inputs.contains_key(name) {
            log.line(&format!(
                "The input `{name}` is not needed: the server keeps the cache"
            ))
            .await;
        }
    }
    match try_restore(call, log).await {
        Ok(done) => Ok(done),
        Err(error) => {
            log.line(&format!("Warning: the cache is not used: {error}"))
                .await;
            Ok(Done {
                outputs: outputs([("cache-hit", false.into()), ("error", error.into())]),
                state: None,
            })
        }
    }
}

async fn try_restore(call: &Call<'_>, log: &mut StepLog) -> Result<Done, String> {
    let request = Request::read(call)?;
    let store = Store::open(&call.plugins.caches)?;
    let found = store.find(&request.key, &request.restore_keys).await?;
    let Some(entry) = found else {
        log.line(&format!("Nothing is cached for `{}`", request.key))
            .await;
        return Ok(done(&request, false, None));
    };
    let is_hit = entry.key == request.key;
    let restored = unpack(call, &store, &entry, &request).await?;
    let Restored {
        n_entries,
        n_files,
        n_bytes,
    } = restored;
    if n_entries == 0 {
        log.line(&format!(
            "What is cached for `{}` was saved from other paths",
            entry.key
        ))
        .await;
        return Ok(done(&request, false, None));
    }
    log.line(&format!(
        "Restored `{}`: {n_files} files, {n_bytes} bytes",
        entry.key
    ))
    .await;
    Ok(done(&request, is_hit, Some(entry.key)))
}

fn done(request: &Request, is_hit: bool, matched: Option<String>) -> Done {
    let mut outputs = outputs([("cache-hit", is_hit.into())]);
    if let Some(matched) = matched {
        outputs.insert("cache-matched-key".to_owned(), matched.into());
    }
    Done {
        outputs,
        // The key at the end of the run would be another one where it is made of files that the run has changed.
        state: Some(json!({"key": request.key, "is_hit": is_hit})),
    }
}

fn outputs<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

async fn unpack(
    call: &Call<'_>,
    store: &Store,
    entry: &Entry,
    request: &Request,
) -> Result<Restored, String> {
    let scratch = Scratch::make(call.tmp)?;
    let file = store.read(entry, &scratch.path("archive")).await?;
    let places = request.named();
    on_a_thread(move |stop| archive::unpack(file, &places, stop)).await
}

/// The end of the run: saves what was not restored.
pub(super) async fn save(call: &Call<'_>, log: &mut StepLog) -> Result<Done, NotDone> {
    if let Err(error) = try_save(call, log).await {
        log.line(&format!("Warning: nothing is saved: {error}"))
            .await;
    }
    Ok(Done::default())
}

async fn try_save(call: &Call<'_>, log: &mut StepLog) -> Result<(), String> {
    let Some(state) = &call.run_state else {
        log.line("Nothing is saved, because the step did not look for it")
            .await;
        return Ok(());
    };
    let status = call.context.get("status").and_then(Value::as_str);
    if matches!(status, Some("failure" | "cancelled")) {
        log.line("Nothing is saved, because the task did not succeed")
            .await;
        return Ok(());
    }
    let key = state["key"].as_str().unwrap_or_default().to_owned();
    if state["is_hit"] == Value::Bool(true) {
        log.line(&format!("`{key}` was restored, and is not saved again"))
            .await;
        return Ok(());
    }
    let request = Request {
        key,
        ..Request::read(call)?
    };
    let scratch = Scratch::make(call.tmp)?;
    let path = scratch.path("archive");
    let places = request.named();
    let target = path.clone();
    let packed = on_a_thread(move |stop| archive::pack(&target, places, stop)).await?;
    if packed.n_entries == 0 {
        return Err("nothing is there to be saved".to_owned());
    }
    let store = Store::open(&call.plugins.caches)?;
    store.write(&request.key, &path).await?;
    log.line(&format!(
        "Saved `{}`: {} files, {} bytes compressed",
        request.key, packed.n_files, packed.n_bytes
    ))
    .await;
    let n_removed = store.evict(&request.key).await?;
    if n_removed > 0 {
        log.line(&format!(
            "Removed {n_removed} older entries, which took more room than there is"
        ))
        .await;
    }
    Ok(())
}

/// Blocking work, which is told to stop when nobody waits for it any more.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce(&CancellationToken) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    tokio::task::spawn_blocking(move || work(&stop))
        .await
        .map_err(|error| format!("the work broke off: {error}"))?
}
