//! Points in time, as integer milliseconds since the Unix epoch.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
    ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 1_668_765_432_123_i64)]
pub struct Millis(pub i64);

impl Millis {
    /// The present, by this machine's clock.
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    /// This time moved by `ms` milliseconds, stopping at the ends of the range.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// RFC 3339 in UTC to the millisecond, as `2022-11-18T09:57:12.123Z`.
    pub fn precise(self) -> String {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => format!("{timestamp:.3}"),
            Err(_) => self.0.to_string(),
        }
    }

    /// Milliseconds from `earlier` to this time; negative when `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC (`2022-11-18T09:57:12Z`); the bare number when it lies outside the calendar's range.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.0}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Millis;

    #[test]
    fn time_is_shown_in_rfc_3339_and_never_panics() {
        assert_eq!(
            Millis(1_668_765_432_123).to_string(),
            "2022-11-18T09:57:12Z"
        );
        assert_eq!(Millis(i64::MAX).to_string(), i64::MAX.to_string());
        assert_eq!(Millis(i64::MAX).plus_ms(1), Millis(i64::MAX));
    }
}
