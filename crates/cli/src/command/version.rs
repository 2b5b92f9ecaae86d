//! `flowcd version`.

use flowcd_model::system::Version;
use serde::Serialize;

use crate::{
    args::Global,
    connect,
    exit::Exit,
    failure::Failure,
    output::{Printer, clean},
};

#[derive(Serialize)]
struct Versions {
    client: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Version>,
}

/// Prints this program's version, and the server's where one is known. A server that is away is no failure of this.
pub(crate) async fn print(global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let mut versions = Versions {
        client: env!("CARGO_PKG_VERSION"),
        server: None,
    };
    if let Some(client) = connect::anonymous_client(global, printer)? {
        match client.get_version().await {
            Ok(version) => versions.server = Some(version),
            Err(error) => printer.warn(&clean(&error.to_string())),
        }
    }
    printer.data(&versions, || {
        let mut text = format!("flowcd {}\n", versions.client);
        if let Some(server) = &versions.server {
            text.push_str(&format!(
                "server {} ({})\n",
                clean(&server.version),
                clean(&server.commit)
            ));
        }
        text
    })?;
    Ok(Exit::Ok)
}
