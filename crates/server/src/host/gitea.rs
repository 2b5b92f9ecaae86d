//! Gitea and Forgejo: their description is at `/api/swagger` of every one of them.

use std::collections::BTreeSet;

use flowcd_model::{
    event::Pusher,
    provider::{HostBranch, HostOrganization, HostRepository},
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    CommitState, CommitStatus, HookEvent, HostCommit, HostUser, RepoName, Result, Webhook,
    answer::{Id, WithId, text_or_null},
    api::Api,
    webhook::Hook,
};

#[derive(Deserialize)]
struct User {
    login: String,
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
}

#[derive(Deserialize)]
struct Repository {
    id: Id,
    name: String,
    owner: User,
    clone_url: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    internal: bool,
    #[serde(default, deserialize_with = "text_or_null")]
    description: String,
    #[serde(default, deserialize_with = "text_or_null")]
    default_branch: String,
    #[serde(default)]
    archived: bool,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    push: bool,
}

#[derive(Deserialize)]
struct Organization {
    id: Id,
    /// What newer ones call `name`.
    username: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
    commit: Option<Tip>,
}

#[derive(Deserialize)]
struct Tip {
    id: String,
}

#[derive(Deserialize)]
struct ListedHook {
    id: Id,
    #[serde(default)]
    config: HookConfig,
}

#[derive(Default, Deserialize)]
struct HookConfig {
    #[serde(default, deserialize_with = "text_or_null")]
    url: String,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
    commit: CommitText,
    author: Option<User>,
}

#[derive(Deserialize)]
struct CommitText {
    message: String,
    author: Option<Signature>,
}

#[derive(Default, Deserialize)]
struct Signature {
    #[serde(default, deserialize_with = "text_or_null")]
    name: String,
    #[serde(default, deserialize_with = "text_or_null")]
    email: String,
}

pub(super) async fn whoami(api: &Api) -> Result<HostUser> {
    let user: User = api.at(&["user"], "account")?.get().await?;
    Ok(HostUser {
        login: user.login,
        id: user.id.0,
        avatar_url: user.avatar_url,
    })
}

pub(super) async fn list_repositories(api: &Api, org: Option<&str>) -> Result<Vec<HostRepository>> {
    let repositories: Vec<Repository> = match org {
        Some(org) => {
            api.at(&["orgs", org, "repos"], format!("organization `{org}`"))?
                .list()
                .await?
        }
        None => api.at(&["user", "repos"], "repositories")?.list().await?,
    };
    let is_ours = |repository: &Repository| {
        let may = |may: &Permissions| may.admin || (org.is_none() && may.push);
        !repository.archived && repository.permissions.as_ref().is_some_and(may)
    };
    Ok(repositories
        .into_iter()
        .filter(is_ours)
        .map(|repository| HostRepository {
            id: repository.id.0,
            name: repository.name,
            owner: repository.owner.login,
            avatar_url: repository.owner.avatar_url,
            url: repository.clone_url,
            private: repository.private || repository.internal,
            description: repository.description,
            default_branch: repository.default_branch,
            disabled: false,
        })
        .collect())
}

pub(super) async fn list_organizations(api: &Api) -> Result<Vec<HostOrganization>> {
    let organizations: Vec<Organization> =
        api.at(&["user", "orgs"], "organizations")?.list().await?;
    Ok(organizations
        .into_iter()
        .filter_map(|organization| {
            Some(HostOrganization {
                org: organization.name.or(organization.username)?,
                id: organization.id.0,
            })
        })
        .collect())
}

pub(super) async fn list_branches(api: &Api, repo: &RepoName) -> Result<Vec<HostBranch>> {
    let path = ["repos", &repo.owner, &repo.name, "branches"];
    let branches: Vec<Branch> = api.at(&path, repo)?.list().await?;
    Ok(branches
        .into_iter()
        .filter_map(|branch| {
            Some(HostBranch {
                name: branch.name,
                commit_sha: branch.commit?.id,
            })
        })
        .collect())
}

pub(super) async fn list_hooks(api: &Api, repo: &RepoName) -> Result<Vec<Hook>> {
    let path = ["repos", &repo.owner, &repo.name, "hooks"];
    let hooks: Vec<ListedHook> = api.at(&path, repo)?.list().await?;
    Ok(hooks
        .into_iter()
        .map(|hook| Hook {
            id: hook.id,
            url: hook.config.url,
        })
        .collect())
}

pub(super) async fn create_hook(api: &Api, repo: &RepoName, webhook: &Webhook) -> Result<Id> {
    let mut body = hook_body(webhook);
    body["type"] = Value::from("gitea");
    let path = ["repos", &repo.owner, &repo.name, "hooks"];
    let hook: WithId = api.at(&path, repo)?.send(Method::POST, &body).await?;
    Ok(hook.id)
}

pub(super) async fn update_hook(
    api: &Api,
    repo: &RepoName,
    id: &Id,
    webhook: &Webhook,
) -> Result<()> {
    let path = ["repos", &repo.owner, &repo.name, "hooks", &id.0];
    let body = hook_body(webhook);
    api.at(&path, repo)?.tell(Method::PATCH, &body).await
}

/// Whether it checks certificates is for whoever runs the host to say, and not for a webhook.
fn hook_body(webhook: &Webhook) -> Value {
    // A push of a tag is a push.
    let events = webhook.events.iter().map(|event| match event {
        HookEvent::Push | HookEvent::TagPush => "push",
        HookEvent::PullRequest => "pull_request",
        HookEvent::Release => "release",
    });
    json!({
        "active": true,
        "events": events.collect::<BTreeSet<_>>(),
        "config": {
            "url": webhook.url,
            "content_type": "json",
            "secret": webhook.secret.expose_secret(),
        },
    })
}

pub(super) async fn delete_hook(api: &Api, repo: &RepoName, id: &Id) -> Result<()> {
    let path = ["repos", &repo.owner, &repo.name, "hooks", &id.0];
    api.at(&path, repo)?.delete().await
}

pub(super) async fn get_commit(api: &Api, repo: &RepoName, commit: &str) -> Result<HostCommit> {
    let path = ["repos", &repo.owner, &repo.name, "git", "commits", commit];
    let what = format!("commit `{commit}` in the {repo}");
    let commit = api.at(&path, what)?.query(&[
        ("stat", "false"),
        ("verification", "false"),
        ("files", "false"),
    ]);
    let commit: Commit = commit.get().await?;
    let signature = commit.commit.author.unwrap_or_default();
    let (name, avatar_url) = match commit.author {
        Some(account) => (account.login, account.avatar_url),
        None => (signature.name, String::new()),
    };
    Ok(HostCommit {
        sha: commit.sha,
        message: commit.commit.message,
        author: Pusher {
            name,
            email: signature.email,
            avatar_url,
        },
    })
}

pub(super) async fn set_status(
    api: &Api,
    repo: &RepoName,
    commit: &str,
    status: &CommitStatus,
) -> Result<()> {
    let state = match status.state {
        CommitState::Pending | CommitState::Running => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failure",
        CommitState::Cancelled => "error",
    };
    let mut body = json!({
        "state": state,
        "context": status.context,
        "description": status.words(),
    });
    if let Some(url) = &status.target_url {
        body["target_url"] = Value::from(url.as_str());
    }
    let path = ["repos", &repo.owner, &repo.name, "statuses", commit];
    let what = format!("commit `{commit}` in the {repo}");
    api.at(&path, what)?.tell(Method::POST, &body).await
}
