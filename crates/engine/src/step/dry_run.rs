//! What a dry run tells instead of running a step.

use serde_json::Value;

use super::{Turn, prepare::Prepared};
use crate::{
    debug::in_a_line,
    log::StepLog,
    run::Run,
    set_up::{Ready, Work},
};

impl Run {
    /// Tells what the step would run, with what, and where.
    pub(super) async fn tell_only(
        &self,
        turn: &Turn,
        prepared: &Prepared,
        ready: &Ready,
        log: &mut StepLog,
    ) {
        let spec = &turn.step.spec;
        match &turn.step.work {
            Work::Script(shell) => {
                let dir = spec.working_directory.as_deref().unwrap_or(".");
                log.line(&format!("Would run with `{}` in `{dir}`:", shell.name()))
                    .await;
                for line in prepared.script.lines() {
                    log.line(&format!("    {line}")).await;
                }
            }
            Work::Plugin(_) | Work::Post(..) | Work::Unfound(_) => {
                let plugin = spec.plugin.as_deref().unwrap_or_default();
                log.line(&format!("Would call the plugin `{plugin}`")).await;
                for (name, value) in &prepared.inputs {
                    let value = match value {
                        Value::String(text) => in_a_line(text).into_owned(),
                        value => value.to_string(),
                    };
                    log.line(&format!("    {name}: {value}")).await;
                }
            }
        }
        let env: Vec<_> = prepared.env.iter().chain(&prepared.placeholders).collect();
        if !env.is_empty() {
            log.line("With the environment:").await;
        }
        for (name, value) in env {
            log.line(&format!("    {name}={}", in_a_line(value))).await;
        }
        self.debug_environment(log, &ready.env).await;
    }
}
