//! Runs a pipeline: a job goes in, events come out, and at the end there is an outcome.
//!
//! The engine knows processes, git, YAML and expressions. It knows neither a database nor our server, and of HTTP and
//! mail only what the built-in plugins send: whoever calls [`run()`] decides what becomes of the events.
//!
//! Read on in `run` (a run from its beginning to its end), `set_up` and `step` (its parts), then in [`git`] and
//! [`process`] for what they stand on.

mod command_files;
mod context;
mod debug;
mod event;
mod expr;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
pub mod git;
pub mod glob;
pub mod inputs;
pub mod jexl;
mod job;
mod lines;
pub mod lint;
mod log;
mod mask;
mod parse;
mod plugin;
pub mod process;
mod run;
mod schema;
mod set_up;
mod shell;
mod spelling;
mod standing;
mod step;
mod variable;
mod variables;
pub mod workdir;
pub mod yaml;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use crate::{
    event::Event,
    job::{Checkout, Contexts, Job, Limits, Options, Outcome, Source},
    parse::PipelineError,
    plugin::Plugins,
    variables::read_variables,
};

/// Runs `job` to its end, whatever happens in it, and tells through `events`.
///
/// The channel's bound is the back-pressure: a slow reader slows the steps down, and nothing is kept in memory for it.
/// A closed channel does not stop the run. When `cancel` fires, the running step's processes are ended, steps that ask
/// for it (`always()`, `cancelled()`) still run, and the outcome is
/// [`Cancelled`](flowcd_model::task::TaskStatus::Cancelled).
///
/// Whoever drops the future kills the running step, and leaves the job's folder to be removed by somebody else.
pub async fn run(job: Job, events: mpsc::Sender<Event>, cancel: CancellationToken) -> Outcome {
    run::Run::new(job, events, cancel).finish().await
}
