//! `flowcd redeploy`.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::id::TaskId;

use super::deploy;
use crate::{exit::Exit, failure::Failure, output::Printer};

/// The arguments of `flowcd redeploy`.
#[derive(Debug, Args)]
pub(crate) struct RedeployArgs {
    /// The task to run again.
    task: TaskId,

    /// Tell the environment, the values of expressions, the commands of git and timings in the log as well.
    #[arg(long = "debug")]
    is_debug: bool,

    /// Print the output until the deployment ends, and fail when it fails.
    #[arg(long = "follow")]
    is_followed: bool,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &RedeployArgs,
) -> Result<Exit, Failure> {
    let dispatched = if args.is_debug {
        client.redeploy_task_for_debugging(&args.task).await?
    } else {
        client.redeploy_task(&args.task).await?
    };
    deploy::finish(client, printer, &dispatched, args.is_followed).await
}
