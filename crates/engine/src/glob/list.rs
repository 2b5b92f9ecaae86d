//! Patterns that are matched as a whole.

use super::{Glob, GlobError};

/// Patterns in their order: a positive one adds names, a negative one (`!..`) removes them again.
///
/// A list of only negatives matches whatever none of them removes, and an empty list matches nothing.
#[derive(Clone, Debug, Default)]
pub struct GlobList {
    globs: Vec<Glob>,
}

/// What a list makes of a name, and which of its patterns had the last word, by its index in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// The name matches.
    Included {
        /// The last positive pattern that matches it; none, when the list has only negative ones.
        by: Option<usize>,
    },
    /// The name is removed, whether or not an earlier pattern had added it.
    Excluded {
        /// The last negative pattern that removes it.
        by: usize,
    },
    /// No pattern matches the name.
    Unmatched,
}

impl Decision {
    /// Whether the name matches.
    pub fn is_included(self) -> bool {
        matches!(self, Decision::Included { .. })
    }
}

impl GlobList {
    /// A list of patterns.
    pub fn new(globs: Vec<Glob>) -> GlobList {
        GlobList { globs }
    }

    /// Reads a list of patterns.
    pub fn parse<S: AsRef<str>>(sources: &[S]) -> Result<GlobList, GlobError> {
        let globs = sources.iter().map(|source| Glob::parse(source.as_ref()));
        Ok(GlobList::new(globs.collect::<Result<_, _>>()?))
    }

    /// The patterns, to which the index of a [`Decision`] belongs.
    pub fn globs(&self) -> &[Glob] {
        &self.globs
    }

    /// Whether a name matches the list as a whole.
    pub fn is_match(&self, name: &str) -> bool {
        self.decide(name).is_included()
    }

    /// What the list makes of a name: the last pattern that has to do with it decides.
    pub fn decide(&self, name: &str) -> Decision {
        // A negative pattern matches what it keeps.
        let last = self
            .globs
            .iter()
            .rposition(|glob| glob.is_match(name) != glob.is_negative);
        match last {
            Some(by) if self.globs[by].is_negative => Decision::Excluded { by },
            Some(by) => Decision::Included { by: Some(by) },
            None if self.globs.iter().any(|glob| !glob.is_negative) => Decision::Unmatched,
            None if self.globs.is_empty() => Decision::Unmatched,
            None => Decision::Included { by: None },
        }
    }
}
