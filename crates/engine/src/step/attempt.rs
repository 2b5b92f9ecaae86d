//! One attempt of a step: its files, its environment, its process.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use serde_json::{Map, Value};

use super::{Env, MAX_ARGUMENT_BYTES, Turn, fault::Fault, prepare::Prepared, told::Told};
use crate::{
    command_files::CommandFiles,
    log::StepLog,
    process::{ATTEMPT_VARIABLE, End, Interrupt, Program, run_program},
    run::Run,
    set_up::{Ready, Work},
    shell::{Script, Shell},
};

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) result: Result<(), Fault>,
    /// What a plugin answered.
    pub(super) outputs: Map<String, Value>,
    /// What it told by its files.
    pub(super) told: Told,
}

/// An attempt about to start.
pub(super) struct Starting<'a> {
    pub(super) turn: &'a Turn,
    pub(super) prepared: &'a Prepared,
    pub(super) files: &'a Arc<CommandFiles>,
    /// The whole environment.
    pub(super) env: Env,
    pub(super) interrupt: Interrupt<'a>,
}

impl Attempted {
    fn failed(fault: Fault) -> Self {
        Self {
            result: Err(fault),
            outputs: Map::new(),
            told: Told::default(),
        }
    }
}

impl Run {
    /// Runs a step once.
    pub(super) async fn attempt(
        &self,
        turn: &Turn,
        attempt: u32,
        prepared: &Prepared,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> Attempted {
        let made = self.make_files(turn.number, attempt, ready).await;
        let files = match made {
            Ok(files) => files,
            Err(error) => return Attempted::failed(Fault::unfit(error)),
        };
        match files.mask_file() {
            Ok(mask_file) => log.watch(mask_file),
            Err(error) => {
                let error = format!("cannot look at $FLOWCD_MASK: {error}");
                return Attempted::failed(Fault::unfit(error));
            }
        }
        let of_attempt = format!("{}.{attempt}", turn.number);
        let env = environment(prepared, &files, of_attempt, ready);
        if attempt == 1 {
            self.debug_environment(log, &env).await;
        }
        let began = Instant::now();
        let interrupt = self.interrupt(turn);
        let starting = Starting {
            turn,
            prepared,
            files: &files,
            env,
            interrupt,
        };
        let (result, outputs) = self.start(starting, ready, log).await;
        self.debug_time(log, &format!("attempt {attempt}"), began)
            .await;
        let is_all_masked = log.stop_watching();
        let told = tokio::task::spawn_blocking(move || Told::read(&files)).await;
        let mut told = told.unwrap_or_default();
        told.note_masks(is_all_masked);
        Attempted {
            result,
            outputs,
            told,
        }
    }

    async fn make_files(
        &self,
        number: usize,
        attempt: u32,
        ready: &Ready,
    ) -> Result<Arc<CommandFiles>, String> {
        let commands = ready.commands.clone();
        let made = tokio::task::spawn_blocking(move || commands.create(number, attempt)).await;
        made.map_err(io::Error::other)
            .flatten()
            .map(Arc::new)
            .map_err(|error| format!("cannot make the files of the step: {error}"))
    }

    /// Starts what the step runs, and waits for its end.
    async fn start(
        &self,
        starting: Starting<'_>,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> (Result<(), Fault>, Map<String, Value>) {
        let ended = match &starting.turn.step.work {
            Work::Plugin(plugin) => {
                return self.call_plugin(plugin, None, starting, ready, log).await;
            }
            Work::Post(plugin, of) => {
                return self
                    .call_plugin(plugin, Some(*of), starting, ready, log)
                    .await;
            }
            Work::Script(shell) => self.run_script(shell, starting, ready, log).await,
            Work::Unfound(specifier) => Err(format!("the plugin `{specifier}` was not looked for")),
        };
        let result = match ended {
            Ok(end) => Fault::of(&end).map_or(Ok(()), Err),
            Err(error) => Err(Fault::unfit(error)),
        };
        (result, Map::new())
    }

    /// Runs a script. An error is why it could not.
    async fn run_script(
        &self,
        shell: &Shell,
        starting: Starting<'_>,
        ready: &Ready,
        log: &mut StepLog,
    ) -> Result<End, String> {
        let Starting {
            turn,
            prepared,
            files,
            env,
            interrupt,
        } = starting;
        let dir = turn.step.spec.working_directory.as_deref();
        let dir = working_directory(&ready.workspace, dir).await?;
        check_environment(&env)?;
        let script = prepared.script.as_str();
        if script.contains('\0') {
            return Err("the command contains a NUL byte".to_owned());
        }
        let path = env.iter().rfind(|(name, _)| name == "PATH");
        let path = path.map(|(_, path)| path.as_str()).unwrap_or_default();
        let file = match shell.needs_file(script) {
            true => Some(write_script(files, shell, script).await?),
            false => None,
        };
        let script = match &file {
            Some(file) => Script::File(file),
            None => Script::Text(script),
        };
        let start = shell.start(script, path, &dir)?;
        let program = Program {
            program: start.program.as_os_str(),
            args: &start.args,
            dir: &dir,
            env: &env,
            marker: &self.job.marker,
            stdin: None,
        };
        run_program(&program, &self.job.limits, &interrupt, log)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::ArgumentListTooLong => {
                    "the command and its environment are too long to be run".to_owned()
                }
                _ => format!("cannot start `{}`: {error}", start.program.display()),
            })
    }
}

async fn write_script(
    files: &Arc<CommandFiles>,
    shell: &Shell,
    script: &str,
) -> Result<PathBuf, String> {
    let (files, name, script) = (Arc::clone(files), shell.file_name(), script.to_owned());
    tokio::task::spawn_blocking(move || files.write_script(name, &script))
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(|error| format!("cannot write the script's file: {error}"))
}

/// The whole environment of the step's process.
fn environment(prepared: &Prepared, files: &CommandFiles, attempt: String, ready: &Ready) -> Env {
    let layers = [
        ready.env.clone(),
        prepared.env.clone(),
        prepared.placeholders.clone(),
        files.variables(),
        vec![(ATTEMPT_VARIABLE.to_owned(), attempt)],
    ];
    let mut env: Env = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (name, value) in layers.into_iter().flatten() {
        match places.get(&name) {
            Some(place) => env[*place].1 = value,
            None => {
                places.insert(name.clone(), env.len());
                env.push((name, value));
            }
        }
    }
    if !ready.left.paths.is_empty()
        && let Some((_, path)) = env.iter_mut().find(|(name, _)| name == "PATH")
    {
        *path = format!("{}:{path}", ready.left.paths.join(":"));
    }
    env
}

pub(super) fn check_environment(env: &[(String, String)]) -> Result<(), String> {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!(
                "`{}` cannot be the name of a variable",
                name.escape_debug()
            ));
        }
        if value.contains('\0') {
            return Err(format!("the variable `{name}` contains a NUL byte"));
        }
        // The system counts the name, too, the sign between them and the byte at the end.
        if name.len() + value.len() + 2 > MAX_ARGUMENT_BYTES {
            let limit = MAX_ARGUMENT_BYTES / 1024;
            return Err(format!("the variable `{name}` is longer than {limit} KiB"));
        }
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
