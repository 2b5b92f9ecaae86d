//! A program whose output is wanted by us, and not for a log: npm, and Node.js when it describes a plugin.

use std::{
    ffi::OsString,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use super::PluginError;
use crate::process::{MARKER_VARIABLE, ProcessGroup};

/// What is kept of the output.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// How long a program may clean up after it was told to end.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// A program to run.
pub(super) struct Capture<'a> {
    pub(super) program: &'a Path,
    pub(super) args: &'a [OsString],
    pub(super) dir: &'a Path,
    pub(super) env: &'a [(String, String)],
    pub(super) marker: &'a str,
    pub(super) stdin: Bytes,
    pub(super) timeout: Duration,
    pub(super) cancel: &'a CancellationToken,
}

/// What it said.
pub(super) struct Captured {
    pub(super) end: ExitStatus,
    /// Both streams, one after the other.
    pub(super) output: String,
}

impl Captured {
    /// The end of what it said, in one line.
    pub(super) fn last_lines(&self) -> String {
        const MAX_LINES: usize = 5;
        const MAX_CHARS: usize = 1000;
        let lines: Vec<&str> = self
            .output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let first = lines.len().saturating_sub(MAX_LINES);
        let text = lines[first..].join("; ");
        text.chars()
            .filter(|c| !c.is_control())
            .take(MAX_CHARS)
            .collect()
    }
}

impl Capture<'_> {
    /// Runs it to its end. Whoever drops the future kills it.
    pub(super) async fn run(self) -> Result<Captured, PluginError> {
        let name = self.program.display();
        let failed = |what: &str, error: std::io::Error| {
            PluginError::Failed(format!("cannot {what} `{name}`: {error}"))
        };
        let mut child = self.spawn().map_err(|error| failed("start", error))?;
        let group = ProcessGroup::of(&child);
        let mut stdin = child.stdin.take();
        let write = async {
            if let Some(stdin) = &mut stdin {
                // It fails when nobody reads.
                let _ = stdin.write_all(&self.stdin).await;
            }
            stdin = None;
        };
        let stdout = read_limited(child.stdout.take());
        let stderr = read_limited(child.stderr.take());
        let finish = async { tokio::join!(write, stdout, stderr, child.wait()) };
        let ((), mut output, error, end) = tokio::select! {
            finished = finish => finished,
            () = self.cancel.cancelled() => {
                group.end(child, GRACE_PERIOD).await;
                return Err(PluginError::Cancelled);
            }
            () = tokio::time::sleep(self.timeout) => {
                group.end(child, GRACE_PERIOD).await;
                let seconds = self.timeout.as_secs();
                return Err(PluginError::Failed(format!("`{name}` took more than {seconds} seconds")));
            }
        };
        output.extend_from_slice(&error);
        Ok(Captured {
            end: end.map_err(|error| failed("wait for", error))?,
            output: String::from_utf8_lossy(&output).into_owned(),
        })
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(self.program)
            .args(self.args)
            .current_dir(self.dir)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env(MARKER_VARIABLE, self.marker)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }
}

/// Reads to the end, and keeps the last bytes: what went wrong is said last.
async fn read_limited(reader: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut reader) = reader else {
        return kept;
    };
    let mut buffer = [0; 4096];
    while let Ok(n_bytes @ 1..) = reader.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..n_bytes]);
        if kept.len() > 2 * MAX_OUTPUT_BYTES {
            kept.drain(..kept.len() - MAX_OUTPUT_BYTES);
        }
    }
    kept
}
