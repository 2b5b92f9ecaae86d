//! `flowcd deploy`.

use clap::{ArgGroup, Args};
use flowcd_client::Client;
use flowcd_model::dispatch::{Dispatched, ManualDispatch};
use serde_json::Value;

use crate::{
    connect::find_app,
    exit::Exit,
    failure::Failure,
    follow::{Show, follow},
    output::{Format, Printer},
    value,
};

/// The arguments of `flowcd deploy`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["branch", "tag"])),
    after_help = "Example:\n  flowcd deploy octocat/hello --ref main -f target=staging --follow"
)]
pub(crate) struct DeployArgs {
    /// The application: its id, or owner/repo.
    app: String,

    /// The branch, `main` for instance; or any ref by its full name, `refs/..`.
    #[arg(long = "ref", value_name = "REF")]
    branch: Option<String>,

    /// The tag, `v1.0` for instance.
    #[arg(long)]
    tag: Option<String>,

    /// The commit, in full; otherwise the one the ref points to.
    #[arg(long)]
    commit: Option<String>,

    /// An input of the pipeline. Numbers, true, false, {..}, [..] and "quoted text" are JSON, all else is text.
    #[arg(short = 'f', long = "field", value_name = "KEY=VALUE", value_parser = value::parse_field)]
    fields: Vec<(String, Value)>,

    /// The message to keep with the task, instead of the commit's.
    #[arg(short, long)]
    message: Option<String>,

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
    args: DeployArgs,
) -> Result<Exit, Failure> {
    let git_ref = match (&args.branch, &args.tag) {
        (Some(branch), _) => value::branch_ref(branch),
        (None, Some(tag)) => value::tag_ref(tag),
        (None, None) => return Err(Failure::usage("say what to deploy: --ref or --tag")),
    };
    let app_id = match args.app.parse() {
        // The dispatch itself says when there is no such application, so it is not asked for first.
        Ok(app_id) if !args.app.contains('/') => app_id,
        _ => find_app(client, &args.app).await?.id,
    };
    let dispatch = ManualDispatch {
        app_id,
        git_ref,
        commit_id: args.commit,
        message: args.message,
        inputs: value::fields(args.fields),
        is_debug: args.is_debug,
    };
    let dispatched = client.dispatch_task(&dispatch).await?;
    finish(client, printer, &dispatched, args.is_followed).await
}

/// Tells the new task, and follows it where that was asked for.
pub(super) async fn finish(
    client: &Client,
    printer: &Printer,
    dispatched: &Dispatched,
    is_followed: bool,
) -> Result<Exit, Failure> {
    let task_id = &dispatched.task_id;
    if !is_followed {
        printer.data(dispatched, || format!("{task_id}\n"))?;
        printer.talk(&format!("watch it with `flowcd watch {task_id}`"));
        return Ok(Exit::Ok);
    }
    if printer.format == Format::Table {
        // The output of the steps has stdout to itself.
        printer.talk(&format!("task {task_id}"));
    } else {
        printer.item(dispatched)?;
    }
    follow(client, printer, task_id, Show::Log).await
}
