//! Dispatch: starting, repeating and cancelling deployments.

use std::time::Duration;

use flowcd_engine::git::{CommitId, GitRef};
use flowcd_model::{
    application::Application,
    dispatch::{Cancel, Dispatched, Inputs, ManualDispatch, Redeploy},
    event::HostEvent,
    id::{AppId, TaskId},
    task::TriggerType,
};
use flowcd_store::{CancelRequest, TaskInsert};
use tracing::{debug, info};

use crate::{
    auth::Caller,
    error::{Error, Result},
    host::HostCommit,
    service::{
        application::get_application,
        idempotency::{Answer, Once, Recorder, once},
        pipeline::check_dispatch,
        provider::{find_account, place_of},
        repository::resolve,
        secret::check_text,
    },
    state::AppState,
};

/// The pipeline that runs where nobody names another.
pub(crate) const PIPELINE_FILE: &str = "serverless-pipeline.yaml";
const MAX_MESSAGE_CHARS: usize = 10_000;
/// The longest inputs, as JSON: they become part of every step's variables.
const MAX_INPUTS_BYTES: usize = 64 * 1024;
/// How long the host may take to tell of a commit.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts a deployment.
pub(crate) async fn dispatch_task(
    state: &AppState,
    caller: &Caller,
    dispatch: ManualDispatch,
    key: Option<Once>,
) -> Result<Answer<Dispatched>> {
    once(state, caller, key, async |recorder| {
        let git_ref: GitRef = dispatch
            .git_ref
            .parse()
            .map_err(|err| Error::invalid("ref", err))?;
        let given = dispatch.commit_id.as_deref().filter(|it| !it.is_empty());
        let given: Option<CommitId> = given
            .map(|text| text.parse().map_err(|err| Error::invalid("commitId", err)))
            .transpose()?;
        let message = dispatch.message.clone().unwrap_or_default();
        check_text("message", &message, MAX_MESSAGE_CHARS)?;
        let inputs = dispatch.inputs.clone().unwrap_or_default();
        check_inputs("inputs", &inputs)?;
        let application = get_application(state, caller, &dispatch.app_id).await?;
        let commit = match given {
            // Whether the repository has it shows at the checkout, which needs no second connection.
            Some(commit) => commit,
            None => resolve(state, &application, &git_ref).await?,
        };
        let check = check_dispatch(state, &application, &commit, PIPELINE_FILE, &inputs);
        // Beside each other, so that the host costs no time where it answers as fast.
        let ask = async { Ok(ask_host(state, &application, &commit).await) };
        let ((), told) = tokio::try_join!(check, ask)?;
        let (message, event) = match told {
            None => (message, None),
            Some(told) => (
                match message.is_empty() {
                    true => told.message,
                    false => message,
                },
                Some(HostEvent {
                    event_name: TriggerType::Manual.as_str().to_owned(),
                    pusher: told.author,
                    ..HostEvent::default()
                }),
            ),
        };
        let insert = TaskInsert {
            id: TaskId::generate(),
            app_id: application.id,
            user_id: caller.user_id.clone(),
            git_ref: Some(git_ref.as_str().to_owned()),
            commit: commit.as_str().to_owned(),
            message,
            inputs,
            pipeline_file: PIPELINE_FILE.to_owned(),
            trigger_type: TriggerType::Manual,
            redelivery: None,
            delivery_id: None,
            event,
            is_fork: false,
            is_debug: dispatch.is_debug,
        };
        create_task(state, insert, recorder).await
    })
    .await
}

/// Runs a task's commit, ref and inputs again, with the secrets of today.
pub(crate) async fn redeploy_task(
    state: &AppState,
    caller: &Caller,
    redeploy: Redeploy,
    key: Option<Once>,
) -> Result<Answer<Dispatched>> {
    once(state, caller, key, async |recorder| {
        let old = state
            .store
            .task_job(&caller.user_id, &redeploy.task_id)
            .await?;
        let old = old.ok_or_else(|| absent(&redeploy.task_id))?;
        // A commit that cannot be read fails the task, which says so.
        if let Ok(commit) = old.commit.parse() {
            let application = get_application(state, caller, &old.app_id).await?;
            check_dispatch(
                state,
                &application,
                &commit,
                &old.pipeline_file,
                &old.inputs,
            )
            .await?;
        }
        let mut old = old;
        if let Some(event) = &mut old.event
            && event.event_name == TriggerType::Manual.as_str()
        {
            // That is no event of the host, but how the task was made.
            event.event_name = TriggerType::Redeploy.as_str().to_owned();
        }
        let insert = TaskInsert {
            id: TaskId::generate(),
            trigger_type: TriggerType::Redeploy,
            redelivery: Some(redeploy.task_id.clone()),
            is_debug: redeploy.is_debug,
            ..old
        };
        create_task(state, insert, recorder).await
    })
    .await
}

async fn create_task(
    state: &AppState,
    insert: TaskInsert,
    recorder: Option<Recorder<'_>>,
) -> Result<Dispatched> {
    let dispatched = Dispatched {
        task_id: insert.id.clone(),
    };
    let (app, user, commit) = (
        insert.app_id.clone(),
        insert.user_id.clone(),
        insert.commit.clone(),
    );
    let record = recorder.map(|it| it.record(&dispatched)).transpose()?;
    match state.store.create_task(insert, record).await? {
        Some(_) => {
            state.work.wake();
            let id = &dispatched.task_id;
            info!(task.id = %id, app.id = %app, user.id = %user, "Accepted task `{id}` for commit {commit}");
            Ok(dispatched)
        }
        None => Err(gone(&app)),
    }
}

fn gone(id: &AppId) -> Error {
    Error::not_found(format!("没有查到应用信息 (there is no application `{id}`)"))
}

fn absent(id: &TaskId) -> Error {
    Error::not_found(format!("没有查到部署信息 (there is no task `{id}`)"))
}

/// Checks inputs that stand in `field`.
pub(crate) fn check_inputs(field: &str, inputs: &Inputs) -> Result<()> {
    let length = serde_json::to_string(inputs)
        .map_err(Error::internal)?
        .len();
    if length > MAX_INPUTS_BYTES {
        return Err(Error::invalid(
            field,
            format!("at most {MAX_INPUTS_BYTES} bytes of JSON"),
        ));
    }
    // What a pipeline declares is seen later, where it can be read; this holds whatever it declares.
    match flowcd_engine::inputs::check_inputs(&[], inputs) {
        Err(errors) => Err(Error::invalid(
            format!("{field}.env"),
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        )),
        Ok(_) => Ok(()),
    }
}

/// What the host says of a commit, where its owner has an account there and it answers at once. Nothing depends on
/// it: the message is read at the checkout, too.
async fn ask_host(
    state: &AppState,
    application: &Application,
    commit: &CommitId,
) -> Option<HostCommit> {
    let place = place_of(state, application)?;
    let asking = async {
        let owner = &application.user_id;
        let account = find_account(state, owner, application.provider, &place.origin).await;
        let account = account.ok()??;
        let asked = state
            .hosts
            .get_commit(&account, &place.repo, commit.as_str())
            .await;
        match asked {
            Ok(found) => Some(found),
            Err(err) => {
                debug!(app.id = %application.id, "The host does not tell of commit {commit}: {err}");
                None
            }
        }
    };
    let found = tokio::time::timeout(ASK_TIMEOUT, asking).await.ok()??;
    // A host that talks of another commit is not believed.
    (found.sha == commit.as_str()).then_some(HostCommit {
        message: found.message.chars().take(MAX_MESSAGE_CHARS).collect(),
        ..found
    })
}

/// Cancels a task: at once when it waits, else as soon as everything of it has ended.
pub(crate) async fn cancel_task(state: &AppState, caller: &Caller, cancel: &Cancel) -> Result<()> {
    let id = &cancel.task_id;
    match state.store.request_cancel(&caller.user_id, id).await? {
        CancelRequest::Absent => Err(absent(id)),
        CancelRequest::Finished(status) => Err(Error::conflict(format!(
            "任务运行已经被停止 (the task has ended already: {status})"
        ))),
        CancelRequest::Cancelled => {
            state.work.moved(id);
            info!(task.id = %id, user.id = %caller.user_id, "Cancelled task `{id}` before it ran");
            Ok(())
        }
        CancelRequest::Requested => {
            state.work.cancel(id);
            state.work.changed(id);
            info!(task.id = %id, user.id = %caller.user_id, "Asked task `{id}` to end");
            Ok(())
        }
    }
}
