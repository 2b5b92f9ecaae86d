//! Tokens: `cd_token`s, of which only a hash is kept.

use flowcd_model::{
    id::{TokenId, UserId},
    token::{MintedToken, NewToken, Token, TokenPatch},
};

use crate::{Error, Result, Store};

/// Who a token speaks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// His name.
    pub username: String,
    /// The token's row.
    pub token_id: TokenId,
}

/// What is known of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenCheck {
    /// It is good.
    Valid(Caller),
    /// It was good once.
    Expired,
    /// There is no such token, or its user is disabled.
    Unknown,
}

impl Store {
    /// Makes a token; the only time that it is shown.
    pub async fn create_token(&self, user_id: &UserId, new: NewToken) -> Result<MintedToken> {
        let _ = (user_id, new);
        Err(Error::Stopped)
    }

    /// The user's tokens, newest first.
    pub async fn list_tokens(&self, user_id: &UserId) -> Result<Vec<Token>> {
        let _ = user_id;
        Err(Error::Stopped)
    }

    /// Deletes a token of the user; whether there was one.
    pub async fn delete_token(&self, user_id: &UserId, id: &TokenId) -> Result<bool> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Changes when a token of the user expires; whether there was one.
    pub async fn update_token(&self, user_id: &UserId, patch: TokenPatch) -> Result<bool> {
        let _ = (user_id, patch);
        Err(Error::Stopped)
    }

    /// Who a token speaks for. Its last use is noted, to the minute, after this returns.
    pub async fn caller_by_token(&self, token: &str) -> Result<TokenCheck> {
        let _ = token;
        Err(Error::Stopped)
    }
}
