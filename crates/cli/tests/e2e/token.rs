//! Tokens.

use crate::support::{Outcome, Server, end, flowcd};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_stands_alone_on_stdout_works_and_is_deleted() -> Outcome {
    let server = Server::start().await;
    let created = server
        .run(&["token", "create", "-d", "ci", "--expires", "1h"])
        .await;
    let token = created.data();
    assert_eq!(created.stdout, format!("{token}\n"));
    assert_eq!(
        (
            token.len(),
            token.chars().all(|c| c.is_ascii_alphanumeric())
        ),
        (40, true)
    );
    assert!(!created.stderr.contains(token), "{created:?}");

    let mut list = flowcd(&server.path("home"), &["token", "list", "--output", "json"]);
    list.env("FLOWCD_URL", server.url())
        .env("FLOWCD_TOKEN", token);
    let listed = end(&mut list).await;
    assert!(!listed.stdout.contains(token), "{listed:?}");
    let tokens = listed.json();
    let row = tokens
        .as_array()
        .ok_or("a list")?
        .iter()
        .find(|row| row["description"] == "ci");
    let id = row
        .and_then(|row| row["id"].as_str())
        .ok_or("the token's id")?;
    server.run(&["token", "delete", id]).await.data();
    assert_eq!(end(&mut list).await.code, Some(3));
    assert_eq!(server.run(&["token", "delete", id]).await.code, Some(5));
    server.stop().await;
    Ok(())
}
