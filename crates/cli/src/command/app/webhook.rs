//! The webhook of an application: what is there, and what is left to its owner.

use flowcd_model::{
    application::{Provider, Webhook},
    trigger::{ProviderTrigger, TriggerSpec},
};

use crate::output::clean;

/// Where a webhook stands.
pub(super) fn state(webhook: &Webhook) -> String {
    match (webhook.is_installed, &webhook.hook_id, &webhook.problem) {
        (true, _, Some(problem)) => format!("installed, but {}", clean(problem)),
        (false, _, Some(problem)) => format!("not installed: {}", clean(problem)),
        (true, Some(id), None) => format!("installed as {}", clean(id)),
        (true, None, None) => "installed".to_owned(),
        (false, _, None) => "not installed".to_owned(),
    }
}

/// How to install it by hand, where the server has not said it; nothing where it is there.
pub(super) fn to_do(webhook: &Webhook, provider: Provider, spec: &TriggerSpec) -> Option<String> {
    let is_told = webhook.is_installed || webhook.problem.is_some();
    (!is_told).then(|| by_hand(provider, spec))
}

fn by_hand(provider: Provider, spec: &TriggerSpec) -> String {
    let events = events(spec.0.get(&provider)).join(", ");
    match provider {
        Provider::Git => {
            "to deploy what is pushed, give the repository the hook `post-receive` of docs/triggers.md, with the URL \
             and the secret"
                .to_owned()
        }
        Provider::Gitee => format!(
            "to deploy what is pushed, add a webhook at the repository: its URL; the secret as its signing key \
             (签名密钥); the events: {events}"
        ),
        Provider::Gitlab | Provider::Codeup => format!(
            "to deploy what is pushed, add a webhook at the repository: its URL; the secret as its secret token; the \
             events: {events}"
        ),
        Provider::Github | Provider::Gitea => format!(
            "to deploy what is pushed, add a webhook at the repository: its URL; the secret; the content type \
             application/json; the events: {events}"
        ),
    }
}

/// What the host has to tell for the rules to be asked.
fn events(trigger: Option<&ProviderTrigger>) -> Vec<&'static str> {
    let names: Vec<String> = trigger
        .and_then(|it| it.events.as_ref())
        .into_iter()
        .flatten()
        .map(|rule| rule.event_name.to_ascii_lowercase())
        .collect();
    let is_named = |part: &str| names.iter().any(|name| name.contains(part));
    let push = trigger.and_then(|it| it.push.as_ref());
    let has_pull_requests = trigger.is_some_and(|it| it.pr.is_some() || it.pull_request.is_some());
    let told = [
        (
            "push",
            push.is_some_and(|it| it.branches.is_some()) || is_named("push"),
        ),
        (
            "tag push",
            push.is_some_and(|it| it.tags.is_some()) || is_named("tag"),
        ),
        (
            "pull request",
            has_pull_requests || is_named("pull") || is_named("merge"),
        ),
        ("release", is_named("release")),
    ];
    let told: Vec<&str> = told
        .into_iter()
        .filter_map(|(name, is_told)| is_told.then_some(name))
        .collect();
    match told.is_empty() {
        true => vec!["push"],
        false => told,
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{application::Provider, trigger::TriggerSpec};
    use serde_json::{Value, json};

    use super::by_hand;

    #[test]
    fn the_events_are_those_that_the_rules_ask_for() {
        for (spec, events) in [
            (json!({}), "push"),
            (
                json!({"gitlab": {"push": {"branches": {"prefix": []}, "tags": {"prefix": []}}, "pr": {}}}),
                "push, tag push, pull request",
            ),
            (
                json!({"gitlab": {"events": [{"eventName": "Release Hook"}, {"eventName": "Merge Request Hook"}]}}),
                "pull request, release",
            ),
        ] {
            let told = |spec: Value| -> Result<String, serde_json::Error> {
                let spec: TriggerSpec = serde_json::from_value(spec)?;
                Ok(by_hand(Provider::Gitlab, &spec))
            };
            let told = told(spec).expect("a trigger");
            assert!(told.ends_with(&format!("events: {events}")), "{told}");
        }
    }
}
