//! What the server says of itself, to anybody.

use flowcd_model::system::{Health, Version};
use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::{Call, Client, Credential, Error};

impl Client {
    /// Whether the server is up.
    pub async fn get_health(&self) -> Result<Health, Error> {
        self.fetch_bare(self.anonymous().call("get_health", Method::GET, "/healthz"))
            .await
    }

    /// Whether the server can work: its database answers.
    pub async fn get_readiness(&self) -> Result<Health, Error> {
        self.fetch_bare(
            self.anonymous()
                .call("get_readiness", Method::GET, "/readyz"),
        )
        .await
    }

    /// The server's version.
    pub async fn get_version(&self) -> Result<Version, Error> {
        self.fetch_bare(
            self.anonymous()
                .call("get_version", Method::GET, "/version"),
        )
        .await
    }

    fn anonymous(&self) -> Self {
        self.with_credential(Credential::Anonymous)
    }

    /// These answers are outside `/api` and come without an envelope.
    async fn fetch_bare<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let anonymous = self.anonymous();
        let response = anonymous.send(&call).await?;
        let body = anonymous.read_body(&call, response).await?;
        serde_json::from_slice(&body).map_err(|source| Error::Decode {
            operation: call.operation,
            source,
        })
    }
}
