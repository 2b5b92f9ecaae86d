//! What a step leaves for those after it.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{Turn, attempt::Attempted, fault::Fault, told::Told};
use crate::{
    command_files::{FileError, Kind},
    debug::in_a_line,
    expr,
    log::StepLog,
    mask::MIN_BYTES,
    run::Run,
    set_up::{Left, PostCall, Ready, Work},
};

/// How long the outputs of one step, those of all steps, the variables that all steps set, and the summary can be.
const MAX_STEP_OUTPUT_BYTES: usize = 64 * 1024;
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
const MAX_ENV_BYTES: usize = 256 * 1024;
const MAX_SUMMARY_BYTES: usize = 1024 * 1024;

impl Run {
    /// Keeps what an attempt left, and answers the step's outputs. What it left counts also when it failed; what is
    /// wrong with it fails a step that did not fail before.
    pub(super) async fn keep(
        &mut self,
        turn: &Turn,
        attempted: Attempted,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> (Map<String, Value>, Result<(), Fault>) {
        let Attempted {
            mut result,
            mut outputs,
            told,
        } = attempted;
        let errors = self.keep_told(told, &mut outputs, ready, log).await;
        if errors.is_empty() && result.is_ok() && !turn.step.spec.outputs.is_empty() {
            match self.declared_outputs(turn, &outputs, ready, log).await {
                Ok(declared) => outputs = declared,
                Err(fault) => result = Err(fault),
            }
        }
        let mut errors = errors.into_iter();
        if result.is_ok()
            && let Some(error) = errors.next()
        {
            result = Err(Fault::unfit(error));
        }
        for error in errors {
            log.line(&format!("Warning: {error}")).await;
        }
        ready.left.n_output_bytes += n_bytes(&outputs);
        (outputs, result)
    }

    /// Keeps what a step told by its files, and answers what is wrong with it.
    async fn keep_told(
        &mut self,
        told: Told,
        outputs: &mut Map<String, Value>,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> Vec<String> {
        if told.has_short_masks {
            let short = format!(
                "Warning: {}: a value shorter than {MIN_BYTES} bytes is not masked",
                Kind::Mask
            );
            log.line(&short).await;
        }
        let mut errors: Vec<String> = told.errors.iter().map(ToString::to_string).collect();
        let written = told.outputs.into_iter();
        outputs.extend(written.map(|(name, text)| (name, text.into())));
        errors.extend(ready.left.check_outputs(outputs).err());
        match ready.left.check_env(&told.env) {
            Ok(()) => ready.context.set_env(told.env),
            Err(error) => errors.push(error),
        }
        ready.left.add_paths(told.paths, &ready.workspace);
        let is_kept = self.add_summary(&told.summary, MAX_SUMMARY_BYTES).await;
        if is_kept.is_err() {
            let message = format!(
                "the summary of the task would be longer than {} KiB",
                MAX_SUMMARY_BYTES / 1024
            );
            errors.push(FileError::new(Kind::Summary, message).to_string());
        }
        errors
    }

    /// What the step's `outputs` come to, over what it wrote.
    async fn declared_outputs(
        &self,
        turn: &Turn,
        written: &Map<String, Value>,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> Result<Map<String, Value>, Fault> {
        let interrupt = self.interrupt(turn);
        let (turn, workspace) = (turn.clone(), ready.workspace.clone());
        let mut outputs = written.clone();
        let mut trace = Vec::new();
        let evaluated = ready.evaluate(&interrupt, move |context| {
            let spec = &turn.step.spec;
            if let Some(id) = &spec.id {
                let status = flowcd_model::step::StepStatus::Success;
                context.leave_step(id, status, outputs.clone());
            }
            let scope = context.scope(turn.status, &workspace);
            for (name, template) in &spec.outputs {
                let value = expr::render_value(template, &scope)
                    .map_err(|error| format!("cannot evaluate `outputs.{name}`: {error}"))?;
                let text = expr::text(&value);
                trace.push(format!("output: {name} = {}", in_a_line(&text)));
                outputs.insert(name.clone(), value);
            }
            Ok::<_, String>((outputs, trace))
        });
        let (mut outputs, trace) = evaluated.await?.map_err(Fault::unfit)?;
        for line in trace {
            self.debug(log, &line).await;
        }
        ready
            .left
            .check_outputs(&mut outputs)
            .map_err(Fault::unfit)?;
        Ok(outputs)
    }
}

impl Left {
    /// What a plugin was called with that is called once more, at the end of the run.
    pub(super) fn post_call(&self, turn: &Turn) -> Option<&PostCall> {
        match &turn.step.work {
            Work::Post(_, of) => self.posts.get(of),
            Work::Script(_) | Work::Plugin(_) | Work::Unfound(_) => None,
        }
    }

    /// Whether there is room for the outputs; they are emptied when there is not.
    fn check_outputs(&self, outputs: &mut Map<String, Value>) -> Result<(), String> {
        let n_bytes = n_bytes(outputs);
        let limit = if n_bytes > MAX_STEP_OUTPUT_BYTES {
            format!("a step are longer than {}", MAX_STEP_OUTPUT_BYTES / 1024)
        } else if self.n_output_bytes + n_bytes > MAX_OUTPUT_BYTES {
            format!("all steps are longer than {}", MAX_OUTPUT_BYTES / 1024)
        } else {
            return Ok(());
        };
        outputs.clear();
        Err(format!("the outputs of {limit} KiB"))
    }

    fn check_env(&mut self, env: &[(String, String)]) -> Result<(), String> {
        let n_bytes: usize = env.iter().map(|(name, text)| name.len() + text.len()).sum();
        if self.n_env_bytes + n_bytes > MAX_ENV_BYTES {
            let message = format!(
                "the variables that steps set are longer than {} KiB",
                MAX_ENV_BYTES / 1024
            );
            return Err(FileError::new(Kind::Env, message).to_string());
        }
        self.n_env_bytes += n_bytes;
        Ok(())
    }

    /// Puts folders before those that are there, the last one first.
    fn add_paths(&mut self, paths: Vec<String>, workspace: &std::path::Path) {
        for path in paths {
            let path: PathBuf = workspace.join(path);
            let path = path.to_string_lossy().into_owned();
            self.paths.retain(|known| *known != path);
            self.paths.insert(0, path);
        }
    }
}

fn n_bytes(outputs: &Map<String, Value>) -> usize {
    let sizes = outputs
        .iter()
        .map(|(name, value)| name.len() + expr::text(value).len());
    sizes.sum()
}
