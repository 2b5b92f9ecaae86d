//! `flowcd logs`.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::{
    envelope::Code,
    id::TaskId,
    log::LogQuery,
    step::{StepCount, StepStatus},
};
use owo_colors::OwoColorize;

use crate::{
    exit::Exit,
    failure::Failure,
    follow::{Show, follow, title},
    output::Printer,
    value,
};

/// The arguments of `flowcd logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The task.
    task: TaskId,

    /// Go on until the deployment ends.
    #[arg(short = 'f', long = "follow")]
    is_followed: bool,

    /// Only this step: 0 is the set-up, 1, 2, .. are the pipeline's, `completed` is the clean-up.
    #[arg(long, value_name = "N", value_parser = value::parse_step)]
    step: Option<StepCount>,

    /// Only the last so many lines of each step.
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..=100_000), conflicts_with = "is_followed")]
    tail: Option<u64>,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &LogsArgs,
) -> Result<Exit, Failure> {
    if args.is_followed {
        let show = args.step.map_or(Show::Log, Show::LogOf);
        // Reading a log worked, whatever the log tells; `watch` is there for the other question.
        return Ok(match follow(client, printer, &args.task, show).await? {
            Exit::DeploymentFailed | Exit::Cancelled => Exit::Ok,
            other => other,
        });
    }
    let query = |step_count| LogQuery {
        tail: args.tail,
        ..LogQuery::new(args.task.clone(), step_count)
    };
    if let Some(step_count) = args.step {
        printer.bytes(&client.get_log_bytes(&query(step_count)).await?)?;
        return Ok(Exit::Ok);
    }
    let task = client.get_task(&args.task).await?;
    for step in task.steps.iter().flatten() {
        if matches!(step.status, StepStatus::Pending | StepStatus::Skipped) {
            continue;
        }
        printer.talk(&format!("{} {}", "\u{25b8}".cyan(), title(step).bold()));
        print_if_any(client, printer, &query(step.step_count)).await?;
    }
    if task.status.is_final() {
        print_if_any(client, printer, &query(StepCount::Completed)).await?;
    }
    Ok(Exit::Ok)
}

/// A step that printed nothing may have no log.
async fn print_if_any(client: &Client, printer: &Printer, query: &LogQuery) -> Result<(), Failure> {
    match client.get_log_bytes(query).await {
        Ok(bytes) => printer.bytes(&bytes),
        Err(error) if error.code() == Some(Code::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
