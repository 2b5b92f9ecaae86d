//! The steps of a pipeline: whether each one runs, and what comes of it.
//!
//! Read on in `prepare` (what is evaluated before a step runs), `attempt` (how it runs), `retry` (how often) and
//! `told` (what it tells by its files).

use std::{sync::Arc, time::Instant};

use flowcd_model::step::StepStatus;
use serde_json::{Map, Value};

use crate::{
    context::{Context, EnvLayers},
    debug::in_a_line,
    expr::{self, ExprError, GlobalStatus, Scope},
    log::StepLog,
    process::Interrupt,
    run::{Ending, Run, step_count},
    set_up::{Planned, Ready, Work},
};

mod attempt;
mod call;
mod dry_run;
mod fault;
mod outputs;
mod plugin_context;
mod prepare;
mod retry;
mod told;

use fault::{Cause, Fault};

/// The system's limit for one argument and one variable.
pub(crate) const MAX_ARGUMENT_BYTES: usize = 128 * 1024;

/// What a step's `if` says, or the lack of one.
enum Verdict {
    Run,
    Skip,
    Cancel,
    /// It has no value, or did not get one in time.
    Fail(Fault),
}

/// What running a step came to.
#[derive(Debug)]
struct Performed {
    result: Result<(), Fault>,
    outputs: Map<String, Value>,
    n_attempts: u32,
}

impl Performed {
    fn failed(fault: Fault) -> Self {
        Self {
            result: Err(fault),
            outputs: Map::new(),
            n_attempts: 1,
        }
    }
}

/// A step in its turn.
#[derive(Clone)]
struct Turn {
    number: usize,
    step: Arc<Planned>,
    /// How the run stands, for the status functions.
    status: GlobalStatus,
}

impl Run {
    /// Every step in its turn.
    pub(crate) async fn run_steps(&mut self, ready: &mut Ready) {
        if let Some(timeout) = ready.timeout {
            self.standing.start_clock(timeout);
        }
        for index in 0..ready.steps.len() {
            if self.cancel.is_cancelled() {
                self.standing.cancel();
            }
            let turn = Turn {
                number: index + 1,
                step: Arc::clone(&ready.steps[index]),
                status: self.standing.status(),
            };
            let ending = self.run_step(&turn, ready).await;
            let outputs = ending.outputs.clone();
            // The end of a plugin has the id of its step, whose outcome it does not replace.
            if let (Some(id), false) = (&turn.step.spec.id, turn.step.is_post()) {
                ready.context.leave_step(id, ending.status, outputs.clone());
            }
            ready.left.outputs.insert(turn.number, outputs);
            if ending.error.is_some() {
                ready.left.error.clone_from(&ending.error);
            }
            self.end(turn.number, ending).await;
        }
    }

    async fn run_step(&mut self, turn: &Turn, ready: &mut Ready) -> Ending {
        let (verdict, env) = match self.enter(turn, ready).await {
            Ok(entered) => entered,
            Err(fault) => (Verdict::Fail(fault), Ok(Vec::new())),
        };
        let failed = match verdict {
            Verdict::Skip => {
                self.debug_skip(turn).await;
                return Ending::unrun(StepStatus::Skipped);
            }
            Verdict::Cancel => return Ending::unrun(StepStatus::Cancelled),
            Verdict::Run => None,
            Verdict::Fail(fault) => Some(fault),
        };
        let began = self.begin(turn.number).await;
        let mut log = self.log(step_count(turn.number));
        let performed = match failed {
            Some(fault) => Performed::failed(fault),
            None => self.perform(turn, env, ready, &mut log).await,
        };
        self.debug_time(&mut log, "the step", began).await;
        self.settle(performed, turn, began, log).await
    }

    /// What ends a part of a step that begins now.
    fn interrupt(&self, turn: &Turn) -> Interrupt<'_> {
        let step_limit = turn.step.spec.timeout;
        self.standing
            .interrupt(&self.cancel, step_limit, self.job.limits.after_cancel)
    }

    /// Tells why a step does not run, in a debug run.
    async fn debug_skip(&self, turn: &Turn) {
        if let (true, Some(condition)) = (self.job.options.is_debug, &turn.step.spec.condition) {
            let mut log = self.log(step_count(turn.number));
            let condition = in_a_line(condition);
            self.debug(&mut log, &format!("`if` does not hold: {condition}"))
                .await;
            log.finish().await;
        }
    }

    /// Makes the environment that of the step, and decides whether it runs.
    async fn enter(
        &self,
        turn: &Turn,
        ready: &mut Ready,
    ) -> Result<(Verdict, Result<Env, String>), Fault> {
        let interrupt = self.interrupt(turn);
        let kept_env = ready.left.post_call(turn).map(|post| post.env.clone());
        let (turn, workspace) = (turn.clone(), ready.workspace.clone());
        let only_step = self.job.options.only_step.clone();
        let is_left_out = |ready: &Ready| match (&only_step, &turn.step.work) {
            (None, _) => false,
            (only_step, Work::Post(_, of)) => ready.steps[*of].spec.id != *only_step,
            (only_step, _) => turn.step.spec.id != *only_step,
        };
        if is_left_out(ready) {
            return Ok((Verdict::Skip, Ok(Vec::new())));
        }
        ready
            .evaluate(&interrupt, move |context| {
                let layers = EnvLayers {
                    pipeline: &turn.step.spec.env,
                    files: &[],
                    own: &turn.step.spec.own_env,
                };
                let env = match kept_env {
                    Some(env) => Ok(context.enter_again(env, turn.status)),
                    None => context.enter_step(layers, turn.status, &workspace),
                };
                let scope = context.scope(turn.status, &workspace);
                // Whoever asks for one step alone means it, whatever it depends on.
                let condition = match only_step {
                    Some(_) if !turn.step.is_post() => None,
                    _ => turn.step.spec.condition.as_deref(),
                };
                (decide(condition, &scope), env.map_err(cannot_evaluate_env))
            })
            .await
    }

    /// Runs a step, or tells what would be run.
    async fn perform(
        &mut self,
        turn: &Turn,
        env: Result<Env, String>,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> Performed {
        let prepared = match self.prepare(turn, env, ready).await {
            Ok(prepared) => prepared,
            Err(fault) => return Performed::failed(fault),
        };
        for line in &prepared.trace {
            self.debug(log, line).await;
        }
        if self.job.options.is_dry_run {
            self.tell_only(turn, &prepared, ready, log).await;
            return Performed {
                result: Ok(()),
                outputs: Map::new(),
                n_attempts: 1,
            };
        }
        let (attempted, n_attempts) = self.try_and_retry(turn, &prepared, ready, log).await;
        let (outputs, result) = self.keep(turn, attempted, ready, log).await;
        Performed {
            result,
            outputs,
            n_attempts,
        }
    }

    /// What becomes of the step, said in its log as well.
    async fn settle(
        &mut self,
        performed: Performed,
        turn: &Turn,
        began: Instant,
        mut log: StepLog,
    ) -> Ending {
        let Performed {
            result,
            outputs,
            n_attempts,
        } = performed;
        let fault = result.err();
        let status = match fault.as_ref().map(|fault| &fault.cause) {
            None => StepStatus::Success,
            Some(Cause::Cancelled) => StepStatus::Cancelled,
            // Whoever limits the time of all steps means this one, too.
            Some(Cause::TaskTimedOut) => StepStatus::Failure,
            Some(_) if turn.step.spec.continue_on_error => StepStatus::ErrorWithContinue,
            Some(_) => StepStatus::Failure,
        };
        match fault.as_ref().map(|fault| &fault.cause) {
            Some(Cause::Cancelled) => self.standing.cancel(),
            Some(Cause::TaskTimedOut) => self.standing.time_out(),
            _ => {}
        }
        let error = fault
            .filter(|_| status != StepStatus::Cancelled)
            .map(|fault| fault.message);
        match (&error, status) {
            (_, StepStatus::Cancelled) => log.line("Cancelled").await,
            (None, _) => {}
            (Some(error), StepStatus::ErrorWithContinue) => {
                log.line(&format!("Error: {error} (the task goes on)"))
                    .await;
            }
            (Some(error), _) => log.line(&format!("Error: {error}")).await,
        }
        log.finish().await;
        Ending {
            status,
            error,
            began: Some(began),
            outputs,
            n_attempts,
        }
    }
}

/// Variables of a process.
type Env = Vec<(String, String)>;

impl Ready {
    /// Evaluates expressions on a thread of its own: they can read and hash big files.
    ///
    /// When it is interrupted, its end is still waited for, which is soon: nothing of it goes on beside later steps.
    async fn evaluate<T: Send + 'static>(
        &mut self,
        interrupt: &Interrupt<'_>,
        work: impl FnOnce(&mut Context) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let mut context = std::mem::take(&mut self.context);
        let stop = context.begin_evaluation();
        let mut working = tokio::task::spawn_blocking(move || {
            let value = work(&mut context);
            (context, value)
        });
        let (end, worked) = tokio::select! {
            biased;
            end = interrupt.wait() => {
                drop(stop);
                (Some(end), working.await)
            }
            worked = &mut working => (None, worked),
        };
        let (context, value) = worked.map_err(|error| {
            Fault::unfit(format!("the evaluation of expressions broke off: {error}"))
        })?;
        self.context = context;
        match end.as_ref().and_then(Fault::of) {
            Some(fault) if self.context.is_cut_short() => Err(fault),
            // What was over that soon decides as ever whether the step runs. If it does, it is not started.
            _ => Ok(value),
        }
    }
}

fn decide(condition: Option<&str>, scope: &Scope<'_>) -> Verdict {
    match condition {
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
            Err(error) => Verdict::Fail(Fault::unfit(format!("cannot evaluate `if`: {error}"))),
        },
    }
}

fn cannot_evaluate_env(error: ExprError) -> String {
    format!("cannot evaluate `env`: {error}")
}
