//! GitLab, the public one and others: <https://docs.gitlab.com/api/rest/>.

use flowcd_model::{
    event::Pusher,
    provider::{HostBranch, HostOrganization, HostRepository},
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    CommitState, CommitStatus, HookEvent, HostCommit, HostError, HostUser, RepoName, Result,
    Webhook,
    answer::{Id, WithId, cut, text_or_null},
    api::Api,
    webhook::Hook,
};

/// Access levels: whoever may push, and whoever may set webhooks.
const DEVELOPER: &str = "30";
const MAINTAINER: &str = "40";
const GUEST: &str = "10";

const MAX_DESCRIPTION_CHARS: usize = 255;

#[derive(Deserialize)]
struct User {
    username: String,
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
}

#[derive(Deserialize)]
struct Project {
    id: Id,
    path: String,
    namespace: Namespace,
    http_url_to_repo: String,
    #[serde(default, deserialize_with = "text_or_null")]
    visibility: String,
    #[serde(default, deserialize_with = "text_or_null")]
    description: String,
    #[serde(default, deserialize_with = "text_or_null")]
    default_branch: String,
}

#[derive(Deserialize)]
struct Namespace {
    full_path: String,
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
}

#[derive(Deserialize)]
struct Group {
    id: Id,
    full_path: String,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
    commit: Tip,
}

#[derive(Deserialize)]
struct Tip {
    id: String,
}

#[derive(Deserialize)]
struct ListedHook {
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    url: String,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
    message: String,
    #[serde(default, deserialize_with = "text_or_null")]
    author_name: String,
    #[serde(default, deserialize_with = "text_or_null")]
    author_email: String,
}

/// What a project goes by: its id, which outlives its name, or its whole path as one part of the address.
fn project(repo: &RepoName) -> String {
    match &repo.id {
        Some(id) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => id.clone(),
        _ => format!("{}/{}", repo.owner, repo.name),
    }
}

pub(super) async fn whoami(api: &Api) -> Result<HostUser> {
    let user: User = api.at(&["user"], "account")?.get().await?;
    Ok(HostUser {
        login: user.username,
        id: user.id.0,
        avatar_url: user.avatar_url,
    })
}

pub(super) async fn list_repositories(api: &Api, org: Option<&str>) -> Result<Vec<HostRepository>> {
    let endpoint = match org {
        Some(org) => api
            .at(&["groups", org, "projects"], format!("group `{org}`"))?
            .query(&[
                ("min_access_level", MAINTAINER),
                ("include_subgroups", "true"),
                ("with_shared", "false"),
            ]),
        None => api
            .at(&["projects"], "projects")?
            .query(&[("min_access_level", DEVELOPER), ("membership", "true")]),
    };
    let projects: Vec<Project> = endpoint.query(&[("archived", "false")]).list().await?;
    Ok(projects
        .into_iter()
        .map(|project| HostRepository {
            id: project.id.0,
            name: project.path,
            owner: project.namespace.full_path,
            avatar_url: absolute(api, project.namespace.avatar_url),
            url: project.http_url_to_repo,
            private: project.visibility != "public",
            description: project.description,
            default_branch: project.default_branch,
            disabled: false,
        })
        .collect())
}

/// Pictures of groups are given without the host.
fn absolute(api: &Api, url: String) -> String {
    if url.starts_with('/') {
        format!("{}{url}", api.origin)
    } else {
        url
    }
}

pub(super) async fn list_organizations(api: &Api) -> Result<Vec<HostOrganization>> {
    let groups = api
        .at(&["groups"], "groups")?
        // Without it, whoever runs the host gets everybody's.
        .query(&[("min_access_level", GUEST)]);
    let groups: Vec<Group> = groups.list().await?;
    Ok(groups
        .into_iter()
        .map(|group| HostOrganization {
            org: group.full_path,
            id: group.id.0,
        })
        .collect())
}

pub(super) async fn list_branches(api: &Api, repo: &RepoName) -> Result<Vec<HostBranch>> {
    let path = ["projects", &project(repo), "repository", "branches"];
    let branches: Vec<Branch> = api.at(&path, repo)?.list().await?;
    Ok(branches
        .into_iter()
        .map(|branch| HostBranch {
            name: branch.name,
            commit_sha: branch.commit.id,
        })
        .collect())
}

pub(super) async fn list_hooks(api: &Api, repo: &RepoName) -> Result<Vec<Hook>> {
    let path = ["projects", &project(repo), "hooks"];
    let hooks: Vec<ListedHook> = api.at(&path, repo)?.list().await?;
    Ok(hooks
        .into_iter()
        .map(|hook| Hook {
            id: hook.id,
            url: hook.url,
        })
        .collect())
}

pub(super) async fn create_hook(api: &Api, repo: &RepoName, webhook: &Webhook) -> Result<Id> {
    let path = ["projects", &project(repo), "hooks"];
    let body = hook_body(webhook);
    let hook: WithId = api.at(&path, repo)?.send(Method::POST, &body).await?;
    Ok(hook.id)
}

pub(super) async fn update_hook(
    api: &Api,
    repo: &RepoName,
    id: &Id,
    webhook: &Webhook,
) -> Result<()> {
    let path = ["projects", &project(repo), "hooks", &id.0];
    let body = hook_body(webhook);
    api.at(&path, repo)?.tell(Method::PUT, &body).await
}

fn hook_body(webhook: &Webhook) -> Value {
    json!({
        "url": webhook.url,
        "token": webhook.secret.expose_secret(),
        "enable_ssl_verification": true,
        "push_events": webhook.tells(HookEvent::Push),
        "tag_push_events": webhook.tells(HookEvent::TagPush),
        "merge_requests_events": webhook.tells(HookEvent::PullRequest),
        "releases_events": webhook.tells(HookEvent::Release),
    })
}

pub(super) async fn delete_hook(api: &Api, repo: &RepoName, id: &Id) -> Result<()> {
    let path = ["projects", &project(repo), "hooks", &id.0];
    api.at(&path, repo)?.delete().await
}

pub(super) async fn get_commit(api: &Api, repo: &RepoName, commit: &str) -> Result<HostCommit> {
    let path = ["projects", &project(repo), "repository", "commits", commit];
    let what = format!("commit `{commit}` in the {repo}");
    let commit: Commit = api.at(&path, what)?.get().await?;
    Ok(HostCommit {
        sha: commit.id,
        message: commit.message,
        author: Pusher {
            name: commit.author_name,
            email: commit.author_email,
            avatar_url: String::new(),
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
        CommitState::Pending => "pending",
        CommitState::Running => "running",
        CommitState::Success => "success",
        CommitState::Failure => "failed",
        CommitState::Cancelled => "canceled",
    };
    let mut body = json!({
        "state": state,
        "name": status.context,
        "description": cut(&status.description, MAX_DESCRIPTION_CHARS),
    });
    if let Some(url) = &status.target_url {
        body["target_url"] = Value::from(url.as_str());
    }
    let path = ["projects", &project(repo), "statuses", commit];
    let what = format!("commit `{commit}` in the {repo}");
    match api.at(&path, what)?.tell(Method::POST, &body).await {
        // Told the same state a second time, it is refused as a change that leads nowhere.
        Err(HostError::Refused {
            status: 400,
            message,
            ..
        }) if message.contains("Cannot transition status") => Ok(()),
        told => told,
    }
}
