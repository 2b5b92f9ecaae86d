//! The console as a browser gets it: its page, its files, and what holds among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::support::*;

/// The most that the list of applications may transfer, its data included.
const MAX_LIST_BYTES: usize = 150_000;
/// A module that is longer is two.
const MAX_MODULE_LINES: usize = 320;

/// A file of the console, as it is in the source.
fn source(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("console")
}

/// The names of all files with one of the endings.
fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|it| endings.iter().any(|ending| it == *ending))
            {
                let name = path.strip_prefix(folder()).expect("below it");
                found.push(name.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// What stands between `open` and the next `close`, everywhere in a text.
fn all_between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open)
        .skip(1)
        .filter_map(|rest| rest.split_once(close).map(|(inside, _)| inside))
        .collect()
}

/// The modules that a module imports: those it needs, and those it may ask for later.
fn imports(name: &str) -> (Vec<String>, Vec<String>) {
    let text = source(name);
    let statics = all_between(&text, " from '", "'");
    let dynamic = all_between(&text, "import('", "'");
    let resolve = |path: &&str| -> String {
        let mut parts: Vec<&str> = name.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    };
    (
        statics
            .iter()
            .filter(|it| it.starts_with('.'))
            .map(resolve)
            .collect(),
        dynamic.iter().map(resolve).collect(),
    )
}

/// A module and all that it needs before it runs.
fn closure(first: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = vec![first.to_owned()];
    while let Some(name) = rest.pop() {
        if found.insert(name.clone()) {
            rest.extend(imports(&name).0);
        }
    }
    found
}

/// The texts of a language, as they stand in its file.
fn texts(language: &str) -> BTreeMap<String, String> {
    let source = source(&format!("i18n/{language}.js"));
    let lines = source.lines().filter_map(|line| {
        let (key, text) = line.strip_prefix("  '")?.split_once("': '")?;
        Some((key.to_owned(), text.strip_suffix("',")?.to_owned()))
    });
    lines.collect()
}

/// The words in braces of a text.
fn braces(text: &str) -> BTreeSet<&str> {
    all_between(text, "{", "}").into_iter().collect()
}

async fn get(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = http().get(server.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    (
        status,
        headers,
        response.bytes().await.expect("a body").to_vec(),
    )
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_load_only_what_comes_from_the_server_and_nobody_may_frame_it() {
    let server = Server::start(Database::Sqlite).await;
    for path in [
        "/",
        "/login",
        "/applications/new",
        "/applications/lam3k2o9c0ffee42",
        "/applications/lam3k2o9c0ffee42/deliveries",
        "/applications/lam3k2o9c0ffee42/deliveries/lam3k2o9c0ffee43",
        "/applications/lam3k2o9c0ffee42/settings",
        "/deployments/lam3k2o9deadbeef",
        "/settings",
        "/settings/tokens",
        "/settings/providers",
        "/settings/secrets",
        "/settings/users",
        "/settings/about",
    ] {
        let (status, headers, body) = get(&server, path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(
            header(&headers, "content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert_eq!(
            header(&headers, "content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{path}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(header(&headers, name), value, "{name} of {path}");
        }
        assert!(body.starts_with(b"<!doctype html>"), "{path}");
        let tag = header(&headers, "etag").to_owned();
        let (status, headers, body) = get(&server, path, &[("if-none-match", &tag)]).await;
        assert_eq!((status.as_u16(), body.len()), (304, 0), "{path}");
        assert_eq!(header(&headers, "etag"), tag, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_stays_a_problem_as_json() {
    let server = Server::start(Database::Sqlite).await;
    for path in [
        "/nowhere",
        "/api/nowhere",
        "/api/flow/nowhere",
        "/applications",
        "/applications/",
        "/applications/short",
        "/applications/lam3k2o9c0ffee42/nowhere",
        "/applications/..%2f..%2fetc",
        "/deployments/<script>",
        "/settings/nowhere",
        "/assets/",
        "/assets/nowhere/js/main.js",
        "/index.html",
        "/favicon.ico",
    ] {
        let (status, headers, body) = get(&server, path, &[]).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(
            header(&headers, "content-type"),
            "application/json",
            "{path}"
        );
        let problem: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(problem["code"], "NotFound", "{path}");
    }
    let (_, _, page) = get(&server, "/", &[]).await;
    let page = String::from_utf8(page).expect("UTF-8");
    let version = all_between(&page, "/assets/", "/")[0].to_owned();
    for name in ["index.html", "README.md", "js/nowhere.js", "../Cargo.toml"] {
        let (status, _, _) = get(
            &server,
            &format!("/assets/{version}/{}", name.replace('/', "%2f")),
            &[],
        )
        .await;
        assert_eq!(status, 404, "{name}");
    }
    let posted = http()
        .post(server.url("/"))
        .send()
        .await
        .expect("an answer");
    assert!(
        matches!(posted.status().as_u16(), 404 | 405),
        "{}",
        posted.status()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_for_ever_under_the_address_of_their_version() {
    let server = Server::start(Database::Sqlite).await;
    let (_, _, page) = get(&server, "/", &[]).await;
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(
        !page.contains("{version}"),
        "the version is not in the page"
    );
    let version = all_between(&page, "/assets/", "/")[0].to_owned();
    for name in files(&["js", "css", "svg"]) {
        let path = format!("/assets/{version}/{name}");
        let (status, headers, body) = get(&server, &path, &[]).await;
        assert_eq!(status, 200, "{name}");
        assert!(body == source(&name).as_bytes(), "{name}");
        let expected = match name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(header(&headers, "content-type"), expected, "{name}");
        assert_eq!(
            header(&headers, "cache-control"),
            "public, max-age=31536000, immutable",
            "{name}"
        );
        assert_eq!(
            header(&headers, "x-content-type-options"),
            "nosniff",
            "{name}"
        );
        let tag = header(&headers, "etag").to_owned();
        let (status, _, body) = get(&server, &path, &[("if-none-match", &tag)]).await;
        assert_eq!((status.as_u16(), body.len()), (304, 0), "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_applications_is_light() {
    let server = Server::start(Database::Sqlite).await;
    let (_, _, page) = get(&server, "/", &[]).await;
    let page = String::from_utf8(page).expect("UTF-8");
    let version = all_between(&page, "/assets/", "/")[0].to_owned();
    let mut names = closure("js/main.js");
    names.extend(closure("js/pages/applications.js"));
    names.insert("js/early.js".to_owned());
    names.insert("i18n/zh.js".to_owned());
    names.extend(files(&["css"]));
    names.insert("icons/sprite.svg".to_owned());
    names.insert("icons/favicon.svg".to_owned());
    let (mut plain, mut sent) = (0, 0);
    let paths = names
        .iter()
        .map(|name| format!("/assets/{version}/{name}"))
        .chain(["/".to_owned()]);
    for path in paths {
        let (_, headers, body) = get(&server, &path, &[("accept-encoding", "gzip")]).await;
        // What comes with every answer.
        let n_header_bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        sent += body.len() + n_header_bytes;
        plain += get(&server, &path, &[]).await.2.len();
    }
    assert!(
        sent < MAX_LIST_BYTES,
        "{sent} bytes are sent for {} files ({plain} plain)",
        names.len() + 1
    );
    server.stop().await;
}

#[test]
fn the_page_has_no_script_and_no_style_of_its_own() {
    let page = source("index.html");
    for script in all_between(&page, "<script", "</script>") {
        let (attributes, inside) = script.split_once('>').expect("the end of a tag");
        assert!(
            attributes.contains("src=\"/assets/{version}/"),
            "{attributes}"
        );
        assert_eq!(inside, "");
    }
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("javascript:"));
    assert!(!page.contains(" on"), "a listener in the markup");
    assert!(!page.contains("http"), "something from elsewhere");
    for name in files(&["svg"]) {
        let picture = source(&name);
        assert!(
            !picture.contains("style") && !picture.contains("<script"),
            "{name}"
        );
    }
}

#[test]
fn no_module_makes_markup_of_text() {
    for name in files(&["js"]) {
        let text = source(&name);
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "srcdoc",
        ] {
            assert!(!text.contains(word), "{name} has {word}");
        }
        let n_lines = text.lines().count();
        assert!(
            name.starts_with("i18n/") || n_lines <= MAX_MODULE_LINES,
            "{name} has {n_lines} lines"
        );
    }
}

#[test]
fn every_module_that_is_imported_is_there_and_the_page_preloads_what_it_needs() {
    for name in files(&["js"]) {
        let (statics, dynamic) = imports(&name);
        for import in statics
            .iter()
            .chain(dynamic.iter().filter(|it| !it.contains("${")))
        {
            assert!(
                folder().join(import).is_file(),
                "{name} imports {import}, which is not there"
            );
        }
    }
    let page = source("index.html");
    let preloaded: BTreeSet<_> = page
        .lines()
        .filter(|line| line.contains("modulepreload"))
        .flat_map(|line| all_between(line, "/assets/{version}/", "\""))
        .map(str::to_owned)
        .collect();
    let mut needed = closure("js/main.js");
    needed.remove("js/main.js");
    assert_eq!(preloaded, needed);
}

#[test]
fn both_languages_have_every_text_and_every_text_that_is_used_is_there() {
    let (english, chinese) = (texts("en"), texts("zh"));
    for language in ["en", "zh"] {
        let source = source(&format!("i18n/{language}.js"));
        let n_lines = source.lines().filter(|line| line.starts_with("  ")).count();
        assert_eq!(
            texts(language).len(),
            n_lines,
            "a line of {language} is no text, or stands twice"
        );
    }
    let keys = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&english), keys(&chinese));
    for (key, text) in &english {
        assert!(!text.is_empty() && !chinese[key].is_empty(), "{key}");
        assert_eq!(braces(text), braces(&chinese[key]), "{key}");
    }
    for name in files(&["js"]) {
        let text = source(&name);
        let used = ["t('", "t(\n'", "hasText('", "tNodes('"]
            .iter()
            .flat_map(|open| all_between(&text, open, "'"))
            .filter(|it| {
                it.contains('.')
                    && it
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
            });
        for key in used {
            let is_there = english.contains_key(key)
                || english.contains_key(&format!("{key}.other"))
                // Paths of modules and the like end in what no text ends in.
                || key.ends_with(".js");
            assert!(is_there, "{name} uses {key}, which is no text");
        }
    }
}
