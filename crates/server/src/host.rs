//! The REST APIs of Git hosts: who an account is, what it can see, webhooks, commits and their statuses.
//!
//! One client for all accounts and all kinds of hosts. It keeps nothing, knows neither our database nor our API, and
//! tries nothing twice: whoever calls decides what is worth another try, by [`HostError::is_temporary`].
//!
//! A token goes to the host that it was stored for and to no other: redirects and the addresses in a host's answers
//! are not followed, and it is never part of a URL, since those end up in logs.

mod address;
mod answer;
mod api;
mod error;
mod webhook;

mod codeup;
mod gitea;
mod gitee;
mod github;
mod gitlab;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use flowcd_model::{
    application::Provider,
    event::Pusher,
    provider::{HostBranch, HostOrganization, HostRepository},
};
use secrecy::SecretString;

use self::{address::GuardedResolver, answer::Id, api::Api};

pub(crate) use self::{
    error::HostError,
    webhook::{HookEvent, HookProof, Webhook},
};

type Result<T> = std::result::Result<T, HostError>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// An account on a Git host, with its token.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The kind of host.
    pub(crate) provider: Provider,
    /// The host that the token is for: `https://github.com`.
    pub(crate) origin: String,
    /// The token.
    pub(crate) token: SecretString,
}

/// The repository that a call is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RepoName {
    /// Who it belongs to, with the groups around it: `group/subgroup`.
    pub(crate) owner: String,
    /// Its name.
    pub(crate) name: String,
    /// Its id on the host, where that is known.
    pub(crate) id: Option<String>,
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository `{}/{}`", self.owner, self.name)
    }
}

/// Whose token it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostUser {
    /// The account's name.
    pub(crate) login: String,
    /// Its id, as text.
    pub(crate) id: String,
    /// A picture; empty where there is none.
    pub(crate) avatar_url: String,
}

/// A commit, as far as a task tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostCommit {
    /// Its full name.
    pub(crate) sha: String,
    /// Its whole message.
    pub(crate) message: String,
    /// Who wrote it.
    pub(crate) author: Pusher,
}

/// How far a deployment of a commit is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CommitState {
    /// It has not begun.
    Pending,
    /// It has begun.
    Running,
    /// It succeeded.
    Success,
    /// It failed.
    Failure,
    /// Somebody stopped it.
    Cancelled,
}

/// What is shown beside a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CommitStatus {
    /// How far it is.
    pub(crate) state: CommitState,
    /// Who says so, a name that stays the same: a newer status takes the place of an older one of the same context.
    pub(crate) context: String,
    /// A sentence for people. Cut to what the host takes.
    pub(crate) description: String,
    /// Where to read more.
    pub(crate) target_url: Option<String>,
}

impl CommitStatus {
    /// The description; hosts that cannot tell running from waiting are told it in words.
    fn words(&self) -> &str {
        match self.state {
            CommitState::Running if self.description.is_empty() => "running",
            _ => &self.description,
        }
    }
}

/// What the operator lets us do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostSettings {
    /// Whether hosts may be talked to by plain http.
    pub(crate) is_http_allowed: bool,
}

/// The client for all Git hosts. A copy is cheap and shares the connections.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Made at the first call: it reads the system's certificates, which takes time and memory that a server without
    /// accounts does not spend.
    http: Arc<OnceLock<reqwest::Client>>,
    settings: HostSettings,
}

/// Calls the function of that name in the module of the account's provider.
macro_rules! on_host {
    ($api:ident, $function:ident($($argument:expr),*)) => {
        match $api.provider {
            Provider::Github => github::$function(&$api, $($argument),*).await,
            Provider::Gitee => gitee::$function(&$api, $($argument),*).await,
            Provider::Gitlab => gitlab::$function(&$api, $($argument),*).await,
            Provider::Codeup => codeup::$function(&$api, $($argument),*).await,
            Provider::Gitea => gitea::$function(&$api, $($argument),*).await,
            Provider::Git => Err(HostError::Unsupported {
                provider: Provider::Git,
                what: "API",
            }),
        }
    };
}

impl Hosts {
    pub(crate) fn new(settings: HostSettings) -> Self {
        Self {
            http: Arc::default(),
            settings,
        }
    }

    #[cfg(test)]
    fn with(
        settings: HostSettings,
        timeout: Duration,
        resolver: GuardedResolver,
    ) -> anyhow::Result<Self> {
        let http = client(timeout, resolver)?;
        Ok(Self {
            http: Arc::new(OnceLock::from(http)),
            settings,
        })
    }

    /// The HTTP client. The first call takes a while.
    fn http(&self) -> anyhow::Result<reqwest::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = client(TIMEOUT, GuardedResolver::system())?;
        Ok(self.http.get_or_init(|| http).clone())
    }

    async fn api(&self, account: &Account) -> Result<Api> {
        if self.http.get().is_none() {
            let hosts = self.clone();
            // What goes wrong goes wrong again below, where it is told.
            let _ = tokio::task::spawn_blocking(move || hosts.http()).await;
        }
        Api::new(self, account)
    }

    /// Whose token it is; the way to find out whether it works.
    pub(crate) async fn whoami(&self, account: &Account) -> Result<HostUser> {
        let api = self.api(account).await?;
        on_host!(api, whoami())
    }

    /// The repositories that the account can deploy: with `org`, those of an organization whose webhooks the account
    /// may set, otherwise all that it may push to.
    pub(crate) async fn list_repositories(
        &self,
        account: &Account,
        org: Option<&str>,
    ) -> Result<Vec<HostRepository>> {
        let api = self.api(account).await?;
        on_host!(api, list_repositories(org))
    }

    /// The organizations, or groups, that the account belongs to.
    pub(crate) async fn list_organizations(
        &self,
        account: &Account,
    ) -> Result<Vec<HostOrganization>> {
        let api = self.api(account).await?;
        on_host!(api, list_organizations())
    }

    /// The branches of a repository.
    pub(crate) async fn list_branches(
        &self,
        account: &Account,
        repo: &RepoName,
    ) -> Result<Vec<HostBranch>> {
        let api = self.api(account).await?;
        on_host!(api, list_branches(repo))
    }

    /// Makes a webhook, or changes the one that has the same URL; answers its id.
    pub(crate) async fn install_webhook(
        &self,
        account: &Account,
        repo: &RepoName,
        webhook: &Webhook,
    ) -> Result<String> {
        let api = self.api(account).await?.hiding(&webhook.secret);
        let hooks = on_host!(api, list_hooks(repo))?;
        let id = match hooks.into_iter().find(|hook| hook.calls(&webhook.url)) {
            Some(hook) => {
                on_host!(api, update_hook(repo, &hook.id, webhook))?;
                hook.id
            }
            None => on_host!(api, create_hook(repo, webhook))?,
        };
        Ok(id.0)
    }

    /// Removes the webhook with this id, or every one with this URL where there is no id or no such id. One that is
    /// gone already, even with its repository, is fine.
    pub(crate) async fn remove_webhook(
        &self,
        account: &Account,
        repo: &RepoName,
        url: &str,
        hook_id: Option<&str>,
    ) -> Result<()> {
        let api = self.api(account).await?;
        if let Some(id) = hook_id.map(Id::from) {
            match on_host!(api, delete_hook(repo, &id)) {
                Err(HostError::NotFound { .. }) => {}
                removed => return removed,
            }
        }
        let hooks = match on_host!(api, list_hooks(repo)) {
            Err(HostError::NotFound { .. }) => return Ok(()),
            hooks => hooks?,
        };
        for hook in hooks.into_iter().filter(|hook| hook.calls(url)) {
            match on_host!(api, delete_hook(repo, &hook.id)) {
                Err(HostError::NotFound { .. }) => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    /// A commit, by its name or a branch or tag.
    pub(crate) async fn get_commit(
        &self,
        account: &Account,
        repo: &RepoName,
        commit: &str,
    ) -> Result<HostCommit> {
        let api = self.api(account).await?;
        on_host!(api, get_commit(repo, commit))
    }

    /// Shows how far a deployment is beside its commit, which goes by its full name.
    pub(crate) async fn set_status(
        &self,
        account: &Account,
        repo: &RepoName,
        commit: &str,
        status: &CommitStatus,
    ) -> Result<()> {
        let api = self.api(account).await?;
        on_host!(api, set_status(repo, commit, status))
    }
}

fn client(timeout: Duration, resolver: GuardedResolver) -> anyhow::Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails when somebody else was faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(resolver)
        .user_agent(concat!("flowcd/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("cannot set up HTTP for Git hosts")
}
