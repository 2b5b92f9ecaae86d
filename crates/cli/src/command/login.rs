//! `flowcd login` and `flowcd logout`.

use clap::Args;
use flowcd_client::Client;
use flowcd_model::{envelope::Code, id::TokenId, token::NewToken, user::Login};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::{
    args::Global,
    connect,
    exit::Exit,
    failure::Failure,
    output::{Printer, clean},
    profile::{DEFAULT, Profile, Profiles},
    value,
};

/// How long a token lives that `login` makes with a password.
const TOKEN_LIFE_MS: i64 = 90 * 86_400_000;

/// The arguments of `flowcd login`.
#[derive(Debug, Args)]
#[command(
    after_help = "The token is taken from --token-stdin, else from FLOWCD_TOKEN or --token, else it is asked for.\n\
    With --username it is the password that is asked for (or read by --password-stdin), and a token is made with it.\n\n\
    Example:\n  flowcd login https://cd.example.com"
)]
pub(crate) struct LoginArgs {
    /// The server's address.
    #[arg(value_name = "URL")]
    address: Option<String>,

    /// Read the token from stdin.
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    token_stdin: bool,

    /// Log in with a user's name and password, and make a token that lives 90 days.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// Read the password from stdin.
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

/// The arguments of `flowcd logout`.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {}

pub(crate) async fn login(
    global: &Global,
    printer: &Printer,
    args: LoginArgs,
) -> Result<Exit, Failure> {
    let mut profiles = Profiles::load(printer)?;
    let name = global.profile().unwrap_or(DEFAULT).to_owned();
    let known = profiles
        .profiles
        .get(&name)
        .map(|profile| profile.url.clone());
    let Some(url) = args
        .address
        .clone()
        .or_else(|| global.url().map(str::to_owned))
        .or(known)
    else {
        return Err(Failure::usage_with_hint(
            "the server's address is missing",
            "flowcd login https://cd.example.com",
        ));
    };
    // Before anybody is asked for a secret: is this an address at all?
    let anonymous = connect::builder(&url)?.build()?;
    warn_if_plain(anonymous.url(), printer);

    let (token, token_id) = match &args.username {
        Some(username) => mint(&anonymous, username, args.password_stdin).await?,
        None => (take_token(global, &args)?, None),
    };
    let client = connect::builder(&url)?.token(token.clone()).build()?;
    let user = client
        .get_user_info()
        .await
        .map_err(|error| refused(error, "make a token with `flowcd login --username NAME`, or have one made by the server's operator"))?;

    profiles.profiles.insert(
        name.clone(),
        Profile::new(url, token.expose_secret().to_owned(), token_id),
    );
    profiles.current = Some(name.clone());
    let path = profiles.save()?;
    printer.talk(&format!(
        "logged in to {} as {}; the token is in profile `{}` in {}",
        client.url(),
        clean(&user.username),
        clean(&name),
        path.display()
    ));
    Ok(Exit::Ok)
}

fn take_token(global: &Global, args: &LoginArgs) -> Result<SecretString, Failure> {
    if args.token_stdin {
        return Ok(value::read_stdin()?.trim().into());
    }
    if let Some(token) = global.token() {
        return Ok(token.clone());
    }
    let token = value::ask_hidden(
        "Token",
        "there is no terminal to ask for the token on; use --token-stdin or FLOWCD_TOKEN",
    )?;
    Ok(token.trim().into())
}

/// The failure of a log-in, whose remedy is no other log-in.
fn refused(error: flowcd_client::Error, hint: &'static str) -> Failure {
    match error.code() {
        Some(Code::NeedLogin) => Failure::LogIn { error, hint },
        Some(Code::NotFound) => Failure::LogIn {
            error,
            hint: "the address is the one the server's own paths begin under, as in https://cd.example.com",
        },
        _ => error.into(),
    }
}

/// Makes a token with a password. The session that it takes ends here.
async fn mint(
    anonymous: &Client,
    username: &str,
    is_stdin: bool,
) -> Result<(SecretString, Option<TokenId>), Failure> {
    let password = if is_stdin {
        value::without_last_newline(value::read_stdin()?)
    } else {
        value::ask_hidden(
            &format!("Password of {}", clean(username)),
            "there is no terminal to ask for the password on; use --password-stdin",
        )?
    };
    let login = Login {
        username: username.to_owned(),
        password,
    };
    let session = anonymous
        .login(&login)
        .await
        .map_err(|error| refused(error, "try again with the right name and password"))?;
    let minted = session
        .create_token(&NewToken {
            description: "flowcd login".to_owned(),
            expiration: TOKEN_LIFE_MS,
        })
        .await;
    // The session is of no more use, whether there is a token now or not; one that stays expires by itself.
    let _ = session.logout().await;
    let minted = minted?;
    Ok((minted.cd_token.into(), Some(minted.id)))
}

fn warn_if_plain(url: &Url, printer: &Printer) {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    if url.scheme() == "http" && !is_here {
        printer.warn("without https everybody on the way can read the token");
    }
}

pub(crate) async fn logout(
    global: &Global,
    printer: &Printer,
    _args: &LogoutArgs,
) -> Result<Exit, Failure> {
    let mut profiles = Profiles::load(printer)?;
    let name = profiles.name(global.profile()).to_owned();
    let Some(profile) = profiles.profiles.remove(&name) else {
        printer.talk(&format!(
            "there is no profile `{}`; nothing to forget",
            clean(&name)
        ));
        return Ok(Exit::Ok);
    };
    if profiles.current.as_deref() == Some(&name) {
        profiles.current = None;
    }
    // The file first: a server that is away must not keep the token on this machine.
    profiles.save()?;
    if let Some(token_id) = &profile.token_id {
        let client = connect::builder(&profile.url)?
            .token(profile.token())
            .build()?;
        if let Err(error) = client.delete_token(token_id).await {
            printer.warn(&format!(
                "the token {token_id} could not be deleted on the server: {}",
                clean(&error.to_string())
            ));
        }
    }
    printer.talk(&format!("forgot profile `{}`", clean(&name)));
    Ok(Exit::Ok)
}
