//! The ding-talk plugin: a message to a chat's webhook. Other chats' webhooks are known, too, and any other address
//! takes plain JSON.
//!
//! The address of such a webhook holds a token. It is in no log and no error; only its host is.

mod message;

use std::{error::Error as _, sync::OnceLock, time::Duration};

use serde_json::{Map, Value};
use url::Url;

use super::{Done, NotDone};
use crate::{
    git::is_forbidden_host,
    log::StepLog,
    plugin::{Call, input::Inputs},
};

use self::message::{Chat, Request};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What of an answer is told, in characters.
const MAX_TOLD_CHARS: usize = 300;

/// Runs it.
pub(super) async fn run(call: &Call<'_>, log: &mut StepLog) -> Result<Done, NotDone> {
    let inputs = Inputs(&call.inputs);
    let webhook = inputs.required(&["webhook"])?;
    let webhook = parse(&webhook)?;
    let host = webhook.host_str().unwrap_or_default().to_owned();
    let chat = match inputs.text(&["type"])? {
        Some(name) => Chat::of_name(&name)?,
        None => Chat::of_host(&host),
    };
    let request = Request::new(chat, &inputs, webhook)?;
    log.line(&format!("Sending a message to {chat} at {host}"))
        .await;
    let (status, answer) = post(request)
        .await
        .map_err(|error| format!("cannot send the message to {host}: {error}"))?;
    if !(200..300).contains(&status) {
        let answer = told(&log.masked(&String::from_utf8_lossy(&answer)));
        return Err(format!("{host} refused the message with status {status}: {answer}").into());
    }
    if let Some(error) = chat.error_of(&answer) {
        let error = told(&log.masked(&error));
        return Err(format!("{host} refused the message: {error}").into());
    }
    log.line("The message was taken").await;
    Ok(Done {
        outputs: Map::from_iter([("status".to_owned(), Value::from("success"))]),
        state: None,
    })
}

fn parse(webhook: &str) -> Result<Url, String> {
    // The address is not repeated: it is a secret.
    let url = Url::parse(webhook).map_err(|_| "the input `webhook` is no address".to_owned())?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err("the input `webhook` is no address over http or https".to_owned());
    }
    if url.host().is_some_and(is_forbidden_host) {
        return Err(
            "the webhook's host is a link-local or metadata address, which is not allowed"
                .to_owned(),
        );
    }
    Ok(url)
}

async fn post(request: Request) -> Result<(u16, Vec<u8>), String> {
    let scrubbed = |error: reqwest::Error| {
        let error = error.without_url();
        match error.source() {
            // The last cause says it; the ones between say "error trying to connect".
            Some(source) => deepest(source),
            None => error.to_string(),
        }
    };
    let mut response = client()?
        .post(request.url)
        .json(&request.body)
        .send()
        .await
        .map_err(scrubbed)?;
    let mut answer = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(scrubbed)? {
        answer.extend_from_slice(&bytes);
        if answer.len() > MAX_ANSWER_BYTES {
            answer.truncate(MAX_ANSWER_BYTES);
            break;
        }
    }
    Ok((response.status().as_u16(), answer))
}

fn deepest(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => deepest(source),
        None => error.to_string(),
    }
}

/// One client for all runs: it knows the system's certificates, which take a while to be read.
fn client() -> Result<&'static reqwest::Client, String> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails when somebody else was faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // A redirect would take the message, and the token in the address, to somebody else.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("flowcd/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("cannot set up HTTP: {error}"))?;
    Ok(CLIENT.get_or_init(|| client))
}

/// An answer for people: one line, and not too long.
fn told(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TOLD_CHARS)
        .collect()
}
