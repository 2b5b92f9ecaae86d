//! What every request can reach.

use std::{ops::Deref, sync::Arc};

use flowcd_engine::git::RepoPolicy;
use flowcd_store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    host::{HostSettings, Hosts},
    limit::{HookLimit, LoginLimit},
    logs::Logs,
    metrics::Metrics,
    service::{idempotency::InFlight, pipeline::Pipelines, poll::Looks, report::Reports},
    work::Work,
};

/// How many repositories are asked at once where a ref points.
const MAX_RESOLVING: usize = 16;

/// What every request can reach; a cheap clone of one shared value.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

/// The shared value.
pub(crate) struct Inner {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) logs: Logs,
    pub(crate) work: Work,
    pub(crate) metrics: Metrics,
    pub(crate) logins: LoginLimit,
    pub(crate) hooks: HookLimit,
    pub(crate) hosts: Hosts,
    pub(crate) reports: Reports,
    /// The URL that users and hosts reach the server under, without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) in_flight: InFlight,
    pub(crate) pipelines: Pipelines,
    /// Permits to ask a repository where a ref points.
    pub(crate) resolving: Semaphore,
    /// Looks at repositories that are under way.
    pub(crate) looks: Looks,
    /// Fires when the server was asked to stop: readiness ends, and open event streams close.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    pub(crate) fn new(
        config: Arc<Config>,
        store: Store,
        logs: Logs,
        work: Work,
        metrics: Metrics,
        base_url: String,
        stopping: CancellationToken,
    ) -> Self {
        let hosts = Hosts::new(HostSettings {
            is_http_allowed: config.allow_http_repos,
        });
        Self(Arc::new(Inner {
            config,
            store,
            logs,
            work,
            metrics,
            logins: LoginLimit::new(),
            hooks: HookLimit::new(),
            hosts,
            reports: Reports::default(),
            base_url,
            in_flight: InFlight::default(),
            pipelines: Pipelines::default(),
            resolving: Semaphore::new(MAX_RESOLVING),
            looks: Looks::default(),
            stopping,
        }))
    }
}

impl Inner {
    /// Which repositories may be deployed.
    pub(crate) fn repo_policy(&self) -> RepoPolicy {
        RepoPolicy {
            local: self.config.allow_local_repos,
            http: self.config.allow_http_repos,
        }
    }
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
