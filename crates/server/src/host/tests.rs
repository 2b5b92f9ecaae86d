//! What hosts are sent, and what is made of their answers.

mod calls;
mod description;
mod fake;
mod refusals;

use std::time::Duration;

use flowcd_model::application::Provider;

use super::{
    Account, HookEvent, HookProof, HostSettings, Hosts, RepoName, Webhook, address::GuardedResolver,
};
use fake::FakeHost;

const TOKEN: &str = "canary-token";
const SECRET: &str = "canary-secret";
const HOOK_URL: &str = "https://cd.example.com/api/webhooks/app?a=b";
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn hosts() -> Hosts {
    hosts_within(Duration::from_secs(15))
}

fn hosts_within(timeout: Duration) -> Hosts {
    let settings = HostSettings {
        is_http_allowed: true,
    };
    Hosts::with(settings, timeout, GuardedResolver::system()).expect("HTTP works")
}

fn account(provider: Provider, host: &FakeHost) -> Account {
    Account {
        provider,
        origin: host.origin(),
        token: TOKEN.into(),
    }
}

fn repo(owner: &str) -> RepoName {
    RepoName {
        owner: owner.to_owned(),
        name: "shop".to_owned(),
        id: None,
    }
}

fn webhook() -> Webhook {
    Webhook {
        url: HOOK_URL.to_owned(),
        secret: SECRET.into(),
        proof: HookProof::Signature,
        events: HookEvent::ALL.to_vec(),
    }
}
