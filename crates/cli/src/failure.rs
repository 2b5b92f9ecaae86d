//! Why a command failed, and how that is told.

use std::{error::Error as _, io, path::PathBuf};

use flowcd_client::Error;
use flowcd_model::envelope::Code;

use crate::{
    exit::Exit,
    output::{Printer, clean},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    #[error("{message}")]
    Usage {
        message: String,
        hint: Option<&'static str>,
    },
    /// There is no token to call with.
    #[error("{message}")]
    NotAuthenticated { message: String, hint: &'static str },
    /// Something named on the command line does not exist on the server.
    #[error("{message}")]
    NotFound { message: String, hint: &'static str },
    /// The call failed.
    #[error("{0}")]
    Call(#[from] Error),
    /// A log-in failed, so another one is no remedy.
    #[error("{error}")]
    LogIn { error: Error, hint: &'static str },
    /// A file cannot be read or written.
    #[error("cannot {what} `{}`", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Input or output does not work.
    #[error("cannot {what}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
    /// Whoever read the output has gone, which is his right.
    #[error("the reader of the output has gone")]
    BrokenPipe,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage_with_hint(message: impl Into<String>, hint: &'static str) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint),
        }
    }

    /// An error of writing to stdout.
    pub(crate) fn output(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::Io {
            what: "write to stdout",
            source,
        }
    }

    /// Tells the failure and says how to end.
    pub(crate) fn report(&self, printer: &Printer) -> Exit {
        if matches!(self, Self::BrokenPipe) {
            return Exit::Ok;
        }
        printer.error(&clean(&self.to_string()));
        if let Self::Call(error) | Self::LogIn { error, .. } = self
            && let Some(api) = error.api()
        {
            if let Some(field) = &api.field {
                printer.detail("field", &clean(field));
            }
            printer.detail("code", &format!("{} (HTTP {})", api.code, api.status));
            if let Some(request_id) = &api.request_id {
                printer.detail("request", &clean(request_id));
            }
        }
        if let Some(cause) = self.cause() {
            printer.detail("cause", &clean(&cause));
        }
        if let Some(hint) = self.hint() {
            printer.detail("hint", hint);
        }
        self.exit()
    }

    /// The chain of sources, in one line, without those that only repeat each other.
    fn cause(&self) -> Option<String> {
        let mut source = match self {
            Self::Call(error) | Self::LogIn { error, .. } => error.source(),
            other => other.source(),
        };
        let mut causes: Vec<String> = Vec::new();
        while let Some(error) = source {
            let text = error.to_string();
            if !causes.iter().any(|known| known.contains(&text)) {
                causes.push(text);
            }
            source = error.source();
        }
        if causes.is_empty() {
            None
        } else {
            Some(causes.join(": "))
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage { hint, .. } => *hint,
            Self::NotAuthenticated { hint, .. }
            | Self::NotFound { hint, .. }
            | Self::LogIn { hint, .. } => Some(hint),
            Self::Call(Error::Foreign { .. } | Error::Redirected { .. }) => {
                Some("is this the address of a flowcd server? see --url and `flowcd login`")
            }
            Self::Call(Error::Decode { .. } | Error::Malformed { .. }) => {
                Some("the server may be of another version; compare with `flowcd version`")
            }
            Self::Call(error) => match self.exit() {
                Exit::NotAuthenticated => {
                    Some("`flowcd login` stores a new token; FLOWCD_TOKEN is taken first")
                }
                Exit::Unreachable => {
                    Some("is the server running, and is this its address? see --url")
                }
                Exit::Refused if error.code() == Some(Code::SystemError) => {
                    Some("the server's log tells the cause under this request's id")
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::File { .. } | Self::Io { .. } => Exit::Usage,
            Self::NotAuthenticated { .. } => Exit::NotAuthenticated,
            Self::NotFound { .. } => Exit::NotFound,
            Self::Call(error) | Self::LogIn { error, .. } => exit_of_call(error),
            Self::BrokenPipe => Exit::Ok,
        }
    }
}

fn exit_of_call(error: &Error) -> Exit {
    match error {
        Error::InvalidUrl { .. }
        | Error::InvalidCredential { .. }
        | Error::InvalidPath { .. }
        | Error::SetUp(_) => Exit::Usage,
        Error::Unreachable { .. } | Error::Timeout { .. } | Error::GaveUp { .. } => {
            Exit::Unreachable
        }
        _ => match error.code() {
            Some(Code::NeedLogin) => Exit::NotAuthenticated,
            Some(Code::NotFound) => Exit::NotFound,
            _ => Exit::Refused,
        },
    }
}
