//! What the server is attacked with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use flowcd_model::token::NewToken;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::*;

/// Sends a head and then a chunked body without end, until the server has had enough; answers the status.
async fn flood(address: &str, head: &str) -> u16 {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let head = format!("{head}\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    writer.write_all(head.as_bytes()).await.expect("sent");
    let sending = tokio::spawn(async move {
        let mut chunk = b"10000\r\n".to_vec();
        chunk.resize(chunk.len() + 0x10000, b' ');
        chunk.extend_from_slice(b"\r\n");
        while writer.write_all(&chunk).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // The connection may be reset behind the answer.
    while let Ok(n_bytes @ 1..) = reader.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..n_bytes]);
    }
    sending.await.expect("sent");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {answer:?}"))
}

on_both! {
    async fn a_body_without_end_is_refused_with_bounded_memory_whoever_sends_it(database) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let database_url = database.fresh();
        let server = Process::start(&data, database_url.as_ref(), &[]);
        let token = mint_token(&data, database_url.as_ref());
        let address = server.url.strip_prefix("http://").expect("plain http").to_owned();
        let before = server.peak_bytes();
        for (request, token, expected) in [
            ("POST /api/flow/application/create", Some(&token), 413),
            ("POST /api/flow/application/create", None, 401),
            ("POST /api/auth/account/login", None, 413),
            ("POST /api/user/userInfo", Some(&token), 413),
            ("GET /api/flow/application/list", Some(&token), 200),
            ("POST /api/nothing", None, 404),
            ("POST /healthz", None, 405),
        ] {
            let token = token.map(|token| format!("\r\ncd_token: {token}")).unwrap_or_default();
            let status = within(request, flood(&address, &format!("{request} HTTP/1.1{token}\r\ncontent-type: application/json"))).await;
            assert_eq!(status, expected, "{request}");
        }
        let grown = server.peak_bytes() - before;
        assert!(grown < 32 << 20, "{grown} bytes more");
    }
}

on_both! {
    async fn a_token_that_is_deleted_ends_the_streams_it_opened(database) {
        let server = Server::start_with(database, |config| config.runners = 0).await;
        let client = server.admin().await;
        let minted = client.create_token(&NewToken { description: String::new(), expiration: -1 }).await.expect("minted");
        let repo = Repo::with_pipeline("steps:\n  - run: echo\n");
        let app = create_app(&client, &repo).await;
        let task = dispatch(&client, &app).await;
        let url = server.url(&format!("/api/flow/task/events?taskId={task}"));
        let mut stream = http().get(url).header("cd_token", &minted.cd_token).send().await.expect("an answer");
        assert!(stream.chunk().await.expect("an event").is_some());
        client.delete_token(&minted.id).await.expect("deleted");
        within("the end of the stream", async {
            while let Ok(Some(_)) = stream.chunk().await {}
        })
        .await;
        server.stop().await;
    }
}

on_both! {
    async fn a_stranger_sends_little(database) {
        let server = Server::start(database).await;
        let login = |length: usize| http().post(server.url("/api/auth/account/login")).json(&serde_json::json!({"username": "admin", "password": "x".repeat(length)})).send();
        assert_eq!(login(4_096).await.expect("an answer").status(), 401);
        assert_eq!(login(100_000).await.expect("an answer").status(), 413);
        server.stop().await;
    }
}

/// Every source file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Secrets are compared in `auth::is_same` and nowhere else: what compares in constant time is called there alone, and
/// nothing that is named like a secret stands beside `==`.
#[test]
fn one_function_compares_secrets() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut callers = Vec::new();
    for name in ["server", "store"] {
        for path in sources(&crates.join(name).join("src")) {
            let text = fs::read_to_string(&path).expect("a source file");
            let place = path
                .strip_prefix(&crates)
                .expect("below")
                .display()
                .to_string();
            // Tests compare what they please.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in code.lines().map(str::trim) {
                if line.contains(".ct_eq(") {
                    callers.push(place.clone());
                }
                let is_compared = line.contains("expose_secret()")
                    && [" == ", " != ", ".eq(", ".ne("]
                        .iter()
                        .any(|operator| line.contains(operator));
                let is_hash_compared = [
                    "sha256 == ",
                    "sha256 != ",
                    "csrf == ",
                    "token == ",
                    "password == ",
                    "signature == ",
                ]
                .iter()
                .any(|text| line.contains(text));
                assert!(
                    !is_compared && !is_hash_compared,
                    "{place} compares a secret: {line}"
                );
            }
        }
    }
    assert_eq!(callers, ["server/src/auth.rs"]);
}
