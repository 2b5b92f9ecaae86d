//! One call: what is sent, and how the answer is read.

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use crate::{Error, IdempotencyKey, error::WireProblem};

/// How much of an answer that is not the API's is kept to show it.
const EXCERPT_CHARS: usize = 200;

/// A request before it is sent: everything that is needed to send it again.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Bytes>,
    pub(crate) accept: &'static str,
    pub(crate) key: Option<IdempotencyKey>,
    /// Whether it may be sent twice without a key, because it changes nothing.
    pub(crate) is_safe: bool,
    /// The last event a broken stream gave.
    pub(crate) last_event_id: Option<String>,
}

impl Call {
    pub(crate) fn set_query<Q: Serialize>(&mut self, query: &Q) {
        let value = serde_json::to_value(query).expect("the API's queries are flat structs");
        let fields = value
            .as_object()
            .expect("the API's queries are flat structs");
        if fields.is_empty() {
            return;
        }
        let mut pairs = self.url.query_pairs_mut();
        for (name, value) in fields {
            match value {
                serde_json::Value::String(text) => pairs.append_pair(name, text),
                other => pairs.append_pair(name, &other.to_string()),
            };
        }
    }

    pub(crate) fn keyed(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    pub(crate) fn accepting(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }
}

/// The envelope as it may come: `success` decides whether there is `data`.
#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default = "Option::default")]
    data: Option<T>,
}

pub(crate) fn decode_reply<T: DeserializeOwned>(
    operation: &'static str,
    status: StatusCode,
    body: &[u8],
) -> Result<T, Error> {
    match serde_json::from_slice::<Envelope<T>>(body) {
        Ok(Envelope {
            success: true,
            data: Some(data),
        }) => Ok(data),
        Ok(Envelope {
            success: true,
            data: None,
        }) => Err(Error::Malformed {
            operation,
            reason: "it has no data",
        }),
        Ok(Envelope { success: false, .. }) => Err(refused(operation, status, body)),
        Err(source) => Err(Error::Decode { operation, source }),
    }
}

pub(crate) fn refused(operation: &'static str, status: StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice::<WireProblem>(body) {
        Ok(problem) => Error::Api(Box::new(problem.into_api_error(operation, status.as_u16()))),
        Err(_) => Error::Foreign {
            operation,
            status: status.as_u16(),
            excerpt: excerpt(body),
        },
    }
}

pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(4 * EXCERPT_CHARS)];
    let text = String::from_utf8_lossy(start);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(EXCERPT_CHARS)
        .collect();
    text.trim().to_owned()
}
