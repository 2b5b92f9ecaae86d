//! The web console: one page, which is a client of the API like any other, and the files that it loads.
//!
//! The page finds out in the browser what to show at its path; the server only knows which paths are pages. The files
//! are compiled in, and their addresses name the hash of all of them: a browser keeps them for ever, and never mixes
//! two versions.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::{Data, Path},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use crate::{
    api::answer::{etag, is_known},
    error::{Error, Result},
};

/// The paths of the page, as patterns of the router. What is not here is no page, and answered as everything else.
pub(crate) const PAGES: &[&str] = &[
    "/",
    "/login",
    "/applications/new",
    "/applications/{app:[0-9A-Za-z]{8,64}}",
    "/applications/{app:[0-9A-Za-z]{8,64}}/{tab:deliveries|settings}",
    "/applications/{app:[0-9A-Za-z]{8,64}}/deliveries/{delivery:[0-9A-Za-z]{8,64}}",
    "/deployments/{task:[0-9A-Za-z]{8,64}}",
    "/settings",
    "/settings/{tab:tokens|providers|secrets|users|about}",
];
/// The paths of the files.
pub(crate) const ASSETS: &str = "/assets/{version}/{name:.*}";

/// What the page may load and who may show it: nothing but what comes from here, and nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What stands in the page for the version of the files.
const VERSION_MARK: &str = "{version}";
/// The page may change with every release, so the browser asks whether it has.
const REVALIDATE: &str = "no-cache";
/// A file at an address with a hash never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The files, compiled in.
#[derive(Embed)]
#[folder = "console/"]
struct Files;

/// The console, ready to be sent.
pub(crate) struct Console {
    /// The hash of all files, which is a part of their addresses.
    version: String,
    page: Bytes,
    page_tag: String,
}

impl Console {
    /// Puts the version of the files into the page.
    pub(crate) fn new() -> Self {
        let mut names: Vec<_> = Files::iter().collect();
        names.sort();
        let mut hash = Sha256::new();
        for name in names {
            if let Some(file) = Files::get(&name) {
                hash.update(name.as_bytes());
                hash.update([0]);
                hash.update(file.metadata.sha256_hash());
            }
        }
        let version = short(&hash.finalize());
        let page = Files::get("index.html").expect("the page is compiled in");
        let page = String::from_utf8_lossy(&page.data).replace(VERSION_MARK, &version);
        Self {
            page_tag: etag(&short(&Sha256::digest(&page))),
            page: page.into(),
            version,
        }
    }
}

/// A hash, as far as it is needed to tell versions apart.
fn short(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&hash[..12])
}

/// The page.
pub(crate) async fn get_page(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let page = console.page.clone();
    let mut response = kept(&request, &console.page_tag, REVALIDATE, page);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// A file of the page.
pub(crate) async fn get_asset(
    request: HttpRequest,
    console: Data<Console>,
    path: Path<(String, String)>,
) -> Result<HttpResponse> {
    let (version, name) = path.into_inner();
    let found = media_type(&name)
        .filter(|_| version == console.version)
        .and_then(|media_type| Some((media_type, Files::get(&name)?)));
    let Some((media_type, file)) = found else {
        return Err(Error::not_found(
            "this version of the console has no such file; load the page again",
        ));
    };
    let tag = etag(&short(&file.metadata.sha256_hash()));
    let body = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    };
    let mut response = kept(&request, &tag, FOR_EVER, body);
    let media_type = HeaderValue::from_static(media_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}

/// The media types of what is served as a file; nothing else is.
fn media_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// An answer that the browser may keep: 304 when it has it already.
fn kept(request: &HttpRequest, tag: &str, cache: &'static str, body: Bytes) -> HttpResponse {
    let is_known = is_known(request.headers(), tag);
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, cache));
    if is_known {
        response.finish()
    } else {
        response.body(body)
    }
}
