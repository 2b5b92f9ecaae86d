//! Processes of a run: how a step's program is started, read, waited for and ended.

mod end;
mod group;
mod marked;
mod program;

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::OwnedFd,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use nix::fcntl::{FcntlArg, fcntl};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    process::{Child, ChildStdin, Command},
    time::Instant,
};

use self::marked::Mark;
pub use self::marked::kill_marked;
pub(crate) use self::{
    end::{End, Interrupt, Span, TimeLimit, Timed},
    group::ProcessGroup,
    program::find_program,
};
use crate::{job::Limits, log::StepLog};

/// The variable that marks every process of a run.
pub(crate) const MARKER_VARIABLE: &str = "FLOWCD_RUN";
/// The variable that tells the processes of one attempt of a step from those that earlier steps left running.
pub(crate) const ATTEMPT_VARIABLE: &str = "FLOWCD_ATTEMPT";

/// Where programs are looked for when nobody says otherwise.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a step's output may wait in before the step has to wait: more than the usual 64 KiB, because each switch
/// between the writer and us costs as much as copying a lot of bytes.
const PIPE_BYTES: i32 = 1024 * 1024;

/// How often to look whether a cancelled step's processes are gone, when there is nothing to wait on.
const GROUP_POLL: Duration = Duration::from_millis(20);

/// A program to run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// The program: a path, or a name to be found in the `PATH` of `env`.
    pub(crate) program: &'a OsStr,
    pub(crate) args: &'a [OsString],
    pub(crate) dir: &'a Path,
    /// The whole environment: nothing is inherited.
    pub(crate) env: &'a [(String, String)],
    /// The value of [`MARKER_VARIABLE`], which `env` cannot change.
    pub(crate) marker: &'a str,
    /// What it can read; nothing when there is none.
    pub(crate) stdin: Option<Bytes>,
}

/// Runs a program, with its output going to `log`, until nothing of its group is left. It is not started when it would
/// have to end at once.
///
/// An error means that it could not be started.
pub(crate) async fn run_program(
    program: &Program<'_>,
    limits: &Limits,
    interrupt: &Interrupt<'_>,
    log: &mut StepLog,
) -> io::Result<End> {
    // A program that was told to end before it could begin would still do its first lines.
    if let Some(end) = interrupt.now().await {
        return Ok(end);
    }
    let (mut child, output) = spawn(program)?;
    let group = ProcessGroup::of(&child);
    let stdin = child.stdin.take().zip(program.stdin.clone());
    let running = Running {
        child,
        output,
        stdin: Stdin(stdin),
        group,
        mark: Mark::of_attempt(program.marker, program.env),
        limits,
    };
    Ok(running.finish(interrupt, log).await)
}

fn spawn(program: &Program<'_>) -> io::Result<(Child, pipe::Receiver)> {
    // One pipe for both streams, so that their bytes arrive in the order in which they were written.
    let (reader, writer) = io::pipe()?;
    // A smaller pipe does as well, only slower; the system may have no more memory for this user.
    let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    let mut command = Command::new(program.program);
    command
        .args(program.args)
        .current_dir(program.dir)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .env(MARKER_VARIABLE, program.marker)
        .process_group(0)
        .kill_on_drop(true)
        .stdin(match program.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = command.spawn()?;
    // With the command goes our end of the pipe for writing; else the end of the output would never be seen.
    drop(command);
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    Ok((child, output))
}

/// What is still to be written to a process that reads, until it is written or nobody reads any more.
#[derive(Debug)]
struct Stdin(Option<(ChildStdin, Bytes)>);

impl Stdin {
    fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Writes on, and closes. It can be dropped half-way, and goes on from there.
    async fn write(&mut self) {
        if let Some((stdin, bytes)) = &mut self.0 {
            // It fails when nobody reads, which is the reader's own affair.
            let _ = stdin.write_all_buf(bytes).await;
        }
        self.0 = None;
    }
}

struct Running<'a> {
    child: Child,
    output: pipe::Receiver,
    stdin: Stdin,
    group: ProcessGroup,
    mark: Mark,
    limits: &'a Limits,
}

/// Where a program that was told to end stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// It runs, or has ended by itself and its output is being read to the end.
    Free,
    /// It was asked to end (SIGTERM).
    Asked,
    /// It was killed (SIGKILL).
    Killed,
}

impl Running<'_> {
    async fn finish(mut self, interrupt: &Interrupt<'_>, log: &mut StepLog) -> End {
        let mut buffer = vec![0; self.limits.max_output_chunk.max(1)];
        let mut status = None;
        let mut interrupted = None;
        let mut is_open = true;
        let mut stage = Stage::Free;
        let mut deadline: Option<Instant> = None;
        let mut interruption = std::pin::pin!(interrupt.wait());
        while status.is_none() || is_open || log.is_waiting() {
            tokio::select! {
                biased;
                end = &mut interruption, if interrupted.is_none() && status.is_none() => {
                    interrupted = Some(end);
                    self.group.terminate();
                    stage = Stage::Asked;
                    deadline = Some(Instant::now() + self.limits.grace_period);
                }
                () = sleep_until(deadline) => {
                    if stage != Stage::Asked {
                        // The program has ended, and something holds its pipe for longer than we wait.
                        break;
                    }
                    self.kill().await;
                    stage = Stage::Killed;
                    deadline = Some(Instant::now() + self.limits.drain);
                }
                // Before the output: a process in the background that writes without end must not hide it.
                result = self.child.wait(), if status.is_none() => {
                    status = Some(result);
                    if stage == Stage::Free {
                        deadline = Some(Instant::now() + self.limits.drain);
                    }
                }
                () = self.stdin.write(), if self.stdin.is_open() => {}
                () = log.deliver(), if log.is_waiting() => {}
                result = self.output.read(&mut buffer), if is_open && !log.is_waiting() => match result {
                    Ok(0) | Err(_) => is_open = false,
                    Ok(n_bytes) => log.take(&buffer[..n_bytes]),
                },
            }
        }
        if stage == Stage::Asked {
            self.wait_for_group(deadline).await;
            self.kill().await;
        } else {
            // What the program left behind in its group. What went out of the group is found at the end of the run.
            self.group.kill();
        }
        interrupted.unwrap_or_else(|| end_of(status))
    }

    /// Lets the rest of the group end in peace, until the grace period is over.
    async fn wait_for_group(&self, deadline: Option<Instant>) {
        let is_early = || deadline.is_some_and(|deadline| Instant::now() < deadline);
        while is_early() && self.group.exists() {
            // A group of processes that have ended, but that nobody has buried, exists as well.
            if !on_a_thread(&self.mark, Mark::is_on_any).await {
                return;
            }
            tokio::time::sleep(GROUP_POLL).await;
        }
    }

    async fn kill(&self) {
        self.group.kill();
        on_a_thread(&self.mark, |mark| mark.kill() > 0).await;
    }
}

fn end_of(status: Option<io::Result<ExitStatus>>) -> End {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Some(Ok(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, Some(signal)) => End::Killed(signal),
            (None, None) => End::Lost(status.to_string()),
        },
        Some(Err(error)) => End::Lost(error.to_string()),
        None => End::Lost("it did not end".to_owned()),
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Reading `/proc` blocks.
async fn on_a_thread(mark: &Mark, work: fn(&Mark) -> bool) -> bool {
    let mark = mark.clone();
    tokio::task::spawn_blocking(move || work(&mark))
        .await
        .unwrap_or(false)
}
