//! `flowcd delivery`: what came in from the host, and what was made of it.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use comfy_table::{Cell, Color};
use flowcd_client::Client;
use flowcd_model::{
    delivery::{Delivered, Delivery, DeliveryQuery, Replay, UnknownVerdict, Verdict},
    id::DeliveryId,
};
use futures_util::{StreamExt, TryStreamExt};
use owo_colors::OwoColorize;
use serde_json::Value;

use crate::{
    connect::{find_app, find_only_app},
    event,
    exit::Exit,
    failure::Failure,
    follow::{Show, follow},
    output::{Format, Printer, clean, first_line, json_text},
    payload::PayloadArgs,
    table::{self, fields, full_time, short_commit, short_ref, table_to_width, text},
};

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveryCommand {
    /// List what came in for an application, newest first, with what was made of it.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show a delivery: every rule with its reason, its tasks, its headers and its body.
    Show(ShowArgs),
    /// Take a delivery again, or a payload from a file as if the host had sent it.
    Replay(Box<ReplayArgs>),
}

/// The arguments of `flowcd delivery list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowcd delivery list octocat/hello --verdict skipped\n  flowcd delivery list octocat/hello --all -o json"
)]
pub(crate) struct ListArgs {
    /// The application: its id, or owner/repo. May be left out when you have only one.
    app: Option<String>,

    /// Only deliveries with this verdict: deployed, skipped, ping or failed.
    #[arg(long, value_parser = parse_verdict)]
    verdict: Option<Verdict>,

    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// All of them.
    #[arg(long = "all", conflicts_with = "limit")]
    is_all: bool,
}

/// The arguments of `flowcd delivery show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowcd delivery show lam3k2o9beefcafe --body\n  flowcd delivery show lam3k2o9beefcafe -o json > delivery.json"
)]
pub(crate) struct ShowArgs {
    /// The delivery.
    delivery: DeliveryId,

    /// Print its body alone.
    #[arg(long = "body", conflicts_with = "wants_headers")]
    wants_body: bool,

    /// Print its headers alone. What authenticates is `***`.
    #[arg(long = "headers")]
    wants_headers: bool,
}

/// The arguments of `flowcd delivery replay`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["delivery", "file"])),
    after_help = "\
Exit codes:
  0  it was taken, whatever was made of it; with --follow, the deployment succeeded
  1  with --follow: the deployment failed, or nothing is deployed

Examples:
  flowcd delivery replay lam3k2o9beefcafe --follow
  flowcd delivery replay --app octocat/hello --file payload.json --event pull_request
  flowcd delivery replay --app octocat/hello --file - < delivery.json"
)]
pub(crate) struct ReplayArgs {
    /// The delivery to take again. It is judged by the rules of today, and makes new tasks.
    #[arg(conflicts_with_all = ["event", "headers"])]
    delivery: Option<DeliveryId>,

    /// The application that the payload is for: its id, or owner/repo.
    #[arg(long, requires = "file")]
    app: Option<String>,

    /// A payload: the JSON that a host sends, or `{"headers": {..}, "body": {..}}` as `delivery show -o json` has it;
    /// `-` is stdin.
    #[arg(long, value_name = "FILE", requires = "app")]
    file: Option<PathBuf>,

    #[command(flatten)]
    payload: PayloadArgs,

    /// Print the output of the first task until the deployment ends, and fail when it fails.
    #[arg(long = "follow")]
    is_followed: bool,
}

fn parse_verdict(name: &str) -> Result<Verdict, String> {
    name.parse()
        .map_err(|error: UnknownVerdict| error.to_string())
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: DeliveryCommand,
) -> Result<Exit, Failure> {
    match command {
        DeliveryCommand::List(args) => list(client, printer, &args).await,
        DeliveryCommand::Show(args) => show(client, printer, &args).await,
        DeliveryCommand::Replay(args) => replay(client, printer, *args).await,
    }
}

async fn list(client: &Client, printer: &Printer, args: &ListArgs) -> Result<Exit, Failure> {
    let application = match &args.app {
        Some(app) => find_app(client, app).await?,
        None => find_only_app(client).await?,
    };
    let limit = match args.is_all {
        true => usize::MAX,
        false => args.limit as usize,
    };
    let query = DeliveryQuery {
        verdict: args.verdict,
        limit: Some(i64::from(args.limit.min(100))).filter(|_| !args.is_all),
        ..DeliveryQuery::new(application.id.clone())
    };
    let deliveries: Vec<Delivery> = client
        .stream_deliveries(&query)
        .take(limit)
        .try_collect()
        .await?;
    printer.data(&deliveries, || {
        if deliveries.is_empty() {
            return String::new();
        }
        let rows = deliveries.iter().map(row);
        table_to_width(
            [
                "ID", "WHEN", "KIND", "EVENT", "REF", "COMMIT", "VERDICT", "TASKS", "REASON",
            ],
            rows,
        )
    })?;
    if deliveries.is_empty() {
        match (args.verdict, &application.webhook) {
            (Some(_), _) => printer.talk("no deliveries with this verdict"),
            (None, Some(webhook)) => printer.talk(&format!(
                "no deliveries yet; the host is to send them to {}",
                clean(&webhook.url)
            )),
            (None, None) => printer.talk("no deliveries yet"),
        }
    }
    Ok(Exit::Ok)
}

fn row(delivery: &Delivery) -> ([Cell; 8], String) {
    let about = match &delivery.event.pull_request {
        Some(pull_request) => format!("#{}", pull_request.number),
        None => delivery
            .git_ref
            .as_deref()
            .map_or("-", short_ref)
            .to_owned(),
    };
    let tasks = match delivery.task_ids.as_slice() {
        [] => "-".to_owned(),
        [task] => task.to_string(),
        [task, more @ ..] => format!("{task} +{}", more.len()),
    };
    let cells = [
        text(delivery.id.as_str()),
        text(table::ago(delivery.created_time)),
        text(delivery.kind.as_str()),
        text(first_line(&delivery.event.event_name, 20)),
        text(first_line(&about, 30)),
        text(
            delivery
                .commit
                .as_deref()
                .map_or_else(|| "-".to_owned(), short_commit),
        ),
        verdict(delivery.verdict),
        text(tasks),
    ];
    (cells, delivery.reason.clone())
}

fn verdict(verdict: Verdict) -> Cell {
    let cell = Cell::new(verdict);
    match verdict {
        Verdict::Deployed => cell.fg(Color::Green),
        Verdict::Failed => cell.fg(Color::Red),
        Verdict::Skipped | Verdict::Ping => cell,
    }
}

async fn show(client: &Client, printer: &Printer, args: &ShowArgs) -> Result<Exit, Failure> {
    let delivery = client.get_delivery(&args.delivery).await?;
    if args.wants_body {
        let Some(body) = &delivery.body else {
            return Err(Failure::NotFound {
                message: format!(
                    "nothing is kept of the body of delivery `{}`, which had {} bytes",
                    delivery.id, delivery.body_bytes
                ),
                hint: "bodies of up to 1 MiB are kept; the host may show what it sent",
            });
        };
        // What could not be read when it came in is no JSON.
        match serde_json::from_str::<Value>(body) {
            Ok(body) => printer.data(&body, || json_text(&body))?,
            Err(_) => printer.data(body, || lines(body))?,
        }
        return Ok(Exit::Ok);
    }
    if args.wants_headers {
        let headers = delivery.headers.unwrap_or_default();
        printer.data(&headers, || {
            headers
                .iter()
                .map(|(name, value)| format!("{}: {}\n", clean(name), clean(value)))
                .collect()
        })?;
        return Ok(Exit::Ok);
    }
    printer.data(&delivery, || shown(&delivery))?;
    Ok(Exit::Ok)
}

fn lines(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", clean(line)))
        .collect()
}

fn shown(delivery: &Delivery) -> String {
    let tasks: Vec<&str> = delivery.task_ids.iter().map(|it| it.as_str()).collect();
    let mut shown = fields([
        ("id", Some(delivery.id.to_string())),
        ("application", Some(delivery.app_id.to_string())),
        (
            "kind",
            Some(format!("{} ({})", delivery.kind, delivery.provider)),
        ),
        ("event", Some(event::name(&delivery.event))),
        ("pull request", event::pull_request(&delivery.event)),
        ("ref", delivery.git_ref.as_deref().map(clean)),
        ("commit", delivery.commit.as_deref().map(clean)),
        ("message", event::message(&delivery.message)),
        ("verdict", Some(delivery.verdict.to_string())),
        ("reason", event::reason(&delivery.reason, &delivery.rules)),
        ("tasks", Some(tasks.join(", ")).filter(|it| !it.is_empty())),
        (
            "replay of",
            delivery.replay_of.as_ref().map(ToString::to_string),
        ),
        ("key", Some(clean(&delivery.key))),
        ("body", Some(format!("{} bytes", delivery.body_bytes))),
        ("received", Some(full_time(delivery.created_time))),
        ("judged in", Some(format!("{:.1}ms", delivery.duration_ms))),
    ]);
    shown.push_str(&event::rules(&delivery.rules));
    shown
}

async fn replay(client: &Client, printer: &Printer, args: ReplayArgs) -> Result<Exit, Failure> {
    let replay = match (args.delivery, &args.app, &args.file) {
        (Some(delivery_id), _, _) => Replay {
            delivery_id: Some(delivery_id),
            ..Replay::default()
        },
        (None, Some(app), Some(file)) => {
            let payload = args.payload.read(file)?;
            Replay {
                app_id: Some(find_app(client, app).await?.id),
                payload: Some(payload),
                ..Replay::default()
            }
        }
        _ => {
            return Err(Failure::usage(
                "say what to replay: a delivery, or --app and --file",
            ));
        }
    };
    let delivered = client.replay_delivery(&replay).await?;
    finish(client, printer, &delivered, args.is_followed).await
}

/// Tells what a delivery led to, and follows its first task where that was asked for.
async fn finish(
    client: &Client,
    printer: &Printer,
    delivered: &Delivered,
    is_followed: bool,
) -> Result<Exit, Failure> {
    if delivered.is_duplicate {
        printer.warn("the same delivery had come before; this is what it led to then");
    }
    if !is_followed {
        printer.data(delivered, || outcome(delivered))?;
        match &delivered.task_id {
            Some(task_id) => printer.talk(&format!("watch it with `flowcd watch {task_id}`")),
            None => printer.talk("nothing is deployed"),
        }
        return Ok(Exit::Ok);
    }
    match printer.format {
        // The output of the steps has stdout to itself.
        Format::Table => outcome(delivered)
            .lines()
            .for_each(|line| printer.talk(&line.dimmed().to_string())),
        _ => printer.item(delivered)?,
    }
    match &delivered.task_id {
        Some(task_id) => follow(client, printer, task_id, Show::Log).await,
        None => {
            printer.warn("nothing is deployed, so there is nothing to follow");
            Ok(Exit::DeploymentFailed)
        }
    }
}

fn outcome(delivered: &Delivered) -> String {
    let tasks: Vec<&str> = delivered.task_ids.iter().map(|it| it.as_str()).collect();
    fields([
        ("delivery", Some(delivered.delivery_id.to_string())),
        ("verdict", Some(delivered.verdict.to_string())),
        ("reason", Some(clean(&delivered.reason))),
        ("tasks", Some(tasks.join(", ")).filter(|it| !it.is_empty())),
    ])
}
