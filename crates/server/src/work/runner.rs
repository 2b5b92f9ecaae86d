//! The claim loop: one look for as many tasks as there are free runners.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{LEASE, POLL, Work, drive};

/// The runners of this server, at work.
pub(crate) struct Runners {
    /// No more claims.
    stop: CancellationToken,
    /// End what runs.
    end: CancellationToken,
    loop_handle: tokio::task::JoinHandle<()>,
}

impl Runners {
    /// Begins to claim and run tasks.
    pub(crate) fn start(work: &Work) -> Self {
        let stop = CancellationToken::new();
        let end = CancellationToken::new();
        let loop_handle = tokio::spawn(claim_forever(work.clone(), stop.clone(), end.clone()));
        Self {
            stop,
            end,
            loop_handle,
        }
    }

    /// Stops claiming, gives running tasks `drain_timeout` to end, then ends them; answers when none runs any more.
    pub(crate) async fn stop(self, drain_timeout: std::time::Duration) {
        self.stop.cancel();
        let mut loop_handle = self.loop_handle;
        if tokio::time::timeout(drain_timeout, &mut loop_handle)
            .await
            .is_err()
        {
            warn!("Ending the tasks that still run after {drain_timeout:?}");
            self.end.cancel();
            // The engine kills what does not end by itself, so this wait has an end.
            if let Err(source) = loop_handle.await {
                error!(%source, "The runners ended badly");
            }
        }
    }
}

async fn claim_forever(work: Work, stop: CancellationToken, end: CancellationToken) {
    let free = Arc::new(Semaphore::new(work.inner.config.n_runners));
    let mut runs = JoinSet::new();
    loop {
        while runs.try_join_next().is_some() {}
        let permit = tokio::select! {
            // First: a long queue must not be claimed further while the server stops.
            biased;
            () = stop.cancelled() => break,
            permit = free.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        // Armed before the look, so that a dispatch in between wakes us.
        let pending = work.inner.pending.notified();
        let config = &work.inner.config;
        match work
            .inner
            .store
            .claim_task(&config.instance, LEASE.as_millis() as i64)
            .await
        {
            Ok(Some(claimed)) => {
                info!(task.id = %claimed.task.id, "Claimed task `{}`", claimed.task.id);
                let (work, end) = (work.clone(), end.clone());
                runs.spawn(async move {
                    drive::drive(&work, claimed, &end).await;
                    drop(permit);
                });
                continue;
            }
            Ok(None) => {}
            Err(source) => error!(
                error = &source as &dyn std::error::Error,
                "Cannot look for pending tasks"
            ),
        }
        tokio::select! {
            () = pending => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => break,
        }
    }
    while runs.join_next().await.is_some() {}
}
