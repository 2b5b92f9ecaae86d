//! `auth/account/login`, `user/..` and `users/..`

use actix_web::{HttpRequest, HttpResponse, get, post, web::Data};
use flowcd_model::{
    envelope::{Empty, Reply},
    user::{
        LoggedIn, Login, Nested, NewProviderToken, NewUser, PasswordChange, User, UserInfo,
        UserList, UserPatch, UserSecrets, UserSecretsPatch,
    },
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

/// Change your password
///
/// With a token as in a session, you must know the present one: 422 with the `field` `oldPassword` says that you do
/// not. Your other sessions end, and the one that asks stays; tokens stay, too. After too many attempts, here or at the
/// login, the answer is 429, with a `Retry-After`.
#[utoipa::path(
    tag = "user",
    request_body(content = PasswordChange, example = json!({
        "oldPassword": "correct horse battery staple", "newPassword": "wrong zebra charger clip"
    })),
    responses((
        status = 200,
        description = "It was changed.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/user/changePassword")]
pub(crate) async fn change_password(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    body: Body<PasswordChange>,
) -> Result<HttpResponse> {
    let address = client_address(&request, &state.config);
    service::user::change_password(&state, &caller, address, body.value).await?;
    Ok(done())
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
            "id": "lam3k2o9c0ffee00", "username": "admin", "isAdmin": true, "isAuth": true, "github_name": "octocat",
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

/// List all users
///
/// By name, for administrators.
#[utoipa::path(
    tag = "users",
    responses((
        status = 200,
        description = "The users.",
        body = Reply<UserList>,
        example = json!({"success": true, "data": {"result": [
            {
                "id": "lam3k2o9c0ffee00", "username": "admin", "isAdmin": true, "isDisabled": false,
                "created_time": 1668765432123_i64, "updated_time": 1668765432123_i64
            },
            {
                "id": "lam3k31bcafe0123", "username": "alice", "isAdmin": false, "isDisabled": false,
                "created_time": 1668765440000_i64, "updated_time": 1668765440000_i64
            }
        ]}})
    ))
)]
#[get("/users/list")]
pub(crate) async fn list_users(state: Data<AppState>, caller: Caller) -> Result<HttpResponse> {
    let result = service::user::admin::list_users(&state, &caller).await?;
    Ok(reply(UserList { result }))
}

/// Make a user
///
/// For administrators. The user logs in with this password, and changes it by `POST user/changePassword`.
#[utoipa::path(
    tag = "users",
    request_body(content = NewUser, example = json!({
        "username": "alice", "password": "correct horse battery staple", "isAdmin": false
    })),
    responses((
        status = 200,
        description = "The user was made.",
        body = Reply<User>,
        example = json!({"success": true, "data": {
            "id": "lam3k31bcafe0123", "username": "alice", "isAdmin": false, "isDisabled": false,
            "created_time": 1668765440000_i64, "updated_time": 1668765440000_i64
        }})
    ))
)]
#[post("/users/create")]
pub(crate) async fn create_user(
    state: Data<AppState>,
    caller: Caller,
    body: Body<NewUser>,
) -> Result<HttpResponse> {
    let user = service::user::admin::create_user(&state, &caller, body.value).await?;
    Ok(reply(user))
}

/// Change a user
///
/// For administrators. What is absent stays. A new password ends the user's sessions and leaves his tokens; one who is
/// disabled has neither at once. You cannot disable or demote yourself or set your own password here, and 409 says that
/// no administrator who may log in would be left.
#[utoipa::path(
    tag = "users",
    request_body(content = UserPatch, example = json!({"id": "lam3k31bcafe0123", "isDisabled": true})),
    responses((
        status = 200,
        description = "The user was changed.",
        body = Reply<Empty>,
        example = json!({"success": true, "data": {}})
    ))
)]
#[post("/users/update")]
pub(crate) async fn update_user(
    state: Data<AppState>,
    caller: Caller,
    body: Body<UserPatch>,
) -> Result<HttpResponse> {
    service::user::admin::update_user(&state, &caller, body.value).await?;
    Ok(done())
}
