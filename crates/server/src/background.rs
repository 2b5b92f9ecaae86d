//! What the server does by itself: schedules, looks at repositories, reports to Git hosts.
//!
//! Each is a pass that reads what is due from the database and may be run by several servers at once; the loops here
//! only wake them.

use std::{future::pending, time::Duration};

use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{error::Result, service, state::AppState};

/// How often to look for schedules that have come due; cron counts minutes.
const SCHEDULES: Duration = Duration::from_secs(1);
/// How often to look for repositories that are due to be looked at.
const POLLS: Duration = Duration::from_secs(2);
/// How often to look for what hosts are to be told, when no task of this server has changed.
const REPORTS: Duration = Duration::from_secs(1);

/// Begins all of it. The loops end when `stop` fires; what they are about is in the database and goes on later.
pub(crate) fn start(state: &AppState, stop: &CancellationToken) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    loops.spawn(every(
        SCHEDULES,
        "run what is scheduled",
        state.clone(),
        stop.clone(),
        async |_| pending().await,
        async |state| service::schedule::run_due(state).await,
    ));
    let polls = every(
        POLLS,
        "look at the repositories",
        state.clone(),
        stop.clone(),
        async |_| pending().await,
        async |state| service::poll::look_at_due(state).await,
    );
    let polled = state.clone();
    loops.spawn(async move {
        polls.await;
        polled.looks.end().await;
    });
    let (state, stop) = (state.clone(), stop.clone());
    loops.spawn(async move {
        every(
            REPORTS,
            "report to the Git hosts",
            state.clone(),
            stop,
            async |state| state.work.next_move().await,
            async |state| service::report::tell_due(state).await,
        )
        .await;
        state.reports.end().await;
    });
    loops
}

/// A pass after each period, and whenever `wake` returns.
async fn every(
    period: Duration,
    what: &'static str,
    state: AppState,
    stop: CancellationToken,
    wake: impl AsyncFn(&AppState),
    pass: impl AsyncFn(&AppState) -> Result<()>,
) {
    let mut timer = tokio::time::interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = wake(&state) => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            passed = pass(&state) => if let Err(source) = passed {
                let causes = source.causes().unwrap_or_default();
                error!(error = causes, "Cannot {what}: {source}");
            },
            () = stop.cancelled() => return,
        }
    }
}
