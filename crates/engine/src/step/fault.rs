//! Why a step did not end well.

use crate::process::{End, Timed};

/// Why a step did not end well.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) cause: Cause,
}

/// What kind of thing that is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// The run was cancelled while it ran.
    Cancelled,
    /// The time for all steps was over while it ran.
    TaskTimedOut,
    /// It ran, and failed: with an exit code where it ended by itself.
    Failed(Option<i32>),
    /// It cannot be run as it is written, or what it left cannot be used. It would be the same another time.
    Unfit,
}

impl Fault {
    pub(super) fn unfit(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: Cause::Unfit,
        }
    }

    /// What is wrong with this end, if anything is.
    pub(super) fn of(end: &End) -> Option<Self> {
        let cause = match end {
            End::Exited(0) => return None,
            End::Exited(code) => Cause::Failed(Some(*code)),
            End::Killed(_) | End::Lost(_) => Cause::Failed(None),
            End::Cancelled => Cause::Cancelled,
            End::TimedOut(limit) => match limit.of {
                Timed::Task => Cause::TaskTimedOut,
                Timed::Step | Timed::AfterEnd => Cause::Failed(None),
            },
        };
        Some(Self {
            message: end.to_string(),
            cause,
        })
    }
}
