//! Plugins: what a step with `plugin` runs.
//!
//! A plugin is found once, at set-up, and then called: for its step, and once more at the end of the run if it asks
//! for that. This module knows nothing of the order of steps, of conditions or of expressions: its inputs have been
//! rendered when they come here, and they are never rendered again.

mod answer;
mod capture;
mod executable;
mod input;
mod install;
mod name;
mod native;
mod node;
mod registry;
mod scratch;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use self::{
    executable::{Executable, Local},
    name::Name,
    native::Native,
    node::NodePlugin,
};
use crate::{
    git::{CheckedOut, RepoPolicy},
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
pub(crate) struct Plugin {
    kind: Kind,
    kept: Kept,
}

#[derive(Clone, Debug)]
enum Kind {
    Native(Native),
    Node(NodePlugin),
    Executable(Executable),
}

/// Mirrors that a workspace borrows from: they are held for as long as the plugin is, which is to the end of the run.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<CheckedOut>>>);

impl Kept {
    fn keep(&self, checked_out: CheckedOut) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(checked_out);
    }
}

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

impl Finder<'_> {
    /// The environment of our own helpers: nothing of the server's, and nothing of a step's.
    fn environment(&self) -> Vec<(String, String)> {
        let folder = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        [
            ("PATH", self.path.to_owned()),
            ("HOME", folder("home")),
            ("TMPDIR", folder("tmp")),
            ("LANG", "C.UTF-8".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// Finds the plugin that a pipeline calls `specifier`, and installs it where it is a package that is not there yet.
pub(crate) async fn find(
    specifier: &str,
    finder: &Finder<'_>,
    log: &mut StepLog,
) -> Result<Plugin, PluginError> {
    let kind = match name::parse(specifier).map_err(PluginError::Failed)? {
        Name::Native(native, version) => {
            let version = version.map_or_else(String::new, |version| {
                format!("; version {version} is not looked for")
            });
            log.line(&format!("The plugin `{specifier}` is built in{version}"))
                .await;
            Kind::Native(native)
        }
        Name::Path(path) => find_local(specifier, &path, finder, log).await?,
        Name::PathOrPackage(package) => {
            let is_there = finder.workspace.join(specifier).exists();
            match package {
                Some(package) if !is_there => {
                    Kind::Node(install::find(specifier, &package, finder, log).await?)
                }
                _ => find_local(specifier, specifier, finder, log).await?,
            }
        }
        Name::Package(package) => {
            Kind::Node(install::find(specifier, &package, finder, log).await?)
        }
    };
    Ok(Plugin {
        kind,
        kept: Kept::default(),
    })
}

async fn find_local(
    specifier: &str,
    path: &str,
    finder: &Finder<'_>,
    log: &mut StepLog,
) -> Result<Kind, PluginError> {
    let path = finder.workspace.join(path);
    let local = executable::look(&path).map_err(|error| {
        PluginError::Failed(format!("the plugin `{specifier}` cannot be used: {error}"))
    })?;
    let kind = match local {
        Local::Executable(executable) => Kind::Executable(executable),
        Local::Node(path) => Kind::Node(node::describe(specifier, &path, finder).await?),
    };
    log.line(&format!("The plugin `{specifier}` is a local one"))
        .await;
    Ok(kind)
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

impl Call<'_> {
    /// Whether the run is to be looked into. The plugin's processes are told in the same way.
    fn is_debug(&self) -> bool {
        let mut variables = self.env.iter();
        variables.any(|(name, value)| name == "FLOWCD_DEBUG" && value == "true")
    }

    /// `PATH` of the plugin's processes.
    fn search_path(&self) -> &str {
        let path = self.env.iter().rev().find(|(name, _)| name == "PATH");
        path.map_or(self.limits.path.as_str(), |(_, path)| path)
    }
}

impl Called {
    /// A call whose process ended like this, without an answer.
    fn ended(end: End) -> Self {
        Self {
            end,
            outputs: Map::new(),
            error: None,
            state: None,
        }
    }

    /// A call that did not come about.
    fn failed(error: String) -> Self {
        Self {
            error: Some(error),
            ..Self::ended(End::Exited(1))
        }
    }
}

impl Plugin {
    /// Whether it wants to be called at the end of the run.
    pub(crate) fn has_post(&self) -> bool {
        match &self.kind {
            Kind::Native(native) => native.has_post(),
            Kind::Node(plugin) => plugin.has_post,
            Kind::Executable(executable) => executable.has_post(),
        }
    }

    /// Calls it. It fails in its answer, never otherwise.
    pub(crate) async fn call(
        &self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        log: &mut StepLog,
    ) -> Called {
        match &self.kind {
            Kind::Native(native) => native.call(call, interrupt, &self.kept, log).await,
            Kind::Node(plugin) => plugin.call(call, interrupt, log).await,
            Kind::Executable(executable) => executable.call(call, interrupt, log).await,
        }
    }
}
