//! Plugins: what a step with `plugin` runs.
//!
//! A plugin is found once, at set-up, and then called: for its step, and once more at the end of the run if it asks
//! for that. This module knows nothing of the order of steps, of conditions or of expressions: its inputs have been
//! rendered when they come here, and they are never rendered again.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::{
    git::RepoPolicy,
    job::{Checkout, Limits},
    log::StepLog,
    process::{End, Interrupt},
};

/// Where plugins come from, what they may reach, and where they keep what is to last.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// The folder of the npm packages that were installed, for every run that comes.
    pub installed: PathBuf,
    /// The npm registry to install from; npm's own setting when there is none.
    pub registry: Option<String>,
    /// A file of certificates (PEM) that npm trusts beside its own: for a registry behind a proxy that ends TLS.
    pub ca_file: Option<PathBuf>,
    /// The folder in which the cache plugin keeps files between the runs of one application.
    pub caches: PathBuf,
    /// Which repositories the checkout plugin may talk to.
    pub repositories: RepoPolicy,
}

/// A plugin that was found, and is ready to be called.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {}

/// Where to look for plugins, on behalf of one run.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    pub(crate) plugins: &'a Plugins,
    /// The checkout.
    pub(crate) workspace: &'a Path,
    /// `PATH`: where Node.js and npm are looked for.
    pub(crate) path: &'a str,
    pub(crate) marker: &'a str,
    /// The run's own folder, with `home` and `tmp` in it.
    pub(crate) dir: &'a Path,
    pub(crate) limits: &'a Limits,
    pub(crate) cancel: &'a CancellationToken,
}

/// Why a plugin was not found, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    /// The run was cancelled meanwhile.
    #[error("cancelled")]
    Cancelled,
    /// Anything else, in a sentence for whoever wrote the pipeline.
    #[error("{0}")]
    Failed(String),
}

/// Finds the plugin that a pipeline calls `specifier`, and installs it where it is a package that is not there yet.
pub(crate) async fn find(
    specifier: &str,
    _finder: &Finder<'_>,
    _log: &mut StepLog,
) -> Result<Plugin, PluginError> {
    Err(PluginError::Failed(format!(
        "the plugin `{specifier}` is not supported yet"
    )))
}

/// What a plugin is called for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Its step.
    Run,
    /// The end of the run.
    Post,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run",
            Self::Post => "post",
        })
    }
}

/// One call of a plugin.
pub(crate) struct Call<'a> {
    pub(crate) phase: Phase,
    /// Rendered.
    pub(crate) inputs: Map<String, Value>,
    /// What the run knows: `cwd`, `steps`, `status`, .. and under `$variables` all that expressions can see.
    pub(crate) context: Value,
    /// The whole environment of a plugin's process.
    pub(crate) env: &'a [(String, String)],
    pub(crate) workspace: &'a Path,
    /// `HOME` of the steps.
    pub(crate) home: &'a Path,
    /// `TMPDIR` of the steps.
    pub(crate) tmp: &'a Path,
    pub(crate) marker: &'a str,
    pub(crate) limits: &'a Limits,
    pub(crate) plugins: &'a Plugins,
    /// The run's own repository and commit; none when it runs in a folder.
    pub(crate) checkout: Option<&'a Checkout>,
    /// Post: the state that the call for the step ended with.
    pub(crate) run_state: Option<Value>,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) end: End,
    pub(crate) outputs: Map<String, Value>,
    /// Why it failed, where `end` does not say it. With it, the call failed whatever `end` is.
    pub(crate) error: Option<String>,
    /// What the call at the end of the run is to know.
    pub(crate) state: Option<Value>,
}

impl Plugin {
    /// Whether it wants to be called at the end of the run.
    pub(crate) fn has_post(&self) -> bool {
        false
    }

    /// Calls it. It fails in its answer, never otherwise.
    pub(crate) async fn call(
        &self,
        _call: &Call<'_>,
        _interrupt: &Interrupt<'_>,
        _log: &mut StepLog,
    ) -> Called {
        Called {
            end: End::Exited(1),
            outputs: Map::new(),
            error: Some("plugins are not supported yet".to_owned()),
            state: None,
        }
    }
}
