//! The commands, a file for each noun.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod cancel;
pub(crate) mod completion;
pub(crate) mod delivery;
pub(crate) mod deploy;
pub(crate) mod lint;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod provider;
pub(crate) mod redeploy;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod task;
pub(crate) mod token;
pub(crate) mod trigger;
pub(crate) mod version;
pub(crate) mod watch;

use crate::{
    args::{Args, Command},
    connect,
    exit::Exit,
    failure::Failure,
    output::Printer,
};

/// Does what the command line asks.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<Exit, Failure> {
    let global = &args.global;
    match args.command {
        Command::Login(args) => return login::login(global, printer, args).await,
        Command::Logout(args) => return login::logout(global, printer, &args).await,
        Command::Run(args) => return run::run(printer, *args).await,
        Command::Lint(args) => return lint::run(printer, &args),
        Command::Completion(args) => return completion::print(printer, &args),
        Command::Version => return version::print(global, printer).await,
        _ => {}
    }
    let client = &connect::client(global, printer)?;
    match args.command {
        Command::App(command) => app::run(client, printer, command).await,
        Command::Deploy(args) => deploy::run(client, printer, args).await,
        Command::Redeploy(args) => redeploy::run(client, printer, &args).await,
        Command::Cancel(args) => cancel::run(client, printer, &args).await,
        Command::Task(command) => task::run(client, printer, command).await,
        Command::Delivery(command) => delivery::run(client, printer, command).await,
        Command::Trigger(command) => trigger::run(client, printer, command).await,
        Command::Logs(args) => logs::run(client, printer, &args).await,
        Command::Watch(args) => watch::run(client, printer, &args).await,
        Command::Token(command) => token::run(client, printer, command).await,
        Command::Secret(command) => secret::run(client, printer, command).await,
        Command::Provider(command) => provider::run(client, printer, command).await,
        Command::Api(args) => api::run(client, printer, &args).await,
        Command::Login(_)
        | Command::Logout(_)
        | Command::Run(_)
        | Command::Lint(_)
        | Command::Completion(_)
        | Command::Version => Ok(Exit::Ok),
    }
}
