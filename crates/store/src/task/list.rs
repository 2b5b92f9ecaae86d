//! Lists of tasks.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    id::UserId,
    page::Page,
    task::{Task, TaskQuery, TaskStatus},
};

use super::row::TaskRow;
use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    row::readable,
    schema::{applications, tasks},
};

const DEFAULT_PAGE: i64 = 10;
const MAX_PAGE: i64 = 100;

/// Which part of a list: the rows with a number below `below`, but for the first `offset` of them.
struct Part {
    below: i64,
    offset: i64,
    limit: i64,
}

impl Part {
    fn new(query: &TaskQuery) -> Result<Self> {
        let size = query.page_size.filter(|size| *size > 0);
        let limit = query.limit.or(size).unwrap_or(DEFAULT_PAGE);
        let limit = limit.clamp(1, MAX_PAGE);
        if query.limit.is_none() && query.cursor.is_none() {
            let page = query.current_page.unwrap_or(1).max(1);
            return Ok(Self {
                below: i64::MAX,
                offset: (page - 1).saturating_mul(limit),
                limit,
            });
        }
        let below = match &query.cursor {
            Some(cursor) => cursor.parse().map_err(|_| Error::InvalidCursor)?,
            None => i64::MAX,
        };
        Ok(Self {
            below,
            offset: 0,
            limit,
        })
    }
}

impl Store {
    /// Tasks of an application of the user, newest first; none when he has no such application.
    pub async fn list_tasks(&self, user_id: &UserId, query: TaskQuery) -> Result<Page<Task>> {
        let user_id = user_id.clone();
        let part = Part::new(&query)?;
        self.read(move |conn| list(conn, &user_id, &query, &part))
            .await
    }
}

fn list(conn: &mut Conn, user_id: &UserId, query: &TaskQuery, part: &Part) -> Result<Page<Task>> {
    let Some(total_count) = total(conn, user_id, query)? else {
        return Ok(Page {
            result: Vec::new(),
            total_count: 0,
            next_cursor: None,
        });
    };
    let rows = tasks::table
        .filter(tasks::app_id.eq(query.app_id.as_str()))
        .filter(tasks::number.lt(part.below))
        .order(tasks::number.desc())
        .limit(part.limit + 1)
        .offset(part.offset);
    let mut rows: Vec<TaskRow> = match query.status {
        None => on_backend!(conn, |conn| rows.select(TaskRow::as_select()).load(conn))?,
        Some(status) => on_backend!(conn, |conn| rows
            .filter(tasks::status.eq(status.as_str()))
            .select(TaskRow::as_select())
            .load(conn))?,
    };
    let has_more = rows.len() as i64 > part.limit;
    rows.truncate(part.limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if has_more => Some(last.number.to_string()),
        _ => None,
    };
    Ok(Page {
        result: readable(rows, read_entry)?,
        total_count,
        next_cursor,
    })
}

/// A task as a list shows it: what its steps gave out can be as long as a mebibyte, and is a single task's to show.
fn read_entry(row: TaskRow) -> Result<Task> {
    let mut task = row.read()?;
    for step in task.steps.iter_mut().flatten() {
        step.outputs.clear();
    }
    Ok(task)
}

/// How many tasks the whole list has, by the application's own count; `None` when the user has no such application.
fn total(conn: &mut Conn, user_id: &UserId, query: &TaskQuery) -> Result<Option<i64>> {
    let counts: Option<(i64, i64, i64, i64, i64)> = on_backend!(conn, |conn| applications::table
        .find(query.app_id.as_str())
        .filter(applications::user_id.eq(user_id.as_str()))
        .select((
            applications::n_pending,
            applications::n_running,
            applications::n_success,
            applications::n_failure,
            applications::n_cancelled,
        ))
        .first(conn)
        .optional())?;
    Ok(counts.map(
        |(pending, running, success, failure, cancelled)| match query.status {
            None => pending + running + success + failure + cancelled,
            Some(TaskStatus::Pending) => pending,
            Some(TaskStatus::Running) => running,
            Some(TaskStatus::Success) => success,
            Some(TaskStatus::Failure) => failure,
            Some(TaskStatus::Cancelled) => cancelled,
        },
    ))
}
