//! The plugins that are built in, under the names that people know. They need no Node.js, and no process of their own
//! unless they are about one.

mod cache;
mod checkout;
mod email;
mod npm_publish;
mod webhook;

use serde_json::{Map, Value};

use super::{Call, Called, Kept, Phase};
use crate::{
    log::StepLog,
    process::{End, Interrupt},
};

/// A plugin that is built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Native {
    Cache,
    Checkout,
    DingTalk,
    NpmPublish,
    SendEmail,
}

/// What a built-in plugin did.
#[derive(Debug, Default)]
struct Done {
    outputs: Map<String, Value>,
    state: Option<Value>,
}

/// Why a built-in plugin did not do it.
#[derive(Debug)]
enum NotDone {
    /// A sentence for whoever wrote the pipeline.
    Failed(String),
    /// A program that it called ended like this.
    Ended(End),
}

impl From<String> for NotDone {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

impl Native {
    /// The plugin called `@serverless-cd/<name>`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "cache" => Self::Cache,
            "checkout" => Self::Checkout,
            "ding-talk" => Self::DingTalk,
            "npm-publish" => Self::NpmPublish,
            "send-email" => Self::SendEmail,
            _ => return None,
        })
    }

    /// Whether it has something to do at the end of the run.
    pub(super) fn has_post(self) -> bool {
        self == Self::Cache
    }

    /// Calls it. A cancel or the end of its time drops it half-way.
    pub(super) async fn call(
        self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        kept: &Kept,
        log: &mut StepLog,
    ) -> Called {
        let work = async {
            match (self, call.phase) {
                (Self::Cache, Phase::Run) => cache::restore(call, log).await,
                (Self::Cache, Phase::Post) => cache::save(call, log).await,
                (Self::Checkout, Phase::Run) => checkout::run(call, kept, log).await,
                (Self::DingTalk, Phase::Run) => webhook::run(call, log).await,
                (Self::NpmPublish, Phase::Run) => npm_publish::run(call, interrupt, log).await,
                (Self::SendEmail, Phase::Run) => email::run(call, log).await,
                (_, Phase::Post) => Ok(Done::default()),
            }
        };
        // A program is ended in good order by whoever runs it; what runs in this process is just dropped.
        let runs_program = self == Self::NpmPublish;
        let result = tokio::select! {
            biased;
            end = interrupt.wait(), if !runs_program => Err(NotDone::Ended(end)),
            result = work => result,
        };
        let (end, error, done) = match result {
            Ok(done) => (End::Exited(0), None, done),
            Err(NotDone::Ended(end)) => (end, None, Done::default()),
            Err(NotDone::Failed(error)) => (End::Exited(1), Some(error), Done::default()),
        };
        Called {
            end,
            outputs: done.outputs,
            error,
            state: done.state,
        }
    }
}
