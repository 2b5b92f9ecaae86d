//! The command line as data: what every command has in common, and the list of commands.

use clap::{Parser, Subcommand};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    command::{
        api::ApiArgs,
        app::AppCommand,
        cancel::CancelArgs,
        completion::CompletionArgs,
        delivery::DeliveryCommand,
        deploy::DeployArgs,
        lint::LintArgs,
        login::{LoginArgs, LogoutArgs},
        logs::LogsArgs,
        provider::ProviderCommand,
        redeploy::RedeployArgs,
        run::RunArgs,
        secret::SecretCommand,
        task::TaskCommand,
        token::TokenCommand,
        trigger::TriggerCommand,
        watch::WatchArgs,
    },
    exit,
    output::Format,
};

/// Deploy applications with a flowcd server, and see what they do.
///
/// Data goes to stdout, everything meant for people to stderr.
#[derive(Debug, Parser)]
#[command(name = "flowcd", version, propagate_version = true, after_help = exit::TABLE, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The form of the data on stdout.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "FLOWCD_FORMAT",
        hide_env_values = true
    )]
    pub(crate) output: Format,

    /// The profile to use, instead of the one of the last login.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "FLOWCD_PROFILE",
        hide_env_values = true
    )]
    profile: Option<String>,

    /// The server's address, instead of the profile's.
    ///
    /// The profile's token is used only when it is for the same server.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "FLOWCD_URL",
        hide_env_values = true
    )]
    url: Option<String>,

    /// The token, instead of the profile's. Prefer FLOWCD_TOKEN: other users of this machine can see the arguments.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "FLOWCD_TOKEN",
        hide_env_values = true
    )]
    token: Option<SecretString>,

    /// Say nothing on stderr but errors and warnings.
    #[arg(short = 'q', long = "quiet", global = true)]
    pub(crate) is_quiet: bool,
}

impl Global {
    /// The address that was given. An empty variable is one that is not set.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }

    /// The token that was given, likewise.
    pub(crate) fn token(&self) -> Option<&SecretString> {
        self.token
            .as_ref()
            .filter(|token| !token.expose_secret().is_empty())
    }

    /// The profile that was named, likewise.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref().filter(|name| !name.is_empty())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store a server's address and a token for it in a profile.
    Login(LoginArgs),
    /// Forget a profile, and delete the token that `login` made for it.
    Logout(LogoutArgs),
    /// List, show, create, change and delete applications.
    #[command(subcommand)]
    App(AppCommand),
    /// Run a pipeline on the files of the current folder, without a server.
    Run(Box<RunArgs>),
    /// Say what is wrong with pipeline files, without running them.
    Lint(LintArgs),
    /// Deploy an application; prints the new task's id.
    Deploy(DeployArgs),
    /// Deploy the commit, ref and inputs of a task again, with the secrets of today.
    Redeploy(RedeployArgs),
    /// Cancel a deployment.
    Cancel(CancelArgs),
    /// List, show and remove tasks (a task is one deployment).
    #[command(subcommand)]
    Task(TaskCommand),
    /// List, show and replay deliveries: what hosts sent, and what was made of it.
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Say what a trigger would make of an event, and why.
    #[command(subcommand)]
    Trigger(TriggerCommand),
    /// Print the output of a task's steps, byte for byte.
    Logs(LogsArgs),
    /// Watch a deployment until it ends; fails when the deployment fails.
    Watch(WatchArgs),
    /// List, create, change and delete tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// List and set your own secrets, which all your pipelines see.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// List and set your tokens for Git hosts, and list what they can see there.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Call any operation of the API.
    Api(ApiArgs),
    /// Print the completions for a shell.
    Completion(CompletionArgs),
    /// Print the version of this program, and of the server.
    Version,
}
