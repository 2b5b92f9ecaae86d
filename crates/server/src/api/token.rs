//! `tokens/..`

use actix_web::{HttpResponse, get, post, web::Data};
use flowcd_model::{
    envelope::{Empty, Reply},
    token::{MintedToken, NewToken, TokenList, TokenPatch, TokenRef},
};

use super::{
    answer::{done, reply},
    extract::Body,
};
use crate::{auth::Caller, error::Result, service, state::AppState};

/// List your tokens
///
/// The newest first, without the tokens themselves.
#[utoipa::path(
    tag = "tokens",
    responses((
        status = 200,
        description = "The tokens.",
        body = Reply<TokenList>,
        example = json!({"success": true, "data": {"result": [{
            "id": "lam3k2o9c0ffee42", "user_id": "lam3k2o9c0ffee00", "description": "for the shop's release button",
            "expire_time": 1671357432123_i64, "active_time": null,
            "created_time": 1668765432123_i64, "updated_time": 1668765432123_i64
        }]}})
    ))
)]
#[get("/tokens/list")]
pub(crate) async fn list_tokens(state: Data<AppState>, caller: Caller) -> Result<HttpResponse> {
    let result = service::token::list_tokens(&state, &caller).await?;
    Ok(reply(TokenList { result }))
}

/// Make a token
///
/// It may do what you may, until it expires or is deleted. It is shown this once.
#[utoipa::path(
    tag = "tokens",
    request_body(content = NewToken, example = json!({
        "description": "for the shop's release button", "expiration": 2592000000_i64
    })),
    responses((
        status = 200,
        description = "It was made.",
        body = Reply<MintedToken>,
        example = json!({"success": true, "data": {
            "id": "lam3k2o9c0ffee42", "cd_token": "Vx0ZcR7kQ2nB5tYw8LsJ4hGf6DpA9mEuI1oT3rXb",
            "expire_time": 1671357432123_i64
        }})
    ))
)]
#[post("/tokens/create")]
pub(crate) async fn create_token(
    state: Data<AppState>,
    caller: Caller,
    body: Body<NewToken>,
) -> Result<HttpResponse> {
    let minted = service::token::create_token(&state, &caller, body.value).await?;
    Ok(reply(minted))
}

/// Change when a token expires
///
/// Counted from now.
#[utoipa::path(
    tag = "tokens",
    request_body(content = TokenPatch, example = json!({"id": "lam3k2o9c0ffee42", "expiration": -1})),
    responses((
        status = 200,
        description = "It was changed.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/tokens/update")]
pub(crate) async fn update_token(
    state: Data<AppState>,
    caller: Caller,
    body: Body<TokenPatch>,
) -> Result<HttpResponse> {
    service::token::update_token(&state, &caller, body.value).await?;
    Ok(done())
}

/// Delete a token
///
/// It stops working at once.
#[utoipa::path(
    tag = "tokens",
    request_body(content = TokenRef, example = json!({"id": "lam3k2o9c0ffee42"})),
    responses((
        status = 200,
        description = "It is gone.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/tokens/delete")]
pub(crate) async fn delete_token(
    state: Data<AppState>,
    caller: Caller,
    body: Body<TokenRef>,
) -> Result<HttpResponse> {
    service::token::delete_token(&state, &caller, &body.value.id).await?;
    Ok(done())
}
