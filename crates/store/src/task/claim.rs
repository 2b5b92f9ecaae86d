//! Claims: taking a task, keeping it, and writing to it while it is ours.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    id::{AppId, TaskId, UserId},
    task::TaskStatus,
    time::Millis,
};
use rand::RngExt;
use secrecy::SecretString;

use super::{
    Claim, ClaimedTask, Lease, Progress,
    finish::{Ending, write_final},
    is_pending, is_running,
    row::TaskRow,
    tally,
};
use crate::{
    Error, Keyring, Result, Store, application,
    conn::{Conn, on_backend},
    report,
    row::{RowId, clean, to_json},
    schema::tasks,
    user,
};

/// Unreadable tasks that one claim sets aside. There is no end to what may be wrong, but a transaction must have one.
const MAX_SET_ASIDE: usize = 100;

impl Claim {
    fn generate(task_id: TaskId) -> Self {
        Self {
            task_id,
            token: format!("{:032x}", rand::rng().random::<u128>()),
        }
    }

    /// Whether the claim is good, and it stays so until the transaction ends.
    pub(crate) fn lease(&self, conn: &mut Conn) -> Result<Lease> {
        let query = tasks::table
            .find(self.task_id.as_str())
            .filter(tasks::claim_token.eq(&self.token))
            .filter(is_running())
            .select(tasks::is_cancel_requested);
        let held: Option<bool> = match conn {
            Conn::Sqlite(conn) => query.first(conn).optional()?,
            // Whoever takes the lease away updates the row, and waits for this.
            Conn::Postgres(conn) => query.for_share().first(conn).optional()?,
        };
        Ok(Lease::new(held))
    }

    /// The claimed row, which nobody else changes until the transaction ends; `None` when the lease was lost.
    pub(super) fn row(&self, conn: &mut Conn) -> Result<Option<TaskRow>> {
        let query = tasks::table
            .find(self.task_id.as_str())
            .filter(tasks::claim_token.eq(&self.token))
            .filter(is_running());
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
}

impl Lease {
    /// From whether a cancel was requested, as the claimed row has it; without a row, the lease was lost.
    pub(super) fn new(is_cancel_requested: Option<bool>) -> Self {
        match is_cancel_requested {
            Some(is_cancel_requested) => Self::Held {
                is_cancel_requested,
            },
            None => Self::Lost,
        }
    }
}

impl Store {
    /// Takes the oldest pending task for `instance`, for `lease_ms` at first.
    ///
    /// A task that cannot be read, or whose secrets do not open, is ended as a failure that says so, and the next
    /// one is taken: it must not stand in the way of all others.
    pub async fn claim_task(&self, instance: &str, lease_ms: i64) -> Result<Option<ClaimedTask>> {
        let instance = instance.to_owned();
        let keyring = self.inner.keyring.clone();
        self.write(move |conn| {
            for _ in 0..MAX_SET_ASIDE {
                let Some(row) = oldest_pending(conn)? else {
                    return Ok(None);
                };
                match claim(conn, &keyring, &row, &instance, lease_ms) {
                    Err(err) if err.is_corrupt_row() => set_aside(conn, &row, &err)?,
                    claimed => return claimed.map(Some),
                }
            }
            Ok(None)
        })
        .await
    }

    /// Prolongs a lease to `lease_ms` from now.
    pub async fn heartbeat(&self, claim: &Claim, lease_ms: i64) -> Result<Lease> {
        let claim = claim.clone();
        self.write(move |conn| {
            let held = on_backend!(conn, |conn| diesel::update(
                tasks::table.find(claim.task_id.as_str())
            )
            .filter(tasks::claim_token.eq(&claim.token))
            .filter(is_running())
            .set(tasks::lease_time.eq(Millis::now().plus_ms(lease_ms).0))
            .returning(tasks::is_cancel_requested)
            .get_result(conn)
            .optional())?;
            Ok(Lease::new(held))
        })
        .await
    }

    /// Writes news of a run.
    pub async fn save_progress(&self, claim: &Claim, progress: Progress) -> Result<Lease> {
        let claim = claim.clone();
        self.write(move |conn| save(conn, &claim, &progress)).await
    }
}

/// The task whose turn it is. PostgreSQL passes over those that others are about to take.
fn oldest_pending(conn: &mut Conn) -> Result<Option<TaskRow>> {
    let query = tasks::table
        .filter(is_pending())
        .order((tasks::created_time, tasks::number, tasks::id))
        .limit(1);
    let row = match conn {
        Conn::Sqlite(conn) => query.select(TaskRow::as_select()).first(conn).optional()?,
        Conn::Postgres(conn) => query
            .select(TaskRow::as_select())
            .for_update()
            .skip_locked()
            .first(conn)
            .optional()?,
    };
    Ok(row)
}

/// Reads all that a run needs, and then takes the task: what cannot be read is found before anything is written.
fn claim(
    conn: &mut Conn,
    keyring: &Keyring,
    row: &TaskRow,
    instance: &str,
    lease_ms: i64,
) -> Result<ClaimedTask> {
    let row_id = RowId {
        table: "tasks",
        id: &row.id,
    };
    let task_id: TaskId = row_id.text("id", row.id.clone())?;
    let app_id: AppId = row_id.text("app_id", row.app_id.clone())?;
    let application =
        application::find_any(conn, &app_id)?.ok_or_else(|| row_id.corrupt("app_id"))?;
    let user_id: &UserId = &application.user_id;
    let mut secrets = BTreeMap::new();
    // Whoever can open a pull request wrote that code.
    if !row.is_fork || application.fork_secrets {
        secrets.extend(user::secrets(conn, keyring, user_id)?);
        secrets.extend(application::secrets(conn, keyring, &app_id)?);
    }
    let secrets: BTreeMap<String, SecretString> = secrets
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect();
    let credentials = user::credentials(conn, keyring, user_id, application.provider)?;

    let claim = Claim::generate(task_id);
    let now = Millis::now();
    let claimed: TaskRow = on_backend!(conn, |conn| diesel::update(tasks::table.find(&row.id))
        .set((
            tasks::status.eq(TaskStatus::Running.as_str()),
            tasks::instance.eq(clean(instance)),
            tasks::claim_token.eq(&claim.token),
            tasks::lease_time.eq(now.plus_ms(lease_ms).0),
            tasks::started_time.eq(now.0),
            // Written before the log is, so that no log is ever forgotten.
            tasks::has_log.eq(true),
            tasks::updated_time.eq(now.0),
            tasks::revision.eq(tasks::revision + 1),
        ))
        .returning(TaskRow::as_returning())
        .get_result(conn))?;
    let pipeline_file = claimed.pipeline_file.clone();
    let latest = claimed.latest(TaskStatus::Running, now)?;
    let app_id = claimed.app_id.clone();
    let number = claimed.number;
    let task = claimed.read()?;
    tally::count(conn, &app_id, Some(&row.status), Some(TaskStatus::Running))?;
    tally::show(conn, &app_id, number, &latest, now)?;
    report::want(conn, &row.id, TaskStatus::Running)?;
    Ok(ClaimedTask {
        claim,
        task,
        application,
        pipeline_file,
        secrets,
        credentials,
    })
}

fn set_aside(conn: &mut Conn, row: &TaskRow, err: &Error) -> Result<()> {
    tracing::error!(task.id = %row.id, "Set aside a task that cannot be run: {err}");
    let ending = Ending {
        status: TaskStatus::Failure,
        steps: None,
        error: Some(format!("unreadable row: {err}")),
    };
    write_final(conn, row, &ending, Millis::now())
}

fn save(conn: &mut Conn, claim: &Claim, progress: &Progress) -> Result<Lease> {
    let now = Millis::now();
    let steps = progress.steps.as_ref().map(|steps| to_json("steps", steps));
    let steps = steps.transpose()?;
    let message = progress.message.as_deref().map(clean);
    let commit = progress.commit.as_deref().map(clean);
    let summary = progress.summary.as_deref().map(clean);
    let held: Option<bool> = on_backend!(conn, |conn| diesel::update(
        tasks::table.find(claim.task_id.as_str())
    )
    .filter(tasks::claim_token.eq(&claim.token))
    .filter(is_running())
    .set((
        steps.as_ref().map(|steps| tasks::steps.eq(steps)),
        message.as_ref().map(|message| tasks::message.eq(message)),
        commit.as_ref().map(|commit| tasks::commit_id.eq(commit)),
        summary.as_ref().map(|summary| tasks::summary.eq(summary)),
        tasks::updated_time.eq(now.0),
        tasks::revision.eq(tasks::revision + 1),
    ))
    .returning(tasks::is_cancel_requested)
    .get_result(conn)
    .optional())?;
    let is_shown = message.is_some() || commit.is_some();
    if held.is_some()
        && is_shown
        && let Some(row) = claim.row(conn)?
    {
        tally::show_latest(conn, &row, TaskStatus::Running, now)?;
    }
    Ok(Lease::new(held))
}
