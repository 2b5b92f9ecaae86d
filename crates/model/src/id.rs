//! Typed identifiers.
//!
//! Ids are made in the process, before the row is written. The first eight characters are the time in base 36,
//! so ids sort by age and new rows land at the end of every index; the last eight are random.

use std::{fmt, str::FromStr};

use rand::RngExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Millis;

const BASE_36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const TIME_CHARS: usize = 8;
const RANDOM_CHARS: usize = 8;

/// Text that is no id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 8 to 64 letters and digits")
    }
}

impl std::error::Error for InvalidId {}

fn generate(now: Millis) -> String {
    let mut id = [b'0'; TIME_CHARS + RANDOM_CHARS];
    let mut rest = now.0.max(0).unsigned_abs();
    for place in id[..TIME_CHARS].iter_mut().rev() {
        *place = BASE_36[(rest % 36) as usize];
        rest /= 36;
    }
    let mut rng = rand::rng();
    for place in &mut id[TIME_CHARS..] {
        *place = BASE_36[rng.random_range(0..36)];
    }
    id.iter().copied().map(char::from).collect()
}

fn parse(text: &str) -> Result<String, InvalidId> {
    let is_id =
        (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id {
        Ok(text.to_owned())
    } else {
        Err(InvalidId)
    }
}

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, pattern = "^[0-9A-Za-z]{8,64}$", example = "lam3k2o9c0ffee42")]
        pub struct $name(String);

        impl $name {
            /// A new id that sorts after those made before it.
            pub fn generate() -> Self {
                Self(generate(Millis::now()))
            }

            /// What sorts before every id made at `time` or later, and after every one made before. Nothing is older
            /// than 1970.
            pub fn first_of(time: Millis) -> Self {
                let mut id = generate(time);
                id.replace_range(TIME_CHARS.., "00000000");
                Self(id)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                parse(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )*};
}

id! {
    /// The id of a user.
    UserId;
    /// The id of an application.
    AppId;
    /// The id of a task.
    TaskId;
    /// The id of a token's row; not the token.
    TokenId;
    /// The id of a delivery.
    DeliveryId;
}

#[cfg(test)]
mod tests {
    use super::{TaskId, generate};
    use crate::time::Millis;

    #[test]
    fn ids_have_sixteen_characters_and_sort_by_age() {
        let older = generate(Millis(1_668_765_432_123));
        let newer = generate(Millis(1_668_765_432_124));
        assert_eq!(older.len(), 16);
        assert!(older < newer, "{older} {newer}");
        assert!(older.parse::<TaskId>().is_ok());
    }

    #[test]
    fn ids_of_other_generations_are_taken_and_paths_are_not() {
        for id in ["V1StGXR8abZ5jdHi6BmyT", "0123456789abcdef", "aaaaaaaa"] {
            assert!(id.parse::<TaskId>().is_ok(), "{id}");
        }
        for text in [
            "",
            "short",
            "../../../etc/passwd",
            "aaaaaaa%2e",
            "aaaaaaaa\0",
            &"a".repeat(65),
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text:?}");
        }
    }
}
