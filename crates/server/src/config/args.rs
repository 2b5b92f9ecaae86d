//! The command line, as `clap` declares it, and the environment.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// flowcd-server: a self-hosted continuous-deployment server.
#[derive(Debug, Parser)]
#[command(name = "flowcd-server", version = crate::version::TEXT, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Reads the command line; ends the process when it asks for help or is wrong.
    pub fn read() -> Self {
        Self::parse()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve {
        /// What it is told.
        #[command(flatten)]
        settings: Box<Settings>,
        /// Say everything that is wrong with the configuration, and exit.
        #[arg(long)]
        check_config: bool,
    },
    /// Make, list and change users.
    User {
        /// What to do.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Make tokens.
    Token {
        /// What to do.
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Make the database if it is absent, and bring it up to date.
    Migrate {
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Print the API's description (OpenAPI, JSON).
    Openapi,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user; his password is asked for.
    Create {
        /// The name he logs in with.
        username: String,
        /// Make him an administrator, who may make and change users.
        #[arg(long)]
        admin: bool,
        /// Where his password comes from.
        #[command(flatten)]
        password: PasswordSource,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// List all users: name, id, role, state, and when each was made.
    List {
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Change a user's password and end his sessions.
    Passwd {
        /// The user's name.
        username: String,
        /// Where the new password comes from.
        #[command(flatten)]
        password: PasswordSource,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Refuse a user's logins, sessions and tokens.
    Disable {
        /// The user's name.
        username: String,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Let a disabled user in again.
    Enable {
        /// The user's name.
        username: String,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Make a user an administrator, who may make and change users.
    Promote {
        /// The user's name.
        username: String,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
    /// Make an administrator a user like any other.
    Demote {
        /// The user's name.
        username: String,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
}

/// Where a password comes from.
#[derive(Args, Clone, Copy, Debug)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input instead of asking for it.
    #[arg(long)]
    pub password_stdin: bool,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, and nothing else, on standard output.
    Create {
        /// The user as whom it acts.
        #[arg(long)]
        user: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// How long it works: `12h`, `30d`, .. or `never`.
        #[arg(long, default_value = "30d")]
        expires: String,
        /// Where the data is.
        #[command(flatten)]
        place: Place,
    },
}

/// Where the data is.
#[derive(Args, Clone, Default)]
pub struct Place {
    /// A TOML file with settings: the flags' names, `_` for `-`.
    #[arg(long, env = "FLOWCD_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the database, the key, logs and workspaces [default: ./flowcd-data].
    #[arg(long, env = "FLOWCD_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// `sqlite:PATH` or `postgres://..` [default: flowcd.db in the data folder].
    #[arg(
        long,
        env = "FLOWCD_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
}

// The derived form would show the database's password.
impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("config", &self.config)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// What `serve` can be told, as written; [`Config::resolve`](super::Config::resolve) makes sense of it.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:9000].
    #[arg(long, env = "FLOWCD_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The URL that users reach the server under, when it stands behind a proxy.
    #[arg(long, env = "FLOWCD_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// How many tasks run at once [default: the number of cores].
    #[arg(long, env = "FLOWCD_RUNNERS", value_name = "N")]
    pub runners: Option<String>,
    /// `text` or `json` [default: text].
    #[arg(long, env = "FLOWCD_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Which log lines to write, `flowcd_server=debug,info` for instance
    /// [default: info,actix_server=warn].
    #[arg(long, env = "FLOWCD_LOG_FILTER", value_name = "FILTER")]
    pub log_filter: Option<String>,
    /// Let repositories be local folders. Whoever may make applications can then read every repository that the
    /// server can.
    #[arg(
        long,
        env = "FLOWCD_ALLOW_LOCAL_REPOS",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub allow_local_repos: Option<String>,
    /// Let repositories be fetched by plain HTTP, where anybody on the way can read tokens and change code.
    #[arg(
        long,
        env = "FLOWCD_ALLOW_HTTP_REPOS",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub allow_http_repos: Option<String>,
    /// How long running tasks may go on when the server is asked to stop [default: 30s].
    #[arg(long, env = "FLOWCD_DRAIN_TIMEOUT", value_name = "DURATION")]
    pub drain_timeout: Option<String>,
    /// How much of a step's output is kept, half of it from its end [default: 64MiB].
    #[arg(long, env = "FLOWCD_MAX_LOG_BYTES", value_name = "SIZE")]
    pub max_log_bytes: Option<String>,
    /// How long logs of finished tasks are kept [default: forever].
    #[arg(long, env = "FLOWCD_LOG_RETENTION", value_name = "DURATION")]
    pub log_retention: Option<String>,
    /// How long deliveries (webhooks and what else may start a deployment) are kept, `forever` for instance
    /// [default: 30d].
    #[arg(long, env = "FLOWCD_DELIVERY_RETENTION", value_name = "DURATION")]
    pub delivery_retention: Option<String>,
    /// How many deliveries of an application are kept [default: 1000].
    #[arg(long, env = "FLOWCD_MAX_DELIVERIES", value_name = "N")]
    pub max_deliveries: Option<String>,
    /// The npm registry that plugins are installed from [default: what npm is configured for].
    #[arg(long, env = "FLOWCD_PLUGIN_REGISTRY", value_name = "URL")]
    pub plugin_registry: Option<String>,
    /// A file of certificates (PEM) that npm trusts beside its own when it installs plugins.
    #[arg(long, env = "FLOWCD_PLUGIN_CA_FILE", value_name = "FILE")]
    pub plugin_ca_file: Option<String>,
    /// The IP addresses of reverse proxies whose `X-Forwarded-For` is believed, separated by commas.
    #[arg(long, env = "FLOWCD_TRUSTED_PROXIES", value_name = "IPS")]
    pub trusted_proxies: Option<String>,
}

impl Settings {
    /// Settings of a command that needs to know nothing but where the data is.
    pub fn of_place(place: Place) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }
}

/// The environment variable `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where the environment is read"
)]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
