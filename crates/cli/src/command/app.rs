//! `flowcd app`.

mod shown;
mod webhook;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    application::{Application, ApplicationPatch, NewApplication, Provider},
    secret::Secret,
    trigger::TriggerSpec,
};
use serde_json::Value;

use crate::{
    connect::{find_app, repository},
    exit::Exit,
    failure::Failure,
    output::{Printer, clean, first_line},
    repository::read_url,
    table::{self, fields, short_commit, table, task_status, text},
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
#[command(after_help = "\
Examples:
  flowcd app create --repo-url https://github.com/octocat/hello.git --secret DEPLOY_KEY=@key.pem
  flowcd app create --repo-url git@git.example.com:team/hello.git --trigger-spec trigger.yaml --poll-interval 5m")]
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

    /// Leave the webhook at the host to you. Without this it is installed where you have stored a token for the host.
    #[arg(long = "no-webhook")]
    has_no_webhook: bool,

    /// Let pull requests from forks run with the secrets, too: whoever can open one can then read them.
    #[arg(long = "fork-secrets")]
    has_fork_secrets: bool,

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

    /// How often to look for commits that no webhook told of: 30s to 24h, or off.
    #[arg(long, value_name = "DURATION", value_parser = value::parse_poll_interval)]
    poll_interval: Option<i64>,
}

/// The arguments of `flowcd app update`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowcd app update octocat/hello --trigger-spec trigger.yaml --install-webhook\n  flowcd app update octocat/hello --poll-interval off --fork-secrets=false"
)]
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

    /// Whether pull requests from forks run with the secrets, too.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    fork_secrets: Option<bool>,

    /// Install the webhook at the host, or install it again; with `=false`, remove it there.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    install_webhook: Option<bool>,

    /// Take a new webhook secret from the first line of standard input; webhooks signed with the old one are refused
    /// from then on. A webhook that was installed at the host is told.
    #[arg(long)]
    webhook_secret_stdin: bool,

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
            printer.data(&application, || shown::of(&application))?;
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
        fork_secrets: args.has_fork_secrets,
        poll_seconds: args.content.poll_interval.filter(|seconds| *seconds > 0),
        install_webhook: Some(false).filter(|_| args.has_no_webhook),
    };
    let created = client.create_application(&new).await?;
    printer.data(&created, || {
        fields([
            ("id", Some(created.id.to_string())),
            (
                "webhook secret",
                Some(clean(&created.webhook_secret)).filter(|secret| !secret.is_empty()),
            ),
            ("webhook URL", Some(clean(&created.webhook.url))),
            ("webhook", Some(webhook::state(&created.webhook))),
        ])
    })?;
    if new.trigger_spec.is_empty() {
        printer.talk("without a trigger only a dispatch deploys; see --trigger-spec");
    } else if let Some(to_do) = webhook::to_do(&created.webhook, new.provider, &new.trigger_spec) {
        printer.talk(&to_do);
    }
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
    if args.webhook_secret_stdin {
        let text = value::read_stdin()?;
        let line = text.lines().next().unwrap_or_default();
        patch.webhook_secret = Some(Secret(line.to_owned()));
    }
    patch.description = args.description;
    patch.repo_url = args.repo_url;
    patch.envs = value::fields(args.content.envs);
    patch.fork_secrets = args.fork_secrets;
    patch.poll_seconds = args.content.poll_interval;
    patch.install_webhook = args.install_webhook;
    if patch == ApplicationPatch::new(application.id.clone()) {
        return Err(Failure::usage_with_hint(
            "nothing to change was given",
            "see `flowcd app update --help`",
        ));
    }
    client.update_application(&patch).await?;
    printer.talk(&format!("updated {}", clean(&repository(&application))));
    if args.install_webhook == Some(true) {
        return tell_webhook(client, printer, &application).await;
    }
    Ok(Exit::Ok)
}

/// Says whether the webhook is there that was asked for.
async fn tell_webhook(
    client: &Client,
    printer: &Printer,
    application: &Application,
) -> Result<Exit, Failure> {
    let updated = client.get_application(&application.id).await?;
    let Some(hook) = &updated.webhook else {
        return Ok(Exit::Ok);
    };
    let line = format!("the webhook is {}", webhook::state(hook));
    match hook.is_installed && hook.problem.is_none() {
        true => printer.talk(&line),
        false => printer.warn(&line),
    }
    if hook.is_installed {
        return Ok(Exit::Ok);
    }
    printer.talk(&format!("its URL is {}", clean(&hook.url)));
    if let Some(to_do) = webhook::to_do(hook, updated.provider, &updated.trigger_spec) {
        printer.talk(&to_do);
    }
    Ok(Exit::Refused)
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
