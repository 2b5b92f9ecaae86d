//! `flowcd logs`.

use std::collections::HashMap;

use clap::Args;
use flowcd_client::{Client, LogPart};
use flowcd_model::{
    envelope::Code,
    id::TaskId,
    log::LogQuery,
    step::{Step, StepCount, StepStatus},
};
use owo_colors::OwoColorize;

use crate::{
    exit::Exit,
    failure::Failure,
    follow::{Show, follow_from, title},
    output::{Format, Printer},
    stamps::Stamps,
    value,
};

/// The arguments of `flowcd logs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without -f the output comes as it is, whatever --output says; with -f and --output json or yaml it comes as events."
)]
pub(crate) struct LogsArgs {
    /// The task.
    task: TaskId,

    /// Go on until the deployment ends, or until Ctrl-C.
    #[arg(short = 'f', long = "follow")]
    is_followed: bool,

    /// Only this step: 0 is the set-up, 1, 2, .. are the pipeline's, `completed` is the clean-up.
    #[arg(long, value_name = "N", value_parser = value::parse_step)]
    step: Option<StepCount>,

    /// Put the time in front of every line, in UTC.
    #[arg(short = 't', long = "timestamps")]
    with_times: bool,

    /// Only the last so many lines of each step.
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    tail: Option<u64>,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &LogsArgs,
) -> Result<Exit, Failure> {
    if args.is_followed && args.with_times && printer.format != Format::Table {
        return Err(Failure::usage_with_hint(
            "events have no times in front of their lines",
            "leave out --timestamps, or --output",
        ));
    }
    if args.is_followed && args.tail.is_none() {
        return go_on(client, printer, args, HashMap::new(), Stamps::default()).await;
    }
    let query = |step_count| LogQuery {
        tail: args.tail,
        with_times: args.with_times,
        ..LogQuery::new(args.task.clone(), step_count)
    };
    let mut known = HashMap::new();
    let mut stamps = Stamps::default();
    if let Some(step_count) = args.step
        && !args.is_followed
    {
        let part = client.get_log_bytes(&query(step_count)).await?;
        printer.bytes(&part.bytes)?;
        return Ok(Exit::Ok);
    }
    let task = client.get_task(&args.task).await?;
    for step in task.steps.iter().flatten() {
        let is_wanted = args.step.is_none_or(|wanted| wanted == step.step_count);
        if !is_wanted || matches!(step.status, StepStatus::Pending | StepStatus::Skipped) {
            continue;
        }
        printer.talk(&format!("{} {}", "\u{25b8}".cyan(), title(step).bold()));
        if let Some(part) = print_if_any(client, printer, &query(step.step_count)).await? {
            known.insert(step.step_count, part.next);
            stamps.follow_on(step.step_count, &part.bytes);
        }
    }
    if args.is_followed {
        return go_on(client, printer, args, known, stamps).await;
    }
    if task.status.is_final() {
        print_if_any(client, printer, &query(StepCount::Completed)).await?;
    } else {
        let id = &task.id;
        printer.talk(&format!(
            "the deployment is {} still; `flowcd logs -f {id}` goes on",
            task.status
        ));
    }
    Ok(Exit::Ok)
}

/// Follows what comes after what is `known`.
async fn go_on(
    client: &Client,
    printer: &Printer,
    args: &LogsArgs,
    known: HashMap<StepCount, u64>,
    stamps: Stamps,
) -> Result<Exit, Failure> {
    let show = args.step.map_or(Show::Log, Show::LogOf);
    let stamps = args.with_times.then_some(stamps);
    let exit = follow_from(client, printer, &args.task, show, known, stamps).await?;
    if !matches!(exit, Exit::Ok | Exit::DeploymentFailed | Exit::Cancelled) {
        return Ok(exit);
    }
    if let Some(wanted @ StepCount::Number(_)) = args.step {
        let task = client.get_task(&args.task).await?;
        let is_there = |step: &Step| step.step_count == wanted;
        if !task.steps.iter().flatten().any(is_there) {
            return Err(Failure::NotFound {
                message: format!("the task has no step {wanted}"),
                hint: "`flowcd task show` lists the steps there are",
            });
        }
    }
    // Reading a log worked, whatever the log tells; `watch` is there for the other question.
    Ok(Exit::Ok)
}

/// Prints a part of a step's log and answers it. A step that printed nothing may have no log.
async fn print_if_any(
    client: &Client,
    printer: &Printer,
    query: &LogQuery,
) -> Result<Option<LogPart>, Failure> {
    match client.get_log_bytes(query).await {
        Ok(part) => {
            printer.bytes(&part.bytes)?;
            Ok(Some(part))
        }
        Err(error) if error.code() == Some(Code::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
