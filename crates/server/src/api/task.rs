//! `task/..`

use actix_web::{HttpRequest, HttpResponse, get, post, web::Data};
use flowcd_model::{
    envelope::{Empty, Reply},
    page::Page,
    task::{Task, TaskQuery, TaskRef},
};

use super::{
    answer::{done, reply, reply_part},
    extract::{Body, Params},
};
use crate::{auth::Caller, error::Result, service, state::AppState};

/// List an application's tasks
///
/// The newest first. `currentPage` and `pageSize` are the published API's; `limit` and `cursor` cost the same at any
/// depth, and come with a header `Link: <..>; rel="next"` while there are more.
#[utoipa::path(
    tag = "task",
    params(TaskQuery),
    responses((
        status = 200,
        description = "The tasks.",
        body = Reply<Page<Task>>,
        headers(("Link" = String, description = "The next part of the list, where there is one.")),
        example = json!({"success": true, "data": {"result": [], "totalCount": 0}})
    ))
)]
#[get("/task/list")]
pub(crate) async fn list_tasks(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<TaskQuery>,
) -> Result<HttpResponse> {
    let page = service::task::list_tasks(&state, &caller, query.0).await?;
    let next = page.next_cursor.clone();
    Ok(reply_part(&request, page, next.as_deref()))
}

/// Get a task
///
/// With its steps as far as they are known.
#[utoipa::path(
    tag = "task",
    params(TaskRef),
    responses((
        status = 200,
        description = "The task.",
        body = Reply<Task>,
        example = json!({"success": true, "data": {
            "id": "lam3k2o9deadbeef", "user_id": "lam3k2o9c0ffee00", "app_id": "lam3k2o9c0ffee42", "number": 7,
            "status": "success", "cancelRequested": false,
            "steps": [
                {"run": "Set up task", "stepCount": "0", "status": "success", "process_time": 0.05},
                {"run": "Run ./deploy.sh", "stepCount": "1", "status": "success", "process_time": 1.25}
            ],
            "message": "Say hello", "commit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
            "ref": "refs/heads/main", "branch": "main", "owner": "octocat", "repo_name": "hello",
            "triggerType": "manual", "created_time": 1668765432123_i64, "updated_time": 1668765433500_i64,
            "started_time": 1668765432130_i64, "finished_time": 1668765433500_i64
        }})
    ))
)]
#[get("/task/get")]
pub(crate) async fn get_task(
    state: Data<AppState>,
    caller: Caller,
    query: Params<TaskRef>,
) -> Result<HttpResponse> {
    let task = service::task::get_task(&state, &caller, &query.0.task_id).await?;
    Ok(reply(task))
}

/// Remove a task
///
/// With its logs. Refused while it has not ended.
#[utoipa::path(
    tag = "task",
    request_body(content = TaskRef, example = json!({"taskId": "lam3k2o9deadbeef"})),
    responses((
        status = 200,
        description = "It is gone.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/task/remove")]
pub(crate) async fn remove_task(
    state: Data<AppState>,
    caller: Caller,
    body: Body<TaskRef>,
) -> Result<HttpResponse> {
    service::task::remove_task(&state, &caller, &body.value.task_id).await?;
    Ok(done())
}
