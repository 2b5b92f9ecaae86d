//! How often a step is tried.

use super::{
    Turn,
    attempt::Attempted,
    fault::{Cause, Fault},
    prepare::Prepared,
};
use crate::{log::StepLog, parse::Retry, process::Span, run::Run, set_up::Ready};

impl Run {
    /// Runs a step until it ends well or may not be tried again; answers the last attempt, and which one it was.
    pub(super) async fn try_and_retry(
        &self,
        turn: &Turn,
        prepared: &Prepared,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> (Attempted, u32) {
        let retry = turn.step.spec.retry.as_ref();
        let mut number = 1;
        loop {
            let mut attempted = self.attempt(turn, number, prepared, ready, log).await;
            let (Some(retry), Err(fault)) = (retry, &attempted.result) else {
                return (attempted, number);
            };
            if number > retry.max || self.standing.has_ended() || !is_worth_it(retry, fault) {
                return (attempted, number);
            }
            let why = fault.message.clone();
            if let Err(fault) = self.wait_for_next(retry, &why, log).await {
                attempted.result = Err(fault);
                return (attempted, number);
            }
            number += 1;
            let n_attempts = u64::from(retry.max) + 1;
            log.line(&format!("Attempt {number} of {n_attempts} after {why}"))
                .await;
        }
    }

    /// Waits before another attempt. An error is why there is none.
    async fn wait_for_next(
        &self,
        retry: &Retry,
        why: &str,
        log: &mut StepLog,
    ) -> Result<(), Fault> {
        let interrupt = self
            .standing
            .interrupt(&self.cancel, None, self.job.limits.after_cancel);
        if !retry.delay.is_zero() {
            let delay = Span(retry.delay);
            log.line(&format!("Another attempt in {delay}: {why}"))
                .await;
        }
        tokio::select! {
            biased;
            end = interrupt.wait() => Fault::of(&end).map_or(Ok(()), Err),
            () = tokio::time::sleep(retry.delay) => Ok(()),
        }
    }
}

fn is_worth_it(retry: &Retry, fault: &Fault) -> bool {
    match (fault.cause, &retry.exit_codes) {
        (Cause::Failed(Some(code)), Some(codes)) => codes.contains(&code),
        (Cause::Failed(_), None) => true,
        (Cause::Failed(None), Some(_))
        | (Cause::Cancelled | Cause::TaskTimedOut | Cause::Unfit, _) => false,
    }
}
