//! Settling what was lost, and throwing away what is old.

use std::{path::Path, time::Duration};

use flowcd_model::time::Millis;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Work, job};
use crate::logs::LogError;

/// How often to look for expired leases.
const SWEEP: Duration = Duration::from_secs(2);
/// How many sweeps go between two looks for what is old: an hour.
const SWEEPS_PER_HOUSEKEEPING: u64 = 1800;
/// How many sweeps go between two looks for logs that belong to nobody: a day. Every object is looked at.
const SWEEPS_PER_SEARCH: u64 = 24 * SWEEPS_PER_HOUSEKEEPING;
/// A log without a task is kept for so long after that was seen: the wrong database may have been named.
const ORPHAN_AGE_MS: i64 = 24 * 3600 * 1000;
/// A mirror that no run has used for this long is removed; the next run fetches again.
const UNUSED_MIRROR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many tasks' logs are removed between two looks.
const OLD_LOGS_AT_ONCE: i64 = 100;

/// Settles what an earlier life of this server left behind: its processes are killed, their folders removed, and the
/// tasks it held end as failed. To be called while nothing of this server runs.
pub(crate) async fn settle_dead_runs(work: &Work) -> anyhow::Result<()> {
    let config = &work.inner.config;
    let (work_dir, instance) = (config.work_dir.clone(), config.instance.clone());
    tokio::task::spawn_blocking(move || remove_dead_folders(&work_dir, &instance)).await??;
    for task in work.inner.store.settle_instance(&config.instance).await? {
        warn!(task.id = %task, "Settled task `{task}`: its runner was lost");
        work.moved(&task);
    }
    Ok(())
}

fn remove_dead_folders(work_dir: &Path, instance: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(work_dir)? {
        let entry = entry?;
        if let Some(task) = entry.file_name().to_str() {
            flowcd_engine::process::kill_marked(&job::marker(instance, task));
        }
        flowcd_engine::workdir::remove(&entry.path())?;
    }
    Ok(())
}

/// Sweeps until told to stop.
pub(crate) async fn sweep_forever(work: Work, stop: CancellationToken) {
    let mut timer = tokio::time::interval(SWEEP);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for n_sweeps in 0_u64.. {
        tokio::select! {
            _ = timer.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Err(source) = sweep(&work).await {
            error!(error = &source as &dyn std::error::Error, "Cannot sweep");
        }
        if n_sweeps.is_multiple_of(SWEEPS_PER_HOUSEKEEPING)
            && let Err(source) = keep_house(&work).await
        {
            error!(
                error = &source as &dyn std::error::Error,
                "Cannot remove what is old"
            );
        }
        // Not at once after a start, which has better to do.
        if n_sweeps % SWEEPS_PER_SEARCH == SWEEPS_PER_HOUSEKEEPING
            && let Err(source) = remove_orphans(&work).await
        {
            error!(
                error = &source as &dyn std::error::Error,
                "Cannot remove what belongs to nobody"
            );
        }
    }
}

/// One pass: tasks whose runner was lost end as failed.
pub(crate) async fn sweep(work: &Work) -> Result<(), flowcd_store::Error> {
    for task in work.inner.store.sweep(Millis::now()).await? {
        warn!(task.id = %task, "Settled task `{task}`: its runner was lost");
        work.moved(&task);
    }
    Ok(())
}

/// One pass: what is older than it may get is removed.
async fn keep_house(work: &Work) -> Result<(), LogError> {
    work.inner.store.housekeeping(Millis::now()).await?;
    let mirrors = work.inner.config.mirrors.clone();
    if let Err(source) = tokio::task::spawn_blocking(move || prune_mirrors(&mirrors)).await? {
        warn!(
            error = &source as &dyn std::error::Error,
            "Cannot remove the mirrors that nobody uses"
        );
    }
    let config = &work.inner.config;
    work.inner
        .store
        .remove_old_deliveries(
            config.delivery_retention.map(ago),
            config.max_deliveries.into(),
        )
        .await?;
    let Some(retention) = config.log_retention else {
        return Ok(());
    };
    let before = ago(retention);
    loop {
        let tasks = work
            .inner
            .store
            .tasks_with_old_logs(before, OLD_LOGS_AT_ONCE)
            .await?;
        for task in &tasks {
            // The objects first: what is left after a crash in between is found again by its rows.
            work.inner.logs.delete_task(task).await?;
            work.inner.store.forget_log(task).await?;
        }
        if tasks.len() < OLD_LOGS_AT_ONCE as usize {
            return Ok(());
        }
    }
}

/// The time so long before now.
fn ago(age: Duration) -> Millis {
    let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Millis::now().plus_ms(-age_ms)
}

/// One pass: logs whose task is gone are removed.
async fn remove_orphans(work: &Work) -> Result<(), LogError> {
    let before = Millis::now().plus_ms(-ORPHAN_AGE_MS);
    work.inner.logs.delete_orphans(before).await
}

/// Removes the mirrors that no run has used for long; each user has a folder of them.
fn prune_mirrors(mirrors: &Path) -> std::io::Result<()> {
    for user in std::fs::read_dir(mirrors)? {
        flowcd_engine::git::prune_mirrors(&user?.path(), UNUSED_MIRROR)?;
    }
    Ok(())
}
