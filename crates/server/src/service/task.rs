//! Tasks: what was deployed, and what it printed.

use flowcd_model::{
    id::TaskId,
    log::{LineStamper, LogQuery, LogTime, LogTimes, LogTimesQuery},
    page::Page,
    step::StepCount,
    task::{Task, TaskQuery},
};
use flowcd_store::TaskRemoval;
use futures_util::{Stream, stream};
use tracing::error;

use crate::{
    auth::Caller,
    error::{Error, Result},
    logs::{LogPart, Piece},
    service::application::{check_limit, get_application},
    state::AppState,
};

/// The most bytes of a log held in memory at once.
const READ_BYTES: u64 = 1024 * 1024;
/// The most lines that `tail` answers.
const MAX_TAIL: u64 = 100_000;

/// Tasks of an application of the caller.
pub(crate) async fn list_tasks(
    state: &AppState,
    caller: &Caller,
    query: TaskQuery,
) -> Result<Page<Task>> {
    check_limit(query.limit)?;
    if query.current_page.is_some_and(|page| page < 1) {
        return Err(Error::invalid("currentPage", "pages are counted from 1"));
    }
    // Without the application, an empty list would hide a wrong id.
    get_application(state, caller, &query.app_id).await?;
    Ok(state.store.list_tasks(&caller.user_id, query).await?)
}

/// One task.
pub(crate) async fn get_task(state: &AppState, caller: &Caller, id: &TaskId) -> Result<Task> {
    let task = state.store.task(&caller.user_id, id).await?;
    task.ok_or_else(|| absent(id))
}

fn absent(id: &TaskId) -> Error {
    Error::not_found(format!("没有查到部署信息 (there is no task `{id}`)"))
}

/// Removes a task that has ended, with its logs.
pub(crate) async fn remove_task(state: &AppState, caller: &Caller, id: &TaskId) -> Result<()> {
    match state.store.remove_task(&caller.user_id, id).await? {
        TaskRemoval::Absent => Err(absent(id)),
        TaskRemoval::Active => Err(Error::conflict(
            "the task has not ended; cancel it and wait for its end",
        )),
        TaskRemoval::Removed => {
            state.work.changed(id);
            // The rows are gone, so a log that stays is waste and nothing worse.
            if let Err(err) = state.logs.delete_task(id).await {
                error!(task.id = %id, error = &err as &dyn std::error::Error, "Cannot delete the logs of task `{id}`");
            }
            Ok(())
        }
    }
}

/// A part of a step's log, as it stood when it was asked for.
pub(crate) struct OpenLog {
    state: AppState,
    task: TaskId,
    step: StepCount,
    /// The offset of the first byte.
    pub(crate) from: u64,
    /// The offset after the last byte.
    pub(crate) next: u64,
    /// Whether the log will not change any more.
    pub(crate) is_final: bool,
    /// Whether each line has its time in front.
    with_times: bool,
}

/// Finds a part of a step's log.
pub(crate) async fn open_log(
    state: &AppState,
    caller: &Caller,
    query: LogQuery,
) -> Result<OpenLog> {
    if query.limit == Some(0) {
        return Err(Error::invalid("limit", "expected 1 or more"));
    }
    let tail = match query.tail {
        Some(_) if query.from.is_some() => {
            return Err(Error::invalid("tail", "not together with `from`"));
        }
        Some(0) => return Err(Error::invalid("tail", "expected 1 or more")),
        Some(n_lines) if n_lines > MAX_TAIL => {
            return Err(Error::invalid("tail", format!("at most {MAX_TAIL}")));
        }
        tail => tail,
    };
    let task = get_task(state, caller, &query.task_id).await?;
    let step = query.step_count;
    let size = state.store.log_size(&task.id, step).await?;
    let n_bytes = match size {
        Some(size) => size.n_bytes,
        None if has_step(&task, step) => 0,
        None => {
            return Err(no_log(&task, step));
        }
    };
    let from = match tail {
        Some(n_lines) => state.logs.tail_start(&task.id, step, n_lines).await?,
        None => query.from.unwrap_or(0),
    };
    let from = from.min(n_bytes);
    let next = match query.limit {
        Some(limit) => from.saturating_add(limit).min(n_bytes),
        None => n_bytes,
    };
    Ok(OpenLog {
        state: state.clone(),
        is_final: task.status.is_final(),
        task: task.id,
        step,
        from,
        next,
        with_times: query.with_times,
    })
}

/// Whether the step is there, and has only printed nothing.
fn has_step(task: &Task, step: StepCount) -> bool {
    let steps = task.steps.as_deref().unwrap_or_default();
    match step {
        StepCount::Completed => task.status.is_final() && !steps.is_empty(),
        StepCount::Number(_) => steps.iter().any(|known| known.step_count == step),
    }
}

/// When the bytes of a step's log were printed.
pub(crate) async fn log_times(
    state: &AppState,
    caller: &Caller,
    query: LogTimesQuery,
) -> Result<LogTimes> {
    let task = get_task(state, caller, &query.task_id).await?;
    let step = query.step_count;
    let from = query.from.unwrap_or(0);
    let times = state.store.log_times(&task.id, step, from).await?;
    if times.next == from && !has_step(&task, step) {
        return Err(no_log(&task, step));
    }
    Ok(times)
}

fn no_log(task: &Task, step: StepCount) -> Error {
    Error::not_found(format!("step `{step}` of task `{}` has no log", task.id))
}

impl OpenLog {
    /// The pieces, in order.
    pub(crate) fn read(self) -> impl Stream<Item = Result<Vec<Piece>>> {
        let from = self.from;
        let stamper = self.with_times.then(LineStamper::default);
        stream::unfold(
            (self, from, stamper),
            |(log, from, mut stamper)| async move {
                let limit = (log.next - from).min(READ_BYTES);
                if limit == 0 {
                    return None;
                }
                match log.part(from, limit, stamper.as_mut()).await {
                    // Its rows went while it was read: the task was removed.
                    Ok(part) if part.pieces.is_empty() => None,
                    Ok(part) => {
                        // A gap is told whole, and may reach beyond what was asked for.
                        let next = part.next.min(log.next);
                        Some((Ok(part.pieces), (log, next, stamper)))
                    }
                    Err(err) => {
                        let end = log.next;
                        Some((Err(err), (log, end, stamper)))
                    }
                }
            },
        )
    }

    async fn part(
        &self,
        from: u64,
        limit: u64,
        stamper: Option<&mut LineStamper>,
    ) -> Result<LogPart> {
        let mut part = self
            .state
            .logs
            .read(&self.task, self.step, from, limit)
            .await?;
        if let Some(stamper) = stamper {
            let times = self.times(from, part.next).await?;
            for piece in &mut part.pieces {
                match piece {
                    Piece::Bytes { from, bytes } => {
                        let mut stamped = Vec::with_capacity(bytes.len() * 2);
                        stamper.push(*from, bytes, &times, &mut stamped);
                        *bytes = stamped.into();
                    }
                    Piece::Gap { .. } => stamper.begin_line(),
                }
            }
        }
        Ok(part)
    }

    /// The times that hold for the bytes between two offsets.
    async fn times(&self, from: u64, end: u64) -> Result<Vec<LogTime>> {
        let mut all = Vec::new();
        let mut next = from;
        while next < end {
            let found = self
                .state
                .store
                .log_times(&self.task, self.step, next)
                .await?;
            if found.next <= next {
                break;
            }
            all.extend(found.times);
            next = found.next;
        }
        Ok(all)
    }
}
