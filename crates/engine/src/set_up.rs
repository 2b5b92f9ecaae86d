//! The beginning of a run: its folder, the checkout, the pipeline.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use flowcd_model::{
    dispatch::Inputs,
    step::{Step, StepCount, StepStatus},
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::{
    command_files::CommandFolder,
    context::Context,
    event::Event,
    git::{self, CheckedOut, Git, GitError, Trace},
    inputs::check_inputs,
    job::{Checkout, Source},
    log::StepLog,
    mask::MIN_BYTES,
    parse::{Pipeline, parse_pipeline},
    process::kill_marked,
    run::{Ending, Run},
    workdir::Workdir,
};

mod environment;
mod pipeline_file;
mod plan;

use pipeline_file::read_pipeline;
pub(crate) use plan::{Planned, Work};

const NAME: &str = "Set up task";

/// What the steps need to run, and what they leave for each other.
pub(crate) struct Ready {
    pub(crate) steps: Vec<Arc<Planned>>,
    pub(crate) context: Context,
    /// Where the checkout is, with every link resolved.
    pub(crate) workspace: PathBuf,
    pub(crate) workdir: Workdir,
    /// Where the files go that a step tells us things by.
    pub(crate) commands: CommandFolder,
    /// The environment that every step gets before its own.
    pub(crate) env: Vec<(String, String)>,
    /// How long all steps together may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) left: Left,
    /// Holds the mirror.
    _checked_out: Option<CheckedOut>,
}

/// What steps leave for those after them, beside what expressions see.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Folders to look for programs in, the last one first.
    pub(crate) paths: Vec<String>,
    /// How long all outputs, and all variables, are together.
    pub(crate) n_output_bytes: usize,
    pub(crate) n_env_bytes: usize,
    /// The outputs of each step by its number, unmasked.
    pub(crate) outputs: BTreeMap<usize, Map<String, Value>>,
    /// What a plugin is called with at the end of the run, by the index of its step.
    pub(crate) posts: BTreeMap<usize, PostCall>,
    /// Why the last step that failed did.
    pub(crate) error: Option<String>,
}

/// What the call of a plugin leaves for its call at the end of the run.
#[derive(Clone, Debug)]
pub(crate) struct PostCall {
    pub(crate) inputs: Map<String, Value>,
    pub(crate) env: Map<String, Value>,
    pub(crate) state: Option<Value>,
}

/// Where a run takes place.
struct Place<'a> {
    workdir: &'a Workdir,
    workspace: &'a Path,
}

/// Why a run does not get to its steps.
enum SetUpError {
    Cancelled,
    Failed(String),
}

impl From<GitError> for SetUpError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Cancelled { .. } => Self::Cancelled,
            GitError::Io {
                ref what,
                ref source,
            } => Self::Failed(format!("{what}: {source}")),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl Run {
    /// Step 0. Nothing when the run ends with it.
    pub(crate) async fn set_up(&mut self) -> Option<Ready> {
        let step = self.pending_step(0, NAME, None);
        self.add_steps([step]).await;
        let began = self.begin(0).await;
        let mut log = self.log(StepCount::SET_UP);
        let prepared = self.prepare_steps(&mut log).await;
        let (ready, status, error) = match prepared {
            // A cancel that came meanwhile finds the first step pending.
            Ok((ready, steps)) => (Some((ready, steps)), StepStatus::Success, None),
            Err(SetUpError::Cancelled) => {
                self.standing.cancel();
                log.line("Cancelled").await;
                (None, StepStatus::Cancelled, None)
            }
            Err(SetUpError::Failed(error)) => {
                log.line(&format!("Error: {error}")).await;
                (None, StepStatus::Failure, Some(error))
            }
        };
        log.finish().await;
        let ending = Ending {
            error,
            began: Some(began),
            ..Ending::unrun(status)
        };
        self.end(0, ending).await;
        let (ready, steps) = ready?;
        self.add_steps(steps).await;
        Some(ready)
    }

    async fn prepare_steps(&self, log: &mut StepLog) -> Result<(Ready, Vec<Step>), SetUpError> {
        log.line(&format!(
            "flowcd {}, {}-{}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        ))
        .await;
        if self.cancel.is_cancelled() {
            return Err(SetUpError::Cancelled);
        }
        let (workdir, commands) = self.make_workdir().await?;
        let mut contexts = self.job.contexts.clone();
        let (folder, checked_out) = match &self.job.source {
            Source::Folder(folder) => (folder.clone(), None),
            Source::Git(checkout) => {
                let checked_out = self.check_out(checkout, &workdir, log).await?;
                environment::fill_in(&mut contexts, checkout, &checked_out);
                (workdir.workspace.clone(), Some(checked_out))
            }
        };
        contexts.lay_over();
        for (name, secret) in &self.job.secrets {
            if (1..MIN_BYTES).contains(&secret.expose_secret().len()) {
                log.line(&format!(
                    "Warning: the secret `{name}` is shorter than {MIN_BYTES} bytes and is not masked"
                ))
                .await;
            }
        }
        let (workspace, pipeline) = self.read_pipeline(folder, log).await?;
        contexts.inputs = checked_inputs(&pipeline, &contexts.inputs)?;
        let timeout = pipeline.timeout;
        let place = Place {
            workdir: &workdir,
            workspace: &workspace,
        };
        let began = Instant::now();
        let planned = self.plan(pipeline, &place, log).await?;
        self.debug_time(log, "looking up shells and plugins", began)
            .await;
        let steps = planned
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let spec = &step.spec;
                self.pending_step(index + 1, &spec.display_name(), spec.id.as_deref())
            })
            .collect();
        let ready = Ready {
            steps: planned,
            context: Context::new(&contexts, &self.job.secrets, &self.job.envs),
            env: environment::well_known(&self.job, &workdir, &workspace, &contexts),
            timeout,
            commands,
            left: Left::default(),
            workspace,
            workdir,
            _checked_out: checked_out,
        };
        Ok((ready, steps))
    }

    /// The workspace with its links resolved, and the pipeline in it.
    async fn read_pipeline(
        &self,
        folder: PathBuf,
        log: &mut StepLog,
    ) -> Result<(PathBuf, Pipeline), SetUpError> {
        let began = Instant::now();
        let file = self.job.pipeline_file.clone();
        let limit = self.job.limits.max_pipeline_bytes;
        // A file that is made to be slow to parse keeps a thread busy, and not the tasks of others.
        let (workspace, file, pipeline) = on_a_thread(move || {
            let (workspace, file, text) = read_pipeline(&folder, &file, limit)?;
            let pipeline = parse_pipeline(&file, &text).map_err(|error| error.to_string())?;
            Ok((workspace, file, pipeline))
        })
        .await?;
        for warning in &pipeline.warnings {
            log.line(&format!("Warning: {warning}")).await;
        }
        if pipeline.steps.is_empty() {
            return Err(SetUpError::Failed(format!(
                "the pipeline `{file}` has no steps"
            )));
        }
        let n_steps = pipeline.steps.len();
        let s = if n_steps == 1 { "" } else { "s" };
        log.line(&format!("Read pipeline `{file}`: {n_steps} step{s}"))
            .await;
        self.debug_time(log, "reading the pipeline", began).await;
        Ok((workspace, pipeline))
    }

    async fn make_workdir(&self) -> Result<(Workdir, CommandFolder), SetUpError> {
        let (dir, marker) = (self.job.dir.clone(), self.job.marker.clone());
        on_a_thread(move || {
            let make = || {
                let workdir = Workdir::new(&dir)?;
                if workdir.exists() {
                    // An earlier run of the same task did not get to its end. What is left of it must not see our files.
                    kill_marked(&marker);
                }
                workdir.create()?;
                let commands = CommandFolder::open(&workdir.root)?;
                Ok((workdir, commands))
            };
            make().map_err(|error: io::Error| {
                format!("cannot make the task's folder `{}`: {error}", dir.display())
            })
        })
        .await
    }

    async fn check_out(
        &self,
        checkout: &Checkout,
        workdir: &Workdir,
        log: &mut StepLog,
    ) -> Result<CheckedOut, SetUpError> {
        let at = checkout
            .git_ref
            .as_ref()
            .map(|git_ref| format!(" ({git_ref})"))
            .unwrap_or_default();
        let commit = &checkout.commit;
        log.line(&format!("Checking out {} at {commit}{at}", checkout.url))
            .await;
        let git = Git {
            path: self.job.limits.path.clone(),
            marker: Some(self.job.marker.clone()),
            timeout: self.job.limits.git_timeout,
            cancel: self.cancel.clone(),
            trace: self.job.options.is_debug.then(Trace::default),
        };
        let began = Instant::now();
        let checked_out = git::check_out(checkout, &git, &workdir.workspace).await;
        self.debug_git(log, &git).await;
        let checked_out = checked_out?;
        let subject = checked_out.message.lines().next().unwrap_or_default();
        let from = if checked_out.is_fetched {
            ""
        } else {
            " (from the mirror)"
        };
        let subject = printable(subject);
        log.line(&format!("Checked out {}{from}: {subject}", commit.short()))
            .await;
        self.debug_time(log, "the checkout", began).await;
        self.tell(Event::CheckedOut {
            commit: commit.to_string(),
            message: self.masks.text(&checked_out.message),
        })
        .await;
        Ok(checked_out)
    }
}

/// The inputs as the pipeline declares them, with what it says for those that were not given.
fn checked_inputs(pipeline: &Pipeline, given: &Inputs) -> Result<Inputs, SetUpError> {
    check_inputs(&pipeline.inputs, given).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        SetUpError::Failed(errors.join("; "))
    })
}

/// A text that a terminal does not act on.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, SetUpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| SetUpError::Failed(format!("the set-up broke off: {error}")))?
        .map_err(SetUpError::Failed)
}
