//! The exit codes: the one list of them.

use std::process::ExitCode;

use flowcd_model::task::TaskStatus;

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It worked; a deployment that was waited for succeeded.
    Ok = 0,
    /// The deployment that was waited for failed, pipeline files have errors, or a trigger would not deploy.
    DeploymentFailed = 1,
    /// The command line is wrong, or a file or profile that it names.
    Usage = 2,
    /// No token, or the server does not take it.
    NotAuthenticated = 3,
    /// The server refused, or failed.
    Refused = 4,
    /// It does not exist, or is not the caller's.
    NotFound = 5,
    /// The deployment that was waited for was cancelled.
    Cancelled = 6,
    /// The server cannot be reached.
    Unreachable = 7,
    /// Ctrl-C; what was watched goes on, and what ran here is cancelled.
    Interrupted = 130,
}

/// The table shown under `flowcd --help`.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  it worked; a deployment that was followed, or a run, succeeded
    1  the deployment that was followed, or the run, failed; `lint` found errors;
       `trigger explain`: it would not deploy
    2  the command line is wrong, or a file or profile that it names
    3  not authenticated: no token, or the server does not take it
    4  the server refused, or failed
    5  not found
    6  the deployment that was followed, or the run, was cancelled
    7  the server cannot be reached
  130  interrupted by Ctrl-C; a deployment that was followed goes on, a run is cancelled";

impl Exit {
    /// How following a deployment ends that ended so.
    pub(crate) fn of_task(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Success => Self::Ok,
            TaskStatus::Cancelled => Self::Cancelled,
            TaskStatus::Failure | TaskStatus::Pending | TaskStatus::Running => {
                Self::DeploymentFailed
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
