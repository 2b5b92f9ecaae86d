//! The call of a step's plugin.

use serde_json::{Map, Value};

use super::{
    attempt::{Starting, check_environment},
    fault::{Cause, Fault},
};
use crate::{
    job::Source,
    log::StepLog,
    plugin::{Call, Called, Phase, Plugin},
    process::End,
    run::Run,
    set_up::{PostCall, Ready},
};

impl Run {
    /// Calls a plugin: for its step, or at the end of the run for the step at the index `post_of`.
    pub(super) async fn call_plugin(
        &self,
        plugin: &Plugin,
        post_of: Option<usize>,
        starting: Starting<'_>,
        ready: &mut Ready,
        log: &mut StepLog,
    ) -> (Result<(), Fault>, Map<String, Value>) {
        let Starting {
            turn,
            prepared,
            env,
            interrupt,
            ..
        } = starting;
        if let Err(error) = check_environment(&env) {
            return (Err(Fault::unfit(error)), Map::new());
        }
        let (phase, run_state) = match post_of {
            None => (Phase::Run, None),
            Some(of) => {
                let post = ready.left.posts.get(&of);
                (Phase::Post, post.and_then(|post| post.state.clone()))
            }
        };
        let call = Call {
            phase,
            inputs: prepared.inputs.clone(),
            context: self.plugin_context(turn, ready),
            env: &env,
            workspace: &ready.workspace,
            home: &ready.workdir.home,
            tmp: &ready.workdir.tmp,
            marker: &self.job.marker,
            limits: &self.job.limits,
            plugins: &self.job.plugins,
            checkout: match &self.job.source {
                Source::Git(checkout) => Some(checkout),
                Source::Folder(_) => None,
            },
            run_state,
        };
        let Called {
            end,
            outputs,
            error,
            state,
        } = plugin.call(&call, &interrupt, log).await;
        if post_of.is_none() {
            let inputs = prepared.inputs.clone();
            let env = ready.context.env_values();
            let post = PostCall { inputs, env, state };
            ready.left.posts.insert(turn.number - 1, post);
        }
        let fault = fault_of(&end, error);
        (fault.map_or(Ok(()), Err), outputs)
    }
}

/// What is wrong with a call that ended like this, if anything is.
fn fault_of(end: &End, error: Option<String>) -> Option<Fault> {
    match (Fault::of(end), error) {
        // What it says itself is more than its exit code.
        (Some(fault), Some(message)) if matches!(fault.cause, Cause::Failed(Some(_))) => {
            Some(Fault { message, ..fault })
        }
        (Some(fault), _) => Some(fault),
        (None, Some(message)) => Some(Fault {
            message,
            cause: Cause::Failed(None),
        }),
        (None, None) => None,
    }
}
