//! The users' accounts on Git hosts, and what the callers see with them there.

use std::collections::BTreeSet;

use flowcd_engine::git::RepoUrl;
use flowcd_model::{
    application::{Application, Provider},
    id::UserId,
    provider::{HostBranch, HostBranchQuery, HostOrganization, HostRepository},
};
use url::Url;

use crate::{
    auth::Caller,
    error::{Error, Result},
    host::{Account, HostError, RepoName},
    state::AppState,
};

/// When to come back to a host that does not say so.
const COME_BACK_S: u64 = 30;

/// Where a repository is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The host, as accounts name it: `https://github.com`.
    pub(crate) origin: String,
    /// The repository there.
    pub(crate) repo: RepoName,
}

/// Where an application's repository is; `None` when it is on no host that has an API.
///
/// The URL that is cloned from says it, rather than the names beside it, which may be anything.
pub(crate) fn place_of(state: &AppState, application: &Application) -> Option<Place> {
    if application.provider == Provider::Git {
        return None;
    }
    let url = RepoUrl::parse(&application.repo_url, &state.repo_policy()).ok()?;
    let (origin, path) = take_apart(&url)?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = match path.rsplit_once('/') {
        // Hosts take plain names alone.
        Some((owner, name)) if !path.contains('%') => (owner, name),
        _ => (application.owner.as_str(), application.repo_name.as_str()),
    };
    let id = &application.provider_repo_id;
    Some(Place {
        origin,
        repo: RepoName {
            owner: owner.to_owned(),
            name: name.to_owned(),
            id: id
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| id.clone()),
        },
    })
}

/// The host and the path of a repository. One that is fetched by ssh has its API where browsers find the host.
fn take_apart(url: &RepoUrl) -> Option<(String, String)> {
    let text = url.as_str();
    if let Some(origin) = url.origin() {
        let url = Url::parse(text).ok()?;
        return Some((origin, url.path().to_owned()));
    }
    let (authority, path) = match text.strip_prefix("ssh://") {
        Some(rest) => rest.split_once('/')?,
        None if text.starts_with('/') || text.contains("://") => return None,
        None => text.split_once(':')?,
    };
    let host = authority.rsplit('@').next()?;
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let origin = Url::parse(&format!("https://{host}")).ok()?;
    Some((origin.origin().ascii_serialization(), path.to_owned()))
}

/// The account of a user on a host, if he has one.
pub(crate) async fn find_account(
    state: &AppState,
    user_id: &UserId,
    provider: Provider,
    origin: &str,
) -> Result<Option<Account>> {
    let accounts = accounts(state, user_id, provider).await?;
    Ok(accounts
        .into_iter()
        .find(|account| account.origin == origin))
}

async fn accounts(state: &AppState, user_id: &UserId, provider: Provider) -> Result<Vec<Account>> {
    let accounts = state.store.provider_credentials(user_id, provider).await?;
    Ok(accounts
        .into_iter()
        .map(|(account, token)| Account {
            provider,
            origin: account.origin,
            token,
        })
        .collect())
}

/// The caller's account on the host at `url`, or his first one on a host of this kind.
async fn account(
    state: &AppState,
    caller: &Caller,
    provider: Provider,
    url: Option<&str>,
) -> Result<Account> {
    if provider == Provider::Git {
        return Err(Error::not_found(
            "plain Git repositories have no API to ask",
        ));
    }
    let origin = url
        .filter(|url| !url.is_empty())
        .map(|url| parse_origin("url", url, state.config.allow_http_repos))
        .transpose()?;
    let accounts = accounts(state, &caller.user_id, provider).await?;
    let is_wanted = |account: &Account| origin.as_ref().is_none_or(|it| *it == account.origin);
    accounts.into_iter().find(is_wanted).ok_or_else(|| {
        let place = origin.unwrap_or_else(|| format!("a host of the kind {provider}"));
        Error::rule(format!(
            "{provider} 授权 token 不存在，请重新授权 (you have stored no token for {place}; store one by `POST user/updateUserProviderToken`)"
        ))
    })
}

/// The origin of a Git host's address, in the form that repositories' addresses are compared with.
pub(crate) fn parse_origin(field: &str, url: &str, is_http_allowed: bool) -> Result<String> {
    let refused = |message: &str| Error::invalid(field, message);
    let url = Url::parse(url).map_err(|err| refused(&format!("it is not a URL: {err}")))?;
    match url.scheme() {
        "https" => {}
        "http" if is_http_allowed => {}
        "http" => {
            return Err(refused(
                "plain http would show the token to everybody on the way; use https",
            ));
        }
        _ => return Err(refused("expected https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("send the name and the token in their own fields"));
    }
    Ok(url.origin().ascii_serialization())
}

/// What a host did not do, as an answer to whoever asked for it.
pub(crate) fn refusal(err: &HostError) -> Error {
    match err {
        HostError::Unauthorized { .. } => Error::rule(format!("token 无效，请重新配置 ({err})")),
        HostError::NotFound { .. } => Error::not_found(err.to_string()),
        // It is the caller's account that asked too often, and nothing is wrong with the server.
        HostError::RateLimited { retry_after, .. } => {
            let wait_s = retry_after.map_or(COME_BACK_S, |wait| wait.as_secs().max(1));
            Error::too_many(err.to_string(), wait_s)
        }
        HostError::Unreachable { .. } | HostError::Failed { .. } => {
            Error::unavailable(err.to_string()).with_retry_after(COME_BACK_S)
        }
        HostError::Forbidden { .. }
        | HostError::NotAllowed { .. }
        | HostError::Refused { .. }
        | HostError::Unsupported { .. }
        | HostError::Malformed { .. } => Error::rule(err.to_string()),
    }
}

/// The repositories that the caller can deploy; those that he has an application for are marked.
pub(crate) async fn list_host_repositories(
    state: &AppState,
    caller: &Caller,
    provider: Provider,
    org: Option<&str>,
    url: Option<&str>,
) -> Result<Vec<HostRepository>> {
    let account = account(state, caller, provider, url).await?;
    let found = state.hosts.list_repositories(&account, org).await;
    let mut repositories = found.map_err(|err| refusal(&err))?;
    let (applications, _) = state
        .store
        .list_applications(&caller.user_id, None, None)
        .await?;
    let bound: BTreeSet<String> = applications
        .into_iter()
        .filter(|application| application.provider == provider)
        .map(|application| application.provider_repo_id)
        .collect();
    for repository in &mut repositories {
        // The second is what an application keeps that was made without an id.
        let name = format!("{}/{}", repository.owner, repository.name);
        repository.disabled = bound.contains(&repository.id) || bound.contains(&name);
    }
    Ok(repositories)
}

/// The organizations that the caller's account belongs to.
pub(crate) async fn list_host_organizations(
    state: &AppState,
    caller: &Caller,
    provider: Provider,
    url: Option<&str>,
) -> Result<Vec<HostOrganization>> {
    let account = account(state, caller, provider, url).await?;
    let found = state.hosts.list_organizations(&account).await;
    found.map_err(|err| refusal(&err))
}

/// The branches of a repository.
pub(crate) async fn list_host_branches(
    state: &AppState,
    caller: &Caller,
    provider: Provider,
    query: HostBranchQuery,
) -> Result<Vec<HostBranch>> {
    let account = account(state, caller, provider, query.url.as_deref()).await?;
    let repo = RepoName {
        owner: query.owner,
        name: query.repo,
        id: None,
    };
    let found = state.hosts.list_branches(&account, &repo).await;
    found.map_err(|err| refusal(&err))
}

#[cfg(test)]
mod tests {
    use flowcd_engine::git::{RepoPolicy, RepoUrl};

    use super::{parse_origin, take_apart};

    #[test]
    fn a_token_is_kept_for_an_origin() {
        for (url, expected) in [
            ("https://git.example.com", Some("https://git.example.com")),
            (
                "https://GIT.example.com:443/group/repo.git",
                Some("https://git.example.com"),
            ),
            (
                "https://git.example.com:8443/",
                Some("https://git.example.com:8443"),
            ),
            ("http://git.example.com", None),
            ("https://user:token@git.example.com", None),
            ("ssh://git.example.com", None),
            ("git.example.com", None),
        ] {
            let origin = parse_origin("data.url", url, false);
            assert_eq!(origin.ok().as_deref(), expected, "{url}");
        }
        assert_eq!(
            parse_origin("url", "http://127.0.0.1:80/x", true)
                .ok()
                .as_deref(),
            Some("http://127.0.0.1")
        );
    }

    #[test]
    fn the_host_of_a_repository_is_found_however_it_is_fetched() {
        let policy = RepoPolicy {
            local: true,
            http: true,
        };
        for (url, expected) in [
            (
                "https://github.com/octocat/hello.git",
                Some(("https://github.com", "/octocat/hello.git")),
            ),
            (
                "http://127.0.0.1:3000/o/r",
                Some(("http://127.0.0.1:3000", "/o/r")),
            ),
            (
                "git@github.com:octocat/hello.git",
                Some(("https://github.com", "octocat/hello.git")),
            ),
            (
                "ssh://git@git.example.com:2222/group/sub/hello.git",
                Some(("https://git.example.com", "group/sub/hello.git")),
            ),
            ("file:///srv/hello.git", None),
            ("/srv/hello.git", None),
        ] {
            let parsed = RepoUrl::parse(url, &policy).expect("a good URL");
            let found = take_apart(&parsed);
            let found = found
                .as_ref()
                .map(|(origin, path)| (origin.as_str(), path.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }
}
