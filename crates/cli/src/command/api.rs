//! `flowcd api`: any call, for what has no command.

use clap::Args;
use flowcd_client::Client;

use crate::{exit::Exit, failure::Failure, output::Printer, value};

/// The arguments of `flowcd api`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flowcd api GET application/list\n  flowcd api POST dispatch/cancel -d '{\"taskId\":\"..\"}'"
)]
pub(crate) struct ApiArgs {
    /// The HTTP method: GET, POST, DELETE, ..
    method: String,

    /// The path with its query: `application/list`, or `/api/flow/application/list`.
    path: String,

    /// The JSON to send; `@FILE` reads a file, `-` reads stdin.
    #[arg(short, long, value_name = "JSON")]
    data: Option<String>,
}

pub(crate) async fn run(
    client: &Client,
    printer: &Printer,
    args: &ApiArgs,
) -> Result<Exit, Failure> {
    let body = match args.data.as_deref() {
        None => None,
        Some("-") => Some(value::read_stdin()?),
        Some(data) => match data.strip_prefix('@') {
            Some(path) => Some(value::read_file(&path.into())?),
            None => Some(data.to_owned()),
        },
    };
    if let Some(body) = &body
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(body)
    {
        return Err(Failure::usage(format!("the data is not JSON: {error}")));
    }
    let method = args.method.to_ascii_uppercase();
    let response = client
        .raw(&method, &args.path, body.map(Into::into))
        .await?;
    printer.bytes(&response.body)?;
    if !response.body.ends_with(b"\n") {
        printer.bytes(b"\n")?;
    }
    Ok(Exit::Ok)
}
