//! How a run stands: what its steps have come to so far, and until when the next one may run.

use std::time::{Duration, Instant};

use flowcd_model::{step::StepStatus, task::TaskStatus};
use tokio_util::sync::CancellationToken;

use crate::{
    expr::GlobalStatus,
    process::{Interrupt, TimeLimit, Timed},
};

/// How the run stands so far.
#[derive(Debug)]
pub(crate) struct Standing {
    status: GlobalStatus,
    /// A failure or a cancel is not undone by what comes after it.
    is_locked: bool,
    /// When it was cancelled, or its time was over, whichever came first.
    ended_at: Option<Instant>,
    /// Until when all steps may run.
    time_limit: Option<TimeLimit>,
}

impl Standing {
    /// Before the first step.
    pub(crate) fn new() -> Self {
        Self {
            status: GlobalStatus::Pending,
            is_locked: false,
            ended_at: None,
            time_limit: None,
        }
    }

    pub(crate) fn status(&self) -> GlobalStatus {
        self.status
    }

    /// Whether it was cancelled, or its time is over: what still runs then only cleans up.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// From now on all steps together may take so long.
    pub(crate) fn start_clock(&mut self, limit: Duration) {
        self.time_limit = Some(TimeLimit::from_now(Timed::Task, limit));
    }

    /// A step ended like this.
    pub(crate) fn note(&mut self, status: StepStatus) {
        let (status, is_locked) = match status {
            StepStatus::Success => (GlobalStatus::Success, false),
            StepStatus::ErrorWithContinue => (GlobalStatus::ErrorWithContinue, false),
            StepStatus::Failure => (GlobalStatus::Failure, true),
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Skipped
            | StepStatus::Cancelled => return,
        };
        if !self.is_locked {
            (self.status, self.is_locked) = (status, is_locked);
        }
    }

    /// The run was cancelled. It stays so, and it does not matter what was before.
    pub(crate) fn cancel(&mut self) {
        (self.status, self.is_locked) = (GlobalStatus::Cancelled, true);
        self.ended_at.get_or_insert_with(Instant::now);
    }

    /// The time for all steps is over.
    pub(crate) fn time_out(&mut self) {
        self.note(StepStatus::Failure);
        self.ended_at.get_or_insert_with(Instant::now);
    }

    /// What ends a step that begins now.
    ///
    /// After the run was cancelled, or its time was over, nothing is left to end it but the time for what still runs:
    /// the end must come, however many steps there are.
    pub(crate) fn interrupt<'c>(
        &self,
        cancel: &'c CancellationToken,
        step_limit: Option<Duration>,
        after_end: Duration,
    ) -> Interrupt<'c> {
        let run_limit = match self.ended_at {
            None => self.time_limit,
            Some(ended_at) => Some(TimeLimit {
                of: Timed::AfterEnd,
                limit: after_end,
                ..TimeLimit::from_now(
                    Timed::AfterEnd,
                    after_end.saturating_sub(ended_at.elapsed()),
                )
            }),
        };
        let step_limit = step_limit.map(|limit| TimeLimit::from_now(Timed::Step, limit));
        Interrupt {
            cancel: (self.status != GlobalStatus::Cancelled).then_some(cancel),
            time_limit: run_limit
                .into_iter()
                .chain(step_limit)
                .min_by_key(|limit| limit.deadline),
        }
    }

    pub(crate) fn task_status(&self) -> TaskStatus {
        match self.status {
            GlobalStatus::Failure => TaskStatus::Failure,
            GlobalStatus::Cancelled => TaskStatus::Cancelled,
            // Pending: every step was skipped, and none of them failed.
            GlobalStatus::Pending | GlobalStatus::Success | GlobalStatus::ErrorWithContinue => {
                TaskStatus::Success
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowcd_model::{step::StepStatus, task::TaskStatus};

    use super::Standing;
    use crate::expr::GlobalStatus;

    const ALL: [StepStatus; 7] = [
        StepStatus::Pending,
        StepStatus::Running,
        StepStatus::Success,
        StepStatus::Failure,
        StepStatus::ErrorWithContinue,
        StepStatus::Skipped,
        StepStatus::Cancelled,
    ];

    #[test]
    fn a_failed_set_up_is_not_overwritten_by_what_comes_after_it() {
        for later in ALL {
            let mut standing = Standing::new();
            standing.note(StepStatus::Failure);
            standing.note(later);
            standing.note(StepStatus::Success);
            assert_eq!(standing.status(), GlobalStatus::Failure, "{later}");
            assert_eq!(standing.task_status(), TaskStatus::Failure, "{later}");
        }
    }

    #[test]
    fn a_cancel_overwrites_everything_and_nothing_overwrites_it() {
        for status in ALL {
            let mut standing = Standing::new();
            standing.note(status);
            standing.cancel();
            standing.note(status);
            standing.time_out();
            assert_eq!(standing.status(), GlobalStatus::Cancelled, "{status}");
            assert_eq!(standing.task_status(), TaskStatus::Cancelled, "{status}");
        }
    }

    #[test]
    fn a_step_that_failed_and_was_continued_locks_nothing() {
        let mut standing = Standing::new();
        standing.note(StepStatus::ErrorWithContinue);
        assert_eq!(standing.status(), GlobalStatus::ErrorWithContinue);
        standing.note(StepStatus::Success);
        assert_eq!(standing.status(), GlobalStatus::Success);
        standing.note(StepStatus::Failure);
        assert_eq!(standing.task_status(), TaskStatus::Failure);
    }

    #[test]
    fn a_task_whose_time_is_over_has_failed_for_good() {
        let mut standing = Standing::new();
        standing.start_clock(Duration::from_secs(60));
        standing.note(StepStatus::Success);
        assert!(!standing.has_ended());
        standing.time_out();
        standing.note(StepStatus::Success);
        assert!(standing.has_ended());
        assert_eq!(standing.task_status(), TaskStatus::Failure);
    }
}
