//! The program: the server, and what its operator does beside it.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use flowcd_model::user::User;
use flowcd_server::{
    config::{
        Config, LogFormat, Problems,
        args::{Arguments, Command, PasswordSource, Place, Settings, TokenCommand, UserCommand},
    },
    service::{token, user},
};
use flowcd_store::Store;
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What the process ends with when its configuration is wrong; `clap` ends with the same when its flags are.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) if err.is::<Problems>() => {
            say(&err.to_string());
            ExitCode::from(EXIT_USAGE)
        }
        Err(err) => {
            say(&format!("error: {err:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Talks to whoever started the program.
fn say(text: &str) {
    // When there is nobody to talk to, there is nobody to tell that either.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Answers what was asked for, and nothing else.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        // Whoever has read enough may go.
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            Command::Serve {
                settings,
                check_config,
            } => {
                let config = Config::resolve(&settings)?;
                if check_config {
                    say("the configuration is good");
                    return Ok(());
                }
                serve(config).await
            }
            Command::User { command } => change_users(command).await,
            Command::Token { command } => make_token(command).await,
            Command::Migrate { place } => {
                Config::resolve(&Settings::of_place(place))?
                    .open_store()
                    .await?;
                say("the database is up to date");
                Ok(())
            }
            Command::Openapi => {
                let document = flowcd_server::openapi();
                print(
                    &document
                        .to_pretty_json()
                        .context("cannot write the document")?,
                )
            }
        }
    })
}

async fn serve(config: Config) -> anyhow::Result<()> {
    start_logging(&config)?;
    // Before anything is printed that invites a signal, the signals are ours.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let server = flowcd_server::start(config).await?;
    print(&format!("flowcd is ready at {}", server.url()))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("Stopping; a second signal ends the server at once");
    tokio::select! {
        stopped = server.stop() => stopped,
        _ = terminate.recv() => bail!("ended by a second signal before everything had stopped"),
        _ = interrupt.recv() => bail!("ended by a second signal before everything had stopped"),
    }
}

fn start_logging(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_filter).context("cannot read the log filter")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|err| anyhow::anyhow!("cannot start the log: {err}"))
}

async fn open_store(place: Place) -> anyhow::Result<Store> {
    Config::resolve(&Settings::of_place(place))?
        .open_known_store()
        .await
}

async fn change_users(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Create {
            username,
            admin,
            password,
            place,
        } => {
            let store = open_store(place).await?;
            let password = read_password(password).await?;
            if admin {
                let user = user::create_admin(&store, &username, &password).await?;
                say(&format!("made the administrator `{}`", user.username));
            } else {
                let user = user::create_user(&store, &username, &password).await?;
                say(&format!("made the user `{}`", user.username));
            }
        }
        UserCommand::List { place } => {
            let store = open_store(place).await?;
            for user in store.list_users().await? {
                print(&line(&user))?;
            }
        }
        UserCommand::Passwd {
            username,
            password,
            place,
        } => {
            let store = open_store(place).await?;
            let password = read_password(password).await?;
            let user = user::set_password(&store, &username, &password).await?;
            say(&format!(
                "changed the password of `{}` and ended his sessions",
                user.username
            ));
        }
        UserCommand::Disable { username, place } => {
            let store = open_store(place).await?;
            let user = user::disable_user(&store, &username).await?;
            say(&format!("disabled `{}`", user.username));
        }
        UserCommand::Enable { username, place } => {
            let store = open_store(place).await?;
            let user = user::enable_user(&store, &username).await?;
            say(&format!("enabled `{}`", user.username));
        }
        UserCommand::Promote { username, place } => {
            let store = open_store(place).await?;
            let user = user::promote_user(&store, &username).await?;
            say(&format!("`{}` is an administrator", user.username));
        }
        UserCommand::Demote { username, place } => {
            let store = open_store(place).await?;
            let user = user::demote_user(&store, &username).await?;
            say(&format!("`{}` is no administrator", user.username));
        }
    }
    Ok(())
}

/// A user as a line of a list: name, id, role, whether he may log in, when he was made.
fn line(user: &User) -> String {
    let role = if user.is_admin { "admin" } else { "user" };
    let state = if user.is_disabled {
        "disabled"
    } else {
        "enabled"
    };
    format!(
        "{}\t{}\t{role}\t{state}\t{}",
        user.username, user.id, user.created_time
    )
}

async fn make_token(command: TokenCommand) -> anyhow::Result<()> {
    let TokenCommand::Create {
        user,
        description,
        expires,
        place,
    } = command;
    let life = flowcd_server::config::duration_or_forever(&expires)
        .map_err(|problem| Problems(vec![format!("--expires: {problem}")]))?;
    let store = open_store(place).await?;
    let minted = token::mint_for(&store, &user, description, life).await?;
    print(&minted.cd_token)
}

/// The password from standard input or, on a terminal, from whoever sits there.
async fn read_password(source: PasswordSource) -> anyhow::Result<SecretString> {
    let read = move || {
        if source.password_stdin {
            let mut line = String::new();
            io::stdin()
                .lock()
                .read_line(&mut line)
                .context("cannot read the password")?;
            return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
        }
        if !io::stdin().is_terminal() {
            bail!("there is no terminal to ask for the password; give it with --password-stdin");
        }
        dialoguer::Password::new()
            .with_prompt("Password")
            .with_confirmation("Again", "they differ")
            .interact()
            .context("cannot ask for the password")
    };
    let text = tokio::task::spawn_blocking(read)
        .await
        .context("cannot ask for the password")??;
    flowcd_server::config::password(text).map_err(anyhow::Error::msg)
}
