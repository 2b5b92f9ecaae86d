//! Codeup, in both editions of Yunxiao: <https://help.aliyun.com/zh/yunxiao/developer-reference/>.
//!
//! The central edition is `codeup.aliyun.com`. Its API has a host of its own, and each address names the organization,
//! which is what the path of a repository begins with. Any other host is a regional edition, which belongs to one
//! organization and names none.

use std::cmp::Ordering;

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
    api::{Api, Endpoint},
    webhook::Hook,
};

/// Access levels: whoever may push, and whoever may set webhooks.
const DEVELOPER: u32 = 30;
const ADMINISTRATOR: u32 = 40;

const MAX_CONTEXT_CHARS: usize = 50;
const MAX_DESCRIPTION_CHARS: usize = 3_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    username: String,
    #[serde(default, deserialize_with = "text_or_null")]
    name: String,
}

#[derive(Deserialize)]
struct Organization {
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    id: Id,
    path_with_namespace: String,
    web_url: String,
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
    #[serde(default, deserialize_with = "text_or_null")]
    visibility: String,
    #[serde(default, deserialize_with = "text_or_null")]
    description: String,
    #[serde(default)]
    archived: bool,
    /// 20, 30 or 40, as a number or as text.
    access_level: Option<Id>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
    commit: Option<Commit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    id: String,
    #[serde(default, deserialize_with = "text_or_null")]
    message: String,
    #[serde(default, deserialize_with = "text_or_null")]
    author_name: String,
    #[serde(default, deserialize_with = "text_or_null")]
    author_email: String,
}

#[derive(Deserialize)]
struct ListedHook {
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    url: String,
}

/// A part of the API that belongs to a repository.
fn of_repo<'a>(
    api: &'a Api,
    repo: &RepoName,
    rest: &[&str],
    what: impl ToString,
) -> Result<Endpoint<'a>> {
    let path = format!("{}/{}", repo.owner, repo.name);
    let id = match &repo.id {
        Some(id) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => id,
        _ => &path,
    };
    let organization = repo.owner.split('/').next().unwrap_or_default();
    let mut segments = repositories(api, organization);
    segments.push(id);
    segments.extend(rest);
    api.at(&segments, what)
}

/// The address of an organization's repositories.
fn repositories<'a>(api: &Api, organization: &'a str) -> Vec<&'a str> {
    if api.is_public() {
        vec!["codeup", "organizations", organization, "repositories"]
    } else {
        vec!["codeup", "repositories"]
    }
}

pub(super) async fn whoami(api: &Api) -> Result<HostUser> {
    let user: User = api.at(&["platform", "user"], "account")?.get().await?;
    Ok(HostUser {
        login: if user.username.is_empty() {
            user.name
        } else {
            user.username
        },
        id: user.id.0,
        avatar_url: String::new(),
    })
}

pub(super) async fn list_repositories(api: &Api, org: Option<&str>) -> Result<Vec<HostRepository>> {
    let organizations: Vec<String> = match org {
        Some(org) => vec![org.to_owned()],
        None if api.is_public() => list_organizations(api)
            .await?
            .into_iter()
            .map(|organization| organization.org)
            .collect(),
        None => vec![String::new()],
    };
    let needed = if org.is_some() {
        ADMINISTRATOR
    } else {
        DEVELOPER
    };
    let mut all = Vec::new();
    for organization in organizations {
        let what = format!("organization `{organization}`");
        let repositories = api
            .at(&repositories(api, &organization), what)?
            .query(&[("archived", "false")]);
        let repositories: Vec<Repository> = repositories.list().await?;
        all.extend(
            repositories
                .into_iter()
                .filter(|repository| is_allowed(repository, needed))
                .map(to_repository),
        );
    }
    Ok(all)
}

/// Where the host does not say, it decides when it is asked to do something.
fn is_allowed(repository: &Repository, needed: u32) -> bool {
    let level = repository.access_level.as_ref();
    !repository.archived
        && level
            .and_then(|level| level.0.parse::<u32>().ok())
            .is_none_or(|level| level.cmp(&needed) != Ordering::Less)
}

fn to_repository(repository: Repository) -> HostRepository {
    let path = repository.path_with_namespace;
    let (owner, name) = path.rsplit_once('/').unwrap_or(("", &path));
    HostRepository {
        id: repository.id.0,
        name: name.to_owned(),
        owner: owner.to_owned(),
        avatar_url: repository.avatar_url,
        url: format!("{}.git", repository.web_url.trim_end_matches(".git")),
        private: repository.visibility != "public",
        description: repository.description,
        default_branch: String::new(),
        disabled: false,
    }
}

/// An organization goes by its id: that is what stands in the addresses of its repositories.
pub(super) async fn list_organizations(api: &Api) -> Result<Vec<HostOrganization>> {
    if !api.is_public() {
        return Err(HostError::Unsupported {
            provider: api.provider,
            what: "organizations in its regional edition",
        });
    }
    let organizations: Vec<Organization> = api
        .at(&["platform", "organizations"], "organizations")?
        .list()
        .await?;
    Ok(organizations
        .into_iter()
        .map(|organization| HostOrganization {
            org: organization.id.0.clone(),
            id: organization.id.0,
        })
        .collect())
}

pub(super) async fn list_branches(api: &Api, repo: &RepoName) -> Result<Vec<HostBranch>> {
    let branches: Vec<Branch> = of_repo(api, repo, &["branches"], repo)?.list().await?;
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
    let hooks: Vec<ListedHook> = of_repo(api, repo, &["webhooks"], repo)?.list().await?;
    Ok(hooks
        .into_iter()
        .map(|hook| Hook {
            id: hook.id,
            url: hook.url,
        })
        .collect())
}

pub(super) async fn create_hook(api: &Api, repo: &RepoName, webhook: &Webhook) -> Result<Id> {
    let hooks = of_repo(api, repo, &["webhooks"], repo)?;
    let hook: WithId = hooks.send(Method::POST, &hook_body(webhook)).await?;
    Ok(hook.id)
}

pub(super) async fn update_hook(
    api: &Api,
    repo: &RepoName,
    id: &Id,
    webhook: &Webhook,
) -> Result<()> {
    let hook = of_repo(api, repo, &["webhooks", &id.0], repo)?;
    hook.tell(Method::PUT, &hook_body(webhook)).await
}

fn hook_body(webhook: &Webhook) -> Value {
    json!({
        "url": webhook.url,
        "token": webhook.secret.expose_secret(),
        "enableSslVerification": true,
        "pushEvents": webhook.tells(HookEvent::Push),
        "tagPushEvents": webhook.tells(HookEvent::TagPush),
        "mergeRequestsEvents": webhook.tells(HookEvent::PullRequest),
        "noteEvents": false,
    })
}

pub(super) async fn delete_hook(api: &Api, repo: &RepoName, id: &Id) -> Result<()> {
    of_repo(api, repo, &["webhooks", &id.0], repo)?
        .delete()
        .await
}

/// Commits only go by their full names here, so anything else is looked up as a branch.
pub(super) async fn get_commit(api: &Api, repo: &RepoName, commit: &str) -> Result<HostCommit> {
    let is_sha =
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let missing = || format!("commit `{commit}` in the {repo}");
    let commit = if is_sha {
        of_repo(api, repo, &["commits", commit], missing())?
            .get()
            .await?
    } else {
        let branch: Branch = of_repo(api, repo, &["branches", commit], missing())?
            .get()
            .await?;
        branch.commit.ok_or_else(|| HostError::NotFound {
            origin: api.origin.clone(),
            what: missing(),
        })?
    };
    let commit: Commit = commit;
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
        CommitState::Pending | CommitState::Running => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failure",
        CommitState::Cancelled => "error",
    };
    let mut body = json!({
        "state": state,
        "context": cut(&status.context, MAX_CONTEXT_CHARS),
        "description": cut(status.words(), MAX_DESCRIPTION_CHARS),
    });
    if let Some(url) = &status.target_url {
        body["targetUrl"] = Value::from(url.as_str());
    }
    let what = format!("commit `{commit}` in the {repo}");
    let statuses = of_repo(api, repo, &["commits", commit, "statuses"], what)?;
    statuses.tell(Method::POST, &body).await
}
