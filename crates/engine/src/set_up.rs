//! The beginning of a run: its folder, the checkout, the pipeline.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use flowcd_model::step::{Step, StepCount, StepStatus};
use serde_json::{Map, Value};

use crate::{
    context::Context,
    event::Event,
    git::{self, CheckedOut, Git, GitError},
    job::{Checkout, Contexts, Source},
    log::StepLog,
    parse::{Pipeline, StepSpec, parse_pipeline},
    process::kill_marked,
    run::{Ending, Run},
    workdir::Workdir,
};

const NAME: &str = "Set up task";

/// What the steps need to run.
pub(crate) struct Ready {
    pub(crate) specs: Vec<StepSpec>,
    pub(crate) context: Context,
    /// Where the checkout is, with every link resolved.
    pub(crate) workspace: PathBuf,
    /// The environment that every step gets before its own.
    pub(crate) env: Vec<(String, String)>,
    /// Holds the mirror.
    _checked_out: Option<CheckedOut>,
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
        let prepared = self.prepare(&mut log).await;
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

    async fn prepare(&self, log: &mut StepLog) -> Result<(Ready, Vec<Step>), SetUpError> {
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
        let workdir = self.make_workdir().await?;
        let mut contexts = self.job.contexts.clone();
        let (folder, checked_out) = match &self.job.source {
            Source::Folder(folder) => (folder.clone(), None),
            Source::Git(checkout) => {
                let checked_out = self.check_out(checkout, &workdir, log).await?;
                fill_in(&mut contexts, checkout, &checked_out);
                (workdir.workspace.clone(), Some(checked_out))
            }
        };
        let file = self.job.pipeline_file.clone();
        let limit = self.job.limits.max_pipeline_bytes;
        let (workspace, file, text) =
            on_a_thread(move || read_pipeline(&folder, &file, limit)).await?;
        let pipeline =
            parse_pipeline(&file, &text).map_err(|error| SetUpError::Failed(error.to_string()))?;
        for warning in &pipeline.warnings {
            log.line(&format!("Warning: {warning}")).await;
        }
        check(&file, &pipeline)?;
        let n_steps = pipeline.steps.len();
        let s = if n_steps == 1 { "" } else { "s" };
        log.line(&format!("Read pipeline `{file}`: {n_steps} step{s}"))
            .await;
        let steps = pipeline
            .steps
            .iter()
            .enumerate()
            .map(|(index, spec)| {
                self.pending_step(index + 1, &spec.display_name(), spec.id.as_deref())
            })
            .collect();
        let ready = Ready {
            specs: pipeline.steps,
            context: Context::new(&contexts, &self.job.secrets, &self.job.envs),
            env: self.environment(&workdir, &workspace, &contexts),
            workspace,
            _checked_out: checked_out,
        };
        Ok((ready, steps))
    }

    async fn make_workdir(&self) -> Result<Workdir, SetUpError> {
        let (dir, marker) = (self.job.dir.clone(), self.job.marker.clone());
        on_a_thread(move || {
            let make = || {
                let workdir = Workdir::new(&dir)?;
                if workdir.exists() {
                    // An earlier run of the same task did not get to its end. What is left of it must not see our files.
                    kill_marked(&marker);
                }
                workdir.create()?;
                Ok(workdir)
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
        };
        let checked_out = git::check_out(checkout, &git, &workdir.workspace).await?;
        let subject = checked_out.message.lines().next().unwrap_or_default();
        let from = if checked_out.is_fetched {
            ""
        } else {
            " (from the mirror)"
        };
        log.line(&format!("Checked out {}{from}: {subject}", commit.short()))
            .await;
        self.tell(Event::CheckedOut {
            commit: commit.to_string(),
            message: self.masks.text(&checked_out.message),
        })
        .await;
        Ok(checked_out)
    }

    /// What every step finds in its environment. Nothing of the server's own is in it.
    fn environment(
        &self,
        workdir: &Workdir,
        workspace: &Path,
        contexts: &Contexts,
    ) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut env: Vec<(String, String)> = [
            ("PATH", self.job.limits.path.clone()),
            ("HOME", path(&workdir.home)),
            ("TMPDIR", path(&workdir.tmp)),
            ("LANG", "C.UTF-8".to_owned()),
            ("CI", "true".to_owned()),
            ("FLOWCD", "true".to_owned()),
            ("SERVERLESS_CD", "serverless_cd".to_owned()),
            ("FLOWCD_TASK_ID", self.job.task_id.to_string()),
            ("FLOWCD_WORKSPACE", path(workspace)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let events = [
            ("FLOWCD_APP_ID", &contexts.app, "id"),
            ("FLOWCD_REPO", &contexts.git, "clone_url"),
            ("FLOWCD_REF", &contexts.git, "ref"),
            ("FLOWCD_BRANCH", &contexts.git, "branch"),
            ("FLOWCD_TAG", &contexts.git, "tag"),
            ("FLOWCD_COMMIT", &contexts.git, "commit"),
            ("FLOWCD_MESSAGE", &contexts.git, "message"),
        ];
        for (name, context, key) in events {
            if let Some(value) = text_of(context, key) {
                env.push((name.to_owned(), value));
            }
        }
        env
    }
}

/// A text that can be a variable: not longer than the system takes, and without the byte that ends it.
fn text_of(context: &Map<String, Value>, key: &str) -> Option<String> {
    const MAX_BYTES: usize = 32 * 1024;
    let text = context.get(key)?.as_str()?;
    let end = text.floor_char_boundary(MAX_BYTES);
    Some(text[..end].replace('\0', ""))
}

/// What the checkout knows better than whoever made the job.
fn fill_in(contexts: &mut Contexts, checkout: &Checkout, checked_out: &CheckedOut) {
    let git = &mut contexts.git;
    let mut fill = |key: &str, value: &str| {
        let is_there = git
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty());
        if !is_there {
            git.insert(key.to_owned(), value.into());
        }
    };
    fill("commit", checkout.commit.as_str());
    fill("message", &checked_out.message);
    fill("clone_url", checkout.url.as_str());
    if let Some(git_ref) = &checkout.git_ref {
        fill("ref", git_ref.as_str());
        if let Some(branch) = git_ref.branch() {
            fill("branch", branch);
        }
        if let Some(tag) = git_ref.tag() {
            fill("tag", tag);
        }
    }
}

/// What parses, but is not run.
fn check(file: &str, pipeline: &Pipeline) -> Result<(), SetUpError> {
    if pipeline.steps.is_empty() {
        return Err(SetUpError::Failed(format!(
            "the pipeline `{file}` has no steps"
        )));
    }
    for (index, spec) in pipeline.steps.iter().enumerate() {
        if let (None, Some(plugin)) = (&spec.run, &spec.plugin) {
            let number = index + 1;
            return Err(SetUpError::Failed(format!(
                "plugins are not supported yet: step {number} uses `{plugin}`"
            )));
        }
    }
    Ok(())
}

/// Finds the pipeline file and reads it: the workspace with its links resolved, the file's name as found, its text.
fn read_pipeline(
    folder: &Path,
    file: &str,
    limit: u64,
) -> Result<(PathBuf, String, Vec<u8>), String> {
    let workspace = folder
        .canonicalize()
        .map_err(|error| format!("cannot open the folder `{}`: {error}", folder.display()))?;
    let other = match file.rsplit_once('.') {
        Some((stem, "yaml")) => Some(format!("{stem}.yml")),
        Some((stem, "yml")) => Some(format!("{stem}.yaml")),
        _ => None,
    };
    let candidates = std::iter::once(file.to_owned()).chain(other);
    for name in candidates {
        let path = match workspace.join(&name).canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot open the pipeline `{name}`: {error}")),
            Ok(path) => path,
        };
        // A link in the repository must not show a file of this machine in an error message.
        if !path.starts_with(&workspace) {
            return Err(format!(
                "the pipeline `{name}` is outside of the repository"
            ));
        }
        let metadata = path
            .metadata()
            .map_err(|error| format!("cannot read the pipeline `{name}`: {error}"))?;
        // Reading a pipe or a device could last for ever.
        if !metadata.is_file() {
            return Err(format!("the pipeline `{name}` is not a file"));
        }
        if metadata.len() > limit {
            return Err(format!(
                "the pipeline `{name}` is longer than {limit} bytes"
            ));
        }
        let text = fs::read(&path)
            .map_err(|error| format!("cannot read the pipeline `{name}`: {error}"))?;
        return Ok((workspace, name, text));
    }
    Err(format!(
        "the pipeline `{file}` was not found in the repository"
    ))
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, SetUpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| SetUpError::Failed(format!("the set-up broke off: {error}")))?
        .map_err(SetUpError::Failed)
}
