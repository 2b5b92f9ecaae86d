//! `flowcd watch`.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::id::TaskId;

use crate::{
    exit::Exit,
    failure::Failure,
    follow::{Show, follow},
    output::Printer,
};

/// The arguments of `flowcd watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The task.
    task: TaskId,

    /// Print the output of the steps, too.
    #[arg(long = "log")]
    has_log: bool,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &WatchArgs,
) -> Result<Exit, Failure> {
    let show = if args.has_log { Show::Log } else { Show::Steps };
    follow(client, printer, &args.task, show).await
}
