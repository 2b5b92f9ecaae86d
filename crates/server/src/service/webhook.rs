//! Webhooks at the hosts: installed, changed and removed with the owner's account.
//!
//! A host that does not do its part fails nothing here: what went wrong is kept with the application, beside what the
//! host is to call, so that its owner can do it by hand.

use std::{net::IpAddr, time::Duration};

use flowcd_model::{
    application::{Application, Provider, Webhook},
    id::AppId,
    trigger::{ProviderTrigger, TriggerSpec},
};
use flowcd_store::WebhookSecret;
use secrecy::SecretString;
use tracing::{error, info, warn};
use url::{Host, Url};

use crate::{
    error::Result,
    host::{self, Account, HookEvent, HookProof},
    service::provider::{Place, find_account, place_of},
    state::AppState,
};

/// How long a host may take to install a webhook: somebody waits for the answer.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(12);
/// How long it may take to remove one.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Said of a webhook that is about to be installed.
pub(crate) const NOT_YET: &str =
    "it is being installed; the application's details say how that went";

/// Where the host is to send an application's webhooks.
pub(crate) fn webhook_url(state: &AppState, id: &AppId) -> String {
    format!("{}/api/hooks/{id}", state.base_url)
}

/// Installs an application's webhook, or changes the one that is installed; answers, and keeps, how that went.
pub(crate) async fn install(state: &AppState, application: Application) -> Webhook {
    let before = Webhook {
        url: webhook_url(state, &application.id),
        ..application.webhook.clone().unwrap_or_else(|| Webhook {
            url: String::new(),
            is_installed: false,
            hook_id: None,
            problem: None,
        })
    };
    let interrupted = Webhook {
        problem: Some("the installation broke off".to_owned()),
        ..before.clone()
    };
    let state = state.clone();
    // In a task of its own: whoever asked may go away, and what the host then has is to be known all the same.
    let installing = tokio::spawn(async move {
        let trying = try_install(&state, &application, &before.url);
        let tried = tokio::time::timeout(INSTALL_TIMEOUT, trying).await;
        let outcome = tried.unwrap_or_else(|_| {
            Err(format!(
                "the host did not answer within {} s",
                INSTALL_TIMEOUT.as_secs()
            ))
        });
        let id = &application.id;
        let webhook = match outcome {
            Ok(Installed { hook_id, problem }) => {
                info!(app.id = %id, "Installed the webhook of application `{id}`");
                Webhook {
                    is_installed: true,
                    hook_id: Some(hook_id),
                    problem,
                    ..before
                }
            }
            Err(problem) => {
                warn!(app.id = %id, "Cannot install the webhook of application `{id}`: {problem}");
                Webhook {
                    problem: Some(format!("{problem}; {}", by_hand(&application))),
                    ..before
                }
            }
        };
        keep(&state, id, &webhook).await;
        webhook
    });
    installing.await.unwrap_or(interrupted)
}

/// Removes an application's webhook at the host; answers, and keeps, how that went.
pub(crate) async fn uninstall(state: &AppState, application: &Application) {
    let left = remove(state, application).await.err();
    let webhook = Webhook {
        url: webhook_url(state, &application.id),
        is_installed: false,
        hook_id: None,
        problem: left.map(|problem| format!("the host may still have it: {problem}")),
    };
    keep(state, &application.id, &webhook).await;
}

async fn keep(state: &AppState, id: &AppId, webhook: &Webhook) {
    if let Err(err) = state.store.set_webhook(id, webhook).await {
        error!(app.id = %id, error = &err as &dyn std::error::Error, "Cannot keep what became of the webhook of application `{id}`");
    }
}

/// Removes what was installed for an application, where something was.
pub(crate) async fn remove(
    state: &AppState,
    application: &Application,
) -> std::result::Result<(), String> {
    let Some(webhook) = &application.webhook else {
        return Ok(());
    };
    if !webhook.is_installed {
        return Ok(());
    }
    let id = &application.id;
    let removing = async {
        let Some(place) = place_of(state, application) else {
            return Err("its repository is on no host that could be asked".to_owned());
        };
        let account = account(state, application, &place).await?;
        let removed = state.hosts.remove_webhook(
            &account,
            &place.repo,
            &webhook.url,
            webhook.hook_id.as_deref(),
        );
        removed.await.map_err(|err| err.to_string())
    };
    let removed = tokio::time::timeout(REMOVE_TIMEOUT, removing)
        .await
        .unwrap_or_else(|_| {
            Err(format!(
                "the host did not answer within {} s",
                REMOVE_TIMEOUT.as_secs()
            ))
        });
    match &removed {
        Ok(()) => info!(app.id = %id, "Removed the webhook of application `{id}`"),
        Err(problem) => {
            warn!(app.id = %id, "Cannot remove the webhook of application `{id}`: {problem}");
        }
    }
    removed
}

struct Installed {
    hook_id: String,
    /// What the host does not do for all that.
    problem: Option<String>,
}

async fn try_install(
    state: &AppState,
    application: &Application,
    url: &str,
) -> std::result::Result<Installed, String> {
    let provider = application.provider;
    let Some(place) = place_of(state, application) else {
        return Err(format!(
            "the repository is on no host of the kind {provider} that could be asked"
        ));
    };
    let account = account(state, application, &place).await?;
    if is_local(url) && !is_local(&place.origin) {
        return Err(format!(
            "{} cannot reach this server at {}: start it with `--base-url`, and update the application with `install_webhook: true`",
            place.origin, state.base_url
        ));
    }
    let target = state.store.webhook_target(&application.id).await;
    let target = target.map_err(|err| err.to_string())?;
    let Some((secret, proof)) = target.and_then(|target| proof(target.secret)) else {
        return Err("the application has no secret for webhooks".to_owned());
    };
    let (events, unknown) = events(&application.trigger_spec, provider);
    let webhook = host::Webhook {
        url: url.to_owned(),
        secret,
        proof,
        events,
    };
    let hook_id = state
        .hosts
        .install_webhook(&account, &place.repo, &webhook)
        .await
        .map_err(|err| err.to_string())?;
    let problem = (!unknown.is_empty()).then(|| {
        format!(
            "the host was not asked to tell of {}: add that to the webhook there",
            unknown.join(", ")
        )
    });
    Ok(Installed { hook_id, problem })
}

/// The owner's account on the host of a repository.
async fn account(
    state: &AppState,
    application: &Application,
    place: &Place,
) -> std::result::Result<Account, String> {
    let provider = application.provider;
    let found: Result<Option<Account>> =
        find_account(state, &application.user_id, provider, &place.origin).await;
    match found {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(format!(
            "you have stored no token for {}: store one by `POST user/updateUserProviderToken` and update the application with `install_webhook: true`",
            place.origin
        )),
        Err(err) => Err(err.to_string()),
    }
}

/// What to do where the host was not told.
fn by_hand(application: &Application) -> String {
    let (events, unknown) = events(&application.trigger_spec, application.provider);
    let events = events.into_iter().map(|event| match event {
        HookEvent::Push => "pushes".to_owned(),
        HookEvent::TagPush => "pushes of tags".to_owned(),
        HookEvent::PullRequest => "pull requests".to_owned(),
        HookEvent::Release => "releases".to_owned(),
    });
    let events: Vec<String> = events.chain(unknown).collect();
    format!(
        "or add a webhook to the repository by hand, with this URL, the webhook's secret, the content type `application/json`, for {}",
        events.join(", ")
    )
}

fn proof(secret: WebhookSecret) -> Option<(SecretString, HookProof)> {
    match (secret.secret, secret.password) {
        (Some(secret), _) => Some((secret, HookProof::Signature)),
        (None, Some(password)) => Some((password, HookProof::Password)),
        (None, None) => None,
    }
}

/// What the host is to tell for a trigger, and the names of events that it cannot be asked for. A trigger without
/// rules is told of pushes: then the webhook is there for the rules to come.
fn events(spec: &TriggerSpec, provider: Provider) -> (Vec<HookEvent>, Vec<String>) {
    let mut wanted = Vec::new();
    let mut unknown = Vec::new();
    if let Some(trigger) = spec.0.get(&provider) {
        of_trigger(trigger, &mut wanted, &mut unknown);
    }
    let mut events: Vec<HookEvent> = HookEvent::ALL.into();
    events.retain(|event| wanted.contains(event));
    if events.is_empty() {
        events.push(HookEvent::Push);
    }
    unknown.sort();
    unknown.dedup();
    (events, unknown)
}

fn of_trigger(trigger: &ProviderTrigger, wanted: &mut Vec<HookEvent>, unknown: &mut Vec<String>) {
    for rule in trigger.events.iter().flatten() {
        match rule.event_name.as_str() {
            // Some hosts tell both by one name.
            "push" => wanted.extend([HookEvent::Push, HookEvent::TagPush]),
            "tag" | "tag_push" => wanted.push(HookEvent::TagPush),
            "pull_request" | "merge_request" => wanted.push(HookEvent::PullRequest),
            "release" => wanted.push(HookEvent::Release),
            name => unknown.push(format!("`{name}`")),
        }
    }
    if let Some(push) = &trigger.push {
        wanted.extend(push.branches.as_ref().map(|_| HookEvent::Push));
        wanted.extend(push.tags.as_ref().map(|_| HookEvent::TagPush));
        if push.branches.is_none() && push.tags.is_none() {
            wanted.extend([HookEvent::Push, HookEvent::TagPush]);
        }
    }
    if trigger.pr.is_some() || trigger.pull_request.is_some() {
        wanted.push(HookEvent::PullRequest);
    }
}

/// Whether an address only means something on the machine that it is used on.
fn is_local(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let is_local = |address: IpAddr| {
        let address = address.to_canonical();
        address.is_loopback() || address.is_unspecified()
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_local(address.into()),
        Some(Host::Ipv6(address)) => is_local(address.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{application::Provider, trigger::TriggerSpec};
    use flowcd_store::WebhookSecret;
    use serde_json::{Value, json};

    use super::{events, is_local, proof};
    use crate::host::{
        HookEvent::{PullRequest, Push, Release, TagPush},
        HookProof,
    };

    #[test]
    fn the_host_is_asked_for_what_the_trigger_needs() {
        let check = |trigger: Value| {
            let spec: TriggerSpec =
                serde_json::from_value(json!({"github": trigger})).expect("a trigger");
            events(&spec, Provider::Github)
        };
        let rule = |name: &str| json!({"events": [{"eventName": name}]});
        for (trigger, expected) in [
            (json!({}), vec![Push]),
            (rule("push"), vec![Push, TagPush]),
            (rule("release"), vec![Release]),
            (rule("merge_request"), vec![PullRequest]),
            (
                json!({"push": {"branches": {"precise": ["main"]}}}),
                vec![Push],
            ),
            (
                json!({"push": {"tags": {"prefix": ["v"]}}, "pr": {}}),
                vec![TagPush, PullRequest],
            ),
            (
                json!({"pull_request": {"types": ["opened"]}}),
                vec![PullRequest],
            ),
        ] {
            assert_eq!(check(trigger.clone()), (expected, vec![]), "{trigger}");
        }
        let (asked, unknown) = check(rule("issues"));
        assert_eq!((asked, unknown), (vec![Push], vec!["`issues`".to_owned()]));
        assert_eq!(events(&TriggerSpec::default(), Provider::Gitee).0, [Push]);
    }

    #[test]
    fn a_password_is_sent_where_there_is_no_secret() {
        let check = |secret: Option<&str>, password: Option<&str>| {
            let secret = WebhookSecret {
                secret: secret.map(Into::into),
                password: password.map(Into::into),
            };
            proof(secret).map(|(_, proof)| proof)
        };
        assert_eq!(check(Some("s"), Some("p")), Some(HookProof::Signature));
        assert_eq!(check(None, Some("p")), Some(HookProof::Password));
        assert_eq!(check(None, None), None);
    }

    #[test]
    fn an_address_of_this_machine_is_local() {
        for (url, expected) in [
            ("http://127.0.0.1:9000", true),
            ("http://0.0.0.0:9000", true),
            ("http://[::1]:9000", true),
            ("http://[::]:9000", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost", true),
            ("http://10.0.0.7:9000", false),
            ("https://cd.example.com", false),
        ] {
            assert_eq!(is_local(url), expected, "{url}");
        }
    }
}
