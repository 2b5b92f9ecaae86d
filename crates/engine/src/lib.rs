//! Runs a pipeline: a job goes in, events come out, and at the end there is an outcome.
//!
//! The engine knows processes, git, YAML and expressions. It knows neither HTTP nor a database nor our server:
//! whoever calls [`run`] decides what becomes of the events.

mod event;
mod git;
mod job;
mod context;
mod expr;
mod mask;
mod parse;
mod process;

use flowcd_model::task::TaskStatus;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use crate::{
    event::Event,
    git::{
        CommitId, Credential, GitError, GitRef, InvalidCommitId, InvalidGitRef, InvalidUrl,
        RepoPolicy, RepoUrl, resolve_ref,
    },
    job::{Checkout, Contexts, Job, Limits, Outcome, Source},
    process::kill_marked,
};

/// Runs `job` to its end, whatever happens in it, and tells through `events`.
///
/// The channel's bound is the back-pressure: a slow reader slows the steps down, and nothing is kept in memory for it.
/// A closed channel does not stop the run. When `cancel` fires, the running step's processes are ended, steps that ask
/// for it (`always()`, `cancelled()`) still run, and the outcome is [`TaskStatus::Cancelled`].
pub async fn run(_job: Job, _events: mpsc::Sender<Event>, _cancel: CancellationToken) -> Outcome {
    Outcome {
        status: TaskStatus::Failure,
        steps: Vec::new(),
        error: Some("nothing is run yet".to_owned()),
    }
}
