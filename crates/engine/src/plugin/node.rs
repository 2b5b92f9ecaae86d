//! Plugins that are JavaScript: a small host calls them in a process of their own.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Call, Called, Finder, PluginError, answer::Answer, capture::Capture, scratch::Scratch,
};
use crate::{
    log::StepLog,
    process::{End, Interrupt, Program, find_program, run_program},
};

/// What calls the plugin.
const HOST: &str = include_str!("host.js");

/// How long a plugin may take to be loaded, without being run.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A plugin in JavaScript.
#[derive(Clone, Debug)]
pub(super) struct NodePlugin {
    /// A file, or the folder of a package.
    pub(super) path: PathBuf,
    pub(super) has_post: bool,
}

/// Where Node.js is.
pub(super) fn find_node(specifier: &str, finder: &Finder<'_>) -> Result<PathBuf, PluginError> {
    find_program("node", finder.path, finder.workspace).ok_or_else(|| {
        PluginError::Failed(format!(
            "the plugin `{specifier}` needs Node.js 18 or newer, which is not in PATH"
        ))
    })
}

/// Loads a plugin without running it, and learns whether it wants to be called at the end of the run.
pub(super) async fn describe(
    specifier: &str,
    path: &Path,
    finder: &Finder<'_>,
) -> Result<NodePlugin, PluginError> {
    let cannot = |error: String| {
        PluginError::Failed(format!("the plugin `{specifier}` cannot be used: {error}"))
    };
    let node = find_node(specifier, finder)?;
    let scratch = Scratch::make(&finder.dir.join("tmp")).map_err(cannot)?;
    let host = write_host(&scratch).map_err(cannot)?;
    let answer = Answer::make(&scratch.path("answer.json")).map_err(cannot)?;
    let request = json!({"plugin": path, "phase": "describe"});
    let captured = Capture {
        program: &node,
        args: &[host.into(), answer.path.clone().into()],
        dir: finder.workspace,
        env: &finder.environment(),
        marker: finder.marker,
        stdin: Bytes::from(request.to_string()),
        timeout: DESCRIBE_TIMEOUT,
        cancel: finder.cancel,
    }
    .run()
    .await?;
    let told = answer.read().map_err(cannot)?.unwrap_or_default();
    match (told.get("error"), told.get("hasPost")) {
        (Some(error), _) => Err(cannot(shortened(text_of(error)))),
        (None, Some(has_post)) => Ok(NodePlugin {
            path: path.to_owned(),
            has_post: has_post.as_bool().unwrap_or_default(),
        }),
        (None, None) => Err(cannot(format!(
            "Node.js ended with {}: {}",
            captured.end,
            captured.last_lines()
        ))),
    }
}

impl NodePlugin {
    /// Calls it.
    pub(super) async fn call(
        &self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        log: &mut StepLog,
    ) -> Called {
        self.try_call(call, interrupt, log)
            .await
            .unwrap_or_else(Called::failed)
    }

    async fn try_call(
        &self,
        call: &Call<'_>,
        interrupt: &Interrupt<'_>,
        log: &mut StepLog,
    ) -> Result<Called, String> {
        let node = find_program("node", call.search_path(), call.workspace)
            .ok_or("the plugin needs Node.js 18 or newer, which is not in PATH")?;
        let scratch = Scratch::make(call.tmp)?;
        let host = write_host(&scratch)?;
        let answer = Answer::make(&scratch.path("answer.json"))?;
        let request = json!({
            "plugin": self.path,
            "phase": call.phase.to_string(),
            "inputs": call.inputs,
            "context": call.context,
        });
        let args: [OsString; 2] = [host.into(), answer.path.clone().into()];
        let program = Program {
            program: node.as_os_str(),
            args: &args,
            dir: call.workspace,
            env: call.env,
            marker: call.marker,
            stdin: Some(Bytes::from(request.to_string())),
        };
        let end = run_program(&program, call.limits, interrupt, log)
            .await
            .map_err(|error| format!("cannot start Node.js: {error}"))?;
        if matches!(end, End::Cancelled | End::TimedOut(_)) {
            return Ok(Called::ended(end));
        }
        let told = answer.read()?.unwrap_or_default();
        if let Some(error) = told.get("error") {
            return Ok(Called {
                error: Some(shortened(&log.masked(text_of(error)))),
                ..Called::ended(end)
            });
        }
        let outputs = match told.get("outputs") {
            Some(Value::Object(outputs)) => outputs.clone(),
            _ => Map::new(),
        };
        let state = Some(Value::Object(outputs.clone()));
        Ok(Called {
            outputs,
            state,
            ..Called::ended(end)
        })
    }
}

fn write_host(scratch: &Scratch) -> Result<PathBuf, String> {
    // CommonJS whatever the project's package.json says.
    let path = scratch.path("host.cjs");
    std::fs::write(&path, HOST).map_err(|error| format!("cannot write its host: {error}"))?;
    Ok(path)
}

fn text_of(error: &Value) -> &str {
    error.as_str().unwrap_or("an error without a text")
}

fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 2000;
    text.chars().take(MAX_CHARS).collect()
}
