//! When a call is sent again, and after how long.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rand::RngExt;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::{Error, builder::Limits};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The longest `Retry-After` that is waited for; a longer one is the caller's to wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(15);

/// Makes a call safe to repeat: the server does it once for each key and answers the repetitions with the first
/// result, for a day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key that nobody else has.
    pub fn generate() -> Self {
        let mut rng = rand::rng();
        Self(format!("{:032x}", rng.random::<u128>()))
    }

    /// A key of one's own: 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredential`] when `key` is something else.
    pub fn new(key: &str) -> Result<Self, Error> {
        let is_key =
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key {
            Ok(Self(key.to_owned()))
        } else {
            Err(Error::InvalidCredential {
                what: "idempotency key",
            })
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attempt that failed.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// When the server asks to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

/// The attempts of one call.
pub(crate) struct Retry {
    n_left: u32,
    n_done: u32,
    started_at: Instant,
    patience: Duration,
}

impl Retry {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            n_left: limits.n_retries,
            n_done: 0,
            started_at: Instant::now(),
            patience: limits.request,
        }
    }

    /// How long to wait before the call is sent again; `None` when it is not. The caller has made sure that it may be.
    pub(crate) fn delay_after(&mut self, failure: &Failure) -> Option<Duration> {
        if is_in_flight(failure) {
            // The first call with this key is at work. It will have a result, so this costs no attempt.
            let is_late = self.started_at.elapsed() > self.patience;
            return if is_late {
                None
            } else {
                self.delay(failure.retry_after)
            };
        }
        if self.n_left == 0 || !failure.error.is_temporary() {
            return None;
        }
        self.n_left -= 1;
        self.delay(failure.retry_after)
    }

    fn delay(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let back_off = back_off(self.n_done);
        self.n_done += 1;
        match retry_after {
            Some(asked) if asked > LONGEST_RETRY_AFTER => None,
            Some(asked) => Some(asked + back_off / 4),
            None => Some(back_off),
        }
    }
}

/// A conflict that passes by itself: the server says when to come back. Other conflicts have no `Retry-After`.
fn is_in_flight(failure: &Failure) -> bool {
    failure.error.status() == Some(409) && failure.retry_after.is_some()
}

/// The delay after `n_done` failures: doubling, up to a limit, and half of it by chance, so that the many clients of a
/// server that comes back do not arrive together.
pub(crate) fn back_off(n_done: u32) -> Duration {
    let full = FIRST_DELAY
        .saturating_mul(1 << n_done.min(16))
        .min(LONGEST_DELAY);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// `Retry-After` in seconds. Its other form, a date, would need the server's clock and ours to agree.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Failure, IdempotencyKey, LONGEST_DELAY, Retry, back_off};
    use crate::{Error, builder::Limits};

    fn timeout(retry_after: Option<u64>) -> Failure {
        Failure {
            error: Error::Timeout {
                operation: "get_task",
                url: String::new(),
            },
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn back_off_grows_to_its_limit_and_never_overflows() {
        assert!(back_off(0) <= Duration::from_millis(100));
        assert!(back_off(3) >= Duration::from_millis(400));
        assert!(back_off(u32::MAX) <= LONGEST_DELAY);
    }

    #[test]
    fn attempts_end() {
        let mut retry = Retry::new(&Limits::default());
        assert!((0..3).all(|_| retry.delay_after(&timeout(None)).is_some()));
        assert!(retry.delay_after(&timeout(None)).is_none());
    }

    #[test]
    fn the_server_decides_when_to_come_back_within_limits() {
        let mut retry = Retry::new(&Limits::default());
        let delay = retry
            .delay_after(&timeout(Some(2)))
            .expect("two seconds are within the limit");
        assert!(delay >= Duration::from_secs(2), "{delay:?}");
        assert!(retry.delay_after(&timeout(Some(3600))).is_none());
    }

    #[test]
    fn keys_are_unique_and_checked() {
        assert_ne!(IdempotencyKey::generate(), IdempotencyKey::generate());
        assert!(IdempotencyKey::new("release-42").is_ok());
        for key in ["", "two words", "line\nbreak", &"a".repeat(256)] {
            assert!(IdempotencyKey::new(key).is_err(), "{key:?}");
        }
    }
}
