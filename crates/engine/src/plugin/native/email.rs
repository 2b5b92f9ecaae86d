//! The send-email plugin: one mail over SMTP. A mail that is not taken fails the step.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use serde_json::{Map, Value, json};

use super::{Done, NotDone};
use crate::{
    log::StepLog,
    plugin::{Call, input::Inputs},
};

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most people that one mail goes to.
const MAX_RECIPIENTS: usize = 200;

/// Servers of services that people name instead of a host: host and port, all of them with TLS from the beginning.
const SERVICES: [(&str, &str, u16); 8] = [
    ("163", "smtp.163.com", 465),
    ("126", "smtp.126.com", 465),
    ("qq", "smtp.qq.com", 465),
    ("qqex", "smtp.exmail.qq.com", 465),
    ("gmail", "smtp.gmail.com", 465),
    ("yahoo", "smtp.mail.yahoo.com", 465),
    ("aliyun", "smtp.aliyun.com", 465),
    ("alibaba", "smtp.mxhichina.com", 465),
];

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Protection {
    /// TLS from the beginning.
    Tls,
    /// TLS after a greeting; no TLS, no mail.
    StartTls,
    /// TLS after a greeting where the server offers it.
    Opportunistic,
    /// None.
    Plain,
}

/// Where mail is handed in.
struct Server {
    host: String,
    port: u16,
    protection: Protection,
    user: Option<(String, String)>,
}

/// Runs it.
pub(super) async fn run(call: &Call<'_>, log: &mut StepLog) -> Result<Done, NotDone> {
    let inputs = Inputs(&call.inputs);
    let mapping = |name: &'static str| match inputs.object(&[name]) {
        Ok(Some(map)) => Ok(map),
        Ok(None) => Err(format!("the input `{name}` is missing")),
        Err(error) => Err(error),
    };
    let mail = mapping("mail")?;
    let message = message(mail)?;
    let server = Server::read(mapping("config")?, Inputs(mail).text(&["from"])?)?;
    let n_recipients = message.envelope().to().len();
    let (host, port) = (server.host.clone(), server.port);
    log.line(&format!(
        "Sending a mail to {n_recipients} recipients over {host}:{port}"
    ))
    .await;
    // The password decided on TLS here, and nobody asked for it: what to write instead is not obvious.
    let hint = match (&server.user, server.protection) {
        (Some(_), Protection::StartTls) => {
            " (a password goes over TLS alone, unless `config.ignoreTLS` is true)"
        }
        _ => "",
    };
    let transport = server.transport()?;
    let response = transport
        .send(message)
        .await
        .map_err(|error| format!("the mail was not sent: {}{hint}", told(&error)))?;
    if !response.is_positive() {
        return Err(format!("the mail was not sent: {}", response.code()).into());
    }
    log.line("The mail was taken").await;
    let outputs = Map::from_iter([
        ("status".to_owned(), Value::from("success")),
        ("data".to_owned(), json!({})),
    ]);
    Ok(Done {
        outputs,
        state: None,
    })
}

impl Server {
    fn read(config: &Map<String, Value>, from: Option<String>) -> Result<Self, String> {
        let config = Inputs(config);
        let service = config
            .text(&["service"])?
            .map(|name| {
                service_of(&name).ok_or_else(|| {
                    format!("the mail service `{name}` is not known; give its `host` and `port`")
                })
            })
            .transpose()?;
        let host = config.text(&["host"])?;
        let host = match (host, service) {
            (Some(host), _) => host,
            (None, Some((host, _))) => host.to_owned(),
            (None, None) => return Err("the input `config.host` is missing".to_owned()),
        };
        let is_secure = config.boolean(&["secure"])?;
        let port = match config.text(&["port"])? {
            Some(port) => Some(
                port.parse()
                    .map_err(|_| "the input `config.port` is no port".to_owned())?,
            ),
            None => service.map(|(_, port)| port),
        };
        let port: u16 = port.unwrap_or(match is_secure {
            Some(true) => 465,
            _ => 587,
        });
        let password = config.text(&["pass", "password"])?;
        let user = config.text(&["user"])?.or_else(|| {
            let mailbox: Option<Mailbox> = from.and_then(|from| from.parse().ok());
            mailbox.map(|mailbox| mailbox.email.to_string())
        });
        let wants_tls = config.boolean(&["requireTLS"])? == Some(true);
        let ignores_tls = config.boolean(&["ignoreTLS"])? == Some(true);
        let protection = match (is_secure, port) {
            (Some(true), _) | (None, 465) => Protection::Tls,
            _ if ignores_tls => Protection::Plain,
            (_, 587) => Protection::StartTls,
            // Whoever stands between could take the offer of TLS away, and read the password.
            _ if wants_tls || password.is_some() => Protection::StartTls,
            _ => Protection::Opportunistic,
        };
        Ok(Self {
            host,
            port,
            protection,
            user: user.zip(password),
        })
    }

    fn transport(self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let tls = || {
            TlsParameters::new(self.host.clone())
                .map_err(|error| format!("cannot set up TLS for `{}`: {error}", self.host))
        };
        let tls = match self.protection {
            Protection::Tls => Tls::Wrapper(tls()?),
            Protection::StartTls => Tls::Required(tls()?),
            Protection::Opportunistic => Tls::Opportunistic(tls()?),
            Protection::Plain => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = self.user {
            builder = builder.credentials(Credentials::new(name, password));
        }
        Ok(builder.build())
    }
}

fn service_of(name: &str) -> Option<(&'static str, u16)> {
    SERVICES
        .iter()
        .find(|(known, _, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, host, port)| (*host, *port))
}

/// The mail, with its text, its HTML, or both as alternatives.
fn message(mail: &Map<String, Value>) -> Result<Message, String> {
    let mail = Inputs(mail);
    let from = mail
        .text(&["from"])?
        .ok_or("the input `mail.from` is missing")?;
    let mut builder = Message::builder()
        .from(mailbox("from", &from)?)
        .subject(mail.text(&["subject"])?.unwrap_or_default());
    let mut n_recipients = 0;
    for name in ["to", "cc", "bcc"] {
        for address in addresses(&mail, name)? {
            let address = mailbox(name, &address)?;
            n_recipients += 1;
            builder = match name {
                "to" => builder.to(address),
                "cc" => builder.cc(address),
                _ => builder.bcc(address),
            };
        }
    }
    if let Some(address) = mail.text(&["replyTo", "reply-to"])? {
        builder = builder.reply_to(mailbox("replyTo", &address)?);
    }
    if n_recipients == 0 {
        return Err("the input `mail.to` is missing".to_owned());
    }
    if n_recipients > MAX_RECIPIENTS {
        return Err(format!(
            "a mail goes to {MAX_RECIPIENTS} recipients at most"
        ));
    }
    let html = mail.text(&["html"])?;
    let text = mail.text(&["text"])?;
    let built = match (text, html) {
        (Some(text), Some(html)) => {
            builder.multipart(MultiPart::alternative_plain_html(text, html))
        }
        (None, Some(html)) => builder.singlepart(SinglePart::html(html)),
        (text, None) => builder
            .header(ContentType::TEXT_PLAIN)
            .body(text.unwrap_or_default()),
    };
    built.map_err(|error| format!("cannot write the mail: {error}"))
}

/// A list, or one text with commas.
fn addresses(mail: &Inputs<'_>, name: &str) -> Result<Vec<String>, String> {
    let lines = mail.list(&[name])?;
    let is_list = matches!(mail.get(&[name]), Some(Value::Array(_)));
    if is_list {
        return Ok(lines);
    }
    Ok(lines
        .iter()
        .flat_map(|line| line.split([',', ';']))
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(str::to_owned)
        .collect())
}

fn mailbox(name: &str, text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| {
        format!(
            "`{}` in the input `mail.{name}` is no mail address",
            text.escape_debug()
        )
    })
}

/// What went wrong, with what is behind it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
