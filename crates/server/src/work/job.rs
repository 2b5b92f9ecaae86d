//! A claimed task as a job for the engine.

use flowcd_engine::{Checkout, Contexts, Job, Options, Plugins, Source, git};
use flowcd_model::{application::Application, task::Task};
use flowcd_store::ClaimedTask;
use serde_json::{Map, Value, json};

use super::{Work, WorkConfig};
use crate::service::credential;

/// What the engine has to do for a claimed task.
pub(super) fn job(work: &Work, claimed: ClaimedTask) -> Result<Job, String> {
    let config = &work.inner.config;
    let ClaimedTask {
        task,
        application,
        pipeline_file,
        secrets,
        credentials,
        ..
    } = claimed;
    let url = git::RepoUrl::parse(&application.repo_url, &config.policy)
        .map_err(|error| error.to_string())?;
    let commit = task
        .commit
        .parse()
        .map_err(|error: git::InvalidCommitId| error.to_string())?;
    let git_ref = task
        .git_ref
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: git::InvalidGitRef| error.to_string())?;
    let credential =
        credential::for_repo(&url, application.provider, &application.owner, credentials);
    let contexts = contexts(config, &task, &application, &pipeline_file);
    let mirrors = config.mirrors_of(&task.user_id);
    Ok(Job {
        dir: config.work_dir.join(task.id.as_str()),
        marker: marker(&config.instance, task.id.as_str()),
        source: Source::Git(Checkout {
            url,
            commit,
            git_ref,
            credential,
            mirrors,
        }),
        pipeline_file,
        contexts,
        secrets,
        envs: application.envs.unwrap_or_default(),
        options: Options {
            is_debug: task.is_debug,
            ..Options::default()
        },
        plugins: Plugins {
            installed: config.plugins.clone(),
            registry: config.plugin_registry.clone(),
            ca_file: config.plugin_ca_file.clone(),
            repositories: config.policy,
            caches: config.caches_of(&task.user_id, &task.app_id),
        },
        limits: config.limits.clone(),
        task_id: task.id,
    })
}

/// The value of `FLOWCD_RUN` in every process of a task: how those of a dead run are found.
pub(super) fn marker(instance: &str, task: &str) -> String {
    format!("{instance}.{task}")
}

fn contexts(
    config: &WorkConfig,
    task: &Task,
    application: &Application,
    pipeline_file: &str,
) -> Contexts {
    let git_ref = task.git_ref.as_deref();
    let git = object(json!({
        "provider": application.provider,
        "clone_url": application.repo_url,
        "repo_owner": application.owner,
        "repo_name": application.repo_name,
        "ref": git_ref,
        "branch": git_ref.and_then(|name| name.strip_prefix("refs/heads/")),
        "tag": git_ref.and_then(|name| name.strip_prefix("refs/tags/")),
        "commit": task.commit,
        "message": task.message,
        "event_name": task.trigger_type,
    }));
    let app = object(
        json!({ "id": application.id, "owner": application.owner, "user_id": application.user_id }),
    );
    let url = format!("{}/api/flow/task/get?taskId={}", config.base_url, task.id);
    let task_context = object(json!({ "id": task.id, "number": task.number, "url": url }));
    let trigger = object(json!({
        "type": task.trigger_type,
        "interceptor": format!("{}_dispatch", task.trigger_type),
        "template": pipeline_file,
        "redelivery": task.redelivery,
    }));
    Contexts {
        git,
        app,
        task: task_context,
        trigger,
        inputs: task.inputs.clone(),
        overlay: Map::new(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
