//! Any call, for what has no method of its own.

use bytes::Bytes;
use reqwest::Method;

use crate::{Client, Error};

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// The HTTP status.
    pub status: u16,
    /// The header `Content-Type`, where it is text.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// Calls `method` on `path` with a JSON `body`, as this client's caller.
    ///
    /// A `path` that does not begin with `/` is one of the API: `application/list` is `/api/application/list`.
    /// Failures come as every other operation's; nothing but `GET` is repeated.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPath`] when `path` or `method` is not one; and all that the call can fail with.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<RawResponse, Error> {
        let invalid = || Error::InvalidPath {
            path: path.to_owned(),
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| invalid())?;
        // A `:` before the first `/` would be a scheme, and `//` the start of a host's name: both are other servers.
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let is_elsewhere = path.starts_with("//")
            || path
                .split('/')
                .next()
                .is_some_and(|start| start.contains(':'));
        if path.is_empty() || is_elsewhere || path.contains('#') {
            return Err(invalid());
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/api/{path}")
        };
        let mut call = self
            .call("raw", method, &path)
            .accepting("application/json, */*;q=0.5");
        call.url.set_query(query);
        call.body = body;
        let response = self.send(&call).await?;
        let content_type = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(RawResponse {
            status: response.status().as_u16(),
            content_type,
            body: self.read_body(&call, response).await?,
        })
    }
}
