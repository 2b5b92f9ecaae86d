//! The row of a task.

use diesel::{Queryable, Selectable};
use flowcd_model::{
    event::{HostEvent, Pusher},
    step::Step,
    task::{LatestTask, Task, TaskStatus},
    time::Millis,
};

use super::TaskInsert;
use crate::{Result, row::RowId, schema::tasks};

#[derive(Queryable, Selectable)]
#[diesel(table_name = tasks)]
pub(crate) struct TaskRow {
    pub(super) id: String,
    pub(super) app_id: String,
    user_id: String,
    pub(super) number: i64,
    pub(super) status: String,
    pub(super) is_cancel_requested: bool,
    steps: Option<String>,
    message: String,
    commit_id: String,
    git_ref: Option<String>,
    owner: String,
    repo_name: String,
    trigger_type: String,
    redelivery: Option<String>,
    inputs: String,
    pub(super) pipeline_file: String,
    use_debug: bool,
    event: Option<String>,
    delivery_id: Option<String>,
    pub(super) is_fork: bool,
    error: Option<String>,
    pub(super) revision: i64,
    created_time: i64,
    updated_time: i64,
    started_time: Option<i64>,
    finished_time: Option<i64>,
}

/// The ref without `refs/heads/` or `refs/tags/`.
fn branch(git_ref: &str) -> &str {
    git_ref
        .strip_prefix("refs/heads/")
        .or_else(|| git_ref.strip_prefix("refs/tags/"))
        .unwrap_or(git_ref)
}

impl TaskRow {
    fn row_id(&self) -> RowId<'_> {
        RowId {
            table: "tasks",
            id: &self.id,
        }
    }

    pub(super) fn read_status(&self) -> Result<TaskStatus> {
        self.row_id().name("status", &self.status)
    }

    /// The steps; `None` where there are none yet.
    pub(super) fn read_steps(&self) -> Result<Option<Vec<Step>>> {
        self.row_id().optional_json("steps", self.steps.as_deref())
    }

    pub(super) fn read(self) -> Result<Task> {
        let row = self.row_id();
        Ok(Task {
            id: row.text("id", self.id.clone())?,
            app_id: row.text("app_id", self.app_id.clone())?,
            user_id: row.text("user_id", self.user_id.clone())?,
            number: self.number,
            status: self.read_status()?,
            is_cancel_requested: self.is_cancel_requested,
            steps: self.read_steps()?,
            trigger_type: row.name("trigger_type", &self.trigger_type)?,
            redelivery: match &self.redelivery {
                Some(id) => Some(row.text("redelivery", id.clone())?),
                None => None,
            },
            delivery_id: match &self.delivery_id {
                Some(id) => Some(row.text("delivery_id", id.clone())?),
                None => None,
            },
            event: row.optional_json("event", self.event.as_deref())?,
            is_fork: self.is_fork,
            inputs: row.json("inputs", &self.inputs)?,
            is_debug: self.use_debug,
            summary: None,
            branch: self.git_ref.as_deref().map(branch).map(str::to_owned),
            message: self.message,
            commit: self.commit_id,
            git_ref: self.git_ref,
            owner: self.owner,
            repo_name: self.repo_name,
            error: self.error,
            created_time: Millis(self.created_time),
            updated_time: Millis(self.updated_time),
            started_time: self.started_time.map(Millis),
            finished_time: self.finished_time.map(Millis),
        })
    }

    /// What the task was made from.
    pub(super) fn read_job(self) -> Result<TaskInsert> {
        let pipeline_file = self.pipeline_file.clone();
        let task = self.read()?;
        Ok(TaskInsert {
            id: task.id,
            app_id: task.app_id,
            user_id: task.user_id,
            git_ref: task.git_ref,
            commit: task.commit,
            message: task.message,
            inputs: task.inputs,
            pipeline_file,
            trigger_type: task.trigger_type,
            redelivery: task.redelivery,
            delivery_id: task.delivery_id,
            event: task.event,
            is_fork: task.is_fork,
            is_debug: task.is_debug,
        })
    }

    /// What the application remembers of the task once it has this status, which it has had since `now` when it is
    /// final.
    pub(super) fn latest(&self, status: TaskStatus, now: Millis) -> Result<LatestTask> {
        let event = self.event.as_deref().map(serde_json::from_str::<HostEvent>);
        Ok(LatestTask {
            task_id: self.row_id().text("id", self.id.clone())?,
            number: Some(self.number),
            // These two are left out where they cannot be read: a task that is broken shows its end all the same.
            trigger_type: self.trigger_type.parse().ok(),
            pusher: match event {
                Some(Ok(event)) => event.pusher,
                Some(Err(_)) | None => Pusher::default(),
            },
            time: Some(Millis(self.created_time)),
            started_time: self.started_time.map(Millis),
            finished_time: status.is_final().then_some(now),
            commit: self.commit_id.clone(),
            message: self.message.clone(),
            git_ref: self.git_ref.clone(),
            completed: status.is_final(),
            status,
        })
    }
}
