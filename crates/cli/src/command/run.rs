//! `flowcd run`: the engine on the working tree of the current folder, without a server.

mod document;
mod interrupt;
mod job;
mod log_dir;
mod scratch;

use std::path::{Path, PathBuf};

use clap::Args;
use flowcd_engine::{Event, Outcome};
use flowcd_model::{log::StatusEvent, step::Step, task::TaskStatus, time::Millis};
use serde_json::Value;
use tokio::sync::mpsc;

use self::{document::Document, interrupt::Interrupts, log_dir::LogDir, scratch::Scratch};
use crate::{
    exit::Exit,
    failure::Failure,
    follow::{Out, View},
    output::{Format, Printer, clean},
    value::{self, SecretSource},
};

/// Events that may wait to be shown: a terminal that is slow slows the steps down.
const EVENT_QUEUE: usize = 32;

/// The arguments of `flowcd run`.
#[derive(Debug, Args)]
#[command(
    after_help = "The files of the current folder are used in place, and the steps see the variables of the pipeline alone, as on a server.\n\
        With --output json or yaml one document comes to stdout at the end, and all else goes to stderr.\n\n\
        Example:\n  flowcd run --input target=staging --secret DEPLOY_KEY"
)]
pub(crate) struct RunArgs {
    /// The pipeline, in the current folder [default: serverless-pipeline.yaml].
    file: Option<PathBuf>,

    /// An input of the pipeline. Numbers, true, false, {..}, [..] and "quoted text" are JSON, all else is text.
    #[arg(short = 'f', long = "input", value_name = "KEY=VALUE", value_parser = value::parse_field)]
    inputs: Vec<(String, Value)>,

    /// A JSON or YAML file of inputs; --input comes on top of it.
    #[arg(long, value_name = "FILE")]
    inputs_file: Option<PathBuf>,

    /// A secret: NAME takes the environment variable of that name or asks, NAME=@FILE reads a file.
    #[arg(long = "secret", value_name = "NAME", value_parser = value::parse_secret)]
    secrets: Vec<SecretSource>,

    /// A file of secrets: JSON or YAML by its name, else lines of NAME=VALUE; --secret comes on top of it.
    #[arg(long, value_name = "FILE")]
    secrets_file: Option<PathBuf>,

    /// A variable for every step, beneath those of the pipeline, as an application's are.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = value::parse_variable)]
    envs: Vec<(String, String)>,

    /// A JSON or YAML file laid over the contexts (git, env, app, task, trigger, cloudSecrets, ..): run the pipeline
    /// as a server would see it.
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,

    /// Run only the step with this id.
    #[arg(long = "step", value_name = "ID")]
    only_step: Option<String>,

    /// Tell what would run, with expressions resolved, and run nothing.
    #[arg(long = "dry-run")]
    is_dry_run: bool,

    /// Tell the environment, the values of expressions, the commands of git and timings in the log as well.
    #[arg(long = "debug")]
    is_debug: bool,

    /// Write each step's output to step_N.log in this folder, in place of those of an earlier run.
    #[arg(long, value_name = "FOLDER")]
    log_dir: Option<PathBuf>,

    /// The npm registry that plugins are installed from [default: what npm is configured for].
    #[arg(long, value_name = "URL", env = "FLOWCD_PLUGIN_REGISTRY", hide_env_values = true, value_parser = value::parse_registry)]
    plugin_registry: Option<String>,

    /// A file of certificates (PEM) that npm trusts beside its own when it installs plugins.
    #[arg(
        long,
        value_name = "FILE",
        env = "FLOWCD_PLUGIN_CA_FILE",
        hide_env_values = true
    )]
    plugin_ca_file: Option<PathBuf>,
}

pub(crate) async fn run(printer: &Printer, args: RunArgs) -> Result<Exit, Failure> {
    let scratch = Scratch::new()?;
    let made = job::job(printer, &args, scratch.path()).await;
    let ended = match made {
        Ok(job) => run_job(printer, &args, job, scratch.path()).await,
        Err(failure) => Err(failure),
    };
    scratch.remove(printer).await;
    ended
}

async fn run_job(
    printer: &Printer,
    args: &RunArgs,
    job: flowcd_engine::Job,
    scratch: &Path,
) -> Result<Exit, Failure> {
    let log_dir = args.log_dir.as_deref().map(LogDir::open).transpose()?;
    let (task_id, marker) = (job.task_id.clone(), job.marker.clone());
    let interrupts = Interrupts::new();
    let (events_tx, mut events) = mpsc::channel(EVENT_QUEUE);
    let cancel = interrupts.cancel.clone();
    let engine = tokio::spawn(flowcd_engine::run(job, events_tx, cancel));
    let _watch = interrupts.watch(printer, &marker, scratch, engine.abort_handle())?;

    let mut progress = Progress::new(printer, log_dir);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = interrupts.kill.cancelled() => None,
        };
        let Some(event) = event else { break };
        if !progress.take(event) {
            // Nobody is left to see it, so it ends as if he had interrupted it.
            interrupts.cancel.cancel();
        }
    }
    let ended = engine.await;
    let outcome = match ended {
        Ok(outcome) => Some(outcome),
        Err(error) if error.is_cancelled() => None,
        Err(_) => {
            return Err(Failure::usage(
                "the run broke off by an error of this program",
            ));
        }
    };
    if outcome.is_none() {
        interrupt::kill_rest(&marker).await;
    }
    let outcome = progress.end(outcome, task_id)?;
    Ok(match outcome {
        TaskStatus::Cancelled if interrupts.is_any() => Exit::Interrupted,
        status => Exit::of_task(status),
    })
}

/// What was told of the run so far, and to whom it is told.
struct Progress<'a> {
    printer: &'a Printer,
    view: View<'a>,
    log_dir: Option<LogDir>,
    steps: Vec<Step>,
    summary: Option<String>,
    /// Why nothing is shown any more.
    failure: Option<Failure>,
}

impl<'a> Progress<'a> {
    fn new(printer: &'a Printer, log_dir: Option<LogDir>) -> Self {
        let out = match printer.format {
            Format::Table => Out::Stdout,
            // Stdout is for the document.
            Format::Json | Format::Yaml | Format::Sarif => Out::Stderr,
        };
        Self {
            printer,
            view: View::of_run(printer, out),
            log_dir,
            steps: Vec::new(),
            summary: None,
            failure: None,
        }
    }

    /// Shows an event and keeps what the end is told from. Answers whether it can still be shown.
    fn take(&mut self, event: Event) -> bool {
        let shown = match event {
            Event::CheckedOut { .. } => Ok(()),
            Event::Steps(steps) => {
                self.steps = steps;
                self.log_steps()
            }
            Event::Step(step) => {
                let shown = match self.failure {
                    None => self.view.show_step(&step),
                    Some(_) => Ok(()),
                };
                let known = self
                    .steps
                    .iter_mut()
                    .find(|known| known.step_count == step.step_count);
                match known {
                    Some(known) => *known = step,
                    None => self.steps.push(step),
                }
                shown
            }
            Event::Output { step_count, bytes } => {
                let logged = match &mut self.log_dir {
                    Some(log_dir) => log_dir.write(step_count, &bytes),
                    None => Ok(()),
                };
                match self.failure {
                    None => logged.and_then(|()| self.view.show_output(&bytes)),
                    Some(_) => logged,
                }
            }
            Event::Summary(summary) => {
                self.summary = Some(summary);
                Ok(())
            }
        };
        if let Err(failure) = shown {
            // One is enough: a full disk or a reader that has gone stays so.
            self.log_dir = None;
            self.failure.get_or_insert(failure);
        }
        self.failure.is_none()
    }

    /// A step that prints nothing has an empty file.
    fn log_steps(&mut self) -> Result<(), Failure> {
        let Some(log_dir) = &mut self.log_dir else {
            return Ok(());
        };
        let counts = self.steps.iter().map(|step| step.step_count);
        counts
            .into_iter()
            .try_for_each(|count| log_dir.create(count))
    }

    /// Tells how it ended; `outcome` is none when it was killed.
    fn end(
        mut self,
        outcome: Option<Outcome>,
        task_id: flowcd_model::id::TaskId,
    ) -> Result<TaskStatus, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let is_complete = outcome.is_some();
        let (status, error) = match outcome {
            Some(outcome) => {
                self.steps = outcome.steps;
                (outcome.status, outcome.error)
            }
            None => (TaskStatus::Cancelled, Some("it was killed".to_owned())),
        };
        let end = StatusEvent {
            task_id,
            status,
            is_cancel_requested: status == TaskStatus::Cancelled,
            error,
            updated_time: Millis::now(),
        };
        self.view.show_end(&end)?;
        if self.printer.format != Format::Table {
            let document = Document::new(&end, is_complete, self.summary.as_deref(), &self.steps);
            self.printer.data(&document, String::new)?;
        } else if let Some(summary) = &self.summary {
            self.printer.talk("");
            for line in summary.lines() {
                self.printer.talk(&clean(line));
            }
        }
        Ok(status)
    }
}
