//! The variables that expressions see: built once for a run, changed in place from step to step.

use std::{collections::BTreeMap, path::Path};

use flowcd_model::step::StepStatus;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    expr::{ExprError, GlobalStatus},
    job::Contexts,
};

/// The variables of one run.
#[derive(Debug)]
pub(crate) struct Context {
    vars: Map<String, Value>,
}

impl Context {
    /// The variables at the start of a run. `envs` are the application's.
    pub(crate) fn new(
        contexts: &Contexts,
        secrets: &BTreeMap<String, SecretString>,
        envs: &Map<String, Value>,
    ) -> Context {
        let _ = (contexts, secrets, envs);
        Context { vars: Map::new() }
    }

    /// The variables, for a `Scope`.
    pub(crate) fn vars(&self) -> &Map<String, Value> {
        &self.vars
    }

    /// Makes `env` that of the step about to run and renders it: the environment that the step's process gets.
    ///
    /// `status` is set as well. Call it before `condition`; look at the result only when the step does run, so that
    /// a step that is skipped cannot fail on its environment.
    pub(crate) fn enter_step(
        &mut self,
        env: &Map<String, Value>,
        status: GlobalStatus,
        workspace: &Path,
    ) -> Result<Vec<(String, String)>, ExprError> {
        let _ = (env, status, workspace);
        Ok(Vec::new())
    }

    /// Notes how the step `id` ended, for `steps.<id>`.
    pub(crate) fn leave_step(&mut self, id: &str, status: StepStatus, outputs: Map<String, Value>) {
        let _ = (id, status, outputs);
    }
}
