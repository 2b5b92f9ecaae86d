//! `{provider}/..`: what the caller's account on a Git host can see there.

use actix_web::{
    HttpResponse, get,
    web::{self, Data},
};
use flowcd_model::{
    application::Provider,
    envelope::Reply,
    provider::{
        HostBranch, HostBranchQuery, HostOrganization, HostOrganizationQuery, HostQuery,
        HostRepository,
    },
};

use super::{answer::reply, extract::Params};
use crate::{
    auth::Caller,
    error::{Error, Result},
    service::provider,
    state::AppState,
};

/// The kind of host that a path names.
fn provider_of(path: &str) -> Result<Provider> {
    match path.parse() {
        Ok(Provider::Git) | Err(_) => Err(Error::not_found(
            "there is nothing at this path; hosts that can be asked are github, gitee, gitlab, codeup and gitea",
        )),
        Ok(provider) => Ok(provider),
    }
}

/// List the repositories that you can deploy
///
/// Those that your account on the host may push to, all of them. `disabled` marks the ones that you have an application
/// for already. The host is asked with the token that you stored by `POST user/updateUserProviderToken`.
#[utoipa::path(
    tag = "provider",
    params(
        ("provider" = String, Path, description = "`github`, `gitee`, `gitlab`, `codeup` or `gitea`.", example = "github"),
        HostQuery
    ),
    responses((
        status = 200,
        description = "The repositories.",
        body = Reply<Vec<HostRepository>>,
        example = json!({"success": true, "data": [{
            "id": "1296269", "name": "hello", "owner": "octocat",
            "avatar_url": "https://avatars.githubusercontent.com/u/583231", "url": "https://github.com/octocat/hello.git",
            "private": false, "description": "Says hello", "default_branch": "main", "disabled": true
        }]})
    ))
)]
#[get("/{provider}/repos")]
pub(crate) async fn list_host_repositories(
    state: Data<AppState>,
    caller: Caller,
    path: web::Path<String>,
    query: Params<HostQuery>,
) -> Result<HttpResponse> {
    let host = provider_of(&path)?;
    let url = query.0.url.as_deref();
    let repositories = provider::list_host_repositories(&state, &caller, host, None, url);
    Ok(reply(repositories.await?))
}

/// List your organizations
///
/// The organizations, or groups, that your account on the host belongs to.
#[utoipa::path(
    tag = "provider",
    params(
        ("provider" = String, Path, description = "`github`, `gitee`, `gitlab`, `codeup` or `gitea`.", example = "github"),
        HostQuery
    ),
    responses((
        status = 200,
        description = "The organizations.",
        body = Reply<Vec<HostOrganization>>,
        example = json!({"success": true, "data": [{"org": "acme", "id": "9919"}]})
    ))
)]
#[get("/{provider}/orgs")]
pub(crate) async fn list_host_organizations(
    state: Data<AppState>,
    caller: Caller,
    path: web::Path<String>,
    query: Params<HostQuery>,
) -> Result<HttpResponse> {
    let host = provider_of(&path)?;
    let url = query.0.url.as_deref();
    let organizations = provider::list_host_organizations(&state, &caller, host, url);
    Ok(reply(organizations.await?))
}

/// List the repositories of an organization
///
/// Those of which your account is an administrator, so that it may set their webhooks. `disabled` marks the ones that
/// you have an application for already.
#[utoipa::path(
    tag = "provider",
    params(
        ("provider" = String, Path, description = "`github`, `gitee`, `gitlab`, `codeup` or `gitea`.", example = "github"),
        HostOrganizationQuery
    ),
    responses((
        status = 200,
        description = "The repositories.",
        body = Reply<Vec<HostRepository>>,
        example = json!({"success": true, "data": [{
            "id": "1300192", "name": "shop", "owner": "acme", "url": "https://github.com/acme/shop.git",
            "private": true, "default_branch": "main", "disabled": false
        }]})
    ))
)]
#[get("/{provider}/orgRepos")]
pub(crate) async fn list_host_organization_repositories(
    state: Data<AppState>,
    caller: Caller,
    path: web::Path<String>,
    query: Params<HostOrganizationQuery>,
) -> Result<HttpResponse> {
    let host = provider_of(&path)?;
    let HostOrganizationQuery { org, url } = query.0;
    let repositories =
        provider::list_host_repositories(&state, &caller, host, Some(&org), url.as_deref());
    Ok(reply(repositories.await?))
}

/// List the branches of a repository
#[utoipa::path(
    tag = "provider",
    params(
        ("provider" = String, Path, description = "`github`, `gitee`, `gitlab`, `codeup` or `gitea`.", example = "github"),
        HostBranchQuery
    ),
    responses((
        status = 200,
        description = "The branches.",
        body = Reply<Vec<HostBranch>>,
        example = json!({"success": true, "data": [
            {"name": "main", "commit_sha": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"}
        ]})
    ))
)]
#[get("/{provider}/branches")]
pub(crate) async fn list_host_branches(
    state: Data<AppState>,
    caller: Caller,
    path: web::Path<String>,
    query: Params<HostBranchQuery>,
) -> Result<HttpResponse> {
    let host = provider_of(&path)?;
    let branches = provider::list_host_branches(&state, &caller, host, query.0);
    Ok(reply(branches.await?))
}
