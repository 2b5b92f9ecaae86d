//! Gitee: <https://gitee.com/api/v5/swagger>.
//!
//! Its description only knows a token in the query or the body. The makers' own client sends it as
//! `Authorization: Bearer`, and so do we: an address ends up in logs. There are no statuses of commits but check runs,
//! and webhooks know nothing of releases and TLS.

use flowcd_model::{
    event::Pusher,
    provider::{HostBranch, HostOrganization, HostRepository},
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    CommitState, CommitStatus, HookEvent, HookProof, HostCommit, HostUser, RepoName, Result,
    Webhook,
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
    /// Its name in addresses; `name` is for people.
    path: String,
    namespace: Namespace,
    owner: Option<Owner>,
    html_url: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    internal: bool,
    #[serde(default, deserialize_with = "text_or_null")]
    description: String,
    #[serde(default, deserialize_with = "text_or_null")]
    default_branch: String,
    permission: Option<Permission>,
}

#[derive(Deserialize)]
struct Namespace {
    path: String,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
}

#[derive(Deserialize)]
struct Permission {
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    push: bool,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
    commit: Tip,
}

#[derive(Deserialize)]
struct Tip {
    sha: String,
}

#[derive(Deserialize)]
struct ListedHook {
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    url: String,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
    commit: CommitText,
    author: Option<Account>,
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

#[derive(Default, Deserialize)]
struct Account {
    #[serde(default, deserialize_with = "text_or_null")]
    login: String,
    #[serde(default, deserialize_with = "text_or_null")]
    avatar_url: String,
}

#[derive(Deserialize)]
struct CheckRuns {
    #[serde(default)]
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    id: Id,
    #[serde(default, deserialize_with = "text_or_null")]
    name: String,
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
        let may = |may: &Permission| may.admin || (org.is_none() && may.push);
        repository.permission.as_ref().is_some_and(may)
    };
    Ok(repositories
        .into_iter()
        .filter(is_ours)
        .map(|repository| HostRepository {
            id: repository.id.0,
            name: repository.path,
            owner: repository.namespace.path,
            avatar_url: repository
                .owner
                .map(|owner| owner.avatar_url)
                .unwrap_or_default(),
            url: clone_url(&repository.html_url),
            private: repository.private || repository.internal,
            description: repository.description,
            default_branch: repository.default_branch,
            disabled: false,
        })
        .collect())
}

/// Gitee gives the address of the page with or without the ending of the one to clone from.
fn clone_url(html_url: &str) -> String {
    format!("{}.git", html_url.trim_end_matches(".git"))
}

pub(super) async fn list_organizations(api: &Api) -> Result<Vec<HostOrganization>> {
    let organizations: Vec<User> = api.at(&["user", "orgs"], "organizations")?.list().await?;
    Ok(organizations
        .into_iter()
        .map(|organization| HostOrganization {
            org: organization.login,
            id: organization.id.0,
        })
        .collect())
}

pub(super) async fn list_branches(api: &Api, repo: &RepoName) -> Result<Vec<HostBranch>> {
    let path = ["repos", &repo.owner, &repo.name, "branches"];
    let branches: Vec<Branch> = api.at(&path, repo)?.list().await?;
    Ok(branches
        .into_iter()
        .map(|branch| HostBranch {
            name: branch.name,
            commit_sha: branch.commit.sha,
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
            url: hook.url,
        })
        .collect())
}

pub(super) async fn create_hook(api: &Api, repo: &RepoName, webhook: &Webhook) -> Result<Id> {
    let path = ["repos", &repo.owner, &repo.name, "hooks"];
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
    let path = ["repos", &repo.owner, &repo.name, "hooks", &id.0];
    let body = hook_body(webhook);
    api.at(&path, repo)?.tell(Method::PATCH, &body).await
}

fn hook_body(webhook: &Webhook) -> Value {
    let encryption_type = match webhook.proof {
        HookProof::Password => 0,
        HookProof::Signature => 1,
    };
    json!({
        "url": webhook.url,
        "encryption_type": encryption_type,
        "password": webhook.secret.expose_secret(),
        "push_events": webhook.tells(HookEvent::Push),
        "tag_push_events": webhook.tells(HookEvent::TagPush),
        "merge_requests_events": webhook.tells(HookEvent::PullRequest),
        "issues_events": false,
        "note_events": false,
    })
}

pub(super) async fn delete_hook(api: &Api, repo: &RepoName, id: &Id) -> Result<()> {
    let path = ["repos", &repo.owner, &repo.name, "hooks", &id.0];
    api.at(&path, repo)?.delete().await
}

pub(super) async fn get_commit(api: &Api, repo: &RepoName, commit: &str) -> Result<HostCommit> {
    let path = ["repos", &repo.owner, &repo.name, "commits", commit];
    let what = format!("commit `{commit}` in the {repo}");
    let commit: Commit = api.at(&path, what)?.get().await?;
    let account = commit.author.unwrap_or_default();
    let signature = commit.commit.author.unwrap_or_default();
    Ok(HostCommit {
        sha: commit.sha,
        message: commit.commit.message,
        author: Pusher {
            name: if account.login.is_empty() {
                signature.name
            } else {
                account.login
            },
            email: signature.email,
            avatar_url: account.avatar_url,
        },
    })
}

/// A check run of the context's name, which is made once and changed after that.
pub(super) async fn set_status(
    api: &Api,
    repo: &RepoName,
    commit: &str,
    status: &CommitStatus,
) -> Result<()> {
    let what = format!("commit `{commit}` in the {repo}");
    let mut body = check_run(status);
    let of_commit = [
        "repos",
        &repo.owner,
        &repo.name,
        "commits",
        commit,
        "check-runs",
    ];
    let found = api
        .at(&of_commit, &what)?
        .query(&[("check_name", &status.context)]);
    let found: CheckRuns = found.get().await?;
    let found = found
        .check_runs
        .into_iter()
        .find(|run| run.name == status.context);
    match found {
        Some(run) => {
            let path = ["repos", &repo.owner, &repo.name, "check-runs", &run.id.0];
            api.at(&path, what)?.tell(Method::PATCH, &body).await
        }
        None => {
            let path = ["repos", &repo.owner, &repo.name, "check-runs"];
            body["head_sha"] = Value::from(commit);
            api.at(&path, what)?.tell(Method::POST, &body).await
        }
    }
}

fn check_run(status: &CommitStatus) -> Value {
    let (state, conclusion) = match status.state {
        CommitState::Pending => ("queued", None),
        CommitState::Running => ("in_progress", None),
        CommitState::Success => ("completed", Some("success")),
        CommitState::Failure => ("completed", Some("failure")),
        CommitState::Cancelled => ("completed", Some("cancelled")),
    };
    let mut body = json!({"name": status.context, "status": state});
    if let Some(conclusion) = conclusion {
        body["conclusion"] = Value::from(conclusion);
    }
    if let Some(url) = &status.target_url {
        body["details_url"] = Value::from(url.as_str());
    }
    if !status.description.is_empty() {
        body["output"] = json!({
            "title": status.context,
            "summary": status.description,
        });
    }
    body
}
