//! Plugins: what a step with `plugin` runs.

use std::path::PathBuf;

/// Where plugins come from, and where they keep what is to last.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// The folder of the npm packages that were installed, for every run that comes.
    pub installed: PathBuf,
    /// The npm registry to install from; npm's own setting when there is none.
    pub registry: Option<String>,
    /// The folder in which the cache plugin keeps files between the runs of one application.
    pub caches: PathBuf,
}
