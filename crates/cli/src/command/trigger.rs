//! `flowcd trigger`: what the rules of a trigger make of an event, before it happens.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    application::Provider,
    delivery::{Explain, Explanation, Verdict},
    id::DeliveryId,
    trigger::TriggerSpec,
};

use super::provider::parse_provider;
use crate::{
    connect::find_app,
    event,
    exit::Exit,
    failure::Failure,
    output::{Printer, clean},
    payload::{self, PayloadArgs},
    table::fields,
    value,
};

/// What can be asked about triggers.
#[derive(Debug, Subcommand)]
pub(crate) enum TriggerCommand {
    /// Say what would be deployed, and what each rule says to it. Nothing is deployed or kept.
    Explain(Box<ExplainArgs>),
}

/// The arguments of `flowcd trigger explain`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("rules").required(true).multiple(true).args(["app", "trigger_spec", "delivery"])),
    group(ArgGroup::new("what").required(true).args(["git_ref", "payload", "delivery"])),
    after_help = "\
Exit codes:
  0  it would deploy
  1  it would not deploy
  2  the command line is wrong, or a file that it names
  4  the trigger or the payload cannot be read

Examples:
  flowcd trigger explain --app octocat/hello --ref dev
  flowcd trigger explain --app octocat/hello --event pull_request --payload payload.json
  flowcd trigger explain --delivery lam3k2o9beefcafe --trigger-spec new-trigger.yaml
  flowcd trigger explain --trigger-spec trigger.yaml --provider github --ref refs/tags/v1.0"
)]
pub(crate) struct ExplainArgs {
    /// The application whose rules to ask: its id, or owner/repo.
    #[arg(long, conflicts_with = "delivery")]
    app: Option<String>,

    /// A JSON or YAML file with rules to ask in the place of the application's.
    #[arg(long, value_name = "FILE")]
    trigger_spec: Option<PathBuf>,

    /// The provider whose payload it is, where neither the application nor the rules tell it.
    #[arg(long, value_parser = parse_provider, requires = "trigger_spec")]
    provider: Option<Provider>,

    /// A delivery that has come in: what the rules of today, or those of --trigger-spec, make of it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "headers"])]
    delivery: Option<DeliveryId>,

    /// A push of this branch, `main` for instance, or of a ref by its full name, `refs/tags/v1.0`.
    #[arg(long = "ref", value_name = "REF", conflicts_with_all = ["event", "headers"])]
    git_ref: Option<String>,

    /// A payload: the JSON that a host sends, or `{"headers": {..}, "body": {..}}` as `delivery show -o json` has it;
    /// `-` is stdin.
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,

    #[command(flatten)]
    content: PayloadArgs,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: TriggerCommand,
) -> Result<Exit, Failure> {
    match command {
        TriggerCommand::Explain(args) => explain(client, printer, *args).await,
    }
}

async fn explain(client: &Client, printer: &Printer, args: ExplainArgs) -> Result<Exit, Failure> {
    let trigger_spec: Option<TriggerSpec> = args
        .trigger_spec
        .as_ref()
        .map(value::read_document)
        .transpose()?;
    let given = args
        .payload
        .as_ref()
        .map(|path| args.content.read(path))
        .transpose()?;
    let application = match &args.app {
        Some(app) => Some(find_app(client, app).await?),
        None => None,
    };
    let payload = match &args.git_ref {
        Some(git_ref) => {
            let provider = args
                .provider
                .or_else(|| application.as_ref().map(|it| it.provider))
                .or_else(|| trigger_spec.as_ref().and_then(only_provider))
                .ok_or_else(|| {
                    Failure::usage("the trigger does not tell whose push it is; add --provider")
                })?;
            Some(payload::push(provider, &value::branch_ref(git_ref)))
        }
        None => given,
    };
    let explain = Explain {
        delivery_id: args.delivery,
        app_id: application.map(|it| it.id),
        trigger_spec,
        provider: args.provider,
        payload,
    };
    let explanation = client.explain_trigger(&explain).await?;
    printer.data(&explanation, || shown(&explanation))?;
    Ok(match explanation.verdict {
        Verdict::Deployed => Exit::Ok,
        Verdict::Skipped | Verdict::Ping | Verdict::Failed => Exit::DeploymentFailed,
    })
}

fn only_provider(spec: &TriggerSpec) -> Option<Provider> {
    let mut providers = spec.0.keys();
    match (providers.next(), providers.next()) {
        (Some(provider), None) => Some(*provider),
        _ => None,
    }
}

fn shown(explanation: &Explanation) -> String {
    let commit = explanation.commit.as_deref();
    let fork = match explanation.has_secrets {
        true => "its code comes from a fork, and would run with the secrets",
        false => "its code comes from a fork, and would run without secrets",
    };
    let runs = explanation.pipeline_files.join(", ");
    let mut shown = fields([
        ("verdict", Some(explanation.verdict.to_string())),
        (
            "reason",
            event::reason(&explanation.reason, &explanation.rules),
        ),
        ("event", Some(event::name(&explanation.event))),
        ("pull request", event::pull_request(&explanation.event)),
        ("ref", explanation.git_ref.as_deref().map(clean)),
        (
            "commit",
            commit.filter(|it| !payload::is_made_up(it)).map(clean),
        ),
        ("message", event::message(&explanation.message)),
        (
            "fork",
            Some(fork.to_owned()).filter(|_| explanation.is_fork),
        ),
        ("runs", Some(clean(&runs)).filter(|it| !it.is_empty())),
    ]);
    shown.push_str(&event::rules(&explanation.rules));
    shown
}
