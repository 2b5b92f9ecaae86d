//! `flowcd provider`: the caller's tokens for Git hosts.

mod listing;

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    application::{Provider, UnknownProvider},
    user::NewProviderToken,
};

use crate::{
    exit::Exit,
    failure::Failure,
    output::Printer,
    table::{table, text},
    value,
};

/// What can be done with tokens for Git hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// List the Git hosts you have stored a token for.
    #[command(visible_alias = "ls")]
    List,
    /// Store your token for a Git host; the server clones your repositories with it.
    Set(SetArgs),
    /// Remove your token for a Git host.
    #[command(visible_alias = "rm")]
    Remove(HostArgs),
    /// List the repositories that your account on a Git host can see.
    Repos(listing::ReposArgs),
    /// List the organizations, or groups, that your account on a Git host belongs to.
    Orgs(HostArgs),
    /// List the branches of a repository on a Git host.
    Branches(listing::BranchesArgs),
}

/// Names a Git host.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The kind of host: github, gitee, gitlab, codeup, gitea or git.
    #[arg(value_parser = parse_provider)]
    provider: Provider,

    /// The host's address, where it is not the provider's public one.
    #[arg(long = "host", value_name = "URL")]
    host: Option<String>,
}

/// The arguments of `flowcd provider set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  flowcd provider set gitea --host https://git.example.com --username ci --token-stdin < token"
)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    host: HostArgs,

    /// The account's name, where the host wants one beside the token.
    #[arg(long)]
    username: Option<String>,

    /// Read the token from stdin instead of asking for it.
    #[arg(long = "token-stdin")]
    is_stdin: bool,

    /// Store the token without having the server ask the host whether it works.
    #[arg(long = "no-check")]
    is_unchecked: bool,
}

pub(super) fn parse_provider(name: &str) -> Result<Provider, String> {
    name.parse()
        .map_err(|error: UnknownProvider| error.to_string())
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: ProviderCommand,
) -> Result<Exit, Failure> {
    match command {
        ProviderCommand::List => list(client, printer).await?,
        ProviderCommand::Set(args) => set(client, printer, args).await?,
        ProviderCommand::Repos(args) => listing::repos(client, printer, args).await?,
        ProviderCommand::Orgs(args) => listing::organizations(client, printer, args).await?,
        ProviderCommand::Branches(args) => listing::branches(client, printer, args).await?,
        ProviderCommand::Remove(args) => {
            let provider = args.provider;
            client
                .update_provider_token(&NewProviderToken {
                    token: String::new(),
                    provider,
                    url: args.host,
                    username: None,
                    check_token: None,
                })
                .await?;
            printer.talk(&format!("removed the token for {provider}"));
        }
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let accounts = client.get_user_info().await?.provider_tokens;
    printer.data(&accounts, || {
        if accounts.is_empty() {
            return String::new();
        }
        let rows = accounts.iter().map(|account| {
            [
                text(account.provider.as_str()),
                text(&account.origin),
                text(account.username.as_deref().unwrap_or("-")),
            ]
        });
        table(["PROVIDER", "HOST", "USERNAME"], rows)
    })?;
    if accounts.is_empty() {
        printer.talk("no tokens for Git hosts yet; store one with `flowcd provider set PROVIDER`");
    }
    Ok(())
}

async fn set(client: &Client, printer: &Printer, args: SetArgs) -> Result<(), Failure> {
    let provider = args.host.provider;
    let token = if args.is_stdin {
        value::without_last_newline(value::read_stdin()?)
    } else {
        value::ask_hidden(
            &format!("Token for {provider}"),
            "there is no terminal to ask for the token on; use --token-stdin",
        )?
    };
    if token.is_empty() {
        return Err(Failure::usage_with_hint(
            "the token is empty",
            "`flowcd provider remove` removes the stored one",
        ));
    }
    client
        .update_provider_token(&NewProviderToken {
            token,
            provider,
            url: args.host.host,
            username: args.username,
            check_token: args.is_unchecked.then_some(false),
        })
        .await?;
    printer.talk(&format!("stored the token for {provider}"));
    Ok(())
}
