//! The harness: a server on a free port with a fresh folder, and the commands that talk to it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use flowcd_client::Client;
use flowcd_model::token::NewToken;
use flowcd_server::{Running, config::Config};
use nix::sys::stat::Mode;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::repo::Repo;

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The password of `admin`.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// What no command of a test may exceed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The data of a command that has to have worked.
    pub(crate) fn data(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.trim_end()
    }

    /// Its data, where that is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.data()).expect("the output is JSON")
    }
}

/// A server in this process, and a user with a token.
pub(crate) struct Server {
    running: Running,
    folder: TempDir,
    token: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with_runners(2).await
    }

    pub(crate) async fn start_with_runners(n_runners: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::new(folder.path().join("data"));
        config.listen = ([127, 0, 0, 1], 0).into();
        config.runners = n_runners;
        config.allow_local_repos = true;
        config.drain_timeout = Duration::from_secs(5);
        config.admin_password = Some(PASSWORD.into());
        let running = flowcd_server::start(config)
            .await
            .expect("the server starts");
        let store = running.store();
        let admin = store
            .user_by_name("admin")
            .await
            .expect("the database answers")
            .expect("there is an admin");
        let new = NewToken {
            description: "test".to_owned(),
            expiration: -1,
        };
        let minted = store.create_token(&admin.id, new).await.expect("a token");
        let token = minted.cd_token;
        Self {
            running,
            folder,
            token,
        }
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.expect("the server stops");
    }

    pub(crate) fn url(&self) -> &str {
        self.running.url()
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The typed client, as the user of the token.
    pub(crate) fn client(&self) -> Client {
        let builder = Client::builder(self.url()).expect("a good URL");
        let token = SecretString::from(self.token.as_str());
        builder.token(token).build().expect("a client")
    }

    /// A path in a folder that goes with the server.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `flowcd` as the user of the token.
    pub(crate) fn flowcd(&self, args: &[&str]) -> Command {
        let mut command = flowcd(&self.path("home"), args);
        command
            .env("FLOWCD_URL", self.url())
            .env("FLOWCD_TOKEN", &self.token);
        command
    }

    /// Runs `flowcd` as the user of the token.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        end(&mut self.flowcd(args)).await
    }

    /// Starts `flowcd` as the user of the token, to read along.
    pub(crate) fn spawn(&self, args: &[&str]) -> Reading {
        let mut child = self
            .flowcd(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowcd starts");
        let stdout = child.stdout.take().expect("its output");
        Reading {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Makes an application named `acme/NAME` of a new repository with this pipeline.
    pub(crate) async fn app(&self, name: &str, pipeline: &str) -> Repo {
        let repo = Repo::with_pipeline(pipeline);
        let url = repo.url();
        let args = [
            "app",
            "create",
            "--provider",
            "git",
            "--owner",
            "acme",
            "--repo",
            name,
            "--repo-url",
            &url,
        ];
        self.run(&args).await.data();
        repo
    }
}

/// `flowcd` with an empty environment and its profiles in `home`.
pub(crate) fn flowcd(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("flowcd"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn end(command: &mut Command) -> Ended {
    end_with_input(command, "").await
}

/// Runs a command that reads `input` to its end.
pub(crate) async fn end_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flowcd starts");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that reads nothing may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    wait(child).await
}

async fn wait(child: Child) -> Ended {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the command ends")
        .expect("the command can be waited for");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command whose output is read while it runs.
pub(crate) struct Reading {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Reading {
    /// The lines up to the first that holds `text`.
    pub(crate) async fn until(&mut self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line())
                .await
                .expect("a line comes")
                .expect("the output is read");
            let Some(line) = line else {
                panic!("the output ended without `{text}`: {seen:#?}");
            };
            let is_last = line.contains(text);
            seen.push(line);
            if is_last {
                return seen;
            }
        }
    }

    /// Waits for its end; the output holds what was not read before.
    pub(crate) async fn end(mut self) -> Ended {
        let mut stdout = String::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .expect("the output ends")
            .expect("the output is read")
        {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        Ended {
            stdout,
            ..wait(self.child).await
        }
    }
}

/// A gate that a step waits at: a named pipe, which opens when both ends are there.
pub(crate) struct Gate(PathBuf);

impl Gate {
    pub(crate) fn new(server: &Server) -> Self {
        let path = server.path("gate");
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a named pipe");
        Self(path)
    }

    /// A pipeline whose only step says `started`, and waits for the gate.
    pub(crate) fn pipeline(&self) -> String {
        let path = self.0.display();
        format!("steps:\n  - name: Wait\n    run: echo started; cat '{path}'; echo passed\n")
    }

    /// Lets the step through that waits.
    pub(crate) async fn open(&self) {
        let path = self.0.clone();
        let opened = tokio::task::spawn_blocking(move || {
            // This returns when the step has opened its end.
            std::fs::OpenOptions::new().write(true).open(path)
        });
        tokio::time::timeout(PATIENCE, opened)
            .await
            .expect("the step reads")
            .expect("the opening does not panic")
            .expect("the gate opens");
    }
}
