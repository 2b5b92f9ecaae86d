//! What is evaluated before a step runs: its environment, its script, the inputs of its plugin.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use serde_json::{Map, Value};

use super::{Env, Turn, cannot_evaluate_env, fault::Fault};
use crate::{
    context::{Context, EnvLayers},
    debug::in_a_line,
    expr::{self, ExprError, Scope},
    lines,
    run::Run,
    set_up::{Planned, Ready, Work},
};

/// The longest `env-file`.
const MAX_ENV_FILE_BYTES: u64 = 256 * 1024;

/// A step with all of its expressions evaluated.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The environment that expressions see.
    pub(super) env: Env,
    /// The script of a step with `run`.
    pub(super) script: String,
    /// What the script's placeholders stand for, where the pipeline is strict.
    pub(super) placeholders: Env,
    /// The inputs of a step with `plugin`.
    pub(super) inputs: Map<String, Value>,
    /// What a debug run tells.
    pub(super) trace: Vec<String>,
}

impl Run {
    /// Evaluates what the step is made of. An error is why it cannot run.
    pub(super) async fn prepare(
        &self,
        turn: &Turn,
        env: Result<Env, String>,
        ready: &mut Ready,
    ) -> Result<Prepared, Fault> {
        let env = env.map_err(Fault::unfit)?;
        // What the plugin was called with: a key that was made of a file, for instance, stays what it was.
        let kept_inputs = ready.left.post_call(turn).map(|post| post.inputs.clone());
        let interrupt = self.interrupt(turn);
        let (turn, workspace) = (turn.clone(), ready.workspace.clone());
        let preparation = Preparation {
            turn,
            workspace,
            kept_inputs,
        };
        ready
            .evaluate(&interrupt, move |context| preparation.work(env, context))
            .await?
            .map_err(Fault::unfit)
    }
}

struct Preparation {
    turn: Turn,
    workspace: PathBuf,
    kept_inputs: Option<Map<String, Value>>,
}

impl Preparation {
    fn work(self, env: Env, context: &mut Context) -> Result<Prepared, String> {
        let spec = &self.turn.step.spec;
        // What a call had at its beginning it has at its end, also when the files are gone by then.
        let env = match spec.env_files.is_empty() || self.kept_inputs.is_some() {
            true => env,
            false => {
                let files = read_env_files(&spec.env_files, &self.workspace)?;
                let layers = EnvLayers {
                    pipeline: &spec.env,
                    files: &files,
                    own: &spec.own_env,
                };
                context
                    .enter_step(layers, self.turn.status, &self.workspace)
                    .map_err(cannot_evaluate_env)?
            }
        };
        let scope = context.scope(self.turn.status, &self.workspace);
        let mut prepared = Prepared {
            env,
            script: String::new(),
            placeholders: Vec::new(),
            inputs: Map::new(),
            trace: Vec::new(),
        };
        if let Some(condition) = &spec.condition {
            prepared
                .trace
                .push(format!("`if` holds: {}", in_a_line(condition)));
        }
        match (&self.turn.step.work, self.kept_inputs) {
            (Work::Script(_), _) => render_script(&self.turn.step, &scope, &mut prepared)
                .map_err(|error| format!("cannot evaluate `run`: {error}"))?,
            (_, Some(inputs)) => prepared.inputs = inputs,
            (_, None) => {
                prepared.inputs = render_inputs(&spec.inputs, &scope)
                    .map_err(|error| format!("cannot evaluate `inputs`: {error}"))?;
            }
        }
        for (name, value) in &prepared.inputs {
            let value = expr::text(value);
            let line = format!("input: {name} = {}", in_a_line(&value));
            prepared.trace.push(line);
        }
        Ok(prepared)
    }
}

fn render_script(
    step: &Planned,
    scope: &Scope<'_>,
    prepared: &mut Prepared,
) -> Result<(), ExprError> {
    let template = step.spec.run.as_deref().unwrap_or_default();
    let mut trace = Vec::new();
    prepared.script = expr::render_traced(template, scope, &mut trace)?;
    for (expression, value) in trace {
        let (expression, value) = (in_a_line(&expression), in_a_line(&value));
        prepared
            .trace
            .push(format!("expression: {expression} = {value}"));
    }
    if let (true, Work::Script(shell)) = (step.is_strict, &step.work) {
        let is_untrusted = |path: &str| step.spec.untrusted.contains(path);
        // A pipeline with a shell that cannot read them from its environment has been refused.
        let placeholder = |n: usize| {
            let name = format!("FLOWCD_EXPR_{n}");
            shell.variable(&name).unwrap_or(name)
        };
        let strict = expr::render_strict(template, scope, &is_untrusted, &placeholder)?;
        prepared.script = strict.text;
        prepared.placeholders = strict.env;
    }
    Ok(())
}

fn render_inputs(
    inputs: &Map<String, Value>,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, ExprError> {
    match expr::render_value(&Value::Object(inputs.clone()), scope)? {
        Value::Object(inputs) => Ok(inputs),
        // An object stays one.
        _ => Ok(Map::new()),
    }
}

/// The variables of all files in their order. An error names the file.
fn read_env_files(files: &[String], workspace: &Path) -> Result<Env, String> {
    let mut variables = Vec::new();
    for file in files {
        let text = read_env_file(file, workspace)
            .map_err(|error| format!("cannot read the env-file `{file}`: {error}"))?;
        let read = lines::text(&text).and_then(lines::dotenv);
        variables.extend(read.map_err(|error| format!("the env-file `{file}`, {error}"))?);
    }
    Ok(variables)
}

/// Reads a file that lies in the workspace once all links are followed.
fn read_env_file(file: &str, workspace: &Path) -> Result<Vec<u8>, String> {
    let path = workspace
        .join(file)
        .canonicalize()
        .map_err(|error| error.to_string())?;
    if !path.starts_with(workspace) {
        return Err("it is outside of the workspace".to_owned());
    }
    // What it was a moment ago may be something else by now: no link is followed, and no pipe waited for.
    let file = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(&path)
        .map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_ENV_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    match bytes.len() as u64 > MAX_ENV_FILE_BYTES {
        true => Err(format!(
            "it is longer than {} KiB",
            MAX_ENV_FILE_BYTES / 1024
        )),
        false => Ok(bytes),
    }
}
