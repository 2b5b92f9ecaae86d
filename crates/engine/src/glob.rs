//! Globs, which the rules of triggers match names of branches, tags and paths against: `release/*`, `v{1,2}.*`.
//!
//! They mean what they mean to the npm package `micromatch` in version 4 without options. docs/globs.md has the
//! language and the list of differences.
//!
//! ```
//! use flowcd_engine::glob::{Decision, Glob, GlobList};
//!
//! let glob: Glob = "release/{1..3}.*".parse()?;
//! assert!(glob.is_match("release/2.7"));
//! assert!(!glob.is_match("release/4.0"));
//! assert!(!glob.is_match("release/2.7/fix"));
//!
//! // A list is matched as a whole: a later negative takes away what an earlier positive gave.
//! let list = GlobList::parse(&["*", "feature/**", "!dev*"])?;
//! assert_eq!(list.decide("main"), Decision::Included { by: Some(0) });
//! assert_eq!(list.decide("dev-2"), Decision::Excluded { by: 2 });
//! assert_eq!(list.decide("hotfix/a"), Decision::Unmatched);
//!
//! let error = "release/[9-0]".parse::<Glob>().expect_err("no character is in there");
//! assert_eq!(error.to_string(), "the range `9-0` is backwards: write `0-9`");
//! # Ok::<(), flowcd_engine::glob::GlobError>(())
//! ```
//!
//! A pattern becomes a machine of bounded size that reads a name once. So a match takes time in proportion to the
//! length of the name, whatever the pattern; what would need a bigger machine is refused when it is parsed.

mod class;
mod list;
mod machine;
mod parser;
mod range;
mod read;
#[cfg(test)]
mod tests;
mod tree;

use std::{fmt, str::FromStr};

pub use self::list::{Decision, GlobList};
use self::machine::Machine;

/// The longest pattern. Git's own names are hardly longer.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// How deep groups may lie in each other.
const MAX_DEPTH: usize = 32;

/// How many numbers or characters a range like `{1..9}` may count.
const MAX_COUNT: usize = 1000;

/// A pattern for names, read once and matched often.
#[derive(Clone, Debug)]
pub struct Glob {
    source: String,
    /// Begins with a `!` that turns everything around.
    is_negated: bool,
    /// Takes away from a list: it is negated, or begins with `!(..)`.
    is_negative: bool,
    machine: Machine,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GlobError {
    /// There is no text, or nothing but a `./`.
    #[error("the pattern is empty: write `**` for every name")]
    Empty,
    /// The text is longer than [`MAX_PATTERN_BYTES`].
    #[error("the pattern has {0} bytes: at most {MAX_PATTERN_BYTES} are allowed")]
    TooLong(usize),
    /// Parentheses and braces lie too deep in each other.
    #[error("the pattern nests more than {MAX_DEPTH} groups: split it into several patterns")]
    TooDeep,
    /// The machine would be too big.
    #[error("the pattern stands for too many names: split it into several patterns")]
    TooBig,
    /// A range counts too far.
    #[error("the range `{{{0}}}` counts more than {MAX_COUNT} steps: use a class like `[0-9]`")]
    TooManyNumbers(String),
    /// A range of a class in which nothing lies.
    #[error("the range `{first}-{last}` is backwards: write `{last}-{first}`")]
    Backwards {
        /// Where it begins.
        first: char,
        /// Where it ends.
        last: char,
    },
    /// `@(` and the like without an end.
    #[error("`{0}(` is never closed: add a `)`, or write `{0}\\(` for the characters themselves")]
    NeverClosed(char),
    /// A `+` behind a group, a class or in parentheses repeats what is before it, and there is nothing.
    #[error("the `+` has nothing to repeat: write `\\+` for a plus")]
    NothingToRepeat,
    /// `(?=` and the like, which only regular expressions have.
    #[error("`(?{0}` is not supported: write `\\(` for a parenthesis")]
    RegularExpression(char),
}

impl Glob {
    /// Reads a pattern.
    pub fn parse(source: &str) -> Result<Glob, GlobError> {
        let pattern = read::read(source)?;
        Ok(Glob {
            source: source.to_owned(),
            is_negated: pattern.is_negated,
            is_negative: pattern.is_negated || pattern.begins_with_negation,
            machine: Machine::new(&pattern.alternatives)?,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern takes names away from a list: it begins with a `!`.
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Whether a name matches. A pattern always matches its own text, and never an empty name.
    pub fn is_match(&self, name: &str) -> bool {
        self.count_match(name).0
    }

    /// Whether a name matches, and what it took, which is at most [`Glob::max_work`].
    pub(crate) fn count_match(&self, name: &str) -> (bool, usize) {
        if name.is_empty() || name == self.source {
            return (!name.is_empty(), 0);
        }
        let (is_match, work) = self.machine.run(name);
        if self.is_negated {
            return (!is_match && !name.contains(tree::is_line_end), work);
        }
        (is_match, work)
    }

    /// The most that a name of so many characters can take.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn max_work(&self, n_chars: usize) -> usize {
        (n_chars + 1) * self.machine.size()
    }
}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(source: &str) -> Result<Glob, GlobError> {
        Glob::parse(source)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
