//! What a run masks, which grows while it runs.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::MaskSet;

/// How many values the steps of one run may add, and how long they may be together. Each value is searched for in
/// some thirty forms, and all forms together are built into one automaton each time that values are added.
pub(crate) const MAX_ADDED: usize = 1000;
pub(crate) const MAX_ADDED_BYTES: usize = 64 * 1024;

/// The values that a run masks: those known at its beginning, and those that its steps add.
#[derive(Debug)]
pub(crate) struct Masks {
    state: Mutex<State>,
    /// How often the set has changed: read for each piece of output, without the lock.
    version: AtomicU64,
}

struct State {
    set: Arc<MaskSet>,
    values: HashSet<String>,
    n_added: usize,
    n_added_bytes: usize,
}

/// The values alone would be secrets.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}

/// More values were added than a run may have. Those up to the limit are masked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooMany;

impl Masks {
    /// What is masked from the beginning.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Masks {
        let values: HashSet<String> = values.into_iter().collect();
        Masks {
            state: Mutex::new(State {
                set: Arc::new(MaskSet::new(&values)),
                values,
                n_added: 0,
                n_added_bytes: 0,
            }),
            version: AtomicU64::new(0),
        }
    }

    /// Masks these as well from now on.
    pub(crate) fn add(&self, values: impl IntoIterator<Item = String>) -> Result<(), TooMany> {
        let mut state = self.state();
        let mut result = Ok(());
        let mut is_changed = false;
        for value in values {
            if state.values.contains(&value) {
                continue;
            }
            if state.n_added >= MAX_ADDED || state.n_added_bytes + value.len() > MAX_ADDED_BYTES {
                result = Err(TooMany);
                continue;
            }
            state.n_added += 1;
            state.n_added_bytes += value.len();
            state.values.insert(value);
            is_changed = true;
        }
        if is_changed {
            state.set = Arc::new(MaskSet::new(&state.values));
            self.version.fetch_add(1, Ordering::Release);
        }
        result
    }

    /// What is masked now.
    pub(crate) fn set(&self) -> Arc<MaskSet> {
        Arc::clone(&self.state().set)
    }

    /// How often that has changed.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The text with `***` for each value.
    pub(crate) fn text(&self, text: &str) -> String {
        self.set().text(text)
    }

    /// The values are whole whoever broke off while the lock was held.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
