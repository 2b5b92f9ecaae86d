//! `flowcd secret`: the caller's own secrets.

use clap::{Args, Subcommand};
use flowcd_client::Client;
use flowcd_model::user::UserSecretsPatch;

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Printer, clean},
    value::{self, SecretSource},
};

/// What can be done with the caller's own secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List the names of your secrets; their values are never shown.
    #[command(visible_alias = "ls")]
    List,
    /// Set secrets that the pipelines of all your applications see.
    Set(SetArgs),
}

/// The arguments of `flowcd secret set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// NAME=@FILE (@- is stdin), or NAME for the environment variable or a prompt.
    #[arg(value_name = "NAME[=@FILE]", value_parser = value::parse_secret, required_unless_present = "is_replaced")]
    secrets: Vec<SecretSource>,

    /// Remove all secrets that are not given here.
    #[arg(long = "replace")]
    is_replaced: bool,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    command: SecretCommand,
) -> Result<Exit, Failure> {
    match command {
        SecretCommand::List => {
            let secrets = client.list_user_secrets().await?;
            printer.data(&secrets, || {
                secrets
                    .0
                    .keys()
                    .map(|name| format!("{}\n", clean(name)))
                    .collect()
            })?;
            if secrets.is_empty() {
                printer.talk("no secrets yet; set one with `flowcd secret set NAME`");
            }
        }
        SecretCommand::Set(args) => {
            let patch = UserSecretsPatch {
                secrets: value::read_secrets(&args.secrets)?,
                is_added: !args.is_replaced,
                removed: Vec::new(),
            };
            client.update_user_secrets(&patch).await?;
            let names: Vec<&str> = patch.secrets.0.keys().map(String::as_str).collect();
            match names.is_empty() {
                true => printer.talk("removed all secrets"),
                false => printer.talk(&format!("set {}", names.join(", "))),
            }
        }
    }
    Ok(Exit::Ok)
}
