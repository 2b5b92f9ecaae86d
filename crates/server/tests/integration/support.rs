//! The harness: a server on a free port with a fresh database, its clients, and repositories to deploy.

mod database;
mod host;
mod process;
mod repo;

use std::{collections::BTreeMap, future::Future, sync::Once, time::Duration};

use flowcd_client::{Client, log_bytes};
use flowcd_model::{
    application::{NewApplication, Provider},
    delivery::{Delivery, DeliveryPage},
    dispatch::ManualDispatch,
    envelope::Reply,
    id::{AppId, TaskId},
    log::{LogQuery, TaskEvent},
    secret::Secrets,
    step::StepCount,
    task::{Task, TaskStatus},
    token::NewToken,
    trigger::TriggerSpec,
};
use flowcd_server::{Running, config::Config};
use futures_util::StreamExt;
use secrecy::SecretString;
use tempfile::TempDir;

pub(crate) use database::{Beside, Database, files_below};
pub(crate) use host::{Asked, Host};
pub(crate) use process::{Process, mint_token};
pub(crate) use repo::Repo;

/// Runs each test on both engines.
macro_rules! on_both {
    ($(#[doc = $doc:literal])* async fn $name:ident($database:ident) $body:block) => {
        $(#[doc = $doc])*
        mod $name {
            use super::*;

            async fn body($database: crate::support::Database) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                body(crate::support::Database::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                body(crate::support::Database::Postgres).await;
            }
        }
    };
}
pub(crate) use on_both;

/// The password of `admin` in every test.
pub(crate) const ADMIN_PASSWORD: &str = "correct-horse-battery-staple";

/// What no wait of a test may exceed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// A server that runs in this process.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) data: TempDir,
    config: Config,
}

impl Server {
    /// A server as most tests want it.
    pub(crate) async fn start(database: Database) -> Self {
        Self::start_with(database, |_| {}).await
    }

    /// A server with other settings.
    pub(crate) async fn start_with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        install_tls();
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::new(data.path().join("data"));
        config.listen = ([127, 0, 0, 1], 0).into();
        config.runners = 2;
        config.allow_local_repos = true;
        config.allow_http_repos = true;
        config.drain_timeout = Duration::from_secs(5);
        config.admin_password = Some(SecretString::from(ADMIN_PASSWORD));
        config.database_url = database.fresh();
        change(&mut config);
        let running = flowcd_server::start(config.clone())
            .await
            .expect("the server starts");
        Self {
            running,
            data,
            config,
        }
    }

    /// Stops it and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|| {}).await
    }

    /// Stops it, and starts it again on the same data when something has happened meanwhile.
    pub(crate) async fn restart_after(self, happen: impl FnOnce()) -> Self {
        self.running.stop().await.expect("the server stops");
        happen();
        let running = flowcd_server::start(self.config.clone())
            .await
            .expect("the server starts again");
        Self {
            running,
            data: self.data,
            config: self.config,
        }
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.running.stop().await.expect("the server stops");
    }

    /// Its database, beside it.
    pub(crate) fn beside(&self) -> Beside {
        Beside {
            url: self.config.database_url.clone(),
            file: self.config.data_dir.join("flowcd.db"),
        }
    }

    /// A new token of a user.
    pub(crate) async fn token(&self, username: &str, expiration: i64) -> String {
        let store = self.running.store();
        let user = store
            .user_by_name(username)
            .await
            .expect("the database answers")
            .expect("a user by that name");
        let new = NewToken {
            description: "test".to_owned(),
            expiration,
        };
        store
            .create_token(&user.id, new)
            .await
            .expect("a token")
            .cd_token
    }

    /// A client that acts as `admin`.
    pub(crate) async fn admin(&self) -> Client {
        self.client(&self.token("admin", -1).await)
    }

    /// A client that acts as a user made for it.
    pub(crate) async fn user(&self, username: &str) -> Client {
        let password = SecretString::from("another-good-password");
        self.running
            .store()
            .create_user(username, &password)
            .await
            .expect("a new user");
        self.client(&self.token(username, -1).await)
    }

    /// A client with this token.
    pub(crate) fn client(&self, token: &str) -> Client {
        let builder = Client::builder(self.running.url()).expect("a good URL");
        builder
            .token(SecretString::from(token))
            .build()
            .expect("a client")
    }

    /// What is in its database, table by table.
    pub(crate) fn dump(&self) -> BTreeMap<String, Vec<String>> {
        database::dump(&self.config)
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }
}

/// TLS for whoever makes a bare `reqwest` client; the tests speak plain HTTP with it.
pub(crate) fn install_tls() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A bare HTTP client, for requests that the typed one cannot make.
pub(crate) fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder()
        .no_proxy()
        // The system's certificates take long to read, and nothing here is asked by https.
        .tls_certs_only([])
        .build()
        .expect("an HTTP client")
}

/// An application for `url`.
pub(crate) fn application(name: &str, url: &str) -> NewApplication {
    NewApplication {
        repo: name.to_owned(),
        owner: "acme".to_owned(),
        repo_url: url.to_owned(),
        provider_repo_id: None,
        provider: Provider::Git,
        trigger_spec: TriggerSpec::default(),
        description: String::new(),
        secrets: Secrets::default(),
        envs: None,
        ..NewApplication::default()
    }
}

/// Makes an application for a repository.
pub(crate) async fn create_app(client: &Client, repo: &Repo) -> AppId {
    create_app_with(client, repo, &[]).await
}

/// Makes an application with secrets.
pub(crate) async fn create_app_with(
    client: &Client,
    repo: &Repo,
    secrets: &[(&str, &str)],
) -> AppId {
    let mut new = application("demo", &repo.url());
    new.secrets = Secrets(
        secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    );
    client
        .create_application(&new)
        .await
        .expect("the application is made")
        .id
}

/// The dispatch of a branch.
pub(crate) fn manual(app: &AppId, git_ref: &str) -> ManualDispatch {
    ManualDispatch {
        app_id: app.clone(),
        git_ref: git_ref.to_owned(),
        commit_id: None,
        message: None,
        inputs: None,
        is_debug: false,
    }
}

/// Dispatches `main`.
pub(crate) async fn dispatch(client: &Client, app: &AppId) -> TaskId {
    client
        .dispatch_task(&manual(app, "refs/heads/main"))
        .await
        .expect("the dispatch is accepted")
        .task_id
}

/// Looks again and again until there is what was waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    // So that the server gets to do it.
    let mut pace = tokio::time::interval(Duration::from_millis(25));
    within(what, async {
        loop {
            pace.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    })
    .await
}

/// All deliveries of an application, the oldest first.
pub(crate) async fn deliveries(client: &Client, app: &AppId) -> Vec<Delivery> {
    let path = format!("deliveries/list?appId={app}&limit=100");
    let answer = client.raw("GET", &path, None).await.expect("the list");
    let reply: Reply<DeliveryPage> = serde_json::from_slice(&answer.body).expect("deliveries");
    let mut deliveries = reply.data.result;
    deliveries.reverse();
    deliveries
}

/// Waits until an application has so many deliveries, and answers them, the oldest first.
pub(crate) async fn n_deliveries(client: &Client, app: &AppId, n: usize) -> Vec<Delivery> {
    until("a delivery", async || {
        Some(deliveries(client, app).await).filter(|it| it.len() >= n)
    })
    .await
}

/// What following a task told.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) logs: BTreeMap<StepCount, Vec<u8>>,
    pub(crate) events: Vec<String>,
}

impl Followed {
    /// A step's output as text.
    pub(crate) fn log(&self, number: u32) -> String {
        self.logs
            .get(&StepCount::Number(number))
            .map(|log| String::from_utf8_lossy(log).into_owned())
            .unwrap_or_default()
    }
}

/// Follows a task to its end.
pub(crate) async fn follow(client: &Client, task: &TaskId) -> Followed {
    follow_until(client, task, |_| false).await
}

/// Follows a task until its end or until `is_enough`.
pub(crate) async fn follow_until(
    client: &Client,
    task: &TaskId,
    mut is_enough: impl FnMut(&Followed) -> bool,
) -> Followed {
    let mut followed = Followed::default();
    let mut events = client.follow_task(task);
    within("the end of the task", async {
        while let Some(event) = events.next().await {
            match event.expect("an event") {
                TaskEvent::Log(event) => {
                    let bytes = log_bytes(&event)
                        .expect("the bytes of an event")
                        .into_owned();
                    let log = followed.logs.entry(event.step_count).or_default();
                    if event.omitted_bytes.is_none() {
                        log.extend_from_slice(&bytes);
                    }
                }
                TaskEvent::Step(step) => followed
                    .events
                    .push(format!("step {} {}", step.step_count, step.status)),
                TaskEvent::Status(status) => {
                    followed.events.push(format!("status {}", status.status))
                }
                TaskEvent::End(status) => followed.events.push(format!("end {}", status.status)),
            }
            if is_enough(&followed) {
                break;
            }
        }
    })
    .await;
    followed
}

/// Dispatches `main`, waits for the end, and answers the task.
pub(crate) async fn deploy(client: &Client, app: &AppId) -> Task {
    let task = dispatch(client, app).await;
    finished(client, &task).await
}

/// Waits for the end of a task and answers it.
pub(crate) async fn finished(client: &Client, task: &TaskId) -> Task {
    follow(client, task).await;
    let task = client.get_task(task).await.expect("the task");
    assert!(task.status.is_final(), "{task:?}");
    task
}

/// Deploys a pipeline from a repository of its own and answers the task with the log of each step.
pub(crate) async fn deploy_pipeline(client: &Client, pipeline: &str) -> (Task, Followed) {
    let repo = Repo::with_pipeline(pipeline);
    let app = create_app(client, &repo).await;
    let task = dispatch(client, &app).await;
    let followed = follow(client, &task).await;
    let task = client.get_task(&task).await.expect("the task");
    (task, followed)
}

/// The whole log of a step, byte for byte.
pub(crate) async fn log_of(client: &Client, task: &TaskId, step: u32) -> Vec<u8> {
    let query = LogQuery::new(task.clone(), StepCount::Number(step));
    client
        .get_log_bytes(&query)
        .await
        .expect("the log")
        .bytes
        .to_vec()
}

/// Says what went wrong with a task that should have ended well.
pub(crate) fn assert_success(task: &Task, followed: &Followed) {
    assert_eq!(
        task.status,
        TaskStatus::Success,
        "{task:#?}\n{}",
        all_logs(followed)
    );
}

fn all_logs(followed: &Followed) -> String {
    followed
        .logs
        .iter()
        .map(|(step, log)| format!("--- {step}\n{}", String::from_utf8_lossy(log)))
        .collect()
}
