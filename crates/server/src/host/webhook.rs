//! Webhooks: what a host is to call, and when.

use secrecy::SecretString;
use url::Url;

use super::answer::Id;

/// What a host is to call.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// Where it is to call.
    pub(crate) url: String,
    /// What the host proves itself with.
    pub(crate) secret: SecretString,
    /// How it does that.
    pub(crate) proof: HookProof,
    /// What it is to tell. Hosts that cannot tell one of them leave it out.
    pub(crate) events: Vec<HookEvent>,
}

/// How a host proves that a delivery is its own. Only Gitee leaves the choice; GitHub and Gitea always sign, GitLab and
/// Codeup always send the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HookProof {
    /// By a signature that is made with the secret.
    Signature,
    /// By the secret itself.
    Password,
}

/// What a host can tell about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HookEvent {
    /// A branch moved.
    Push,
    /// A tag was pushed. GitHub and Gitea tell it as a push, wanted or not.
    TagPush,
    /// A pull or merge request was opened, closed, merged or changed.
    PullRequest,
    /// A release was published.
    Release,
}

impl HookEvent {
    /// Every event.
    pub(crate) const ALL: [Self; 4] = [Self::Push, Self::TagPush, Self::PullRequest, Self::Release];
}

/// A webhook as a host lists it.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) id: Id,
    pub(super) url: String,
}

impl Hook {
    /// Whether it calls this address, however the host wrote it down.
    pub(super) fn calls(&self, url: &str) -> bool {
        self.url == url
            || matches!(
                (Url::parse(&self.url), Url::parse(url)),
                (Ok(one), Ok(other)) if one == other
            )
    }
}

impl Webhook {
    /// Whether it is to tell this.
    pub(super) fn tells(&self, event: HookEvent) -> bool {
        self.events.contains(&event)
    }
}
