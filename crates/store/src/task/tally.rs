//! What an application remembers of its tasks: how many have each status, and the newest one.
//!
//! Written in the transaction that changes the task, so that it is never behind.

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use flowcd_model::{
    id::AppId,
    task::{LatestTask, TaskStatus},
    time::Millis,
};

use super::row::TaskRow;
use crate::{
    Result,
    conn::{Conn, on_backend},
    row::to_json,
    schema::applications,
};

/// Counts a task that went from one status to another; it is new without `from`, and gone without `to`.
pub(super) fn count(
    conn: &mut Conn,
    app_id: &str,
    from: Option<&str>,
    to: Option<TaskStatus>,
) -> Result<()> {
    let change = |status: TaskStatus| {
        i64::from(to == Some(status)) - i64::from(from == Some(status.as_str()))
    };
    use applications::{n_cancelled, n_failure, n_pending, n_running, n_success};
    on_backend!(conn, |conn| diesel::update(
        applications::table.find(app_id)
    )
    .set((
        n_pending.eq(n_pending + change(TaskStatus::Pending)),
        n_running.eq(n_running + change(TaskStatus::Running)),
        n_success.eq(n_success + change(TaskStatus::Success)),
        n_failure.eq(n_failure + change(TaskStatus::Failure)),
        n_cancelled.eq(n_cancelled + change(TaskStatus::Cancelled)),
    ))
    .execute(conn))?;
    Ok(())
}

/// Forgets tasks that are gone, which had these statuses. One that nobody knows was never counted.
pub(crate) fn forget<'s>(
    conn: &mut Conn,
    app_id: &AppId,
    statuses: impl Iterator<Item = &'s str>,
) -> Result<()> {
    let mut n_gone = [0_i64; TaskStatus::ALL.len()];
    for status in statuses {
        let place = TaskStatus::ALL.iter().position(|it| it.as_str() == status);
        if let Some(place) = place {
            n_gone[place] += 1;
        }
    }
    let [pending, running, success, failure, cancelled] = n_gone;
    use applications::{n_cancelled, n_failure, n_pending, n_running, n_success};
    on_backend!(conn, |conn| diesel::update(
        applications::table.find(app_id.as_str())
    )
    .set((
        n_pending.eq(n_pending - pending),
        n_running.eq(n_running - running),
        n_success.eq(n_success - success),
        n_failure.eq(n_failure - failure),
        n_cancelled.eq(n_cancelled - cancelled),
    ))
    .execute(conn))?;
    Ok(())
}

/// Shows the task as the application's newest, unless a newer one (by number) is shown already.
pub(super) fn show_latest(
    conn: &mut Conn,
    row: &TaskRow,
    status: TaskStatus,
    now: Millis,
) -> Result<()> {
    match row.latest(status, now) {
        Ok(latest) => show(conn, &row.app_id, row.number, &latest, now),
        // An unreadable task must still come to its end.
        Err(err) if err.is_corrupt_row() => {
            tracing::warn!("Not shown as the newest task: {err}");
            Ok(())
        }
        Err(err) => Err(err),
    }
}

/// As [`show_latest`], for a task that was read.
pub(super) fn show(
    conn: &mut Conn,
    app_id: &str,
    number: i64,
    latest: &LatestTask,
    now: Millis,
) -> Result<()> {
    let latest = to_json("latest_task", latest)?;
    on_backend!(conn, |conn| diesel::update(
        applications::table.find(app_id)
    )
    .filter(applications::latest_number.le(number))
    .set((
        applications::latest_task.eq(&latest),
        applications::latest_number.eq(number),
        applications::updated_time.eq(now.0),
    ))
    .execute(conn))?;
    Ok(())
}
