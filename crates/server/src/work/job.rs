//! A claimed task as a job for the engine.

use std::time::Duration;

use flowcd_engine::{Checkout, Contexts, Job, Options, Plugins, Source, git};
use flowcd_model::{application::Application, task::Task};
use flowcd_store::{ClaimedTask, Progress};
use serde_json::{Map, Value, json};

use super::{Work, WorkConfig, task_url};
use crate::service::credential;

/// How long a repository may take to say where a ref points.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the repository for the commit of a task that has only a ref, and keeps the answer.
pub(super) async fn resolve_commit(work: &Work, claimed: &mut ClaimedTask) -> Result<(), String> {
    if !claimed.task.commit.is_empty() {
        return Ok(());
    }
    let application = &claimed.application;
    let url = git::RepoUrl::parse(&application.repo_url, &work.inner.config.policy)
        .map_err(|error| error.to_string())?;
    let name = claimed.task.git_ref.as_deref().unwrap_or_default();
    let git_ref = git::GitRef::parse_any(name).map_err(|error| error.to_string())?;
    let credential = credential::for_repo(
        &url,
        application.provider,
        &application.owner,
        claimed.credentials.clone(),
    );
    let resolving = git::resolve_ref(&url, &git_ref, credential.as_ref());
    let commit = match tokio::time::timeout(RESOLVE_TIMEOUT, resolving).await {
        Ok(commit) => commit.map_err(|error| error.to_string())?,
        Err(_) => {
            return Err(format!(
                "the repository did not say within {} s where `{name}` points",
                RESOLVE_TIMEOUT.as_secs()
            ));
        }
    };
    let progress = Progress {
        commit: Some(commit.to_string()),
        ..Progress::default()
    };
    // A lost lease shows with the next thing that is written.
    work.inner
        .store
        .save_progress(&claimed.claim, progress)
        .await
        .map_err(|error| format!("cannot keep the commit: {error}"))?;
    claimed.task.commit = commit.to_string();
    Ok(())
}

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
        .map(git::GitRef::parse_any)
        .transpose()
        .map_err(|error| error.to_string())?;
    let credential =
        credential::for_repo(&url, application.provider, &application.owner, credentials);
    // What code from a fork leaves in a cache must not get into a deployment.
    let caches = match task.is_fork {
        true => config.fork_caches_of(&task.user_id, &task.app_id),
        false => config.caches_of(&task.user_id, &task.app_id),
    };
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
            caches,
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
    let event = task.event.as_ref();
    let event_name = match event {
        Some(event) => event.event_name.as_str(),
        None => task.trigger_type.as_str(),
    };
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
        "event_name": event_name,
        "pusher": event.map(|it| &it.pusher),
        "pull_request": event.and_then(|it| it.pull_request.as_ref()),
    }));
    let app = object(
        json!({ "id": application.id, "owner": application.owner, "user_id": application.user_id }),
    );
    let url = task_url(&config.base_url, &task.id);
    let task_context = object(json!({ "id": task.id, "number": task.number, "url": url }));
    let trigger = object(json!({
        "type": task.trigger_type,
        "interceptor": format!("{}_dispatch", task.trigger_type),
        "template": pipeline_file,
        "provider": application.provider,
        "eventName": event.map(|it| &it.event_name),
        "delivery": task.delivery_id,
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
