//! Runs jobs and keeps what they tell.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use flowcd_engine::{
    Checkout, Contexts, Event, Job, Limits, Options, Outcome, Plugins, Source,
    git::{Credential, RepoUrl},
};
use flowcd_model::{id::TaskId, step::StepCount};
use serde_json::Map;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::repository::POLICY;

/// A job, and the folder that it and its mirrors live in.
pub(crate) struct Runner {
    pub(crate) home: TempDir,
    pub(crate) job: Job,
    pub(crate) cancel: CancellationToken,
}

/// What a run told.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) logs: BTreeMap<StepCount, Vec<u8>>,
    pub(crate) events: Vec<Event>,
}

impl Runner {
    fn new(home: TempDir, source: Source) -> Self {
        let task_id = TaskId::generate();
        let job = Job {
            dir: home.path().join("task"),
            marker: format!("test-{task_id}"),
            task_id,
            source,
            pipeline_file: "serverless-pipeline.yaml".to_owned(),
            contexts: Contexts::default(),
            secrets: BTreeMap::new(),
            envs: Map::new(),
            options: Options::default(),
            plugins: Plugins {
                installed: home.path().join("plugins"),
                registry: None,
                ca_file: None,
                caches: home.path().join("caches"),
                repositories: POLICY,
            },
            limits: Limits {
                grace_period: Duration::from_millis(300),
                drain: Duration::from_millis(300),
                git_timeout: Duration::from_secs(30),
                ..Limits::default()
            },
        };
        Self {
            home,
            job,
            cancel: CancellationToken::new(),
        }
    }

    /// A job on a folder with this pipeline in it.
    pub(crate) fn of_pipeline(pipeline: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("source");
        fs::create_dir(&folder).expect("the folder is made");
        fs::write(folder.join("serverless-pipeline.yaml"), pipeline).expect("it is written");
        Self::new(home, Source::Folder(folder))
    }

    /// A job on a commit of a repository.
    pub(crate) fn of_commit(url: RepoUrl, commit: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let checkout = Checkout {
            url,
            commit: commit.parse().expect("it is a commit"),
            git_ref: None,
            credential: None,
            mirrors: home.path().join("mirrors"),
        };
        Self::new(home, Source::Git(checkout))
    }

    /// The ref that led to the commit.
    pub(crate) fn git_ref(mut self, git_ref: &str) -> Self {
        self.checkout().git_ref = Some(git_ref.parse().expect("it is a ref"));
        self
    }

    pub(crate) fn credential(mut self, username: &str, password: &str) -> Self {
        self.checkout().credential = Some(credential(username, password));
        self
    }

    pub(crate) fn mirrors(mut self, mirrors: &Path) -> Self {
        self.checkout().mirrors = mirrors.to_owned();
        self
    }

    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.job.secrets.insert(name.to_owned(), value.into());
        self
    }

    fn checkout(&mut self) -> &mut Checkout {
        match &mut self.job.source {
            Source::Git(checkout) => checkout,
            Source::Folder(_) => panic!("the job has a folder"),
        }
    }

    /// The folder of a job that has one.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("source")
    }

    pub(crate) async fn run(self) -> Ran {
        self.run_and_watch(|_| false).await.1
    }

    /// Runs, and cancels as soon as this text comes up in any log.
    pub(crate) async fn run_and_cancel_at(self, text: &str) -> Ran {
        self.run_and_watch(|log| contains(log, text)).await.1
    }

    /// Runs, cancels when a log satisfies `is_time`, and hands the home folder back for a look.
    pub(crate) async fn run_and_watch(self, is_time: impl Fn(&[u8]) -> bool) -> (TempDir, Ran) {
        let Self { home, job, cancel } = self;
        let dir = job.dir.clone();
        let (events_tx, mut events_rx) = mpsc::channel(8);
        let running = tokio::spawn(flowcd_engine::run(job, events_tx, cancel.clone()));
        let mut logs: BTreeMap<StepCount, Vec<u8>> = BTreeMap::new();
        let mut events = Vec::new();
        while let Some(event) = events_rx.recv().await {
            if let Event::Output { step_count, bytes } = &event {
                let log = logs.entry(*step_count).or_default();
                log.extend_from_slice(bytes);
                if is_time(log) {
                    cancel.cancel();
                }
            }
            events.push(event);
        }
        let outcome = running.await.expect("a run does not panic");
        assert!(!dir.exists(), "the task's folder is left");
        let ran = Ran {
            outcome,
            logs,
            events,
        };
        (home, ran)
    }
}

impl Ran {
    /// The log of a step as text.
    pub(crate) fn log(&self, number: u32) -> String {
        self.log_of(StepCount::Number(number))
    }

    pub(crate) fn log_of(&self, step_count: StepCount) -> String {
        let log = self.logs.get(&step_count).map(Vec::as_slice);
        String::from_utf8_lossy(log.unwrap_or_default()).into_owned()
    }

    /// The statuses of the pipeline's steps, then that of the task: `success skipped -> failure`.
    pub(crate) fn statuses(&self) -> String {
        let steps: Vec<&str> = self.outcome.steps[1..]
            .iter()
            .map(|step| step.status.as_str())
            .collect();
        format!("{} -> {}", steps.join(" "), self.outcome.status)
    }

    /// Why a step failed.
    pub(crate) fn error(&self, number: usize) -> &str {
        let step = self.outcome.steps.get(number);
        let step = step.unwrap_or_else(|| panic!("no step {number}: {}", self.everything()));
        step.error.as_deref().unwrap_or("")
    }

    /// Everything that was told, in one text.
    pub(crate) fn everything(&self) -> String {
        let logs: Vec<_> = self
            .logs
            .values()
            .map(|log| String::from_utf8_lossy(log))
            .collect();
        format!("{:?}\n{:?}\n{}", self.outcome, self.events, logs.join("\n"))
    }
}

pub(crate) fn credential(username: &str, password: &str) -> Credential {
    Credential {
        username: username.to_owned(),
        password: password.into(),
    }
}

pub(crate) fn contains(log: &[u8], text: &str) -> bool {
    log.windows(text.len())
        .any(|window| window == text.as_bytes())
}
