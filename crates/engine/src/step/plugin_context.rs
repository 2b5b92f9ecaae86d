//! What a plugin is told about the run.

use serde_json::{Map, Value, json};

use super::Turn;
use crate::{
    run::Run,
    set_up::{Ready, Work},
};

impl Run {
    /// The context of a plugin, as the reference's engine has it.
    pub(super) fn plugin_context(&self, turn: &Turn, ready: &Ready) -> Value {
        let vars = ready.context.vars();
        let variable = |name: &str| vars.get(name).cloned().unwrap_or_default();
        let steps = self.steps().iter().enumerate().map(|(number, step)| {
            let outputs = ready.left.outputs.get(&number).cloned();
            let mut described = Map::from_iter([
                ("stepCount".to_owned(), step.step_count.to_string().into()),
                ("name".to_owned(), step.run.as_str().into()),
                ("status".to_owned(), step.status.as_str().into()),
                ("outputs".to_owned(), outputs.unwrap_or_default().into()),
            ]);
            if let Some(id) = &step.id {
                described.insert("id".to_owned(), id.as_str().into());
            }
            if let Some(time) = step.process_time {
                described.insert("process_time".to_owned(), time.into());
            }
            // How a plugin finds the step whose end it is called for.
            if let (true, Work::Post(_, of)) = (number == turn.number, &turn.step.work) {
                described.insert("type".to_owned(), "postRun".into());
                described.insert("runStepCount".to_owned(), (of + 1).to_string().into());
            }
            if let Some(error) = &step.error {
                described.insert("error".to_owned(), error.as_str().into());
            }
            Value::Object(described)
        });
        json!({
            "cwd": ready.workspace.to_string_lossy(),
            "stepCount": turn.number.to_string(),
            "status": variable("status"),
            "completed": false,
            "inputs": variable("inputs"),
            "env": variable("env"),
            "steps": steps.collect::<Vec<_>>(),
            "error": ready.left.error,
            "$variables": vars,
        })
    }
}
