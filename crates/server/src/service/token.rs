//! Tokens. Their owner makes, sees and deletes them; a token may do what its user may.

use std::time::Duration;

use flowcd_model::{
    id::TokenId,
    token::{MAX_EXPIRATION_MS, MintedToken, NewToken, Token, TokenPatch},
};
use flowcd_store::Store;
use tracing::info;

use crate::{
    auth::Caller,
    error::{Error, Result},
    service::secret::check_text,
    state::AppState,
};

const MAX_DESCRIPTION_CHARS: usize = 200;

/// The caller's tokens, without the tokens themselves.
pub(crate) async fn list_tokens(state: &AppState, caller: &Caller) -> Result<Vec<Token>> {
    Ok(state.store.list_tokens(&caller.user_id).await?)
}

/// Makes a token for the caller.
pub(crate) async fn create_token(
    state: &AppState,
    caller: &Caller,
    new: NewToken,
) -> Result<MintedToken> {
    check_text("description", &new.description, MAX_DESCRIPTION_CHARS)?;
    check_expiration(new.expiration)?;
    let minted = state.store.create_token(&caller.user_id, new).await?;
    info!(token.id = %minted.id, user.id = %caller.user_id, "Made token `{}`", minted.id);
    Ok(minted)
}

/// Changes when a token of the caller expires.
pub(crate) async fn update_token(
    state: &AppState,
    caller: &Caller,
    patch: TokenPatch,
) -> Result<()> {
    check_expiration(patch.expiration)?;
    let id = patch.id.clone();
    if state.store.update_token(&caller.user_id, patch).await? {
        Ok(())
    } else {
        Err(absent(&id))
    }
}

/// Deletes a token of the caller: it stops working at once.
pub(crate) async fn delete_token(state: &AppState, caller: &Caller, id: &TokenId) -> Result<()> {
    if state.store.delete_token(&caller.user_id, id).await? {
        info!(token.id = %id, user.id = %caller.user_id, "Deleted token `{id}`");
        Ok(())
    } else {
        Err(absent(id))
    }
}

fn absent(id: &TokenId) -> Error {
    Error::not_found(format!("当前token 不存在 (there is no token `{id}`)"))
}

fn check_expiration(expiration: i64) -> Result<()> {
    match expiration {
        -1 | 1..=MAX_EXPIRATION_MS => Ok(()),
        _ => Err(Error::invalid(
            "expiration",
            format!(
                "expected milliseconds from now, from 1 to {MAX_EXPIRATION_MS}, or -1 for never"
            ),
        )),
    }
}

/// Makes a token for the user of this name: the operator's way, beside the API.
pub async fn mint_for(
    store: &Store,
    username: &str,
    description: String,
    life: Option<Duration>,
) -> Result<MintedToken> {
    let expiration = match life {
        None => -1,
        Some(life) => i64::try_from(life.as_millis()).unwrap_or(i64::MAX),
    };
    check_text("description", &description, MAX_DESCRIPTION_CHARS)?;
    check_expiration(expiration)?;
    let user = store.user_by_name(username).await?;
    let user = user.ok_or_else(|| Error::not_found(format!("there is no user `{username}`")))?;
    if user.is_disabled {
        return Err(Error::conflict(format!("user `{username}` is disabled")));
    }
    let new = NewToken {
        description,
        expiration,
    };
    Ok(store.create_token(&user.id, new).await?)
}

#[cfg(test)]
mod tests {
    use flowcd_model::token::MAX_EXPIRATION_MS;

    use super::check_expiration;

    #[test]
    fn an_expiration_is_minus_one_or_in_the_future() {
        for expiration in [-1, 1, 86_400_000, MAX_EXPIRATION_MS] {
            assert!(check_expiration(expiration).is_ok(), "{expiration}");
        }
        for expiration in [0, -2, i64::MIN, MAX_EXPIRATION_MS + 1, i64::MAX] {
            assert!(check_expiration(expiration).is_err(), "{expiration}");
        }
    }
}
