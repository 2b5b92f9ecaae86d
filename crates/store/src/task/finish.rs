//! How tasks end. [`write_final`] is the one place that writes a final status.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    id::{TaskId, UserId},
    step::{Step, StepStatus},
    task::TaskStatus,
    time::Millis,
};

use super::{CancelRequest, Claim, Final, Lease, find_locked, is_running, row::TaskRow, tally};
use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    report,
    row::{RowId, clean, to_json},
    schema::tasks,
};

/// Tasks that are settled in one transaction.
const MAX_SETTLED: i64 = 200;

const BROKE_OFF: &str = "the run broke off";
const RUNNER_LOST: &str = "runner lost";
const RUNNER_LOST_CANCELLING: &str = "runner lost while the task was being cancelled";

/// How a task ends.
pub(super) struct Ending {
    pub(super) status: TaskStatus,
    /// The steps; those that are written stay without.
    pub(super) steps: Option<Vec<Step>>,
    pub(super) error: Option<String>,
}

/// Writes the final status of a task that has none, takes its claim away, and tells its application.
///
/// The caller has the row locked.
pub(super) fn write_final(
    conn: &mut Conn,
    row: &TaskRow,
    ending: &Ending,
    now: Millis,
) -> Result<()> {
    let steps = ending.steps.as_ref().map(|steps| to_json("steps", steps));
    let steps = steps.transpose()?;
    let error = ending.error.as_deref().map(clean);
    on_backend!(conn, |conn| diesel::update(tasks::table.find(&row.id))
        .set((
            tasks::status.eq(ending.status.as_str()),
            steps.as_ref().map(|steps| tasks::steps.eq(steps)),
            tasks::error.eq(&error),
            tasks::claim_token.eq(None::<String>),
            tasks::lease_time.eq(None::<i64>),
            tasks::finished_time.eq(now.0),
            tasks::updated_time.eq(now.0),
            tasks::revision.eq(tasks::revision + 1),
        ))
        .execute(conn))?;
    tally::count(conn, &row.app_id, Some(&row.status), Some(ending.status))?;
    report::want(conn, &row.id, ending.status)?;
    tally::show_latest(conn, row, ending.status, now)
}

impl Store {
    /// Ends a run.
    pub async fn finish(&self, claim: &Claim, outcome: Final) -> Result<Lease> {
        if !outcome.status.is_final() {
            return Err(Error::OutOfRange("status"));
        }
        let claim = claim.clone();
        let now = Millis::now();
        // A run that broke off may leave steps behind that have not ended, which a task that has ended cannot have.
        let steps = settle_steps(outcome.steps, outcome.status, BROKE_OFF, now);
        let ending = Ending {
            status: outcome.status,
            steps: Some(steps),
            error: outcome.error,
        };
        self.write(move |conn| {
            let Some(row) = claim.row(conn)? else {
                return Ok(Lease::Lost);
            };
            write_final(conn, &row, &ending, now)?;
            Ok(Lease::new(Some(row.is_cancel_requested)))
        })
        .await
    }

    /// Cancels a pending task of the user, or asks for the end of a running one. Asking twice changes nothing.
    pub async fn request_cancel(&self, user_id: &UserId, id: &TaskId) -> Result<CancelRequest> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.write(move |conn| {
            let Some(row) = find_locked(conn, &user_id, &id)? else {
                return Ok(CancelRequest::Absent);
            };
            let now = Millis::now();
            match row.read_status()? {
                TaskStatus::Pending => {
                    cancel_pending(conn, &row, now)?;
                    Ok(CancelRequest::Cancelled)
                }
                TaskStatus::Running => {
                    if !row.is_cancel_requested {
                        note_request(conn, &row, now)?;
                    }
                    Ok(CancelRequest::Requested)
                }
                status => Ok(CancelRequest::Finished(status)),
            }
        })
        .await
    }

    /// Settles the tasks whose lease ran out before `now`: their runner is lost.
    ///
    /// They fail, also those that were to be cancelled: whether anything of them still runs is not known here.
    pub async fn sweep(&self, now: Millis) -> Result<Vec<TaskId>> {
        self.settle_all(move |conn| {
            let rows = expired(conn, now)?;
            settle(conn, rows, |row| match row.is_cancel_requested {
                true => (TaskStatus::Failure, RUNNER_LOST_CANCELLING),
                false => (TaskStatus::Failure, RUNNER_LOST),
            })
        })
        .await
    }

    /// Settles the tasks that were claimed by `instance`, which has died and of which nothing runs any more.
    ///
    /// They fail, but for those that were to be cancelled: as nothing of them runs, they are.
    pub async fn settle_instance(&self, instance: &str) -> Result<Vec<TaskId>> {
        let instance = clean(instance);
        self.settle_all(move |conn| {
            let rows = claimed_by(conn, &instance)?;
            settle(conn, rows, |row| match row.is_cancel_requested {
                true => (TaskStatus::Cancelled, RUNNER_LOST_CANCELLING),
                false => (TaskStatus::Failure, RUNNER_LOST),
            })
        })
        .await
    }

    /// Runs `batch` until it finds no more to settle.
    async fn settle_all<F>(&self, batch: F) -> Result<Vec<TaskId>>
    where
        F: Fn(&mut Conn) -> Result<Batch> + Clone + Send + 'static,
    {
        let mut settled = Vec::new();
        loop {
            let batch = self.write(batch.clone()).await?;
            settled.extend(batch.settled);
            if !batch.is_full {
                return Ok(settled);
            }
        }
    }
}

fn cancel_pending(conn: &mut Conn, row: &TaskRow, now: Millis) -> Result<()> {
    let ending = Ending {
        status: TaskStatus::Cancelled,
        steps: None,
        error: None,
    };
    write_final(conn, row, &ending, now)
}

fn note_request(conn: &mut Conn, row: &TaskRow, now: Millis) -> Result<()> {
    on_backend!(conn, |conn| diesel::update(tasks::table.find(&row.id))
        .set((
            tasks::is_cancel_requested.eq(true),
            tasks::updated_time.eq(now.0),
            tasks::revision.eq(tasks::revision + 1),
        ))
        .execute(conn))?;
    Ok(())
}

/// Running tasks whose lease ran out. PostgreSQL passes over those that somebody is writing to.
fn expired(conn: &mut Conn, now: Millis) -> Result<Vec<TaskRow>> {
    let query = tasks::table
        .filter(is_running())
        .filter(tasks::lease_time.lt(now.0))
        .order(tasks::lease_time)
        .limit(MAX_SETTLED);
    let rows = match conn {
        Conn::Sqlite(conn) => query.select(TaskRow::as_select()).load(conn)?,
        Conn::Postgres(conn) => query
            .select(TaskRow::as_select())
            .for_update()
            .skip_locked()
            .load(conn)?,
    };
    Ok(rows)
}

fn claimed_by(conn: &mut Conn, instance: &str) -> Result<Vec<TaskRow>> {
    let query = tasks::table
        .filter(is_running())
        .filter(tasks::instance.eq(instance))
        .order(tasks::lease_time)
        .limit(MAX_SETTLED);
    let rows = match conn {
        Conn::Sqlite(conn) => query.select(TaskRow::as_select()).load(conn)?,
        Conn::Postgres(conn) => query.select(TaskRow::as_select()).for_update().load(conn)?,
    };
    Ok(rows)
}

struct Batch {
    settled: Vec<TaskId>,
    is_full: bool,
}

fn settle(
    conn: &mut Conn,
    rows: Vec<TaskRow>,
    ending: impl Fn(&TaskRow) -> (TaskStatus, &'static str),
) -> Result<Batch> {
    let now = Millis::now();
    let is_full = rows.len() as i64 == MAX_SETTLED;
    let mut settled = Vec::with_capacity(rows.len());
    for row in rows {
        let (status, error) = ending(&row);
        let steps = match row.read_steps() {
            Ok(steps) => steps.map(|steps| settle_steps(steps, status, error, now)),
            // What cannot be read stays as it is; the task ends all the same.
            Err(err) => {
                tracing::warn!(task.id = %row.id, "Settled a task without its steps: {err}");
                None
            }
        };
        let error = (status == TaskStatus::Failure).then(|| error.to_owned());
        let ending = Ending {
            status,
            steps,
            error,
        };
        write_final(conn, &row, &ending, now)?;
        let row_id = RowId {
            table: "tasks",
            id: &row.id,
        };
        match row_id.text("id", row.id.clone()) {
            Ok(id) => settled.push(id),
            Err(err) => tracing::warn!("Settled a task whose id nobody can name: {err}"),
        }
    }
    Ok(Batch { settled, is_full })
}

/// The step that ran ends as the task does, and those that waited are cancelled.
fn settle_steps(mut steps: Vec<Step>, status: TaskStatus, error: &str, now: Millis) -> Vec<Step> {
    for step in &mut steps {
        match (step.status, status) {
            (StepStatus::Running, TaskStatus::Failure) => {
                step.status = StepStatus::Failure;
                step.error = Some(error.to_owned());
                step.process_time = step
                    .started_time
                    .map(|started| seconds(now.since_ms(started)));
            }
            (StepStatus::Running | StepStatus::Pending, _) => {
                step.status = StepStatus::Cancelled;
                step.process_time = Some(0.0);
            }
            _ => {}
        }
    }
    steps
}

/// Seconds with two decimals.
fn seconds(ms: i64) -> f64 {
    (ms.max(0) / 10) as f64 / 100.0
}
