//! Who asks: by token or by session.
//!
//! [`authenticate`] stands before the whole API, before a body is read, and lets only a few operations through without
//! an answer to that question. Handlers take the [`Caller`]; what he may do is the services' business.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    cookie::{Cookie, SameSite},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap},
    },
    middleware::Next,
    web::Data,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flowcd_model::id::{TokenId, UserId};
use flowcd_store::TokenCheck;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::Span;

use crate::{
    config::Config,
    error::{Error, Result},
    state::AppState,
};

/// The session's cookie.
pub(crate) const COOKIE: &str = "flowcd_session";
/// How long a session lasts: as in the published API, seven days.
pub(crate) const SESSION_TTL_MS: i64 = 7 * 24 * 3_600_000;
/// The header that carries the session's second secret, which no other site can read.
const CSRF_HEADER: &str = "x-csrf-token";
/// Keeps this use of the cookie's hash apart from any other.
const CSRF_LABEL: &[u8] = b"flowcd csrf token 1\0";
/// The operations that need no caller, by the end of their path.
const OPEN_PATHS: &[&str] = &["/auth/account/login", "/common/webhookTriggered"];
/// The beginning of the paths of webhooks, which are signed instead.
const HOOKS: &str = "/hooks/";
/// The operations that only read, although they are posted: as the answer is not readable from another site, they
/// need no second secret. The first of them is where a page that was loaded anew gets it.
const READING_POSTS: &[&str] = &["/user/userInfo", "/application/list", "/trigger/explain"];

/// A user who asks for something.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user_id: UserId,
    pub(crate) credential: Credential,
}

/// What a caller has shown.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// A token, by its row.
    Token(TokenId),
    /// A session, by its cookie.
    Session(SecretString),
}

impl Caller {
    /// What the session must send as `X-CSRF-Token`; tokens need none.
    pub(crate) fn csrf_token(&self) -> Option<String> {
        match &self.credential {
            Credential::Token(_) => None,
            Credential::Session(cookie) => Some(csrf_token(cookie)),
        }
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // An operation that is not behind `authenticate` by mistake refuses everybody.
        ready(
            request
                .extensions()
                .get::<Self>()
                .cloned()
                .ok_or_else(nobody),
        )
    }
}

/// Finds the caller before anything else of the request is looked at.
pub(crate) async fn authenticate(
    state: Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_known_path = request.match_pattern().is_some();
    let is_hook = is_hook(request.path());
    let is_open = is_hook || is_one_of(OPEN_PATHS, request.path());
    let found = if is_open || !is_known_path {
        same_site(&request, &state.config)
    } else {
        match find_caller(&state, &request).await {
            Ok(caller) => {
                let span = Span::current();
                span.record("user.id", caller.user_id.as_str());
                if let Credential::Token(id) = &caller.credential {
                    span.record("token.id", id.as_str());
                }
                request.extensions_mut().insert(caller);
                Ok(())
            }
            Err(err) => Err(err),
        }
    };
    match found {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(err) => Ok(request.error_response(err)),
    }
}

/// Whether a Git host sends webhooks to `path`.
fn is_hook(path: &str) -> bool {
    let under = path
        .strip_prefix("/api/flow")
        .or_else(|| path.strip_prefix("/api"));
    under.is_some_and(|path| path.starts_with(HOOKS))
}

/// Whether `path` is one of `endings` under either of the API's two roots.
fn is_one_of(endings: &[&str], path: &str) -> bool {
    let under = path
        .strip_prefix("/api/flow")
        .or_else(|| path.strip_prefix("/api"));
    under.is_some_and(|path| endings.contains(&path))
}

async fn find_caller(state: &AppState, request: &ServiceRequest) -> Result<Caller> {
    if let Some(token) = token(request.headers())? {
        return match state.store.caller_by_token(token).await? {
            TokenCheck::Valid(caller) => Ok(Caller {
                user_id: caller.user_id,
                credential: Credential::Token(caller.token_id),
            }),
            TokenCheck::Expired => Err(Error::need_login("token 已过期 (token expired)")),
            TokenCheck::Unknown => Err(Error::need_login("token 不存在 (unknown token)")),
        };
    }
    let Some(cookie) = request.cookie(COOKIE) else {
        return Err(nobody());
    };
    let Some((user_id, _)) = state.store.session(cookie.value()).await? else {
        return Err(Error::need_login("the session has ended; log in again"));
    };
    let caller = Caller {
        user_id,
        credential: Credential::Session(SecretString::from(cookie.value())),
    };
    if !request.method().is_safe() {
        same_site(request, &state.config)?;
        if is_one_of(READING_POSTS, request.path()) {
            return Ok(caller);
        }
        let sent = request.headers().get(CSRF_HEADER).map(|it| it.as_bytes());
        let expected = caller.csrf_token().unwrap_or_default();
        if !sent.is_some_and(|sent| is_same(sent, expected.as_bytes())) {
            return Err(Error::no_permission(
                "a session must send the `csrfToken` of its log-in or of `user/userInfo` as the header \
                 `X-CSRF-Token` with every request that changes something",
            ));
        }
    }
    Ok(caller)
}

/// Whether what a caller has shown is good still: an answer that goes on for long asks again.
pub(crate) async fn is_still_good(state: &AppState, caller: &Caller) -> Result<bool> {
    match &caller.credential {
        Credential::Token(id) => Ok(state.store.is_token_good(&caller.user_id, id).await?),
        Credential::Session(cookie) => {
            let session = state.store.session(cookie.expose_secret()).await?;
            Ok(session.is_some())
        }
    }
}

fn nobody() -> Error {
    Error::need_login(
        "send a token in the header `cd_token` (or `cd-token`, or `Authorization: Bearer`), or log in",
    )
}

/// The token that was sent; an empty one counts as none, as in the published API.
fn token(headers: &HeaderMap) -> Result<Option<&str>> {
    let plain = ["cd_token", "cd-token"]
        .into_iter()
        .filter_map(|name| headers.get(name))
        .map(|value| value.as_bytes().trim_ascii())
        .find(|value| !value.is_empty());
    let sent = plain.or_else(|| {
        let (scheme, value) = headers
            .get(header::AUTHORIZATION)?
            .as_bytes()
            .split_at_checked(7)?;
        let value = value.trim_ascii();
        (scheme.eq_ignore_ascii_case(b"bearer ") && !value.is_empty()).then_some(value)
    });
    match sent.map(std::str::from_utf8) {
        None => Ok(None),
        Some(Ok(token)) => Ok(Some(token)),
        Some(Err(_)) => Err(Error::need_login("token 不存在 (unknown token)")),
    }
}

/// Refuses what a browser says it sends for another site.
fn same_site(request: &ServiceRequest, config: &Config) -> Result<()> {
    let headers = request.headers();
    if request.method().is_safe() || *request.method() == Method::TRACE {
        return Ok(());
    }
    let refused = || {
        Err(Error::no_permission(
            "requests from other sites are refused",
        ))
    };
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return refused();
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).map(|it| it.as_bytes());
    if is_own_origin(origin.as_bytes(), host, config) {
        Ok(())
    } else {
        refused()
    }
}

fn is_own_origin(origin: &[u8], host: Option<&[u8]>, config: &Config) -> bool {
    match &config.base_url {
        Some(url) => origin == url.origin().ascii_serialization().as_bytes(),
        None => {
            let authority = origin
                .strip_prefix(b"http://")
                .or_else(|| origin.strip_prefix(b"https://"));
            authority.is_some() && authority == host
        }
    }
}

/// The second secret of a session, made from the first: it needs no place to be kept, and tells nothing about it.
pub(crate) fn csrf_token(cookie: &SecretString) -> String {
    let mut hash = Sha256::new();
    hash.update(CSRF_LABEL);
    hash.update(cookie.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
///
/// The only comparison of secrets in this crate.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The cookie of a session.
pub(crate) fn session_cookie(value: &SecretString, config: &Config) -> Cookie<'static> {
    Cookie::build(COOKIE, value.expose_secret().to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(config.is_https())
        .max_age(actix_web::cookie::time::Duration::milliseconds(
            SESSION_TTL_MS,
        ))
        .finish()
}

/// The cookie that ends a session in the browser.
pub(crate) fn removal_cookie(config: &Config) -> Cookie<'static> {
    let mut cookie = session_cookie(&SecretString::from(""), config);
    cookie.make_removal();
    cookie
}

/// Where a request comes from: the peer, or whom a trusted proxy names.
pub(crate) fn client_address(request: &HttpRequest, config: &Config) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let forwarded = request.headers().get_all("x-forwarded-for");
    let named = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| part.trim().parse::<IpAddr>().ok());
    Some(address_behind(peer, named, &config.trusted_proxies))
}

/// Each proxy appends whom it heard from, so the last address that is no proxy of ours is the one to believe.
fn address_behind(
    peer: IpAddr,
    named: impl Iterator<Item = Option<IpAddr>>,
    trusted: &[IpAddr],
) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let named: Vec<_> = named.collect();
    let mut address = peer;
    for step in named.into_iter().rev() {
        match step {
            Some(step) => address = step,
            None => break,
        }
        if !trusted.contains(&address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{address_behind, csrf_token, is_own_origin, is_same, token};
    use crate::config::Config;

    #[test]
    fn the_token_is_found_under_any_of_its_names() {
        let check = |sent: &[(&'static str, &'static str)], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                let name = HeaderName::from_static(name);
                headers.append(name, HeaderValue::from_static(value));
            }
            assert_eq!(token(&headers).ok().flatten(), expected, "{sent:?}");
        };
        check(&[], None);
        check(&[("cd_token", "")], None);
        check(&[("cd_token", "abc")], Some("abc"));
        check(&[("cd-token", " abc ")], Some("abc"));
        check(&[("authorization", "Bearer abc")], Some("abc"));
        check(&[("authorization", "bearer  abc")], Some("abc"));
        check(&[("authorization", "Basic abc")], None);
        check(&[("authorization", "Bearer")], None);
        check(
            &[("cd_token", ""), ("authorization", "Bearer abc")],
            Some("abc"),
        );
        check(
            &[("cd_token", "abc"), ("authorization", "Bearer x")],
            Some("abc"),
        );
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().ok();
        let behind = |peer: &str, named: &[&str]| {
            let trusted = [ip("10.0.0.1"), ip("10.0.0.2")].map(|it| it.expect("an address"));
            let peer = ip(peer).expect("an address");
            address_behind(peer, named.iter().map(|it| ip(it)), &trusted).to_string()
        };
        assert_eq!(behind("1.1.1.1", &["9.9.9.9"]), "1.1.1.1");
        assert_eq!(behind("10.0.0.1", &["9.9.9.9", "2.2.2.2"]), "2.2.2.2");
        assert_eq!(behind("10.0.0.1", &["2.2.2.2", "10.0.0.2"]), "2.2.2.2");
        assert_eq!(behind("10.0.0.1", &["junk"]), "10.0.0.1");
    }

    #[test]
    fn an_origin_is_ours_by_base_url_or_by_host() {
        let mut config = Config::new("data");
        let host = Some(b"localhost:9000".as_slice());
        assert!(is_own_origin(b"http://localhost:9000", host, &config));
        assert!(!is_own_origin(b"http://localhost:9001", host, &config));
        assert!(!is_own_origin(b"null", host, &config));
        assert!(!is_own_origin(b"http://localhost:9000", None, &config));
        config.base_url = "https://cd.example.com".parse().ok();
        assert!(is_own_origin(b"https://cd.example.com", host, &config));
        assert!(!is_own_origin(b"http://localhost:9000", host, &config));
    }

    #[test]
    fn the_csrf_token_depends_on_the_cookie_and_is_not_it() {
        let token = csrf_token(&"cookie".into());
        assert_ne!(token, csrf_token(&"cookie2".into()));
        assert!(!token.contains("cookie"));
        assert!(is_same(b"a", b"a"));
        assert!(!is_same(b"a", b"ab"));
    }
}
