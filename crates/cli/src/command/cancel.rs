//! `flowcd cancel`.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::id::TaskId;

use crate::{
    exit::Exit,
    failure::Failure,
    follow::{Show, follow},
    output::Printer,
};

/// The arguments of `flowcd cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The task.
    task: TaskId,

    /// Wait until nothing of it runs any more, and fail unless it was cancelled by then.
    #[arg(long = "wait")]
    is_waiting: bool,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &CancelArgs,
) -> Result<Exit, Failure> {
    client.cancel_task(&args.task).await?;
    printer.talk(&format!("asked to cancel {}", args.task));
    if !args.is_waiting {
        return Ok(Exit::Ok);
    }
    // Here being cancelled is what was wanted, and any other end is not.
    Ok(
        match follow(client, printer, &args.task, Show::Steps).await? {
            Exit::Cancelled => Exit::Ok,
            Exit::Ok | Exit::DeploymentFailed => Exit::Refused,
            other => other,
        },
    )
}
