//! `auth/account/login` and `user/..`

use actix_web::{HttpRequest, HttpResponse, get, post, web::Data};
use flowcd_model::{
    envelope::{Empty, Reply},
    user::{LoggedIn, Login, Nested, NewProviderToken, UserInfo, UserSecrets, UserSecretsPatch},
};

use super::{
    answer::{done, reply},
    extract::{Body, IgnoredBody, MAX_STRANGERS_BODY_BYTES},
};
use crate::{
    auth::{Caller, client_address, csrf_token, removal_cookie, session_cookie},
    error::{Error, Result},
    service,
    state::AppState,
};

/// Log in
///
/// Begins a session of seven days: its cookie is in the answer's `Set-Cookie`. Whatever the session changes must carry
/// the answer's `csrfToken` as the header `X-CSRF-Token`. After too many attempts the answer is 429, with a
/// `Retry-After`.
#[utoipa::path(
    tag = "user",
    request_body(content = Login, example = json!({"username": "admin", "password": "correct horse battery staple"})),
    responses((
        status = 200,
        description = "You are in.",
        body = Reply<LoggedIn>,
        headers(("Set-Cookie" = String, description = "The session: `flowcd_session`, `HttpOnly`, `SameSite=Lax`.")),
        example = json!({"success": true, "data": {"csrfToken": "q7m3P0sYx2vN8bLrT5kWcJ1hZ9fDgA4uE6oI_RyXt-k"}})
    )),
    security(())
)]
#[post("/auth/account/login")]
pub(crate) async fn login(
    state: Data<AppState>,
    request: HttpRequest,
    body: Body<Login, MAX_STRANGERS_BODY_BYTES>,
) -> Result<HttpResponse> {
    let address = client_address(&request, &state.config);
    let cookie = service::user::login(&state, address, body.value).await?;
    let mut response = reply(LoggedIn {
        csrf_token: csrf_token(&cookie),
    });
    response
        .add_cookie(&session_cookie(&cookie, &state.config))
        .map_err(|err| Error::internal(err.to_string()))?;
    Ok(response)
}

/// Log out
///
/// Ends the session. With a token there is nothing to end, and the token stays.
#[utoipa::path(
    tag = "user",
    responses((
        status = 200,
        description = "The session is over.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/user/loginout")]
pub(crate) async fn logout(
    state: Data<AppState>,
    caller: Caller,
    _: IgnoredBody,
) -> Result<HttpResponse> {
    service::user::logout(&state, &caller).await?;
    let mut response = done();
    response
        .add_cookie(&removal_cookie(&state.config))
        .map_err(|err| Error::internal(err.to_string()))?;
    Ok(response)
}

/// Say who you are
///
/// In a session, with the `csrfToken` of the session.
#[utoipa::path(
    tag = "user",
    responses((
        status = 200,
        description = "You.",
        body = Reply<UserInfo>,
        example = json!({"success": true, "data": {
            "id": "lam3k2o9c0ffee00", "username": "admin", "isAuth": true, "github_name": "octocat",
            "providerTokens": [{"provider": "github", "origin": "https://github.com", "username": "octocat"}],
            "created_time": 1668765432123_i64, "updated_time": 1668765432123_i64
        }})
    ))
)]
#[post("/user/userInfo")]
pub(crate) async fn get_user_info(
    state: Data<AppState>,
    caller: Caller,
    _: IgnoredBody,
) -> Result<HttpResponse> {
    let info = service::user::get_user_info(&state, &caller).await?;
    Ok(reply(info))
}

/// List your own secrets
///
/// Their names; values never come out. The pipelines of all your applications see them as `secrets`.
#[utoipa::path(
    tag = "user",
    responses((
        status = 200,
        description = "The names.",
        body = Reply<UserSecrets>,
        example = json!({"success": true, "data": {"secrets": {"NPM_TOKEN": "***"}}})
    ))
)]
#[get("/user/globalSecrets")]
pub(crate) async fn list_user_secrets(
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse> {
    let secrets = service::user::list_user_secrets(&state, &caller).await?;
    Ok(reply(UserSecrets { secrets }))
}

/// Add or replace your own secrets
///
/// With `isAdd`, the new ones are laid over the present ones; without, they take their place.
#[utoipa::path(
    tag = "user",
    request_body(content = Nested<UserSecretsPatch>, example = json!({
        "data": {"secrets": {"NPM_TOKEN": "s3cret"}, "isAdd": true}
    })),
    responses((
        status = 200,
        description = "They are stored.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/user/addOrCompileSecrets")]
pub(crate) async fn update_user_secrets(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Nested<UserSecretsPatch>>,
) -> Result<HttpResponse> {
    service::user::update_user_secrets(&state, &caller, body.value.data).await?;
    Ok(done())
}

/// Store a token for a Git host
///
/// Deployments of your applications fetch from that host with it, webhooks are installed and statuses of commits
/// reported. It is sent to that host and no other, and never comes out of the API. An empty token removes the stored
/// one.
///
/// The host is asked first whether it takes the token: 422 says that it does not, 503 that it cannot be reached, and
/// nothing is stored then. `checkToken: false` stores the token unasked.
#[utoipa::path(
    tag = "user",
    request_body(content = Nested<NewProviderToken>, example = json!({
        "data": {"token": "ghp_s3cret", "provider": "github"}
    })),
    responses((
        status = 200,
        description = "It is stored, or gone.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/user/updateUserProviderToken")]
pub(crate) async fn update_provider_token(
    state: Data<AppState>,
    caller: Caller,
    body: Body<Nested<NewProviderToken>>,
) -> Result<HttpResponse> {
    service::user::update_provider_token(&state, &caller, body.value.data).await?;
    Ok(done())
}
