//! How a client is set up.

use std::{sync::Arc, time::Duration};

use reqwest::{header::HeaderValue, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::{Client, Credential, Error, Inner};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits of a client's patience.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Until the head of an answer is there. A dispatch asks the Git host before it answers.
    pub(crate) request: Duration,
    /// Between two pieces of a body. A stream sends a heartbeat every 15 s, so three of them are lost by then.
    pub(crate) silence: Duration,
    /// How often a call is repeated.
    pub(crate) n_retries: u32,
    /// How often in a row a followed stream is taken up again without a sign of life.
    pub(crate) n_reconnects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(60),
            silence: Duration::from_secs(45),
            n_retries: 3,
            n_reconnects: 10,
        }
    }
}

/// Sets a [`Client`] up.
#[derive(Debug)]
pub struct ClientBuilder {
    base: Url,
    token: Option<SecretString>,
    user_agent: String,
    limits: Limits,
}

impl ClientBuilder {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            base: parse_base(url)?,
            token: None,
            user_agent: concat!("flowcd-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
        })
    }

    /// Calls with this `cd_token`. Without one the client is anonymous.
    #[must_use]
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Calls itself so towards the server.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Waits at most this long for the head of an answer; 60 s unless said.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request = timeout;
        self
    }

    /// Gives a connection up when nothing comes for so long; 45 s unless said. The server's heartbeat is 15 s.
    #[must_use]
    pub fn silence_timeout(mut self, timeout: Duration) -> Self {
        self.limits.silence = timeout;
        self
    }

    /// Repeats a call that is safe to repeat at most so often; 3 times unless said.
    #[must_use]
    pub fn retries(mut self, n_retries: u32) -> Self {
        self.limits.n_retries = n_retries;
        self
    }

    /// Tries at most so often in a row to take a broken stream up again; 10 times, which is about a minute, unless
    /// said.
    #[must_use]
    pub fn reconnects(mut self, n_reconnects: u32) -> Self {
        self.limits.n_reconnects = n_reconnects;
        self
    }

    /// Builds the client. No connection is made yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredential`] when the token cannot be sent, [`Error::SetUp`] when TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let credential = match self.token {
            Some(token) => Credential::Token(checked("token", token)?),
            None => Credential::Anonymous,
        };
        install_crypto_provider();
        let mut http = reqwest::Client::builder()
            .user_agent(self.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false);
        if is_loopback(&self.base) {
            http = http.no_proxy();
        }
        if self.base.scheme() == "http" {
            // Nothing will be verified, so a machine without certificates can do it, and the start is not held up by
            // reading them.
            http = http.tls_certs_only([]);
        }
        Ok(Client {
            inner: Arc::new(Inner {
                http: http.build().map_err(Error::SetUp)?,
                base: self.base,
                credential,
                limits: self.limits,
            }),
        })
    }
}

/// A secret that a header can carry.
pub(crate) fn checked(what: &'static str, secret: SecretString) -> Result<SecretString, Error> {
    let text = secret.expose_secret();
    if text.is_empty() || HeaderValue::from_str(text).is_err() || !text.is_ascii() {
        return Err(Error::InvalidCredential { what });
    }
    Ok(secret)
}

fn parse_base(text: &str) -> Result<Url, Error> {
    let invalid = |url: &str, reason| Error::InvalidUrl {
        url: url.to_owned(),
        reason,
    };
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        // What does not parse may still hold a password, so it is shown only where it cannot.
        Err(_) if text.contains('@') => return Err(invalid("***", "it is not a URL")),
        Err(_) => {
            return Err(invalid(
                text,
                "it is not a URL; `https://cd.example.com` would be one",
            ));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        let _ = url.set_username("");
        let _ = url.set_password(None);
        return Err(invalid(url.as_str(), "it holds a user or a password"));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid(text, "it must begin with https:// or http://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(text, "it has a query or a fragment"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// reqwest is built without a TLS provider of its own. A program that has chosen one keeps it.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::{is_loopback, parse_base};

    #[test]
    fn server_addresses_are_http_urls_without_secrets() {
        for url in [
            "http://127.0.0.1:9000",
            "https://cd.example.com/flowcd/",
            "http://[::1]:1",
        ] {
            assert!(parse_base(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "cd.example.com",
            "ftp://a",
            "file:///etc",
            "https://u:s3cret@a",
            "https://:s3cret@",
            "http://a?b",
            "http://a#b",
        ] {
            let error = parse_base(url).expect_err(url).to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn loopback_is_recognised_by_name_and_by_number() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://a.localhost", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&parse_base(url).expect(url)), expected, "{url}");
        }
    }
}
