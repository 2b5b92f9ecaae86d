//! Starting other programs.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// `cargo`, the one that runs us, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` to its end, which must be a good one.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Runs `command` to its good end and answers what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {stderr}",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed no text"))
}

/// The folder cargo builds debug binaries into.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo names no target directory")?;
    Ok(PathBuf::from(folder))
}

/// Builds the two binaries and answers where they are.
pub(crate) fn build_binaries(profile: &str) -> Result<Binaries> {
    run(cargo().args([
        "build",
        "--package=flowcd-server",
        "--package=flowcd-cli",
        "--bins",
        "--profile",
        profile,
    ]))?;
    let folder = target_dir()?.join(if profile == "dev" { "debug" } else { profile });
    Ok(Binaries {
        server: folder.join("flowcd-server"),
        cli: folder.join("flowcd"),
    })
}

/// What was built.
pub(crate) struct Binaries {
    /// `flowcd-server`.
    pub(crate) server: PathBuf,
    /// `flowcd`.
    pub(crate) cli: PathBuf,
}

/// A child that is ended, politely first, when it goes out of scope.
pub(crate) struct Guard {
    child: Child,
    name: &'static str,
}

impl Guard {
    /// Watches over `child`.
    pub(crate) fn new(name: &'static str, child: Child) -> Self {
        Self { child, name }
    }

    /// Sends SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self, patience: Duration) -> Result<()> {
        self.terminate(Signal::SIGTERM)?;
        let give_up = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "{} ended with {status}", self.name);
                return Ok(());
            }
            if Instant::now() > give_up {
                bail!("{} did not end within {patience:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("cannot end {}", self.name))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            _ = self.terminate(Signal::SIGKILL);
            _ = self.child.wait();
        }
    }
}
