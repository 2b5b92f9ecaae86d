//! `flowcd token`.

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::{
    id::TokenId,
    time::Millis,
    token::{NewToken, TokenPatch},
};

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Printer, first_line},
    table::{ago, table, text},
    value,
};

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List your tokens, without their values.
    #[command(visible_alias = "ls")]
    List,
    /// Make a token; prints it, this once.
    Create(CreateArgs),
    /// Change when a token expires.
    Update(UpdateArgs),
    /// Delete a token, which ends its use at once.
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
}

/// The arguments of `flowcd token create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it is for.
    #[arg(short, long)]
    description: String,

    /// When it expires, counted from now: 30d, 12h, 45m or never.
    #[arg(long, default_value = "30d", value_parser = value::parse_expiration)]
    expires: i64,
}

/// The arguments of `flowcd token update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The token's id, as `flowcd token list` shows it.
    id: TokenId,

    /// When it expires, counted from now: 30d, 12h, 45m or never.
    #[arg(long, value_parser = value::parse_expiration)]
    expires: i64,
}

/// The arguments of `flowcd token delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The token's id, as `flowcd token list` shows it.
    id: TokenId,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: TokenCommand,
) -> Result<Exit, Failure> {
    match command {
        TokenCommand::List => list(client, printer).await?,
        TokenCommand::Create(args) => create(client, printer, args).await?,
        TokenCommand::Update(args) => {
            let patch = TokenPatch {
                id: args.id,
                expiration: args.expires,
            };
            client.update_token(&patch).await?;
            printer.talk(&format!("updated {}", patch.id));
        }
        TokenCommand::Delete(args) => {
            client.delete_token(&args.id).await?;
            printer.talk(&format!("deleted {}", args.id));
        }
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let tokens = client.list_tokens().await?;
    printer.data(&tokens, || {
        if tokens.is_empty() {
            return String::new();
        }
        let rows = tokens.iter().map(|token| {
            [
                text(token.id.as_str()),
                text(first_line(&token.description, 50)),
                text(expiry(token.expire_time)),
                text(token.active_time.map_or_else(|| "never".to_owned(), ago)),
                text(ago(token.created_time)),
            ]
        });
        table(
            ["ID", "DESCRIPTION", "EXPIRES", "LAST USED", "CREATED"],
            rows,
        )
    })?;
    if tokens.is_empty() {
        printer.talk("no tokens yet; make one with `flowcd token create --description WHAT-FOR`");
    }
    Ok(())
}

async fn create(client: &Client, printer: &Printer, args: CreateArgs) -> Result<(), Failure> {
    let new = NewToken {
        description: args.description,
        expiration: args.expires,
    };
    let minted = client.create_token(&new).await?;
    printer.data(&minted, || format!("{}\n", minted.cd_token))?;
    printer.talk(&format!(
        "token {}, expires: {}; it is not shown again",
        minted.id,
        expiry(minted.expire_time)
    ));
    Ok(())
}

fn expiry(expire_time: i64) -> String {
    let time = Millis(expire_time);
    if expire_time == -1 {
        "never".to_owned()
    } else if time < Millis::now() {
        format!("{time} (expired)")
    } else {
        time.to_string()
    }
}
