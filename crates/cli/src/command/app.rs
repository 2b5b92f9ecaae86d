//! `flowcd app`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    application::{Application, ApplicationPatch, NewApplication, Provider},
    trigger::TriggerSpec,
};
use serde_json::Value;

use crate::{
    connect::{find_app, repository},
    exit::Exit,
    failure::Failure,
    output::{Printer, clean, first_line},
    repository::read_url,
    table::{self, fields, full_time, short_commit, table, task_status, text},
    value::{self, SecretSource},
};

/// What can be done with applications.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// List your applications, the one that changed last first.
    #[command(visible_alias = "ls")]
    List,
    /// Show an application.
    Show(AppArgs),
    /// Make an application of a repository; prints its id, and once the secret of its webhook.
    Create(Box<CreateArgs>),
    /// Change an application.
    Update(Box<UpdateArgs>),
    /// Delete an application with its tasks and their logs.
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
}

/// Names an application.
#[derive(Debug, Args)]
pub(crate) struct AppArgs {
    /// The application: its id, or owner/repo.
    app: String,
}

/// The arguments of `flowcd app create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  flowcd app create --repo-url https://github.com/octocat/hello.git --secret DEPLOY_KEY=@key.pem"
)]
pub(crate) struct CreateArgs {
    /// The URL to clone from. Provider, owner and name are read from it.
    #[arg(long, value_name = "URL")]
    repo_url: String,

    /// The kind of host the repository is on.
    #[arg(long, value_parser = parse_provider)]
    provider: Option<Provider>,

    /// The repository's owner.
    #[arg(long)]
    owner: Option<String>,

    /// The repository's name.
    #[arg(long)]
    repo: Option<String>,

    /// The repository's id on its host, which webhooks name.
    #[arg(long, value_name = "ID")]
    provider_repo_id: Option<String>,

    /// What it is for.
    #[arg(long)]
    description: Option<String>,

    #[command(flatten)]
    content: ContentArgs,
}

/// What `create` and `update` have in common.
#[derive(Debug, Args)]
pub(crate) struct ContentArgs {
    /// A secret of the pipeline: NAME=@FILE (@- is stdin), or NAME for the environment variable or a prompt.
    #[arg(long = "secret", value_name = "NAME[=@FILE]", value_parser = value::parse_secret)]
    secrets: Vec<SecretSource>,

    /// A variable for every step.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = value::parse_field)]
    envs: Vec<(String, Value)>,

    /// A JSON or YAML file that says which events start a deployment.
    #[arg(long, value_name = "FILE")]
    trigger_spec: Option<PathBuf>,
}

/// The arguments of `flowcd app update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The application: its id, or owner/repo.
    app: String,

    /// The URL to clone from.
    #[arg(long, value_name = "URL")]
    repo_url: Option<String>,

    /// What it is for.
    #[arg(long)]
    description: Option<String>,

    /// Let secrets go that are there and not given here: the server replaces all of them at once.
    #[arg(long)]
    replace_secrets: bool,

    #[command(flatten)]
    content: ContentArgs,
}

/// The arguments of `flowcd app delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The application: its id, or owner/repo.
    app: String,

    /// Do not ask.
    #[arg(short = 'y', long = "yes")]
    is_sure: bool,
}

fn parse_provider(name: &str) -> Result<Provider, String> {
    name.parse()
        .map_err(|error: flowcd_model::application::UnknownProvider| error.to_string())
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: AppCommand,
) -> Result<Exit, Failure> {
    match command {
        AppCommand::List => list(client, printer).await,
        AppCommand::Show(args) => {
            let application = find_app(client, &args.app).await?;
            printer.data(&application, || show(&application))?;
            Ok(Exit::Ok)
        }
        AppCommand::Create(args) => create(client, printer, *args).await,
        AppCommand::Update(args) => update(client, printer, *args).await,
        AppCommand::Delete(args) => delete(client, printer, &args).await,
    }
}

async fn list(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let applications = client.list_applications().await?;
    printer.data(&applications, || {
        if applications.is_empty() {
            return String::new();
        }
        let rows = applications.iter().map(|application| {
            let latest = application.latest_task.as_ref();
            [
                text(application.id.as_str()),
                text(repository(application)),
                text(application.provider.as_str()),
                latest.map_or_else(|| text("-"), |task| task_status(task.status, false)),
                latest.map_or_else(|| text("-"), |task| text(short_commit(&task.commit))),
                latest.map_or_else(|| text("-"), |task| text(first_line(&task.message, 40))),
                text(table::ago(application.updated_time)),
            ]
        });
        table(
            [
                "ID",
                "REPOSITORY",
                "PROVIDER",
                "LATEST",
                "COMMIT",
                "MESSAGE",
                "UPDATED",
            ],
            rows,
        )
    })?;
    if applications.is_empty() {
        printer.talk("no applications yet; make one with `flowcd app create --repo-url URL`");
    }
    Ok(Exit::Ok)
}

fn show(application: &Application) -> String {
    let names = |names: Vec<&String>| {
        if names.is_empty() {
            return None;
        }
        Some(
            names
                .into_iter()
                .map(|name| clean(name))
                .collect::<Vec<_>>()
                .join(", "),
        )
    };
    let latest = application.latest_task.as_ref();
    fields([
        ("id", Some(application.id.to_string())),
        ("repository", Some(clean(&repository(application)))),
        ("provider", Some(application.provider.to_string())),
        ("url", Some(clean(&application.repo_url))),
        ("repository id", Some(clean(&application.provider_repo_id))),
        (
            "description",
            Some(clean(&application.description)).filter(|text| !text.is_empty()),
        ),
        ("secrets", names(application.secrets.0.keys().collect())),
        (
            "variables",
            application
                .envs
                .as_ref()
                .and_then(|envs| names(envs.keys().collect())),
        ),
        (
            "triggers",
            names(
                application
                    .trigger_spec
                    .0
                    .keys()
                    .map(|provider| provider.to_string())
                    .collect::<Vec<_>>()
                    .iter()
                    .collect(),
            ),
        ),
        (
            "latest task",
            latest.map(|task| {
                format!(
                    "{} ({}, {})",
                    task.task_id,
                    task.status,
                    short_commit(&task.commit)
                )
            }),
        ),
        ("created", Some(full_time(application.created_time))),
        ("updated", Some(full_time(application.updated_time))),
    ])
}

async fn create(client: &Client, printer: &Printer, args: CreateArgs) -> Result<Exit, Failure> {
    let told = read_url(&args.repo_url).map_err(Failure::usage)?;
    let missing = |option: &str| {
        Failure::usage(format!(
            "the URL does not tell the repository's {option}; add --{option}"
        ))
    };
    let new = NewApplication {
        repo: args.repo.or(told.name).ok_or_else(|| missing("repo"))?,
        owner: args.owner.or(told.owner).ok_or_else(|| missing("owner"))?,
        repo_url: args.repo_url,
        provider_repo_id: args.provider_repo_id,
        provider: args.provider.unwrap_or(told.provider),
        trigger_spec: read_trigger(args.content.trigger_spec.as_ref())?.unwrap_or_default(),
        description: args.description.unwrap_or_default(),
        secrets: value::read_secrets(&args.content.secrets)?,
        envs: value::fields(args.content.envs),
        ..NewApplication::default()
    };
    let created = client.create_application(&new).await?;
    printer.data(&created, || {
        fields([
            ("id", Some(created.id.to_string())),
            (
                "webhook secret",
                Some(clean(&created.webhook_secret)).filter(|secret| !secret.is_empty()),
            ),
        ])
    })?;
    printer.talk(&format!(
        "the webhook's secret is not shown again; deploy with `flowcd deploy {}/{} --ref BRANCH --follow`",
        clean(&new.owner),
        clean(&new.repo)
    ));
    Ok(Exit::Ok)
}

fn read_trigger(path: Option<&PathBuf>) -> Result<Option<TriggerSpec>, Failure> {
    path.map(value::read_document).transpose()
}

async fn update(client: &Client, printer: &Printer, args: UpdateArgs) -> Result<Exit, Failure> {
    let application = find_app(client, &args.app).await?;
    let mut patch = ApplicationPatch::new(application.id.clone());
    if !args.content.secrets.is_empty() || args.replace_secrets {
        let secrets = value::read_secrets(&args.content.secrets)?;
        let lost: Vec<String> = application
            .secrets
            .0
            .keys()
            .filter(|name| !secrets.0.contains_key(*name))
            .map(|name| clean(name))
            .collect();
        if !lost.is_empty() && !args.replace_secrets {
            return Err(Failure::usage_with_hint(
                format!(
                    "this would remove {}, because all secrets are replaced at once",
                    lost.join(", ")
                ),
                "give them again with --secret, or let them go with --replace-secrets",
            ));
        }
        patch.secrets = Some(secrets);
    }
    if let Some(trigger_spec) = read_trigger(args.content.trigger_spec.as_ref())? {
        patch.trigger_spec = Some(trigger_spec);
        patch.provider = Some(application.provider);
    }
    patch.description = args.description;
    patch.repo_url = args.repo_url;
    patch.envs = value::fields(args.content.envs);
    if patch == ApplicationPatch::new(application.id.clone()) {
        return Err(Failure::usage_with_hint(
            "nothing to change was given",
            "see `flowcd app update --help`",
        ));
    }
    client.update_application(&patch).await?;
    printer.talk(&format!("updated {}", clean(&repository(&application))));
    Ok(Exit::Ok)
}

async fn delete(client: &Client, printer: &Printer, args: &DeleteArgs) -> Result<Exit, Failure> {
    let application = find_app(client, &args.app).await?;
    let name = clean(&repository(&application));
    let question = format!(
        "Delete {name} ({}) with all its tasks and logs?",
        application.id
    );
    if !args.is_sure && !value::confirm(&question)? {
        printer.talk("nothing was deleted");
        return Ok(Exit::Ok);
    }
    client.delete_application(&application.id).await?;
    printer.talk(&format!("deleted {name}"));
    Ok(Exit::Ok)
}
