//! How a process ends, and what ends it before it does so by itself.

use std::{fmt, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How a process ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that we did not send.
    Killed(i32),
    /// Nobody knows: the system did not tell.
    Lost(String),
    /// We ended it, because the run was cancelled.
    Cancelled,
    /// We ended it, because it took too long.
    TimedOut(TimeLimit),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by signal {number} ({})", signal.as_str()),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::Lost(why) => write!(f, "the process was lost: {why}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::TimedOut(limit) => limit.fmt(f),
        }
    }
}

/// A time at which something is ended, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TimeLimit {
    /// What took too long.
    pub(crate) of: Timed,
    /// How long it may take, for people.
    pub(crate) limit: Duration,
    /// When that is over.
    pub(crate) deadline: Instant,
}

/// What may take only so long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timed {
    /// One attempt of a step.
    Step,
    /// All steps together.
    Task,
    /// What runs although the run was cancelled, or took too long.
    AfterEnd,
}

impl TimeLimit {
    /// A limit that begins now.
    pub(crate) fn from_now(of: Timed, limit: Duration) -> Self {
        let now = Instant::now();
        // A century is as good as never, and no overflow.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        Self {
            of,
            limit,
            deadline: now + limit.min(century),
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = Span(self.limit);
        match self.of {
            Timed::Step => write!(f, "timed out after {span}"),
            Timed::Task => write!(f, "the task took more than {span}"),
            Timed::AfterEnd => write!(f, "took more than {span} after the end of the task"),
        }
    }
}

/// A length of time in the words that a person would use: `5 minutes`, `1 second`, `0.3 seconds`.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let is_minutes = self.0.as_secs() >= 60 && self.0.as_secs().is_multiple_of(60);
        let (number, unit) = if is_minutes && self.0.subsec_nanos() == 0 {
            (seconds / 60.0, "minute")
        } else {
            (seconds, "second")
        };
        let number = (number * 1000.0).round() / 1000.0;
        // One of a thing is the only number that is no plural.
        let is_one = format!("{number}") == "1";
        write!(f, "{number} {unit}{}", if is_one { "" } else { "s" })
    }
}

/// When a process is ended before it ends by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupt<'a> {
    /// When this fires.
    pub(crate) cancel: Option<&'a CancellationToken>,
    /// At this time.
    pub(crate) time_limit: Option<TimeLimit>,
}

impl Interrupt<'_> {
    /// Waits for the reason to end what runs, for ever if there is none.
    pub(crate) async fn wait(&self) -> End {
        let cancelled = async {
            match self.cancel {
                Some(cancel) => cancel.cancelled().await,
                None => std::future::pending().await,
            }
        };
        match self.time_limit {
            None => cancelled.await,
            Some(limit) => tokio::select! {
                biased;
                () = cancelled => {}
                () = tokio::time::sleep_until(limit.deadline) => return End::TimedOut(limit),
            },
        }
        End::Cancelled
    }

    /// The reason to end what runs, where there is one already.
    pub(crate) async fn now(&self) -> Option<End> {
        tokio::select! {
            biased;
            end = self.wait() => Some(end),
            () = std::future::ready(()) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Span;

    #[test]
    fn lengths_of_time_are_told_in_words() {
        for (seconds, text) in [
            (0.05, "0.05 seconds"),
            (0.3, "0.3 seconds"),
            (1.0, "1 second"),
            (3.0, "3 seconds"),
            (59.0, "59 seconds"),
            (60.0, "1 minute"),
            (90.0, "90 seconds"),
            (300.0, "5 minutes"),
            (3600.0, "60 minutes"),
            (60.5, "60.5 seconds"),
        ] {
            assert_eq!(Span(Duration::from_secs_f64(seconds)).to_string(), text);
        }
    }
}
