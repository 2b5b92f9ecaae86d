//! Tokens.

use flowcd_model::{
    envelope::Empty,
    id::TokenId,
    token::{MintedToken, NewToken, Token, TokenList, TokenPatch, TokenRef},
};
use reqwest::Method;

use crate::{Client, Error};

impl Client {
    /// The caller's tokens, newest first, without their values.
    pub async fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        let call = self.call("list_tokens", Method::GET, "/api/tokens/list");
        let list: TokenList = self.fetch(&call).await?;
        Ok(list.result)
    }

    /// Makes a token. The answer holds its value, which is not shown again.
    pub async fn create_token(&self, new: &NewToken) -> Result<MintedToken, Error> {
        let call = self.post("create_token", "/api/tokens/create", new);
        self.fetch(&call).await
    }

    /// Changes when a token expires.
    pub async fn update_token(&self, patch: &TokenPatch) -> Result<(), Error> {
        let call = self.post("update_token", "/api/tokens/update", patch);
        self.fetch::<Empty>(&call).await.map(drop)
    }

    /// Deletes a token, which ends its use at once.
    pub async fn delete_token(&self, token_id: &TokenId) -> Result<(), Error> {
        let body = TokenRef {
            id: token_id.clone(),
        };
        let call = self.post("delete_token", "/api/tokens/delete", &body);
        self.fetch::<Empty>(&call).await.map(drop)
    }
}
