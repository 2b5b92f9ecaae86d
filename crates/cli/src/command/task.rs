//! `flowcd task`.

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    id::TaskId,
    step::Step,
    task::{Task, TaskQuery, TaskStatus},
    time::Millis,
};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use crate::{
    connect::find_app,
    event,
    exit::Exit,
    failure::Failure,
    output::{Printer, clean, first_line},
    table::{
        self, duration, fields, full_time, seconds, short_commit, step_status, table, task_status,
        text,
    },
};

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List an application's tasks, newest first.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show a task and its steps.
    Show(TaskArgs),
    /// Remove a task that has ended, with its logs.
    #[command(visible_alias = "rm")]
    Remove(TaskArgs),
}

/// The arguments of `flowcd task list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The application: its id, or owner/repo.
    app: String,

    /// Only tasks with this status: pending, running, success, failure or cancelled.
    #[arg(long, value_parser = parse_status)]
    status: Option<TaskStatus>,

    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// All of them.
    #[arg(long = "all", conflicts_with = "limit")]
    is_all: bool,
}

/// Names a task.
#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The task.
    task: TaskId,
}

fn parse_status(name: &str) -> Result<TaskStatus, String> {
    name.parse()
        .map_err(|error: flowcd_model::task::UnknownStatus| error.to_string())
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: TaskCommand,
) -> Result<Exit, Failure> {
    match command {
        TaskCommand::List(args) => list(client, printer, &args).await,
        TaskCommand::Show(args) => {
            let task = client.get_task(&args.task).await?;
            printer.data(&task, || show(&task))?;
            Ok(Exit::Ok)
        }
        TaskCommand::Remove(args) => {
            client.remove_task(&args.task).await?;
            printer.talk(&format!("removed {}", args.task));
            Ok(Exit::Ok)
        }
    }
}

async fn list(client: &Client, printer: &Printer, args: &ListArgs) -> Result<Exit, Failure> {
    let application = find_app(client, &args.app).await?;
    let limit = if args.is_all {
        usize::MAX
    } else {
        args.limit as usize
    };
    let query = TaskQuery {
        status: args.status,
        limit: Some(i64::from(args.limit.min(100))).filter(|_| !args.is_all),
        ..TaskQuery::new(application.id)
    };
    let tasks: Vec<Task> = client
        .stream_tasks(&query)
        .take(limit)
        .try_collect()
        .await?;
    printer.data(&tasks, || {
        if tasks.is_empty() {
            return String::new();
        }
        let rows = tasks.iter().map(|task| {
            [
                text(task.id.as_str()),
                text(task.number.to_string()),
                task_status(task.status, task.is_cancel_requested),
                text(about(task)),
                text(short_commit(&task.commit)),
                text(first_line(&task.message, 40)),
                text(task.trigger_type.as_str()),
                text(table::ago(task.created_time)),
                text(ran(task).unwrap_or_else(|| "-".to_owned())),
            ]
        });
        table(
            [
                "ID", "#", "STATUS", "REF", "COMMIT", "MESSAGE", "TRIGGER", "CREATED", "TIME",
            ],
            rows,
        )
    })?;
    if tasks.is_empty() {
        let what = if args.status.is_some() {
            "no tasks with this status"
        } else {
            "no tasks yet"
        };
        printer.talk(&format!(
            "{what}; deploy with `flowcd deploy {} --ref BRANCH`",
            clean(&args.app)
        ));
    }
    Ok(Exit::Ok)
}

/// What is deployed: a branch, a tag or a pull request.
fn about(task: &Task) -> String {
    let event = task.event.as_ref();
    match event.and_then(|event| event.pull_request.as_ref()) {
        Some(pull_request) => format!("#{}", pull_request.number),
        None => task.branch.clone().unwrap_or_else(|| "-".to_owned()),
    }
}

/// How long a task ran, or has run so far.
fn ran(task: &Task) -> Option<String> {
    let started_time = task.started_time?;
    let end = task.finished_time.unwrap_or_else(Millis::now);
    Some(duration(end.since_ms(started_time)))
}

fn show(task: &Task) -> String {
    let status = if task.is_cancel_requested && !task.status.is_final() {
        format!("{} (cancelling)", task.status)
    } else {
        task.status.to_string()
    };
    let inputs = if task.inputs.is_empty() {
        None
    } else {
        serde_json::to_string(&task.inputs).ok()
    };
    let fork = Some("its code comes from a fork".to_owned()).filter(|_| task.is_fork);
    let mut shown = fields([
        ("id", Some(task.id.to_string())),
        ("number", Some(task.number.to_string())),
        ("status", Some(status)),
        ("error", task.error.as_deref().map(clean)),
        (
            "application",
            Some(format!(
                "{} ({})",
                clean(&format!("{}/{}", task.owner, task.repo_name)),
                task.app_id
            )),
        ),
        ("ref", task.git_ref.as_deref().map(clean)),
        ("commit", Some(clean(&task.commit))),
        (
            "message",
            Some(first_line(&task.message, 200)).filter(|line| !line.is_empty()),
        ),
        ("trigger", Some(trigger(task))),
        (
            "delivery",
            task.delivery_id.as_ref().map(ToString::to_string),
        ),
        ("pusher", task.event.as_ref().and_then(event::pusher)),
        (
            "pull request",
            task.event.as_ref().and_then(event::pull_request),
        ),
        ("fork", fork),
        ("inputs", inputs.as_deref().map(clean)),
        ("debug", Some("yes".to_owned()).filter(|_| task.is_debug)),
        (
            "runs again",
            task.redelivery.as_ref().map(ToString::to_string),
        ),
        ("created", Some(full_time(task.created_time))),
        ("started", task.started_time.map(full_time)),
        ("finished", task.finished_time.map(full_time)),
        ("time", ran(task)),
    ]);
    if let Some(steps) = task.steps.as_ref().filter(|steps| !steps.is_empty()) {
        shown.push('\n');
        shown.push_str(&table(
            ["STEP", "STATUS", "TIME", "NAME", "ERROR"],
            steps.iter().map(step_row),
        ));
        shown.push_str(&outputs(steps));
    }
    if let Some(summary) = &task.summary {
        shown.push_str("\nsummary:\n");
        for line in summary.lines() {
            shown.push_str(&clean(line));
            shown.push('\n');
        }
    }
    shown
}

/// What made the task: its type, and the host's event.
fn trigger(task: &Task) -> String {
    let name = task.event.as_ref().map(|event| event.event_name.as_str());
    match name.filter(|name| !name.is_empty()) {
        Some(name) => clean(&format!("{} ({name})", task.trigger_type)),
        None => task.trigger_type.to_string(),
    }
}

/// What the steps gave out, a line each: `build.url = http://x`. Text of several lines is written as JSON.
fn outputs(steps: &[Step]) -> String {
    let mut shown = String::new();
    for step in steps {
        let number = step.step_count.to_string();
        let of = step.id.as_deref().unwrap_or(&number);
        for (name, value) in &step.outputs {
            let value = match value {
                Value::String(text) if !text.contains(char::is_control) => text.clone(),
                value => value.to_string(),
            };
            if shown.is_empty() {
                shown.push_str("\noutputs:\n");
            }
            shown.push_str(&format!("{}\n", clean(&format!("{of}.{name} = {value}"))));
        }
    }
    shown
}

fn step_row(step: &Step) -> [comfy_table::Cell; 5] {
    [
        text(step.step_count.to_string()),
        match step.attempts {
            Some(n_attempts) => text(format!("{} (attempt {n_attempts})", step.status)),
            None => step_status(step.status),
        },
        text(step.process_time.map_or_else(|| "-".to_owned(), seconds)),
        text(first_line(&step.run, 60)),
        text(
            step.error
                .as_deref()
                .map(|error| first_line(error, 80))
                .unwrap_or_default(),
        ),
    ]
}
