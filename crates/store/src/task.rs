//! Tasks: made pending, claimed with a lease, written to while the lease holds, ended once.

mod claim;
mod create;
mod finish;
mod list;
mod row;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper,
    dsl::sql,
    expression::SqlLiteral,
    sql_types::{BigInt, Bool},
};
use flowcd_model::{
    application::Application,
    dispatch::Inputs,
    event::HostEvent,
    id::{AppId, DeliveryId, TaskId, UserId},
    step::Step,
    task::{Task, TaskStatus, TriggerType},
    time::Millis,
    user::ProviderAccount,
};
use secrecy::SecretString;

use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    idempotency,
    schema::{applications, tasks},
    session,
};
pub(crate) use create::create;
use row::TaskRow;
pub(crate) use tally::forget;

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
    /// The commit to deploy; empty when the task is to ask the repository where `git_ref` points.
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
    /// The delivery that makes it.
    pub delivery_id: Option<DeliveryId>,
    /// What on the Git host led to it.
    pub event: Option<HostEvent>,
    /// Whether the code comes from a fork.
    pub is_fork: bool,
    /// Whether its log also tells what only somebody who looks for an error wants to know.
    pub is_debug: bool,
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
    /// The user's secrets, and over them the application's; none for code from a fork, unless the application allows
    /// them.
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
    /// The whole of what its steps wrote to their summary files, masked.
    pub summary: Option<String>,
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

/// The queue's index holds pending tasks alone, and is used only where the statement itself says `pending`: a bound
/// value could be anything.
fn is_pending() -> SqlLiteral<Bool> {
    sql::<Bool>("status = 'pending'")
}

/// As [`is_pending`], for the index of leases.
fn is_running() -> SqlLiteral<Bool> {
    sql::<Bool>("status = 'running'")
}

fn find(conn: &mut Conn, user_id: &UserId, id: &TaskId) -> Result<Option<TaskRow>> {
    let row = on_backend!(conn, |conn| tasks::table
        .find(id.as_str())
        .filter(tasks::user_id.eq(user_id.as_str()))
        .select(TaskRow::as_select())
        .first(conn)
        .optional())?;
    Ok(row)
}

/// The task, whoever owns it.
pub(crate) fn find_any(conn: &mut Conn, id: &str) -> Result<Option<Task>> {
    let row: Option<TaskRow> = on_backend!(conn, |conn| tasks::table
        .find(id)
        .select(TaskRow::as_select())
        .first(conn)
        .optional())?;
    row.map(TaskRow::read).transpose()
}

/// As [`find`], and nobody else changes the task until the transaction ends. SQLite has one writer.
fn find_locked(conn: &mut Conn, user_id: &UserId, id: &TaskId) -> Result<Option<TaskRow>> {
    let query = tasks::table
        .find(id.as_str())
        .filter(tasks::user_id.eq(user_id.as_str()));
    let row = match conn {
        Conn::Sqlite(conn) => query.select(TaskRow::as_select()).first(conn).optional()?,
        Conn::Postgres(conn) => query
            .select(TaskRow::as_select())
            .for_update()
            .first(conn)
            .optional()?,
    };
    Ok(row)
}

impl Store {
    /// A task of the user.
    pub async fn task(&self, user_id: &UserId, id: &TaskId) -> Result<Option<Task>> {
        let task = self.task_with_revision(user_id, id).await?;
        Ok(task.map(|(task, _)| task))
    }

    /// A task of the user and its revision, which grows with every change that a reader can see.
    pub async fn task_with_revision(
        &self,
        user_id: &UserId,
        id: &TaskId,
    ) -> Result<Option<(Task, i64)>> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.read(move |conn| {
            let found: Option<(TaskRow, Option<String>)> = on_backend!(conn, |conn| tasks::table
                .find(id.as_str())
                .filter(tasks::user_id.eq(user_id.as_str()))
                .select((TaskRow::as_select(), tasks::summary))
                .first(conn)
                .optional())?;
            let Some((row, summary)) = found else {
                return Ok(None);
            };
            let revision = row.revision;
            let task = Task {
                summary,
                ..row.read()?
            };
            Ok(Some((task, revision)))
        })
        .await
    }

    /// What a task of the user was made from, for making another one like it.
    pub async fn task_job(&self, user_id: &UserId, id: &TaskId) -> Result<Option<TaskInsert>> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.read(move |conn| {
            find(conn, &user_id, &id)?
                .map(TaskRow::read_job)
                .transpose()
        })
        .await
    }

    /// Those of these tasks that there are, whoever owns them.
    pub async fn known_tasks(&self, ids: Vec<TaskId>) -> Result<BTreeSet<TaskId>> {
        self.read(move |conn| {
            let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            let known: Vec<String> = on_backend!(conn, |conn| tasks::table
                .filter(tasks::id.eq_any(&names))
                .select(tasks::id)
                .load(conn))?;
            Ok(known.iter().filter_map(|id| id.parse().ok()).collect())
        })
        .await
    }

    /// Removes what has outlived its use.
    pub async fn housekeeping(&self, now: Millis) -> Result<Housekeeping> {
        self.write(move |conn| {
            Ok(Housekeeping {
                n_idempotent_responses: idempotency::remove_old(conn, now)?,
                n_sessions: session::remove_expired(conn, now)?,
            })
        })
        .await
    }

    /// How many tasks there are, by status; every status is there.
    pub async fn task_counts(&self) -> Result<BTreeMap<TaskStatus, i64>> {
        let total =
            |column: &str| sql::<BigInt>(&format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT)"));
        let totals = (
            total("n_pending"),
            total("n_running"),
            total("n_success"),
            total("n_failure"),
            total("n_cancelled"),
        );
        self.read(move |conn| {
            let (pending, running, success, failure, cancelled): (i64, i64, i64, i64, i64) =
                on_backend!(conn, |conn| applications::table.select(totals).first(conn))?;
            Ok(BTreeMap::from([
                (TaskStatus::Pending, pending),
                (TaskStatus::Running, running),
                (TaskStatus::Success, success),
                (TaskStatus::Failure, failure),
                (TaskStatus::Cancelled, cancelled),
            ]))
        })
        .await
    }

    /// When the oldest pending task was made.
    pub async fn oldest_pending(&self) -> Result<Option<Millis>> {
        self.read(|conn| {
            let oldest: Option<i64> = on_backend!(conn, |conn| tasks::table
                .filter(is_pending())
                .order(tasks::created_time)
                .select(tasks::created_time)
                .first(conn)
                .optional())?;
            Ok(oldest.map(Millis))
        })
        .await
    }
}
