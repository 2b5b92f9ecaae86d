//! What Git hosts are to be told of tasks: an outbox with one row for each task that has not been told to the end.
//!
//! Only the newest status counts, so one that nobody could be told of is not sent late: a row says what is wanted and
//! what was sent. It is written in the transaction that changes the task.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::{
    application::{Application, Provider},
    id::{AppId, TaskId},
    task::{Task, TaskStatus},
    time::Millis,
};

use crate::{
    Result, Store, application,
    conn::{Conn, on_backend},
    row::{RowId, clean},
    schema::{applications, provider_tokens, status_reports, tasks},
    task,
};

/// What a Git host is to be told of a task.
#[derive(Clone, Debug)]
pub struct StatusReport {
    /// The task as it stands.
    pub task: Task,
    /// Its application.
    pub application: Application,
    /// The pipeline file that it runs.
    pub pipeline_file: String,
    /// The status to tell.
    pub status: TaskStatus,
    /// How often it was tried in vain since the last success.
    pub n_attempts: i64,
}

/// How an attempt to tell went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// The host knows.
    Sent,
    /// It does not, and is to be asked again at this time.
    Again {
        /// When.
        time: Millis,
        /// Why it does not.
        problem: String,
    },
    /// It does not, and will not: nobody tries again for this task.
    Never,
}

/// Begins to tell of a new task, where its owner has an account on the host.
pub(crate) fn begin(conn: &mut Conn, task_id: &str, app_id: &str, user_id: &str) -> Result<()> {
    let provider: Option<String> = on_backend!(conn, |conn| applications::table
        .find(app_id)
        .filter(applications::provider.ne(Provider::Git.as_str()))
        .select(applications::provider)
        .first(conn)
        .optional())?;
    let Some(provider) = provider else {
        return Ok(());
    };
    let account: Option<String> = on_backend!(conn, |conn| provider_tokens::table
        .filter(provider_tokens::user_id.eq(user_id))
        .filter(provider_tokens::provider.eq(&provider))
        .select(provider_tokens::origin)
        .first(conn)
        .optional())?;
    if account.is_none() {
        return Ok(());
    }
    on_backend!(conn, |conn| diesel::insert_into(status_reports::table)
        .values((
            status_reports::task_id.eq(task_id),
            status_reports::wanted.eq(TaskStatus::Pending.as_str()),
            status_reports::next_time.eq(Millis::now().0),
        ))
        .execute(conn))?;
    Ok(())
}

/// Wants the host to know that a task has this status now, if it is told of the task at all. A time to try at that is
/// set stays, because the host may be down.
pub(crate) fn want(conn: &mut Conn, task_id: &str, status: TaskStatus) -> Result<()> {
    let now = Millis::now().0;
    let row = status_reports::table.find(task_id);
    let n_told = on_backend!(conn, |conn| diesel::update(row)
        .set(status_reports::wanted.eq(status.as_str()))
        .execute(conn))?;
    if n_told == 1 {
        on_backend!(conn, |conn| diesel::update(row)
            .filter(status_reports::next_time.is_null())
            .set(status_reports::next_time.eq(now))
            .execute(conn))?;
    }
    Ok(())
}

/// Makes what waits to be told of a user's tasks due: he has another token.
pub(crate) fn try_now(conn: &mut Conn, user_id: &str) -> Result<()> {
    let of_user = tasks::table
        .filter(tasks::user_id.eq(user_id))
        .select(tasks::id);
    on_backend!(conn, |conn| diesel::update(status_reports::table)
        .filter(status_reports::next_time.is_not_null())
        .filter(status_reports::task_id.eq_any(of_user))
        .set(status_reports::next_time.eq(Millis::now().0))
        .execute(conn))?;
    Ok(())
}

impl Store {
    /// Takes up to `limit` reports that are due. Nobody else gets them for `lease_ms`.
    pub async fn claim_status_reports(
        &self,
        now: Millis,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<StatusReport>> {
        self.write(move |conn| {
            let due: Vec<(String, String, Option<i64>, i64)> =
                on_backend!(conn, |conn| status_reports::table
                    .filter(status_reports::next_time.le(now.0))
                    .order((status_reports::next_time, status_reports::task_id))
                    .limit(limit)
                    .select((
                        status_reports::task_id,
                        status_reports::wanted,
                        status_reports::next_time,
                        status_reports::n_attempts
                    ))
                    .load(conn))?;
            let mut reports = Vec::with_capacity(due.len());
            for (task_id, wanted, time, n_attempts) in due {
                let row = status_reports::table.find(&task_id);
                let n_taken = on_backend!(conn, |conn| diesel::update(row)
                    .filter(status_reports::next_time.eq(time))
                    .set(status_reports::next_time.eq(now.plus_ms(lease_ms).0))
                    .execute(conn))?;
                if n_taken == 0 {
                    continue;
                }
                match report(conn, &task_id, &wanted, n_attempts) {
                    Ok(Some(report)) => reports.push(report),
                    Ok(None) => {}
                    // What cannot be read cannot be told of either.
                    Err(err) if err.is_corrupt_row() => {
                        tracing::warn!("Nobody is told of a task: {err}");
                        on_backend!(conn, |conn| diesel::delete(row).execute(conn))?;
                    }
                    Err(err) => return Err(err),
                }
            }
            Ok(reports)
        })
        .await
    }

    /// When the next report is due, if there is one.
    pub async fn next_status_report(&self) -> Result<Option<Millis>> {
        self.read(|conn| {
            let next: Option<Option<i64>> = on_backend!(conn, |conn| status_reports::table
                .filter(status_reports::next_time.is_not_null())
                .order(status_reports::next_time)
                .select(status_reports::next_time)
                .first(conn)
                .optional())?;
            Ok(next.flatten().map(Millis))
        })
        .await
    }

    /// Keeps how an attempt to tell the host of `status` went.
    pub async fn told(&self, task_id: &TaskId, status: TaskStatus, told: Told) -> Result<()> {
        let task_id = task_id.clone();
        self.write(move |conn| {
            let row = status_reports::table.find(task_id.as_str());
            match &told {
                Told::Never => {
                    on_backend!(conn, |conn| diesel::delete(row).execute(conn))?;
                }
                Told::Sent if status.is_final() => {
                    on_backend!(conn, |conn| diesel::delete(row).execute(conn))?;
                }
                Told::Sent => {
                    on_backend!(conn, |conn| diesel::update(row)
                        .set((
                            status_reports::sent.eq(status.as_str()),
                            status_reports::n_attempts.eq(0),
                            status_reports::problem.eq(None::<String>),
                            // At once, in case more has happened meanwhile ..
                            status_reports::next_time.eq(Some(Millis::now().0)),
                        ))
                        .execute(conn))?;
                    // .. and not at all when nothing has.
                    on_backend!(conn, |conn| diesel::update(row)
                        .filter(status_reports::wanted.eq(status.as_str()))
                        .set(status_reports::next_time.eq(None::<i64>))
                        .execute(conn))?;
                }
                Told::Again { time, problem } => {
                    on_backend!(conn, |conn| diesel::update(row)
                        .set((
                            status_reports::n_attempts.eq(status_reports::n_attempts + 1),
                            status_reports::problem.eq(clean(problem)),
                            status_reports::next_time.eq(time.0),
                        ))
                        .execute(conn))?;
                }
            }
            Ok(())
        })
        .await
    }
}

fn report(
    conn: &mut Conn,
    task_id: &str,
    wanted: &str,
    n_attempts: i64,
) -> Result<Option<StatusReport>> {
    let row = RowId {
        table: "status_reports",
        id: task_id,
    };
    let status = row.name("wanted", wanted)?;
    let Some(task) = task::find_any(conn, task_id)? else {
        return Ok(None);
    };
    let app_id: &AppId = &task.app_id;
    let Some(application) = application::find_any(conn, app_id)? else {
        return Ok(None);
    };
    let pipeline_file: String = on_backend!(conn, |conn| tasks::table
        .find(task_id)
        .select(tasks::pipeline_file)
        .first(conn))?;
    Ok(Some(StatusReport {
        task,
        application,
        pipeline_file,
        status,
        n_attempts,
    }))
}
