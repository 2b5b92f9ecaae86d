//! `application/..`

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web::Data};
use flowcd_model::{
    application::{
        Application, ApplicationListQuery, ApplicationPatch, ApplicationQuery, ApplicationRef,
        CreatedApplication, Deleted, NewApplication,
    },
    envelope::{Empty, Reply},
    pipeline::{PipelineInfo, PipelineQuery},
    repository::RepositoryRefs,
};

use super::{
    answer::{done, once, reply, reply_once, reply_part_text, reply_tagged},
    extract::{Body, IdempotencyKey, IgnoredBody, Params},
};
use crate::{auth::Caller, error::Result, service, state::AppState};

/// List your applications
///
/// The last changed first. Without parameters, all of them; with `limit`, a part of them and, while there are more,
/// a header `Link: <..>; rel="next"`.
#[utoipa::path(
    tag = "application",
    params(ApplicationListQuery),
    responses((
        status = 200,
        description = "The applications.",
        body = Reply<Vec<Application>>,
        headers(("Link" = String, description = "The next part of the list, where there is one.")),
        example = json!({"success": true, "data": [{
            "id": "lam3k2o9c0ffee42", "user_id": "lam3k2o9c0ffee00", "provider": "github",
            "provider_repo_id": "1296269", "repo_name": "hello", "owner": "octocat",
            "repo_url": "https://github.com/octocat/hello.git", "trigger_spec": {"github": {"secret": "***"}},
            "secrets": {"DEPLOY_KEY": "***"},
            "latest_task": {
                "taskId": "lam3k2o9deadbeef", "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
                "message": "Say hello", "ref": "refs/heads/main", "completed": true, "status": "success",
                "number": 7, "triggerType": "github", "pusher": {"name": "octocat"}, "time": 1668765432123_i64,
                "startedTime": 1668765432130_i64, "finishedTime": 1668765440000_i64
            },
            "created_time": 1668765432123_i64, "updated_time": 1668765440000_i64
        }]})
    ))
)]
#[get("/application/list")]
pub(crate) async fn list_applications(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<ApplicationListQuery>,
) -> Result<HttpResponse> {
    let (applications, next) =
        service::application::list_applications(&state, &caller, query.0).await?;
    Ok(reply_part_text(&request, &applications, next.as_deref()))
}

/// List your applications, by POST
///
/// The same as the GET, for callers made after the published document's example, which posts. The body is not
/// looked at.
#[utoipa::path(
    tag = "application",
    params(ApplicationListQuery),
    responses((
        status = 200,
        description = "The applications.",
        body = Reply<Vec<Application>>,
        headers(("Link" = String, description = "The next part of the list, where there is one.")),
        example = json!({"success": true, "data": []})
    ))
)]
#[post("/application/list")]
pub(crate) async fn list_applications_by_post(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<ApplicationListQuery>,
    _: IgnoredBody,
) -> Result<HttpResponse> {
    let (applications, next) =
        service::application::list_applications(&state, &caller, query.0).await?;
    Ok(reply_part_text(&request, &applications, next.as_deref()))
}

/// Get an application
///
/// Its secrets and its webhook's secret are shown as `***`. The answer has an `ETag`; send it as `If-None-Match`, and
/// an application that has not changed is answered with 304 and no body.
#[utoipa::path(
    tag = "application",
    params(ApplicationQuery),
    responses(
        (
            status = 200,
            description = "The application.",
            body = Reply<Application>,
            headers(("ETag" = String, description = "Changes when the application does.")),
            example = json!({"success": true, "data": {
                "id": "lam3k2o9c0ffee42", "user_id": "lam3k2o9c0ffee00", "provider": "github",
                "provider_repo_id": "1296269", "repo_name": "hello", "owner": "octocat",
                "repo_url": "https://github.com/octocat/hello.git",
                "trigger_spec": {"github": {"secret": "***", "events": [{
                    "eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]"
                }]}},
                "created_time": 1668765432123_i64, "updated_time": 1668765432123_i64
            }})
        ),
        (status = 304, description = "You have it already: it is the one of your `If-None-Match`.")
    )
)]
#[get("/application/detail")]
pub(crate) async fn get_application(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<ApplicationQuery>,
) -> Result<HttpResponse> {
    let application = service::application::get_application(&state, &caller, &query.0.id).await?;
    reply_tagged(&request, application)
}

/// Make an application
///
/// Binds a repository to a trigger and secrets. The answer has the webhook's secret (yours, or one made for you),
/// which is not shown again. A user has at most one application for each repository of a provider.
///
/// Where you have stored a token for the repository's host, the webhook is installed there at once. A host that fails
/// stops nothing: `webhook.problem` says why it was not installed, and what to do.
#[utoipa::path(
    tag = "application",
    request_body(content = NewApplication, example = json!({
        "repo": "hello", "owner": "octocat", "repo_url": "https://github.com/octocat/hello.git",
        "provider": "github", "provider_repo_id": "1296269",
        "trigger_spec": {"github": {"events": [{
            "eventName": "push", "filter": "body.ref in [\"refs/heads/main\"]"
        }]}},
        "secrets": {"DEPLOY_KEY": "s3cret"}
    })),
    responses((
        status = 200,
        description = "It was made.",
        body = Reply<CreatedApplication>,
        example = json!({"success": true, "data": {
            "id": "lam3k2o9c0ffee42", "webhookSecret": "9bDsWkZ0rq3UcEY7vN2aXtLmHf5JgKpR",
            "webhook": {
                "url": "https://cd.example.com/api/hooks/lam3k2o9c0ffee42", "isInstalled": true, "hookId": "109948940"
            }
        }})
    ))
)]
#[post("/application/create")]
pub(crate) async fn create_application(
    state: Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<NewApplication>,
) -> Result<HttpResponse> {
    let once = once(key, "create_application", &body);
    let created =
        service::application::create_application(&state, &caller, body.value, once).await?;
    Ok(reply_once(created))
}

/// Change an application
///
/// What is absent stays. `secrets`, `trigger_spec` and `envs` are replaced as a whole; the webhook's secret stays,
/// whatever `trigger_spec` says. How it went with the webhook at the host is in the application's `webhook`.
#[utoipa::path(
    tag = "application",
    request_body(content = ApplicationPatch, example = json!({
        "appId": "lam3k2o9c0ffee42", "secrets": {"DEPLOY_KEY": "another"}
    })),
    responses((
        status = 200,
        description = "It was changed.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/application/update")]
pub(crate) async fn update_application(
    state: Data<AppState>,
    caller: Caller,
    body: Body<ApplicationPatch>,
) -> Result<HttpResponse> {
    service::application::update_application(&state, &caller, body.value).await?;
    Ok(done())
}

/// Delete an application
///
/// With all its tasks and their logs, and the webhook that was installed for it. Refused while one of its tasks runs.
#[utoipa::path(
    tag = "application",
    params(ApplicationRef),
    responses((
        status = 200,
        description = "It is gone.",
        body = Reply<Deleted>,
        example = json!({"success": true, "data": {"message": "删除应用成功"}})
    ))
)]
#[delete("/application/delete")]
pub(crate) async fn delete_application(
    state: Data<AppState>,
    caller: Caller,
    query: Params<ApplicationRef>,
) -> Result<HttpResponse> {
    service::application::delete_application(&state, &caller, &query.0.app_id).await?;
    Ok(reply(Deleted {
        message: "删除应用成功".to_owned(),
    }))
}

/// List the branches and tags of an application's repository
///
/// The repository is asked, with your token for its host: the default branch comes first and then the others by name,
/// and the tags that look newest. At most 1,000 of each are told; `totalBranches` and `totalTags` say how many there
/// are.
///
/// 422 says that the repository cannot be opened, and 503 that it cannot be reached, with a `Retry-After`.
#[utoipa::path(
    tag = "application",
    params(ApplicationRef),
    responses((
        status = 200,
        description = "The branches and tags.",
        body = Reply<RepositoryRefs>,
        example = json!({"success": true, "data": {
            "defaultBranch": "main",
            "branches": [
                {"name": "main", "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"},
                {"name": "feature/tea", "commit": "762941318ee16e59dabbacb1b4049eec22f0d303"}
            ],
            "tags": [{"name": "v1.0", "commit": "553c2077f0edc3d5dc5d17262f6aa498e69d6f8e"}],
            "totalBranches": 2, "totalTags": 1
        }})
    ))
)]
#[get("/application/refs")]
pub(crate) async fn list_refs(
    state: Data<AppState>,
    caller: Caller,
    query: Params<ApplicationRef>,
) -> Result<HttpResponse> {
    let refs = service::repository::list_refs(&state, &caller, &query.0.app_id).await?;
    Ok(reply(refs))
}

/// Say which inputs an application's pipeline declares
///
/// At a branch or a tag, which is looked up in the repository unless `commitId` says which commit it is. `inputs` is
/// absent where the server does not have that commit yet: the first deployment of a commit fetches it.
///
/// 503 says that the repository cannot be reached, with a `Retry-After`.
#[utoipa::path(
    tag = "application",
    params(PipelineQuery),
    responses((
        status = 200,
        description = "What is known of the pipeline.",
        body = Reply<PipelineInfo>,
        example = json!({"success": true, "data": {
            "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
            "inputs": [{
                "name": "target", "type": "choice", "description": "Where to", "default": "staging", "required": false,
                "options": ["staging", "production"]
            }]
        }})
    ))
)]
#[get("/application/pipeline")]
pub(crate) async fn get_pipeline(
    state: Data<AppState>,
    caller: Caller,
    query: Params<PipelineQuery>,
) -> Result<HttpResponse> {
    let pipeline = service::pipeline::get_pipeline(&state, &caller, query.0).await?;
    Ok(reply(pipeline))
}
