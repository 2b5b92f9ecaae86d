//! The end of an application. Its tasks can be a million, so they go in parts: everybody else writes in between.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::id::{AppId, TaskId, UserId};

use super::{AppDeletion, lock};
use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    row::RowId,
    schema::{applications, tasks},
    task,
};

/// Tasks that go in one transaction.
const MAX_TASKS: i64 = 1_000;

/// How far one transaction got.
enum Part {
    Absent,
    Busy(TaskId),
    /// These tasks are gone, and there are more.
    Some(Vec<TaskId>),
    /// The application is gone with the last of its tasks.
    Last(Vec<TaskId>),
}

impl Store {
    /// Deletes an application of the user with its tasks and their logs, unless one of them runs.
    ///
    /// When one begins to run meanwhile, the application stays, and those that are gone by then were its oldest.
    pub async fn delete_application(&self, user_id: &UserId, id: &AppId) -> Result<AppDeletion> {
        let mut tasks = Vec::new();
        loop {
            let (user_id, id) = (user_id.clone(), id.clone());
            let part = self.write(move |conn| delete_part(conn, &user_id, &id));
            match part.await? {
                Part::Absent if tasks.is_empty() => return Ok(AppDeletion::Absent),
                // Somebody else deleted the rest.
                Part::Absent => return Ok(AppDeletion::Deleted { tasks }),
                Part::Busy(task) => return Ok(AppDeletion::Busy(task)),
                Part::Some(more) => tasks.extend(more),
                Part::Last(more) => {
                    tasks.extend(more);
                    return Ok(AppDeletion::Deleted { tasks });
                }
            }
        }
    }
}

fn delete_part(conn: &mut Conn, user_id: &UserId, id: &AppId) -> Result<Part> {
    if !lock(conn, user_id, id)? {
        return Ok(Part::Absent);
    }
    let of_app = || tasks::table.filter(tasks::app_id.eq(id.as_str()));
    let running: Option<String> = on_backend!(conn, |conn| of_app()
        .filter(tasks::status.eq("running"))
        .order(tasks::number)
        .select(tasks::id)
        .first(conn)
        .optional())?;
    if let Some(task_id) = running {
        return read_id(task_id).map(Part::Busy);
    }
    let rows: Vec<(String, String)> = on_backend!(conn, |conn| of_app()
        .order(tasks::number)
        .limit(MAX_TASKS)
        .select((tasks::id, tasks::status))
        .load(conn))?;
    let is_last = (rows.len() as i64) < MAX_TASKS;
    if is_last {
        // Their rows, and those of their logs, go with it.
        on_backend!(conn, |conn| diesel::delete(
            applications::table.find(id.as_str())
        )
        .execute(conn))?;
    } else {
        let names: Vec<&str> = rows.iter().map(|(task_id, _)| task_id.as_str()).collect();
        on_backend!(conn, |conn| diesel::delete(
            tasks::table.filter(tasks::id.eq_any(&names))
        )
        .execute(conn))?;
        task::forget(conn, id, rows.iter().map(|(_, status)| status.as_str()))?;
    }
    let gone = rows.into_iter().map(|(task_id, _)| read_id(task_id));
    let gone = gone.collect::<Result<_>>()?;
    Ok(if is_last {
        Part::Last(gone)
    } else {
        Part::Some(gone)
    })
}

fn read_id(task_id: String) -> Result<TaskId> {
    let row = RowId {
        table: "tasks",
        id: &task_id,
    };
    row.text("id", task_id.clone())
}
