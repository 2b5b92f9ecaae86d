//! The server as its own process.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use flowcd_client::Client;
use secrecy::{ExposeSecret, SecretString};

use super::{ADMIN_PASSWORD, install_tls};

/// A server as its own process, which may be killed.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Process {
    /// Starts it with five runners and these further arguments.
    pub(crate) fn start(
        data: &Path,
        database_url: Option<&SecretString>,
        arguments: &[&str],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowcd-server"));
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--runners",
                "5",
                "--allow-local-repos",
                "--data-dir",
            ])
            .arg(data)
            .args(arguments)
            .env("FLOWCD_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(url) = database_url {
            command.env("FLOWCD_DATABASE_URL", url.expose_secret());
        }
        let mut child = command.spawn().expect("flowcd-server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        let start = line
            .find("http")
            .unwrap_or_else(|| panic!("no URL in {line:?}"));
        Self {
            child,
            url: line[start..].trim().to_owned(),
        }
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// A client with this token.
    pub(crate) fn client(&self, token: &str) -> Client {
        install_tls();
        Client::builder(&self.url)
            .expect("a good URL")
            .token(SecretString::from(token))
            .build()
            .expect("a client")
    }
}

impl Process {
    /// The most memory it ever had resident, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process lives");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("its peak");
        let kib = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok());
        kib.expect("a number") * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A token of `admin`, made beside the running server.
pub(crate) fn mint_token(data: &Path, database_url: Option<&SecretString>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowcd-server"));
    command
        .args([
            "token",
            "create",
            "--user",
            "admin",
            "--description",
            "test",
            "--expires",
            "never",
            "--data-dir",
        ])
        .arg(data);
    if let Some(url) = database_url {
        command.env("FLOWCD_DATABASE_URL", url.expose_secret());
    }
    let output = command.output().expect("flowcd-server starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let token = String::from_utf8(output.stdout).expect("text");
    assert_eq!(token.trim_end().len(), 40, "only the token: {token:?}");
    token.trim_end().to_owned()
}
