//! Applications: only their owner sees and changes them.

use flowcd_engine::git::RepoUrl;
use flowcd_model::{
    application::{
        Application, ApplicationListQuery, ApplicationPatch, CreatedApplication, NewApplication,
        Provider, Webhook,
    },
    id::AppId,
    time::Millis,
};
use flowcd_store::{AppDeletion, ApplicationInsert};
use tracing::{debug, error, info};

use crate::{
    auth::Caller,
    error::{Error, Result},
    service::{
        idempotency::{Answer, Once, once},
        schedule,
        secret::{check_envs, check_line, check_secret_changes, check_secrets, check_text},
        trigger,
        webhook::{self, webhook_url},
    },
    state::AppState,
};

const MAX_NAME_CHARS: usize = 255;
const MAX_DESCRIPTION_CHARS: usize = 1_000;
/// How often a repository may be looked at: its host has better to do.
const MIN_POLL_SECONDS: i64 = 30;
const MAX_POLL_SECONDS: i64 = 24 * 3_600;
/// The most entries in a part of a list.
pub(crate) const MAX_LIMIT: i64 = 100;

/// All applications of the caller, or a part of them and the cursor of the next part; the list is JSON text already.
pub(crate) async fn list_applications(
    state: &AppState,
    caller: &Caller,
    query: ApplicationListQuery,
) -> Result<(String, Option<String>)> {
    let limit = match (query.limit, &query.cursor) {
        (None, Some(_)) => Some(MAX_LIMIT),
        (limit, _) => limit,
    };
    check_limit(limit)?;
    let found = state
        .store
        .list_applications_json(&caller.user_id, limit, query.cursor);
    Ok(found.await?)
}

/// Refuses a `limit` that no list answers.
pub(crate) fn check_limit(limit: Option<i64>) -> Result<()> {
    match limit {
        None | Some(1..=MAX_LIMIT) => Ok(()),
        Some(_) => Err(Error::invalid(
            "limit",
            format!("expected 1 to {MAX_LIMIT}"),
        )),
    }
}

/// One application.
pub(crate) async fn get_application(
    state: &AppState,
    caller: &Caller,
    id: &AppId,
) -> Result<Application> {
    let application = state.store.application(&caller.user_id, id).await?;
    application.ok_or_else(|| absent(id))
}

fn absent(id: &AppId) -> Error {
    Error::not_found(format!("没有找到此应用 (there is no application `{id}`)"))
}

/// Makes an application.
pub(crate) async fn create_application(
    state: &AppState,
    caller: &Caller,
    new: NewApplication,
    key: Option<Once>,
) -> Result<Answer<CreatedApplication>> {
    once(state, caller, key, async |recorder| {
        let mut new = new;
        check_new(state, &new)?;
        trigger::check(&new.trigger_spec, new.provider)?;
        let (webhook_secrets, webhook_secret) =
            trigger::take_secrets(&mut new.trigger_spec, new.provider)?;
        if new.provider_repo_id.as_ref().is_none_or(String::is_empty) {
            new.provider_repo_id = Some(format!("{}/{}", new.owner, new.repo));
        }
        let id = AppId::generate();
        // A plain repository has nothing that it could be installed with.
        let is_to_install = new.provider != Provider::Git && new.install_webhook != Some(false);
        let mut created = CreatedApplication {
            webhook: Webhook {
                url: webhook_url(state, &id),
                is_installed: false,
                hook_id: None,
                problem: is_to_install.then(|| webhook::NOT_YET.to_owned()),
            },
            id,
            webhook_secret,
        };
        let record = recorder.map(|it| it.record(&created)).transpose()?;
        let schedules = schedule::entries(&new.trigger_spec, new.provider, Millis::now())?;
        let insert = ApplicationInsert {
            webhook: created.webhook.clone(),
            schedules,
            id: created.id.clone(),
            user_id: caller.user_id.clone(),
            new,
            webhook_secrets,
        };
        match state.store.create_application(insert, record).await {
            Ok(application) => {
                let name = format!("{}/{}", application.owner, application.repo_name);
                info!(app.id = %created.id, user.id = %caller.user_id, "Made application `{name}`");
                if is_to_install {
                    // The row comes first: hosts call a new webhook at once.
                    created.webhook = webhook::install(state, application).await;
                }
                Ok(created)
            }
            Err(flowcd_store::Error::DuplicateApplication) => Err(Error::conflict(
                "代码仓库已绑定，请勿重新绑定 (you have an application for this repository already)",
            )
            .with_field("provider_repo_id")),
            Err(err) => Err(err.into()),
        }
    })
    .await
}

fn check_poll(seconds: Option<i64>) -> Result<()> {
    match seconds {
        None | Some(0 | MIN_POLL_SECONDS..=MAX_POLL_SECONDS) => Ok(()),
        Some(_) => Err(Error::invalid(
            "poll_seconds",
            format!("expected 0 (never), or {MIN_POLL_SECONDS} to {MAX_POLL_SECONDS}"),
        )),
    }
}

fn check_new(state: &AppState, new: &NewApplication) -> Result<()> {
    check_line("repo", &new.repo, MAX_NAME_CHARS)?;
    check_line("owner", &new.owner, MAX_NAME_CHARS)?;
    if let Some(id) = new.provider_repo_id.as_ref().filter(|id| !id.is_empty()) {
        check_line("provider_repo_id", id, MAX_NAME_CHARS)?;
    }
    check_url(state, &new.repo_url)?;
    check_text("description", &new.description, MAX_DESCRIPTION_CHARS)?;
    check_secrets("secrets", &new.secrets)?;
    check_poll(new.poll_seconds)?;
    match &new.envs {
        Some(envs) => check_envs(envs),
        None => Ok(()),
    }
}

fn check_url(state: &AppState, url: &str) -> Result<()> {
    match RepoUrl::parse(url, &state.repo_policy()) {
        Ok(_) => Ok(()),
        Err(err) => Err(Error::invalid("repo_url", err)),
    }
}

/// Changes an application.
pub(crate) async fn update_application(
    state: &AppState,
    caller: &Caller,
    mut patch: ApplicationPatch,
) -> Result<()> {
    let application = get_application(state, caller, &patch.app_id).await?;
    if patch
        .provider
        .is_some_and(|provider| provider != application.provider)
    {
        return Err(Error::invalid(
            "provider",
            format!("the application's is {} and stays so", application.provider),
        ));
    }
    let mut schedules = None;
    if let Some(spec) = patch.trigger_spec.take_if(|spec| !spec.is_empty()) {
        let mut spec = spec;
        trigger::check(&spec, application.provider)?;
        trigger::drop_secrets(&mut spec);
        schedules = Some(schedule::entries(
            &spec,
            application.provider,
            Millis::now(),
        )?);
        patch.trigger_spec = Some(spec);
    } else {
        patch.trigger_spec = None;
    }
    check_poll(patch.poll_seconds)?;
    if let Some(description) = &patch.description {
        check_text("description", description, MAX_DESCRIPTION_CHARS)?;
    }
    if let Some(url) = &patch.repo_url {
        check_url(state, url)?;
    }
    if let Some(secrets) = &patch.secrets {
        check_secrets("secrets", secrets)?;
    }
    if let Some(changes) = &patch.secret_changes {
        check_secret_changes("secret_changes", changes)?;
    }
    if let Some(envs) = &patch.envs {
        check_envs(envs)?;
    }
    let id = patch.app_id.clone();
    if let Some(secret) = &patch.webhook_secret {
        trigger::check_secret("webhook_secret", &secret.0)?;
    }
    let is_installed = application
        .webhook
        .as_ref()
        .is_some_and(|it| it.is_installed);
    // A host that signs with the old one would be refused from now on.
    let must_tell = patch.webhook_secret.is_some() && is_installed;
    let wish = patch.install_webhook.or(must_tell.then_some(true));
    let updated = state
        .store
        .update_application(&caller.user_id, patch, schedules)
        .await?;
    let updated = updated.ok_or_else(|| absent(&id))?;
    update_webhook(state, application, updated, wish).await;
    Ok(())
}

/// Brings the webhook at the host in line with a change. How that went is kept with the application.
async fn update_webhook(
    state: &AppState,
    before: Application,
    application: Application,
    wish: Option<bool>,
) {
    let is_moved = before.repo_url != application.repo_url;
    let is_changed = is_moved || before.trigger_spec != application.trigger_spec;
    let is_installed = before.webhook.as_ref().is_some_and(|it| it.is_installed);
    match wish {
        Some(false) => webhook::uninstall(state, &before).await,
        None if !(is_installed && is_changed) => {}
        None | Some(true) => {
            if is_moved && let Err(problem) = webhook::remove(state, &before).await {
                // Logged there; what it calls is still this application, which skips other repositories.
                debug!(app.id = %application.id, "The former repository keeps its webhook: {problem}");
            }
            webhook::install(state, application).await;
        }
    }
}

/// Deletes an application with its tasks and their logs.
pub(crate) async fn delete_application(
    state: &AppState,
    caller: &Caller,
    id: &AppId,
) -> Result<()> {
    let application = match state.store.application(&caller.user_id, id).await {
        // What cannot be read is to go all the same.
        Err(flowcd_store::Error::CorruptRow { .. }) => None,
        found => found?,
    };
    match state.store.delete_application(&caller.user_id, id).await? {
        AppDeletion::Absent => Err(absent(id)),
        AppDeletion::Busy(task) => Err(Error::conflict(format!(
            "task `{task}` of this application runs; cancel it first"
        ))),
        AppDeletion::Deleted { tasks } => {
            info!(app.id = %id, user.id = %caller.user_id, n_tasks = tasks.len(), "Deleted application `{id}`");
            // What went wrong is logged there; a webhook that stays calls nobody.
            if let Some(application) = application {
                _ = webhook::remove(state, &application).await;
            }
            state.work.remove_caches(&caller.user_id, id).await;
            for task in &tasks {
                state.work.changed(task);
                // The rows are gone, so a log that stays is waste and nothing worse.
                if let Err(err) = state.logs.delete_task(task).await {
                    error!(task.id = %task, error = &err as &dyn std::error::Error, "Cannot delete the logs of task `{task}`");
                }
            }
            Ok(())
        }
    }
}
