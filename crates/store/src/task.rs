//! Tasks.

use std::{collections::BTreeMap, fmt};

use flowcd_model::{
    application::Application,
    dispatch::Inputs,
    id::{AppId, TaskId, UserId},
    page::Page,
    step::Step,
    task::{Task, TaskQuery, TaskStatus, TriggerType},
    time::Millis,
    user::ProviderAccount,
};
use secrecy::SecretString;

use crate::{Error, IdempotencyRecord, Result, Store};

/// A task to make.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInsert {
    /// Its id.
    pub id: TaskId,
    /// The application to deploy.
    pub app_id: AppId,
    /// The application's owner.
    pub user_id: UserId,
    /// The full name of the ref, where there is one.
    pub git_ref: Option<String>,
    /// The commit to deploy.
    pub commit: String,
    /// The commit's message, as far as it is known.
    pub message: String,
    /// The inputs given at dispatch.
    pub inputs: Inputs,
    /// The pipeline file, relative to the repository's root.
    pub pipeline_file: String,
    /// What makes the task.
    pub trigger_type: TriggerType,
    /// The task that this one runs again.
    pub redelivery: Option<TaskId>,
}

/// How the removal of a task went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskRemoval {
    /// It is gone; its log objects are the caller's to delete.
    Removed,
    /// The user has no such task.
    Absent,
    /// It has not ended; nothing was changed.
    Active,
}

/// What a request to cancel led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CancelRequest {
    /// It was pending, and is cancelled now.
    Cancelled,
    /// It runs; its runner must be told.
    Requested,
    /// It had ended before, like this.
    Finished(TaskStatus),
    /// The user has no such task.
    Absent,
}

/// The right to write to a task that runs. Lost when the lease runs out.
#[derive(Clone)]
pub struct Claim {
    /// The task.
    pub task_id: TaskId,
    token: String,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("task_id", &self.task_id)
            .finish_non_exhaustive()
    }
}

/// A task that is ours to run.
#[derive(Clone, Debug)]
pub struct ClaimedTask {
    /// The right to write to it.
    pub claim: Claim,
    /// The task, running.
    pub task: Task,
    /// Its application.
    pub application: Application,
    /// The pipeline file, relative to the repository's root.
    pub pipeline_file: String,
    /// The user's secrets, and over them the application's.
    pub secrets: BTreeMap<String, SecretString>,
    /// The user's tokens for the application's kind of Git host.
    pub credentials: Vec<(ProviderAccount, SecretString)>,
}

/// Whether a claim is still good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lease {
    /// It is.
    Held {
        /// Whether somebody asked to cancel the task.
        is_cancel_requested: bool,
    },
    /// It is not, and nothing was changed.
    Lost,
}

/// News of a run. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// All its steps.
    pub steps: Option<Vec<Step>>,
    /// The commit's message.
    pub message: Option<String>,
    /// The commit.
    pub commit: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Final {
    /// The status, which must be final.
    pub status: TaskStatus,
    /// All its steps.
    pub steps: Vec<Step>,
    /// Why it failed, where no step says it.
    pub error: Option<String>,
}

/// What housekeeping removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Housekeeping {
    /// Answers older than 24 hours.
    pub n_idempotent_responses: u64,
    /// Expired sessions.
    pub n_sessions: u64,
}

impl Store {
    /// Makes a task, pending, with the next number of its application; `None` when the application is gone.
    pub async fn create_task(
        &self,
        insert: TaskInsert,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Option<Task>> {
        let _ = (insert, idempotency);
        Err(Error::Stopped)
    }

    /// A task of the user.
    pub async fn task(&self, user_id: &UserId, id: &TaskId) -> Result<Option<Task>> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// A task of the user and its revision, which grows with every change that a reader can see.
    pub async fn task_with_revision(
        &self,
        user_id: &UserId,
        id: &TaskId,
    ) -> Result<Option<(Task, i64)>> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Tasks of an application of the user, newest first.
    pub async fn list_tasks(&self, user_id: &UserId, query: TaskQuery) -> Result<Page<Task>> {
        let _ = (user_id, query);
        Err(Error::Stopped)
    }

    /// What a task of the user was made from, for making another one like it.
    pub async fn task_job(&self, user_id: &UserId, id: &TaskId) -> Result<Option<TaskInsert>> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Removes a task of the user that has ended.
    pub async fn remove_task(&self, user_id: &UserId, id: &TaskId) -> Result<TaskRemoval> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Cancels a pending task of the user, or asks for the end of a running one. Asking twice changes nothing.
    pub async fn request_cancel(&self, user_id: &UserId, id: &TaskId) -> Result<CancelRequest> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Takes the oldest pending task for `instance`, for `lease_ms` at first.
    pub async fn claim_task(&self, instance: &str, lease_ms: i64) -> Result<Option<ClaimedTask>> {
        let _ = (instance, lease_ms);
        Err(Error::Stopped)
    }

    /// Prolongs a lease to `lease_ms` from now.
    pub async fn heartbeat(&self, claim: &Claim, lease_ms: i64) -> Result<Lease> {
        let _ = (claim.token.as_str(), lease_ms);
        Err(Error::Stopped)
    }

    /// Writes news of a run.
    pub async fn save_progress(&self, claim: &Claim, progress: Progress) -> Result<Lease> {
        let _ = (claim, progress);
        Err(Error::Stopped)
    }

    /// Ends a run.
    pub async fn finish(&self, claim: &Claim, outcome: Final) -> Result<Lease> {
        let _ = (claim, outcome);
        Err(Error::Stopped)
    }

    /// Settles the tasks whose lease ran out before `now`: their runner is lost.
    pub async fn sweep(&self, now: Millis) -> Result<Vec<TaskId>> {
        let _ = now;
        Err(Error::Stopped)
    }

    /// Settles the tasks that were claimed by `instance`, which has died and of which nothing runs any more.
    pub async fn settle_instance(&self, instance: &str) -> Result<Vec<TaskId>> {
        let _ = instance;
        Err(Error::Stopped)
    }

    /// Removes what has outlived its use.
    pub async fn housekeeping(&self, now: Millis) -> Result<Housekeeping> {
        let _ = now;
        Err(Error::Stopped)
    }

    /// How many tasks there are, by status.
    pub async fn task_counts(&self) -> Result<BTreeMap<TaskStatus, i64>> {
        Err(Error::Stopped)
    }

    /// When the oldest pending task was made.
    pub async fn oldest_pending(&self) -> Result<Option<Millis>> {
        Err(Error::Stopped)
    }
}
