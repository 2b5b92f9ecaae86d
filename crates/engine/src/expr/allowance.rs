//! What all expressions of a run may read together, and how the evaluation under way is stopped.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// How much all expressions of a run may read.
const MAX_BYTES: u64 = 4 << 30;

/// What all expressions of a run may read together. Its clones count as one.
///
/// Expressions run on a thread of their own, which nobody can end from outside: they look here whether to go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance {
    /// How much has been read since the beginning of the run.
    n_bytes: Arc<AtomicU64>,
    under_way: Arc<UnderWay>,
}

/// The evaluation under way.
#[derive(Debug, Default)]
struct UnderWay {
    /// Whether it is to end.
    is_stopped: AtomicBool,
    /// Whether it did, before it had its value.
    is_cut_short: AtomicBool,
}

/// Stops an evaluation when it is dropped, which is too late where that has ended by itself.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Arc<UnderWay>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }
}

impl Allowance {
    /// Makes it that of another evaluation, which nobody has stopped yet.
    pub(crate) fn renew(&mut self) -> StopOnDrop {
        self.under_way = Arc::default();
        StopOnDrop(Arc::clone(&self.under_way))
    }

    /// Whether the evaluation was stopped before it had its value: one that has little to do gets to its end.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.under_way.is_cut_short.load(Ordering::Relaxed)
    }

    /// Fails when the evaluation is to end.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.under_way.is_stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.under_way.is_cut_short.store(true, Ordering::Relaxed);
        Err("the evaluation was stopped".to_owned())
    }

    /// Counts what was read, and refuses what is too much for a run.
    pub(super) fn bytes(&self, n: u64) -> Result<(), String> {
        self.check()?;
        let before = self.n_bytes.fetch_add(n, Ordering::Relaxed);
        match before.saturating_add(n) > MAX_BYTES {
            true => Err(format!(
                "the expressions of this run have read more than {} GiB together",
                MAX_BYTES >> 30
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, MAX_BYTES};

    #[test]
    fn evaluations_of_a_run_share_what_they_may_read() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.bytes(MAX_BYTES - 1), Ok(()));
        let _stop = allowance.renew();
        assert_eq!(allowance.bytes(1), Ok(()));
        assert_eq!(
            allowance.clone().bytes(1),
            Err("the expressions of this run have read more than 4 GiB together".to_owned())
        );
    }

    #[test]
    fn only_the_evaluation_under_way_is_stopped() {
        let mut allowance = Allowance::default();
        let stop = allowance.renew();
        let under_way = allowance.clone();
        assert_eq!(under_way.bytes(1), Ok(()));
        drop(stop);
        assert!(!under_way.is_cut_short());
        assert!(under_way.bytes(1).is_err());
        assert!(under_way.is_cut_short());
        let _stop = allowance.renew();
        assert!(!allowance.is_cut_short());
        assert_eq!(allowance.bytes(1), Ok(()));
    }
}
