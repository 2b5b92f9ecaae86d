//! The flowcd server: the API, the runners, and what they share.
//!
//! Requests go one way: `api` knows HTTP, `service` knows the rules and who may do what, the store knows SQL.
//! `work` claims pending tasks and drives the engine; `logs` keeps what the steps print.

mod api;
mod auth;
mod background;
pub mod config;
mod console;
mod data_dir;
mod error;
#[cfg(test)]
mod fuzz;
mod host;
mod limit;
mod logs;
mod metrics;
mod provider;
pub mod service;
mod state;
mod version;
mod work;

use std::{net::SocketAddr, net::TcpListener, sync::Arc};

use actix_web::{HttpServer, dev::ServerHandle};
use anyhow::Context;
use flowcd_engine::git::RepoPolicy;
use flowcd_model::time::Millis;
use flowcd_store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use config::Config;
use data_dir::DataDir;
use logs::Logs;
use metrics::Metrics;
use state::AppState;
use work::{Runners, Work, WorkConfig};

pub use api::openapi;

/// How long open requests may take to end after the runners have ended.
const REQUEST_GRACE_SECONDS: u64 = 5;

/// A server that runs.
pub struct Running {
    url: String,
    addr: SocketAddr,
    config: Arc<Config>,
    http: ServerHandle,
    http_task: tokio::task::JoinHandle<std::io::Result<()>>,
    runners: Runners,
    sweeper: tokio::task::JoinHandle<()>,
    background: JoinSet<()>,
    stopping: CancellationToken,
    store: Store,
    /// Held until the end: no second server works on this folder.
    _data_dir: DataDir,
}

impl Running {
    /// The base URL to reach it under.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The database, for whoever prepares users and tokens beside the API.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops in order: no more requests and claims, then the running tasks end or are ended, then the streams.
    pub async fn stop(self) -> anyhow::Result<()> {
        let runners = async {
            self.runners.stop(self.config.drain_timeout).await;
            // Followers of tasks that wait for the next start have nothing more to see.
            self.stopping.cancel();
        };
        tokio::join!(self.http.stop(true), runners);
        self.sweeper.await.context("the sweeper ended badly")?;
        self.background.join_all().await;
        self.http_task
            .await
            .context("the HTTP server ended badly")?
            .context("the HTTP server failed")
    }
}

/// The API's description as it is committed and served: JSON for people, with a newline at the end.
pub fn openapi_json() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&openapi()).map(|json| json + "\n")
}

/// Opens the data folder and the database, settles what an earlier life left behind, and begins to serve and to run.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let config = Arc::new(config);
    let data_dir = DataDir::open(&config.data_dir)?;
    // Before a first password is shown, so that it is not shown for a server that cannot start.
    let listener = TcpListener::bind(config.listen).with_context(|| {
        format!(
            "cannot listen on {}; is another server there?",
            config.listen
        )
    })?;
    let store = config.open_store().await?;
    service::user::ensure_admin(&store, &config).await?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let url = config.base_url.as_ref().map_or_else(
        || format!("http://{addr}"),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    );

    let metrics = Metrics::new()?;
    let logs = Logs::open(store.clone(), data_dir.path(), config.max_log_bytes)?;
    let work_config = WorkConfig {
        instance: data_dir.instance().to_owned(),
        work_dir: data_dir.work_dir(),
        mirrors: data_dir.mirrors(),
        plugins: data_dir.plugins(),
        plugin_registry: config.plugin_registry.as_ref().map(Url::to_string),
        plugin_ca_file: config.plugin_ca_file.clone(),
        caches: data_dir.caches(),
        n_runners: config.runners,
        policy: RepoPolicy {
            local: config.allow_local_repos,
            http: config.allow_http_repos,
        },
        limits: flowcd_engine::Limits::default(),
        log_retention: config.log_retention,
        delivery_retention: config.delivery_retention,
        max_deliveries: config.max_deliveries,
        base_url: url.clone(),
    };
    let work = Work::new(work_config, store.clone(), logs.clone(), metrics.clone());
    work::settle_dead_runs(&work).await?;

    let stopping = CancellationToken::new();
    let state = AppState::new(
        config.clone(),
        store.clone(),
        logs,
        work.clone(),
        metrics,
        url.clone(),
        stopping.clone(),
    );
    // Webhooks may have been missed while no server ran.
    store.poll_all(Millis::now()).await?;
    let background = background::start(&state, &stopping);
    let shared = api::Shared::new(state)?;
    let http = HttpServer::new(move || api::app(shared.clone()))
        .workers(http_workers())
        .disable_signals()
        .shutdown_timeout(config.drain_timeout.as_secs() + REQUEST_GRACE_SECONDS)
        .listen(listener)?
        .run();
    let handle = http.handle();
    let http_task = tokio::spawn(http);
    let runners = Runners::start(&work);
    let sweeper = tokio::spawn(work::sweep_forever(work, stopping.clone()));
    Ok(Running {
        url,
        addr,
        config,
        http: handle,
        http_task,
        runners,
        sweeper,
        background,
        stopping,
        store,
        _data_dir: data_dir,
    })
}

fn http_workers() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8)
}
