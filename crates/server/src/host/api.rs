//! One account's API: how its addresses are made, what is sent with each request, how lists are read to their end.

use std::{error::Error as _, time::Duration};

use flowcd_model::application::Provider;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;
use url::Url;

use super::{
    Account, HostError, Hosts, Result,
    address::{self, ForbiddenAddress},
    answer,
};

/// How many of a list are asked for at once; hosts that give fewer say that there are more.
pub(super) const PER_PAGE: usize = 100;
const MAX_PAGES: usize = 50;
/// How long all pages of a list may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);

/// The API that an account is asked through.
#[derive(Debug)]
pub(super) struct Api {
    http: reqwest::Client,
    pub(super) provider: Provider,
    pub(super) origin: String,
    /// What all addresses begin with; ends without a slash.
    pub(super) base: Url,
    headers: HeaderMap,
    /// What must not be in an error.
    secrets: Vec<SecretString>,
}

impl Api {
    pub(super) fn new(hosts: &Hosts, account: &Account) -> Result<Self> {
        let origin = address::parse_origin(&account.origin, hosts.settings.is_http_allowed)?;
        let http = hosts.http().map_err(|err| HostError::Unreachable {
            origin: account.origin.clone(),
            reason: format!("{err:#}"),
        })?;
        Ok(Self {
            http,
            provider: account.provider,
            origin: origin.origin().ascii_serialization(),
            base: base(account.provider, origin)?,
            headers: headers(account)?,
            secrets: vec![account.token.clone()],
        })
    }

    /// Names a secret that is sent and must not be told.
    pub(super) fn hiding(mut self, secret: &SecretString) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// Whether it is the public host of its kind, rather than somebody's own.
    pub(super) fn is_public(&self) -> bool {
        self.provider.public_origin() == Some(self.origin.as_str())
    }

    /// The end that an address has, by the parts of its path. `what` is what is missing when the host has no such
    /// thing.
    pub(super) fn at(&self, segments: &[&str], what: impl ToString) -> Result<Endpoint<'_>> {
        let what = what.to_string();
        // Such a part would be left out, or lead up.
        if segments.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(HostError::NotFound {
                origin: self.origin.clone(),
                what,
            });
        }
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(Endpoint {
            api: self,
            url,
            what,
        })
    }

    /// What the host has to say, without what it must not tell.
    fn scrub(&self, message: &str) -> String {
        self.secrets
            .iter()
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .fold(message.to_owned(), |message, secret| {
                message.replace(secret, "***")
            })
    }

    fn unreachable(&self, err: reqwest::Error) -> HostError {
        let mut cause: &dyn std::error::Error = &err;
        while let Some(source) = cause.source() {
            cause = source;
        }
        if cause.is::<ForbiddenAddress>() {
            return HostError::NotAllowed {
                origin: self.origin.clone(),
                reason: address::FORBIDDEN,
            };
        }
        let reason = if err.is_timeout() {
            "it took too long".to_owned()
        } else if err.source().is_some() {
            // The last cause says it; the ones between say "error trying to connect".
            cause.to_string()
        } else {
            err.without_url().to_string()
        };
        HostError::Unreachable {
            origin: self.origin.clone(),
            reason,
        }
    }
}

/// Where an API of this kind of host is.
pub(super) fn base(provider: Provider, mut origin: Url) -> Result<Url> {
    let is_public =
        provider.public_origin() == Some(origin.origin().ascii_serialization().as_str());
    let path = match provider {
        Provider::Github if is_public => {
            return parse_base("https://api.github.com", provider);
        }
        Provider::Github => "/api/v3",
        Provider::Gitee => "/api/v5",
        Provider::Gitlab => "/api/v4",
        Provider::Codeup if is_public => {
            return parse_base("https://openapi-rdc.aliyuncs.com/oapi/v1", provider);
        }
        Provider::Codeup => "/oapi/v1",
        Provider::Gitea => "/api/v1",
        Provider::Git => {
            return Err(HostError::Unsupported {
                provider,
                what: "API",
            });
        }
    };
    origin.set_path(path);
    Ok(origin)
}

fn parse_base(text: &str, provider: Provider) -> Result<Url> {
    Url::parse(text).map_err(|_| HostError::Unsupported {
        provider,
        what: "API",
    })
}

fn headers(account: &Account) -> Result<HeaderMap> {
    let token = account.token.expose_secret();
    let (name, value) = match account.provider {
        Provider::Github | Provider::Gitee => (AUTHORIZATION, format!("Bearer {token}")),
        Provider::Gitlab => (HeaderName::from_static("private-token"), token.to_owned()),
        Provider::Codeup => (HeaderName::from_static("x-yunxiao-token"), token.to_owned()),
        Provider::Gitea | Provider::Git => (AUTHORIZATION, format!("token {token}")),
    };
    // A token that HTTP cannot send is a wrong one.
    let mut value = HeaderValue::from_str(&value).map_err(|_| HostError::Unauthorized {
        origin: account.origin.clone(),
    })?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(name, value)]);
    let accept = match account.provider {
        Provider::Github => "application/vnd.github+json",
        _ => "application/json",
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if account.provider == Provider::Github {
        headers.insert(
            HeaderName::from_static("x-github-api-version"),
            HeaderValue::from_static("2022-11-28"),
        );
    }
    Ok(headers)
}

/// An address of an API.
#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    api: &'a Api,
    url: Url,
    what: String,
}

impl Endpoint<'_> {
    /// Adds to the query.
    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    pub(super) async fn get<T: DeserializeOwned>(&self) -> Result<T> {
        let response = self.exchange(self.request(Method::GET, &self.url)).await?;
        self.read(response).await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        body: &Value,
    ) -> Result<T> {
        let response = self
            .exchange(self.request(method, &self.url).json(body))
            .await?;
        self.read(response).await
    }

    /// Sends something whose answer says nothing new.
    pub(super) async fn tell(&self, method: Method, body: &Value) -> Result<()> {
        self.exchange(self.request(method, &self.url).json(body))
            .await?;
        Ok(())
    }

    pub(super) async fn delete(&self) -> Result<()> {
        self.exchange(self.request(Method::DELETE, &self.url))
            .await?;
        Ok(())
    }

    /// All of a list, page by page, as far as the limit goes. Only numbers of pages are taken from the answers: an
    /// address in them can be wrong behind a proxy, and can be anybody's.
    pub(super) async fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        match tokio::time::timeout(LIST_TIMEOUT, self.pages()).await {
            Ok(list) => list,
            Err(_) => Err(HostError::Unreachable {
                origin: self.api.origin.clone(),
                reason: "it took too long".to_owned(),
            }),
        }
    }

    async fn pages<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let size_name = match self.api.provider {
            Provider::Gitea => "limit",
            Provider::Codeup => "perPage",
            Provider::Github | Provider::Gitee | Provider::Gitlab | Provider::Git => "per_page",
        };
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let mut url = self.url.clone();
            url.query_pairs_mut()
                .append_pair(size_name, &PER_PAGE.to_string())
                .append_pair("page", &page.to_string());
            let response = self.exchange(self.request(Method::GET, &url)).await?;
            let headers = response.headers().clone();
            let items: Vec<T> = self.read(response).await?;
            let n_items = items.len();
            all.extend(items);
            let read = answer::Read {
                page,
                n_items,
                n_all: all.len(),
            };
            if n_items == 0 || !answer::has_next_page(&headers, &read) {
                return Ok(all);
            }
        }
        warn!(
            host.origin = self.api.origin,
            "Cut a list of {} at {MAX_PAGES} pages: {}", self.api.origin, self.what
        );
        Ok(all)
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        self.api
            .http
            .request(method, url.clone())
            .headers(self.api.headers.clone())
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Response> {
        let response = request
            .send()
            .await
            .map_err(|err| self.api.unreachable(err))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.error_of(response).await)
    }

    async fn error_of(&self, response: Response) -> HostError {
        let origin = self.api.origin.clone();
        let status = response.status();
        let headers = response.headers().clone();
        if answer::is_rate_limited(status, &headers) {
            return HostError::RateLimited {
                origin,
                retry_after: answer::retry_after(&headers),
            };
        }
        match status {
            StatusCode::UNAUTHORIZED => HostError::Unauthorized { origin },
            StatusCode::NOT_FOUND | StatusCode::GONE => HostError::NotFound {
                origin,
                what: self.what.clone(),
            },
            StatusCode::REQUEST_TIMEOUT => HostError::Failed {
                origin,
                status: status.as_u16(),
            },
            StatusCode::FORBIDDEN => HostError::Forbidden {
                origin,
                message: self.message(response).await,
            },
            _ if status.is_client_error() => HostError::Refused {
                origin,
                status: status.as_u16(),
                message: self.message(response).await,
            },
            _ if status.is_redirection() => HostError::Refused {
                origin,
                status: status.as_u16(),
                message: "it leads elsewhere, which is not followed; was something renamed?"
                    .to_owned(),
            },
            _ => HostError::Failed {
                origin,
                status: status.as_u16(),
            },
        }
    }

    /// What the host says about a refusal; nothing where it cannot be read.
    async fn message(&self, response: Response) -> String {
        let status = response.status();
        let body = self.bytes(response).await.unwrap_or_default();
        let message = self.api.scrub(&answer::message(&body));
        if message.is_empty() {
            status.canonical_reason().unwrap_or_default().to_lowercase()
        } else {
            answer::cut(&message, answer::MAX_MESSAGE_CHARS)
        }
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes).map_err(|err| HostError::Malformed {
            origin: self.api.origin.clone(),
            // Only where, since the text of such an error quotes the answer.
            reason: format!(
                "{} at line {} column {}",
                if err.is_data() {
                    "another kind of value"
                } else {
                    "no JSON"
                },
                err.line(),
                err.column()
            ),
        })
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|err| self.api.unreachable(err))?
        {
            if bytes.len() + chunk.len() > answer::MAX_BYTES {
                return Err(HostError::Malformed {
                    origin: self.api.origin.clone(),
                    reason: format!("more than {} MiB", answer::MAX_BYTES >> 20),
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
