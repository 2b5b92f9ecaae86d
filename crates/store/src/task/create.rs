//! How tasks come and go.

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper,
};
use flowcd_model::{
    id::{DeliveryId, TaskId, UserId},
    task::{Task, TaskStatus},
    time::Millis,
};

use super::{TaskInsert, TaskRemoval, find_locked, row::TaskRow, tally};
use crate::{
    IdempotencyRecord, Result, Store,
    conn::{Conn, on_backend},
    idempotency, report,
    row::{clean, to_json},
    schema::{applications, tasks},
};

#[derive(Insertable)]
#[diesel(table_name = tasks)]
struct NewTaskRow<'a> {
    id: &'a str,
    app_id: &'a str,
    user_id: &'a str,
    number: i64,
    status: &'a str,
    is_cancel_requested: bool,
    message: &'a str,
    commit_id: &'a str,
    git_ref: Option<&'a str>,
    owner: &'a str,
    repo_name: &'a str,
    trigger_type: &'a str,
    redelivery: Option<&'a str>,
    inputs: &'a str,
    pipeline_file: &'a str,
    use_debug: bool,
    event: Option<&'a str>,
    delivery_id: Option<&'a str>,
    is_fork: bool,
    revision: i64,
    created_time: i64,
    updated_time: i64,
}

impl Store {
    /// Makes a task, pending, with the next number of its application; `None` when the application is gone.
    pub async fn create_task(
        &self,
        insert: TaskInsert,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Option<Task>> {
        let keyring = self.inner.keyring.clone();
        self.write(move |conn| {
            let Some(row) = create(conn, &insert)? else {
                return Ok(None);
            };
            idempotency::keep(conn, &keyring, idempotency.as_ref())?;
            row.read().map(Some)
        })
        .await
    }

    /// Removes a task of the user that has ended.
    pub async fn remove_task(&self, user_id: &UserId, id: &TaskId) -> Result<TaskRemoval> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.write(move |conn| {
            let Some(row) = find_locked(conn, &user_id, &id)? else {
                return Ok(TaskRemoval::Absent);
            };
            // A status that cannot be read is no reason to keep the row for ever.
            if row.read_status().is_ok_and(|status| !status.is_final()) {
                return Ok(TaskRemoval::Active);
            }
            on_backend!(conn, |conn| diesel::delete(tasks::table.find(id.as_str()))
                .execute(conn))?;
            tally::count(conn, &row.app_id, Some(&row.status), None)?;
            Ok(TaskRemoval::Removed)
        })
        .await
    }
}

/// Makes a task within a transaction; `None` when the user has no such application.
pub(crate) fn create(conn: &mut Conn, insert: &TaskInsert) -> Result<Option<TaskRow>> {
    let now = Millis::now();
    let numbered: Option<(i64, String, String)> = on_backend!(conn, |conn| diesel::update(
        applications::table.find(insert.app_id.as_str())
    )
    .filter(applications::user_id.eq(insert.user_id.as_str()))
    .set((
        applications::last_number.eq(applications::last_number + 1),
        applications::n_pending.eq(applications::n_pending + 1),
    ))
    .returning((
        applications::last_number,
        applications::owner,
        applications::repo_name,
    ))
    .get_result(conn)
    .optional())?;
    let Some((number, owner, repo_name)) = numbered else {
        return Ok(None);
    };
    let event = insert.event.as_ref().map(|event| to_json("event", event));
    let event = event.transpose()?;
    let new = NewTaskRow {
        id: insert.id.as_str(),
        app_id: insert.app_id.as_str(),
        user_id: insert.user_id.as_str(),
        number,
        status: TaskStatus::Pending.as_str(),
        is_cancel_requested: false,
        message: &clean(&insert.message),
        commit_id: &clean(&insert.commit),
        git_ref: insert.git_ref.as_deref(),
        owner: &owner,
        repo_name: &repo_name,
        trigger_type: insert.trigger_type.as_str(),
        redelivery: insert.redelivery.as_ref().map(TaskId::as_str),
        inputs: &to_json("inputs", &insert.inputs)?,
        pipeline_file: &insert.pipeline_file,
        use_debug: insert.is_debug,
        event: event.as_deref(),
        delivery_id: insert.delivery_id.as_ref().map(DeliveryId::as_str),
        is_fork: insert.is_fork,
        revision: 1,
        created_time: now.0,
        updated_time: now.0,
    };
    let row: TaskRow = on_backend!(conn, |conn| diesel::insert_into(tasks::table)
        .values(&new)
        .returning(TaskRow::as_returning())
        .get_result(conn))?;
    tally::show_latest(conn, &row, TaskStatus::Pending, now)?;
    report::begin(
        conn,
        &row.id,
        insert.app_id.as_str(),
        insert.user_id.as_str(),
    )?;
    Ok(Some(row))
}
