//! A server to measure, as its own process with the release binary.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use flowcd_client::Client;
use flowcd_model::{
    application::{NewApplication, Provider},
    dispatch::ManualDispatch,
    id::{AppId, TaskId},
    secret::Secrets,
    task::{Task, TaskStatus},
    trigger::TriggerSpec,
};
use futures_util::StreamExt;
use secrecy::SecretString;
use tempfile::TempDir;

use super::stats::{Sample, report};
use crate::process::{Binaries, Guard, output, run};

/// A server with a client that may do everything.
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) token: String,
    pub(super) folder: TempDir,
    /// From exec to the line that says it is ready.
    pub(super) ready_after: Duration,
    pub(super) pid: u32,
    guard: Guard,
}

impl Server {
    /// Starts one on a fresh data folder, with the embedded database.
    pub(super) fn start(binaries: &Binaries, arguments: &[&str]) -> Result<Self> {
        Self::start_on(binaries, arguments, None)
    }

    /// Starts one on a fresh data folder, with another database.
    pub(super) fn start_on(
        binaries: &Binaries,
        arguments: &[&str],
        database_url: Option<&str>,
    ) -> Result<Self> {
        let database = database_url.map(|url| ("FLOWCD_DATABASE_URL", url));
        static TLS: Once = Once::new();
        TLS.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::Builder::new().prefix("flowcd-bench-").tempdir()?;
        let data = folder.path().join("data");
        // The first start makes the database and hashes a password; the second one is measured.
        run(Command::new(&binaries.server)
            .args(["migrate", "--data-dir"])
            .arg(&data)
            .envs(database)
            .stdout(Stdio::null())
            .stderr(Stdio::null()))?;
        let spawn = || -> Result<(Guard, u32, String, Duration)> {
            let started = Instant::now();
            let mut child = Command::new(&binaries.server)
                .args([
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--runners",
                    "2",
                    "--allow-local-repos",
                ])
                .args(arguments)
                .arg("--data-dir")
                .arg(&data)
                .envs([
                    ("FLOWCD_LOG_FILTER", "warn"),
                    ("FLOWCD_ADMIN_PASSWORD", "bench-password-of-no-use"),
                ])
                .envs(database)
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start flowcd-server")?;
            let mut line = String::new();
            BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
            let ready_after = started.elapsed();
            let start = line
                .find("http")
                .with_context(|| format!("no URL in {line:?}"))?;
            let pid = child.id();
            Ok((
                Guard::new("flowcd-server", child),
                pid,
                line[start..].trim().to_owned(),
                ready_after,
            ))
        };
        spawn()?.0.stop(Duration::from_secs(40))?;
        let (guard, pid, url, ready_after) = spawn()?;
        let create = [
            "token",
            "create",
            "--user",
            "admin",
            "--description",
            "bench",
            "--expires",
            "1d",
            "--data-dir",
        ];
        let token = output(
            Command::new(&binaries.server)
                .args(create)
                .arg(&data)
                .envs(database),
        )?
        .trim()
        .to_owned();
        let client = Client::builder(&url)?
            .token(SecretString::from(token.clone()))
            .build()?;
        Ok(Self {
            client,
            url,
            token,
            folder,
            ready_after,
            pid,
            guard,
        })
    }

    /// Stops it.
    pub(super) fn stop(self) -> Result<()> {
        self.guard.stop(Duration::from_secs(40))
    }

    /// Its resident memory in bytes.
    pub(super) fn resident_bytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: f64 = line
            .split_whitespace()
            .nth(1)
            .context("no number")?
            .parse()?;
        Ok(kib * 1024.0)
    }

    /// An application with a repository of its own that holds `pipeline`.
    pub(super) async fn application(
        &self,
        name: &str,
        pipeline: &str,
        secrets: Secrets,
    ) -> Result<App> {
        let path = self.folder.path().join(name);
        fs::create_dir(&path)?;
        fs::write(path.join("serverless-pipeline.yaml"), pipeline)?;
        let git = |args: &[&str]| {
            let identity = [
                "-c",
                "user.name=Bench",
                "-c",
                "user.email=bench@example.com",
            ];
            output(
                Command::new("git")
                    .current_dir(&path)
                    .args(identity)
                    .args(args),
            )
        };
        git(&["init", "--quiet", "--initial-branch=main"])?;
        git(&["add", "."])?;
        git(&["commit", "--quiet", "--message=Bench"])?;
        let commit = git(&["rev-parse", "HEAD"])?.trim().to_owned();
        let new = NewApplication {
            repo: name.to_owned(),
            owner: "bench".to_owned(),
            repo_url: format!("file://{}", path.display()),
            provider_repo_id: None,
            provider: Provider::Git,
            trigger_spec: TriggerSpec::default(),
            description: String::new(),
            secrets,
            envs: None,
            ..NewApplication::default()
        };
        let id = self.client.create_application(&new).await?.id;
        Ok(App { id, commit })
    }

    /// Dispatches the commit that `app` was made with.
    pub(super) async fn dispatch(&self, app: &App) -> Result<TaskId> {
        let dispatch = ManualDispatch {
            app_id: app.id.clone(),
            git_ref: "refs/heads/main".to_owned(),
            commit_id: Some(app.commit.clone()),
            message: Some("bench".to_owned()),
            inputs: None,
            is_debug: false,
        };
        Ok(self.client.dispatch_task(&dispatch).await?.task_id)
    }

    /// Waits for a task's good end.
    pub(super) async fn finish(&self, task: &TaskId) -> Result<Task> {
        let mut events = self.client.follow_task(task);
        while let Some(event) = events.next().await {
            event?;
        }
        let task = self.client.get_task(task).await?;
        ensure!(
            task.status == TaskStatus::Success,
            "the task ended as {}: {task:?}",
            task.status
        );
        Ok(task)
    }
}

/// An application to deploy.
pub(super) struct App {
    pub(super) id: AppId,
    pub(super) commit: String,
}

/// Memory of an idle server, and how long it takes to be ready.
pub(super) async fn idle(binaries: &Binaries, rounds: usize) -> Result<()> {
    let (mut memory, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let server = Server::start(binaries, &[])?;
        server.client.list_applications().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        memory.push(server.resident_bytes()? / 1e6);
        ready.push(server.ready_after.as_secs_f64() * 1000.0);
        server.stop()?;
    }
    report(
        "idle server, resident memory (MB)",
        Sample::new(memory),
        "under 25",
    );
    report("exec to ready (ms)", Sample::new(ready), "under 100");
    Ok(())
}
