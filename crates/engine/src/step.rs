//! The steps of a pipeline: whether each one runs, and what comes of it.

use std::{
    io,
    path::{Path, PathBuf},
};

use flowcd_model::step::StepStatus;
use serde_json::Map;

use crate::{
    context::EnvLayers,
    expr::{self, GlobalStatus, Scope},
    log::StepLog,
    parse::StepSpec,
    process::{End, Program, run_program},
    run::{Ending, Run, step_count},
    set_up::Ready,
};

/// The system's limit for one argument and one variable.
pub(crate) const MAX_ARGUMENT_BYTES: usize = 128 * 1024;

/// What a step's `if` says, or the lack of one.
enum Verdict {
    Run,
    Skip,
    Cancel,
    /// It has no value.
    Fail(String),
}

impl Run {
    /// Every step in its turn.
    pub(crate) async fn run_steps(&mut self, ready: &mut Ready) {
        for index in 0..ready.specs.len() {
            if self.cancel.is_cancelled() {
                self.standing.cancel();
            }
            let status = self.run_step(index, ready).await;
            if let Some(id) = &ready.specs[index].id {
                ready.context.leave_step(id, status, Map::new());
            }
        }
    }

    async fn run_step(&mut self, index: usize, ready: &mut Ready) -> StepStatus {
        let number = index + 1;
        let Ready {
            specs,
            context,
            workspace,
            env: base_env,
            ..
        } = ready;
        let spec = &specs[index];
        let status = self.standing.status();
        let env = context.enter_step(
            EnvLayers {
                pipeline: &spec.env,
                files: &[],
                own: &spec.own_env,
            },
            status,
            workspace,
        );
        let scope = Scope {
            vars: context.vars(),
            status,
            workspace: workspace.as_path(),
        };
        let (status, error, began) = match decide(spec, &scope) {
            Verdict::Skip => (StepStatus::Skipped, None, None),
            Verdict::Cancel => (StepStatus::Cancelled, None, None),
            Verdict::Run => {
                let began = self.begin(number).await;
                let mut log = self.log(step_count(number));
                let result = match env {
                    Ok(env) => {
                        let env = base_env.iter().cloned().chain(env).collect();
                        self.execute(spec, &scope, env, &mut log).await
                    }
                    Err(error) => Err(format!("cannot evaluate `env`: {error}")),
                };
                let (status, error) = self.settle(result, spec, log).await;
                (status, error, Some(began))
            }
            Verdict::Fail(error) => {
                let began = self.begin(number).await;
                let log = self.log(step_count(number));
                let (status, error) = self.settle(Err(error), spec, log).await;
                (status, error, Some(began))
            }
        };
        let ending = Ending {
            error,
            began,
            ..Ending::unrun(status)
        };
        self.end(number, ending).await;
        status
    }

    /// Runs the step's script. An error is why it could not.
    async fn execute(
        &self,
        spec: &StepSpec,
        scope: &Scope<'_>,
        env: Vec<(String, String)>,
        log: &mut StepLog,
    ) -> Result<End, String> {
        let text = spec.run.as_deref().unwrap_or_default();
        let text =
            expr::render(text, scope).map_err(|error| format!("cannot evaluate `run`: {error}"))?;
        check_argument("the command", &text)?;
        for (name, value) in &env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(format!(
                    "`{}` cannot be the name of a variable",
                    name.escape_debug()
                ));
            }
            check_argument(&format!("the variable `{name}`"), value)?;
        }
        let dir = working_directory(scope.workspace, spec.working_directory.as_deref()).await?;
        let args = ["-c".into(), text.into()];
        let program = Program {
            program: "/bin/sh".as_ref(),
            args: &args,
            dir: &dir,
            env: &env,
            marker: &self.job.marker,
            stdin: None,
        };
        let interrupt =
            self.standing
                .interrupt(&self.cancel, spec.timeout, self.job.limits.after_cancel);
        run_program(&program, &self.job.limits, &interrupt, log)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::ArgumentListTooLong => {
                    "the command and its environment are too long to be run".to_owned()
                }
                _ => format!("cannot start `/bin/sh`: {error}"),
            })
    }

    /// What becomes of the step, said in its log as well.
    async fn settle(
        &mut self,
        result: Result<End, String>,
        spec: &StepSpec,
        mut log: StepLog,
    ) -> (StepStatus, Option<String>) {
        let error = match result {
            Ok(End::Exited(0)) => None,
            Ok(End::Cancelled) => {
                self.standing.cancel();
                log.line("Cancelled").await;
                log.finish().await;
                return (StepStatus::Cancelled, None);
            }
            Ok(end) => Some(end.to_string()),
            Err(error) => Some(error),
        };
        let Some(error) = error else {
            log.finish().await;
            return (StepStatus::Success, None);
        };
        let (status, suffix) = if spec.continue_on_error {
            (StepStatus::ErrorWithContinue, " (the task goes on)")
        } else {
            (StepStatus::Failure, "")
        };
        log.line(&format!("Error: {error}{suffix}")).await;
        log.finish().await;
        (status, Some(error))
    }
}

fn decide(spec: &StepSpec, scope: &Scope<'_>) -> Verdict {
    match &spec.condition {
        None => match scope.status {
            GlobalStatus::Cancelled => Verdict::Cancel,
            GlobalStatus::Failure => Verdict::Skip,
            GlobalStatus::Pending | GlobalStatus::Success | GlobalStatus::ErrorWithContinue => {
                Verdict::Run
            }
        },
        Some(condition) => match expr::condition(condition, scope) {
            Ok(true) => Verdict::Run,
            Ok(false) => Verdict::Skip,
            Err(error) => Verdict::Fail(format!("cannot evaluate `if`: {error}")),
        },
    }
}

fn check_argument(what: &str, text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err(format!("{what} contains a NUL byte"));
    }
    if text.len() >= MAX_ARGUMENT_BYTES {
        let limit = MAX_ARGUMENT_BYTES / 1024;
        return Err(format!("{what} is longer than {limit} KiB"));
    }
    Ok(())
}

/// The folder to run in. It is looked up each time, because steps before may have made it, or made it a link.
async fn working_directory(workspace: &Path, relative: Option<&str>) -> Result<PathBuf, String> {
    let Some(relative) = relative else {
        return Ok(workspace.to_owned());
    };
    let path = tokio::fs::canonicalize(workspace.join(relative))
        .await
        .map_err(|error| format!("cannot open the working-directory `{relative}`: {error}"))?;
    if !path.starts_with(workspace) {
        return Err(format!(
            "the working-directory `{relative}` is outside of the workspace"
        ));
    }
    let is_folder = tokio::fs::metadata(&path)
        .await
        .is_ok_and(|metadata| metadata.is_dir());
    if !is_folder {
        return Err(format!(
            "the working-directory `{relative}` is not a folder"
        ));
    }
    Ok(path)
}
