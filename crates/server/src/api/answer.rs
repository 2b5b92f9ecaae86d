//! Answers that worked: the envelope, and the headers that go with it.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{self, HeaderMap},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flowcd_model::envelope::{Empty, Reply};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::extract::{Body, IdempotencyKey};
use crate::{
    error::{Error, Result},
    service::idempotency::{Answer, Once},
};

/// What a browser or a proxy may do with an answer that has an `ETag`: keep it, and ask whether it still holds.
const REVALIDATE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

/// `data` in the envelope.
pub(crate) fn reply<T: Serialize>(data: T) -> HttpResponse {
    HttpResponse::Ok().json(Reply::new(data))
}

/// The answer of an operation that has nothing to say.
pub(crate) fn done() -> HttpResponse {
    reply(Empty {})
}

/// `data` in the envelope, with a note when it comes from an earlier request.
pub(crate) fn reply_once<T: Serialize>(answer: Answer<T>) -> HttpResponse {
    match answer {
        Answer::New(data) => reply(data),
        Answer::Replayed(data) => HttpResponse::Ok()
            .insert_header(("Idempotent-Replayed", "true"))
            .json(Reply::new(data)),
    }
}

/// What is to be done once, when the request carries a key.
pub(crate) fn once<T>(
    key: IdempotencyKey,
    operation: &'static str,
    body: &Body<T>,
) -> Option<Once> {
    key.0.map(|key| Once {
        key,
        operation,
        body_sha256: body.sha256,
    })
}

/// `data` in the envelope, with a link to the next part of the list.
pub(crate) fn reply_part<T: Serialize>(
    request: &HttpRequest,
    data: T,
    next_cursor: Option<&str>,
) -> HttpResponse {
    part(request, next_cursor).json(Reply::new(data))
}

/// The same for `data` that is JSON text already.
pub(crate) fn reply_part_text(
    request: &HttpRequest,
    data: &str,
    next_cursor: Option<&str>,
) -> HttpResponse {
    let body = [r#"{"success":true,"data":"#, data, "}"].concat();
    part(request, next_cursor)
        .content_type("application/json")
        .body(body)
}

fn part(request: &HttpRequest, next_cursor: Option<&str>) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next_cursor {
        let url = next_url(request.path(), request.query_string(), cursor);
        response.insert_header((header::LINK, format!("<{url}>; rel=\"next\"")));
    }
    response
}

/// The same request with another cursor.
fn next_url(path: &str, query: &str, cursor: &str) -> String {
    let mut next = url::form_urlencoded::Serializer::new(String::new());
    let kept = url::form_urlencoded::parse(query.as_bytes());
    next.extend_pairs(kept.filter(|(name, _)| name != "cursor" && name != "currentPage"));
    next.append_pair("cursor", cursor);
    format!("{path}?{}", next.finish())
}

/// `data` in the envelope, or 304 when the asker has it already.
pub(crate) fn reply_tagged<T: Serialize>(request: &HttpRequest, data: T) -> Result<HttpResponse> {
    let body = serde_json::to_vec(&Reply::new(data)).map_err(Error::internal)?;
    let hash = Sha256::digest(&body);
    let tag = etag(&URL_SAFE_NO_PAD.encode(&hash[..16]));
    if is_known(request.headers(), &tag) {
        return Ok(not_modified(&tag));
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .insert_header(REVALIDATE)
        .content_type("application/json")
        .body(body))
}

/// A weak tag, because the same content may go out compressed or not.
pub(crate) fn etag(text: &str) -> String {
    format!("W/\"{text}\"")
}

/// 304, with the tag that holds.
pub(crate) fn not_modified(tag: &str) -> HttpResponse {
    HttpResponse::NotModified()
        .insert_header((header::ETAG, tag))
        .insert_header(REVALIDATE)
        .finish()
}

/// Marks an answer as good for as long as its tag is.
pub(crate) fn tagged(response: &mut HttpResponseBuilder, tag: &str) {
    response.insert_header((header::ETAG, tag));
    response.insert_header(REVALIDATE);
}

/// Whether `If-None-Match` has the tag, by weak comparison.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{self, HeaderMap, HeaderValue};

    use super::{etag, is_known, next_url};

    #[test]
    fn a_tag_is_known_strong_or_weak_and_among_others() {
        let tag = etag("abc");
        for (sent, is_hit) in [
            ("W/\"abc\"", true),
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"ab\"", false),
            ("abc", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(sent));
            assert_eq!(is_known(&headers, &tag), is_hit, "{sent}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }

    #[test]
    fn the_next_part_is_the_same_request_with_another_cursor() {
        assert_eq!(
            next_url("/api/task/list", "appId=a&limit=2&cursor=old", "a+b"),
            "/api/task/list?appId=a&limit=2&cursor=a%2Bb"
        );
    }
}
