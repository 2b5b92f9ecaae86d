//! What is to be run, and what came of it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use flowcd_model::{id::TaskId, step::Step, task::TaskStatus};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    git::{CommitId, Credential, GitRef, RepoUrl},
    plugin::Plugins,
    process::DEFAULT_PATH,
};

/// A pipeline to run.
#[derive(Debug)]
pub struct Job {
    /// The task that this is.
    pub task_id: TaskId,
    /// The task's own folder. The run makes it (0700) and removes it at the end.
    pub dir: PathBuf,
    /// Where the files come from.
    pub source: Source,
    /// The pipeline file, relative to the checkout. `.yaml` and `.yml` stand in for each other.
    pub pipeline_file: String,
    /// What expressions can see beside `env`, `secrets` and `steps`.
    pub contexts: Contexts,
    /// Secrets by name. Their values are masked in everything that a run tells.
    pub secrets: BTreeMap<String, SecretString>,
    /// The application's environment; the pipeline's and the step's own come on top of it.
    pub envs: Map<String, Value>,
    /// The value of `FLOWCD_RUN` in every process of this run, by which strays are found.
    pub marker: String,
    /// How it is run, where that is not as usual.
    pub options: Options,
    /// Where plugins come from, and where they keep what is to last.
    pub plugins: Plugins,
    /// How long to wait, how much to hold, and where to look.
    pub limits: Limits,
}

/// How a job is run, where that is not as usual.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the log also tells the environment, the values of expressions, the commands of git and timings.
    pub is_debug: bool,
    /// Whether the steps are only told, with their expressions resolved, and not run.
    pub is_dry_run: bool,
    /// The id of the one step to run; the others are skipped.
    pub only_step: Option<String>,
}

/// Where the files come from.
#[derive(Debug)]
pub enum Source {
    /// A commit of a repository.
    Git(Checkout),
    /// A folder that is there already; it is used in place and neither copied nor removed.
    Folder(PathBuf),
}

/// A commit of a repository.
#[derive(Debug)]
pub struct Checkout {
    /// The repository.
    pub url: RepoUrl,
    /// The commit.
    pub commit: CommitId,
    /// The branch or tag that led to the commit. It does not decide what is deployed; the commit does.
    pub git_ref: Option<GitRef>,
    /// What the repository wants to see.
    pub credential: Option<Credential>,
    /// Where copies of repositories are kept between runs. A run that names an address and a commit gets what is kept
    /// for them without asking the repository again, so people who must not see each other's repositories need a
    /// folder each.
    pub mirrors: PathBuf,
}

/// What expressions can see, by name.
#[derive(Clone, Debug, Default)]
pub struct Contexts {
    /// `git`: the repository and the commit.
    pub git: Map<String, Value>,
    /// `app`: the application.
    pub app: Map<String, Value>,
    /// `task`: the task.
    pub task: Map<String, Value>,
    /// `trigger`: what started it.
    pub trigger: Map<String, Value>,
    /// `inputs`: what was given at dispatch. Each key is a name at the top, too, unless it is taken.
    pub inputs: Map<String, Value>,
    /// Laid over all of the above and `env`, by the name of the context: an object's keys replace those of the
    /// context with its name, anything else replaces the whole. `cloudSecrets` in it is masked like secrets are.
    pub overlay: Map<String, Value>,
}

/// How long to wait, how much to hold, and where to look.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From SIGTERM to SIGKILL when a run is cancelled.
    pub grace_period: Duration,
    /// How long a step's output is read on after its shell has ended, because something else holds the pipe.
    pub drain: Duration,
    /// How long the steps that run after the run was cancelled may take, all together.
    pub after_cancel: Duration,
    /// The longest piece of output in one event, in bytes.
    pub max_output_chunk: usize,
    /// How long one call of git may take, and one of npm that installs a plugin.
    pub git_timeout: Duration,
    /// The longest pipeline file, in bytes.
    pub max_pipeline_bytes: u64,
    /// `PATH` of the steps and of git.
    pub path: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace_period: Duration::from_secs(5),
            drain: Duration::from_secs(1),
            after_cancel: Duration::from_secs(300),
            max_output_chunk: 256 * 1024,
            git_timeout: Duration::from_secs(600),
            max_pipeline_bytes: 1024 * 1024,
            path: DEFAULT_PATH.to_owned(),
        }
    }
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The final status.
    pub status: TaskStatus,
    /// The steps as they ended, the set-up first.
    pub steps: Vec<Step>,
    /// Why it failed, where no step says it.
    pub error: Option<String>,
}
