//! How git is started: with nothing of the server's environment, nothing of this machine's configuration, and with
//! what it must not tell anybody in its environment only.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};
use tokio_util::sync::CancellationToken;

use super::{Credential, GitError, RepoUrl, failure, trace::Trace};
use crate::{
    mask::MaskSet,
    process::{DEFAULT_PATH, MARKER_VARIABLE, ProcessGroup, find_program},
};

/// What is kept of git's output. A hostile server can make it say as much as it likes.
pub(super) const MAX_STDOUT_BYTES: usize = 4 * 1024 * 1024;
const MAX_STDERR_BYTES: usize = 64 * 1024;

/// How long git may clean up after it was told to end.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// How git is called during one run.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    /// Where programs are looked for.
    pub(crate) path: String,
    /// The run's mark, by which a stray git is found after a crash.
    pub(crate) marker: Option<String>,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// Ends a call that is under way.
    pub(crate) cancel: CancellationToken,
    /// Where calls are noted, if they are.
    pub(crate) trace: Option<Trace>,
}

/// A repository somewhere else, and what it wants to see.
#[derive(Clone, Copy)]
pub(super) struct Remote<'a> {
    pub(super) url: &'a RepoUrl,
    pub(super) credential: Option<&'a Credential>,
}

impl Git {
    /// Git outside of a run.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            path: DEFAULT_PATH.to_owned(),
            marker: None,
            timeout,
            cancel: CancellationToken::new(),
            trace: None,
        }
    }

    /// Calls git, and answers what it wrote to its standard output.
    ///
    /// `remote` is the only repository that it may talk to; without one it cannot talk to any.
    pub(super) async fn call<A: AsRef<OsStr>>(
        &self,
        operation: &'static str,
        args: impl IntoIterator<Item = A>,
        remote: Option<Remote<'_>>,
    ) -> Result<Vec<u8>, GitError> {
        let args: Vec<OsString> = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        let began = Instant::now();
        let result = self.run(operation, &args, remote).await;
        if let Some(trace) = &self.trace {
            let outcome = if result.is_ok() { "ok" } else { "failed" };
            trace.note(&args, began.elapsed(), outcome);
        }
        result
    }

    async fn run(
        &self,
        operation: &'static str,
        args: &[OsString],
        remote: Option<Remote<'_>>,
    ) -> Result<Vec<u8>, GitError> {
        // An absolute path lets the standard library start it without a fork.
        let git = find_program("git", &self.path, Path::new("/"));
        let mut command = Command::new(git.as_deref().unwrap_or(Path::new("git")));
        command
            .args(args)
            .env_clear()
            .envs(self.environment(remote));
        command
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| GitError::Io {
            what: "cannot start git".to_owned(),
            source,
        })?;
        drop(command);
        let group = ProcessGroup::of(&child);
        let stdout = read_limited(child.stdout.take(), MAX_STDOUT_BYTES);
        let stderr = read_limited(child.stderr.take(), MAX_STDERR_BYTES);
        let finish = async { tokio::join!(stdout, stderr, child.wait()) };
        let (stdout, stderr, status) = tokio::select! {
            finished = finish => finished,
            () = self.cancel.cancelled() => {
                group.end(child, GRACE_PERIOD).await;
                return Err(GitError::Cancelled { operation });
            }
            () = tokio::time::sleep(self.timeout) => {
                group.end(child, GRACE_PERIOD).await;
                return Err(GitError::TimedOut { operation, seconds: self.timeout.as_secs() });
            }
        };
        let status = status.map_err(|source| GitError::Io {
            what: format!("cannot wait for git {operation}"),
            source,
        })?;
        if status.success() {
            return Ok(stdout);
        }
        let message = scrub(&stderr, remote.and_then(|remote| remote.credential));
        Err(failure::classify(
            operation,
            remote.map(|remote| remote.url),
            message,
            status,
        ))
    }

    fn environment(&self, remote: Option<Remote<'_>>) -> Vec<(String, String)> {
        let mut variables: Vec<(String, String)> = [
            ("PATH", self.path.as_str()),
            // Also keeps `~/.netrc` and the like out.
            ("HOME", "/dev/null"),
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "/bin/false"),
            ("SSH_ASKPASS", "/bin/false"),
            // Constant text. Host keys must be known: nobody is there to look at a new one.
            (
                "GIT_SSH_COMMAND",
                "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20",
            ),
            ("GIT_OPTIONAL_LOCKS", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if let Some(marker) = &self.marker {
            variables.push((MARKER_VARIABLE.to_owned(), marker.clone()));
        }
        let config = configuration(remote);
        variables.push(("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()));
        for (index, (key, value)) in config.into_iter().enumerate() {
            variables.push((format!("GIT_CONFIG_KEY_{index}"), key));
            variables.push((format!("GIT_CONFIG_VALUE_{index}"), value));
        }
        variables
    }
}

fn configuration(remote: Option<Remote<'_>>) -> Vec<(String, String)> {
    let mut config: Vec<(String, String)> = [
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("core.askPass", "/bin/false"),
        ("credential.helper", ""),
        ("protocol.allow", "never"),
        ("submodule.recurse", "false"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        // A fetch leaves one pack, never a thousand loose objects.
        ("fetch.unpackLimit", "1"),
        // The mirror and the workspace are folders of ours whatever user they belong to (a volume of a container,
        // for instance). Git does not pass this on to the other side of a fetch from a local path.
        ("safe.directory", "*"),
        // A redirect could lead a credential to another host, or us to an inside address.
        ("http.followRedirects", "false"),
        // A connection that stands still ends after a minute.
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", "60"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let Some(Remote { url, credential }) = remote else {
        return config;
    };
    config.push((
        format!("protocol.{}.allow", url.transport().as_str()),
        "always".to_owned(),
    ));
    if let (Some(origin), Some(credential)) = (url.origin(), credential) {
        // Git sends the header to this origin only.
        config.push((
            format!("http.{origin}/.extraHeader"),
            format!("Authorization: Basic {}", basic(credential)),
        ));
    }
    config
}

fn basic(credential: &Credential) -> String {
    let password = credential.password.expose_secret();
    STANDARD.encode(format!("{}:{password}", credential.username))
}

/// What git said, without the credential, without what a terminal would act on, and not too long.
fn scrub(stderr: &[u8], credential: Option<&Credential>) -> String {
    const MAX_CHARS: usize = 1000;
    let text = String::from_utf8_lossy(stderr);
    let lines = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("; ");
    let text = match credential {
        None => text,
        Some(credential) => {
            let password = credential.password.expose_secret().to_owned();
            MaskSet::new([basic(credential), password]).text(&text)
        }
    };
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARS)
        .collect()
}

/// Reads to the end, and keeps the first `limit` bytes.
async fn read_limited(reader: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut reader) = reader else {
        return kept;
    };
    let mut buffer = [0; 4096];
    // A read error ends the output; the exit status tells whether git did its work.
    while let Ok(n_bytes @ 1..) = reader.read(&mut buffer).await {
        let room = limit - kept.len();
        kept.extend_from_slice(&buffer[..n_bytes.min(room)]);
    }
    kept
}
