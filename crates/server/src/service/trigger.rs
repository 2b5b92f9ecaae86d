//! Trigger specifications as they come in: both generations are taken, and what could never work is refused.

mod judge;
mod text;

use flowcd_engine::{git::GitRef, glob::Glob, jexl};
use flowcd_model::{
    application::Provider,
    time::Millis,
    trigger::{BranchPair, EventRule, Patterns, ProviderTrigger, ScheduleRule, TriggerSpec},
};
use flowcd_store::{WebhookSecret, WebhookSecrets};
use rand::{RngExt, distr::Alphanumeric};
use secrecy::SecretString;

pub(crate) use judge::{Judgement, judge};
pub(crate) use text::convert_trigger;

use crate::{
    error::{Error, Result},
    service::{
        dispatch::check_inputs,
        schedule,
        secret::{MASK, check_line},
    },
};

const MAX_RULES: usize = 100;
const MAX_EVENT_NAME_CHARS: usize = 100;
const MAX_FILTER_CHARS: usize = 4_096;
const MAX_PATTERN_CHARS: usize = 255;
const MAX_PATH_CHARS: usize = 512;
const MAX_CRON_CHARS: usize = 200;
const MAX_SECRET_CHARS: usize = 256;
const GENERATED_SECRET_CHARS: usize = 32;

/// Checks a specification for an application of `provider`.
pub(crate) fn check(spec: &TriggerSpec, provider: Provider) -> Result<()> {
    for (key, trigger) in &spec.0 {
        let field = format!("trigger_spec.{key}");
        if *key != provider {
            return Err(Error::invalid(
                field,
                format!(
                    "the application's provider is {provider}; its trigger goes under that name"
                ),
            ));
        }
        check_provider(&field, trigger)?;
    }
    // Entries are read one by one; here, whether each of them comes due.
    schedule::entries(spec, provider, Millis::now())?;
    Ok(())
}

fn check_provider(field: &str, trigger: &ProviderTrigger) -> Result<()> {
    if let Some(events) = &trigger.events {
        check_length(&format!("{field}.events"), events)?;
        for (n, event) in events.iter().enumerate() {
            check_event(&format!("{field}.events[{n}]"), event)?;
        }
    }
    let branches = |patterns: &Option<Patterns<String>>, name: &str| match patterns {
        Some(patterns) => check_patterns(
            &format!("{field}.{name}"),
            patterns,
            |field, it: &String| check_pattern(field, it),
        ),
        None => Ok(()),
    };
    if let Some(push) = &trigger.push {
        branches(&push.branches, "push.branches")?;
        branches(&push.tags, "push.tags")?;
        check_template(&format!("{field}.push"), push.template.as_deref())?;
        check_paths(&format!("{field}.push"), &push.paths, &push.paths_ignore)?;
    }
    if let Some(pr) = &trigger.pr {
        branches(&pr.branches, "pr.branches")?;
        check_template(&format!("{field}.pr"), pr.template.as_deref())?;
    }
    if let Some(rules) = &trigger.schedule {
        check_length(&format!("{field}.schedule"), rules)?;
        for (n, rule) in rules.iter().enumerate() {
            check_schedule(&format!("{field}.schedule[{n}]"), rule)?;
        }
    }
    if let Some(pull_request) = &trigger.pull_request {
        check_template(
            &format!("{field}.pull_request"),
            pull_request.template.as_deref(),
        )?;
        check_length(&format!("{field}.pull_request.types"), &pull_request.types)?;
        if let Some(patterns) = &pull_request.branches {
            check_patterns(
                &format!("{field}.pull_request.branches"),
                patterns,
                check_pair,
            )?;
        }
    }
    Ok(())
}

fn check_event(field: &str, event: &EventRule) -> Result<()> {
    check_line(
        &format!("{field}.eventName"),
        &event.event_name,
        MAX_EVENT_NAME_CHARS,
    )?;
    if let Some(filter) = &event.filter {
        let field = format!("{field}.filter");
        let n_chars = filter.chars().count();
        // The published API takes an empty filter, which every such event passes.
        if !filter.is_empty() && filter.trim().is_empty() {
            return Err(Error::invalid(
                field,
                "it is blank; leave it out to take every such event",
            ));
        }
        if n_chars > MAX_FILTER_CHARS || filter.contains('\0') {
            return Err(Error::invalid(
                field,
                format!("at most {MAX_FILTER_CHARS} characters, none of them NUL"),
            ));
        }
        if !filter.is_empty() {
            jexl::check(filter).map_err(|err| Error::invalid(field, err))?;
        }
    }
    check_paths(field, &event.paths, &event.paths_ignore)?;
    check_template(field, event.template.as_deref())
}

fn check_schedule(field: &str, rule: &ScheduleRule) -> Result<()> {
    check_line(&format!("{field}.cron"), &rule.cron, MAX_CRON_CHARS)?;
    rule.git_ref
        .parse::<GitRef>()
        .map_err(|err| Error::invalid(format!("{field}.ref"), err))?;
    if let Some(inputs) = &rule.inputs {
        check_inputs(&format!("{field}.inputs"), inputs)?;
    }
    check_template(field, rule.template.as_deref())
}

fn check_template(field: &str, template: Option<&str>) -> Result<()> {
    match template {
        Some(template) => check_path(&format!("{field}.template"), template),
        None => Ok(()),
    }
}

fn check_paths(field: &str, paths: &[String], ignored: &[String]) -> Result<()> {
    for (name, globs) in [("paths", paths), ("paths-ignore", ignored)] {
        check_length(&format!("{field}.{name}"), globs)?;
        for (n, glob) in globs.iter().enumerate() {
            check_pattern(&format!("{field}.{name}[{n}]"), glob)?;
        }
    }
    Ok(())
}

/// A path that stays below the repository's root; links are the engine's business.
fn check_path(field: &str, path: &str) -> Result<()> {
    check_line(field, path, MAX_PATH_CHARS)?;
    let is_inside = !path.starts_with('/')
        && !path.contains('\\')
        && path.split('/').all(|part| !part.is_empty() && part != "..");
    if is_inside {
        Ok(())
    } else {
        Err(Error::invalid(
            field,
            "expected the path of a file, relative to the repository's root and without `..`",
        ))
    }
}

fn check_patterns<T>(
    field: &str,
    patterns: &Patterns<T>,
    check: impl Fn(&str, &T) -> Result<()>,
) -> Result<()> {
    let lists = [
        ("precise", patterns.precise.as_slice()),
        ("prefix", patterns.prefix.as_deref().unwrap_or_default()),
        ("include", patterns.include.as_slice()),
        ("exclude", patterns.exclude.as_slice()),
    ];
    for (name, list) in lists {
        check_length(&format!("{field}.{name}"), list)?;
        for (n, pattern) in list.iter().enumerate() {
            check(&format!("{field}.{name}[{n}]"), pattern)?;
        }
    }
    Ok(())
}

fn check_length<T>(field: &str, list: &[T]) -> Result<()> {
    if list.len() > MAX_RULES {
        return Err(Error::invalid(
            field,
            format!("at most {MAX_RULES} entries"),
        ));
    }
    Ok(())
}

fn check_pattern(field: &str, pattern: &str) -> Result<()> {
    check_line(field, pattern, MAX_PATTERN_CHARS)?;
    match pattern.parse::<Glob>() {
        Ok(_) => Ok(()),
        Err(err) => Err(Error::invalid(field, err)),
    }
}

fn check_pair(field: &str, pair: &BranchPair) -> Result<()> {
    check_pattern(&format!("{field}.target"), &pair.target)?;
    match &pair.source {
        Some(source) => check_pattern(&format!("{field}.source"), source),
        None => Ok(()),
    }
}

/// Takes the webhook's secret out of a new specification, or makes one: an application always has one.
/// The second value is what to install at the host.
pub(crate) fn take_secrets(
    spec: &mut TriggerSpec,
    provider: Provider,
) -> Result<(WebhookSecrets, String)> {
    let trigger = spec.0.get_mut(&provider);
    let (secret, password) = match trigger {
        Some(trigger) => (trigger.secret.take(), trigger.password.take()),
        None => (None, None),
    };
    let field = format!("trigger_spec.{provider}");
    let secret = secret.filter(|it| !it.is_empty());
    let password = password.filter(|it| !it.is_empty());
    if let Some(secret) = &secret {
        check_secret(&format!("{field}.secret"), secret)?;
    }
    if let Some(password) = &password {
        let field = format!("{field}.password");
        if provider != Provider::Gitee {
            return Err(Error::invalid(
                field,
                "only gitee has passwords; use `secret`",
            ));
        }
        check_secret(&field, password)?;
    }
    let secret = match (secret, &password) {
        (None, None) => Some(generate_secret()),
        (secret, _) => secret,
    };
    let shown = secret
        .clone()
        .or_else(|| password.clone())
        .unwrap_or_default();
    let secrets = WebhookSecret {
        secret: secret.map(SecretString::from),
        password: password.map(SecretString::from),
    };
    Ok((WebhookSecrets([(provider, secrets)].into()), shown))
}

/// Forgets the secrets of a specification that replaces another: the stored ones stay.
pub(crate) fn drop_secrets(spec: &mut TriggerSpec) {
    for trigger in spec.0.values_mut() {
        trigger.secret = None;
        trigger.password = None;
    }
}

/// Checks what a webhook is to be signed with.
pub(crate) fn check_secret(field: &str, secret: &str) -> Result<()> {
    if secret == MASK {
        return Err(Error::invalid(
            field,
            "`***` is how a stored value is shown; send the value itself",
        ));
    }
    check_line(field, secret, MAX_SECRET_CHARS)
}

fn generate_secret() -> String {
    let mut rng = rand::rng();
    (0..GENERATED_SECRET_CHARS)
        .map(|_| char::from(rng.sample(Alphanumeric)))
        .collect()
}

#[cfg(test)]
mod tests {
    use flowcd_model::{application::Provider, trigger::TriggerSpec};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::{check, take_secrets};

    fn spec(value: Value) -> TriggerSpec {
        serde_json::from_value(value).expect("a trigger")
    }

    #[test]
    fn both_generations_are_taken() {
        for value in [
            json!({}),
            json!({"github": {}}),
            json!({"github": {"secret": "s", "events": [
                {"eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]", "template": "ci/deploy.yaml"},
                {"eventName": "release", "filter": ""},
            ]}}),
            json!({"github": {"push": {"branches": {"precise": ["main"], "prefix": [], "exclude": ["tmp/*"]}, "tags": {"include": ["v*"]}}}}),
            json!({"github": {"pr": {"branches": {"precise": ["main"]}}}}),
            json!({"github": {"pull_request": {"types": ["opened", "merged"], "branches": {"include": [{"target": "main", "source": "dev"}]}}}}),
        ] {
            assert!(
                check(&spec(value.clone()), Provider::Github).is_ok(),
                "{value}"
            );
        }
    }

    #[test]
    fn what_cannot_work_is_told_by_its_field() {
        let template =
            |path: &str| json!({"github": {"events": [{"eventName": "push", "template": path}]}});
        let event = "trigger_spec.github.events[0]";
        for (value, field) in [
            (json!({"gitee": {}}), "trigger_spec.gitee".to_owned()),
            (
                json!({"github": {"events": [{"eventName": ""}]}}),
                format!("{event}.eventName"),
            ),
            (
                json!({"github": {"events": [{"eventName": "push", "filter": " "}]}}),
                format!("{event}.filter"),
            ),
            (
                json!({"github": {"events": [{"eventName": "push", "filter": "x".repeat(4_097)}]}}),
                format!("{event}.filter"),
            ),
            (template("/etc/passwd"), format!("{event}.template")),
            (template("a/../../b"), format!("{event}.template")),
            (template(".."), format!("{event}.template")),
            (template("a\\b"), format!("{event}.template")),
            (template("a//b"), format!("{event}.template")),
            (template("a\u{0}b"), format!("{event}.template")),
            (
                json!({"github": {"push": {"tags": {"prefix": [""]}}}}),
                "trigger_spec.github.push.tags.prefix[0]".to_owned(),
            ),
            (
                json!({"github": {"pr": {"branches": {"exclude": ["a", " "]}}}}),
                "trigger_spec.github.pr.branches.exclude[1]".to_owned(),
            ),
            (
                json!({"github": {"pull_request": {"branches": {"precise": [{"target": "main", "source": ""}]}}}}),
                "trigger_spec.github.pull_request.branches.precise[0].source".to_owned(),
            ),
        ] {
            let message = check(&spec(value), Provider::Github)
                .expect_err(&field)
                .to_string();
            assert!(message.starts_with(&format!("`{field}`: ")), "{message}");
        }
    }

    #[test]
    fn a_webhook_always_has_a_secret() {
        let take = |value: Value, provider| {
            let mut spec = spec(value);
            let (secrets, shown) = take_secrets(&mut spec, provider)?;
            let left = serde_json::to_string(&spec).expect("a trigger");
            assert!(!left.contains("s3cret"), "{left}");
            let kept = secrets.0[&provider]
                .secret
                .as_ref()
                .map(|it| it.expose_secret().to_owned());
            Ok::<_, crate::error::Error>((kept, shown))
        };
        let generated = take(json!({}), Provider::Github);
        assert!(
            generated.is_ok_and(|(kept, shown)| kept.as_ref() == Some(&shown) && shown.len() == 32)
        );
        let given = take(json!({"github": {"secret": "s3cret"}}), Provider::Github);
        assert!(
            given.is_ok_and(|(kept, shown)| kept.as_deref() == Some("s3cret") && shown == "s3cret")
        );
        let password = take(json!({"gitee": {"password": "s3cret"}}), Provider::Gitee);
        assert!(password.is_ok_and(|(kept, shown)| kept.is_none() && shown == "s3cret"));
        assert!(take(json!({"github": {"password": "s3cret"}}), Provider::Github).is_err());
        assert!(take(json!({"github": {"secret": "***"}}), Provider::Github).is_err());
    }
}
