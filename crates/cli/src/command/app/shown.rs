//! An application, for people.

use flowcd_model::application::Application;

use super::webhook;
use crate::{
    connect::repository,
    output::clean,
    table::{ago, fields, full_time, short_commit},
};

/// Everything that is known of it, but what is secret.
pub(super) fn of(application: &Application) -> String {
    let names = |names: Vec<&String>| {
        if names.is_empty() {
            return None;
        }
        Some(
            names
                .into_iter()
                .map(|name| clean(name))
                .collect::<Vec<_>>()
                .join(", "),
        )
    };
    let latest = application.latest_task.as_ref();
    let hook = application.webhook.as_ref();
    fields([
        ("id", Some(application.id.to_string())),
        ("repository", Some(clean(&repository(application)))),
        ("provider", Some(application.provider.to_string())),
        ("url", Some(clean(&application.repo_url))),
        ("repository id", Some(clean(&application.provider_repo_id))),
        (
            "description",
            Some(clean(&application.description)).filter(|text| !text.is_empty()),
        ),
        ("secrets", names(application.secrets.0.keys().collect())),
        (
            "variables",
            application
                .envs
                .as_ref()
                .and_then(|envs| names(envs.keys().collect())),
        ),
        (
            "triggers",
            names(
                application
                    .trigger_spec
                    .0
                    .keys()
                    .map(|provider| provider.to_string())
                    .collect::<Vec<_>>()
                    .iter()
                    .collect(),
            ),
        ),
        (
            "fork secrets",
            Some("pull requests from forks run with the secrets".to_owned())
                .filter(|_| application.fork_secrets),
        ),
        ("webhook", hook.map(webhook::state)),
        ("webhook URL", hook.map(|it| clean(&it.url))),
        ("polling", polling(application)),
        (
            "poll problem",
            application.poll_problem.as_deref().map(clean),
        ),
        (
            "latest task",
            latest.map(|task| {
                format!(
                    "{} ({}, {})",
                    task.task_id,
                    task.status,
                    short_commit(&task.commit)
                )
            }),
        ),
        ("created", Some(full_time(application.created_time))),
        ("updated", Some(full_time(application.updated_time))),
    ])
}

/// How often the repository is looked at, and when it was.
fn polling(application: &Application) -> Option<String> {
    let seconds = application.poll_seconds?;
    let every = match seconds {
        seconds if seconds % 3_600 == 0 => format!("every {}h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("every {}m", seconds / 60),
        seconds => format!("every {seconds}s"),
    };
    Some(match application.polled_time {
        Some(time) => format!("{every}, last {}", ago(time)),
        None => format!("{every}, not yet looked at"),
    })
}
