//! The hook of docs/triggers.md for plain repositories, exactly as it stands there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    document::{Document, TRIGGERS},
    hook::Hooked,
    support::{Outcome, Server},
};

const PIPELINE: &str = "steps:\n  - run: echo hello\n";

/// Runs git in a folder; what it and its hooks say.
fn git(folder: &Path, args: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(args)
        .env("REMOTE_USER", "o'cat \"the\" \\ octo")
        .output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "git {args:?}: {said}");
    Ok(said)
}

/// The newest delivery, with its body.
async fn newest(server: &Server) -> Result<(Value, Value), Box<dyn std::error::Error>> {
    let listed = server.run(&["delivery", "list", "-o", "json"]).await.json();
    let id = listed[0]["id"].as_str().ok_or("a delivery")?;
    let body = server.run(&["delivery", "show", id, "--body"]).await;
    Ok((listed[0].clone(), serde_json::from_str(body.data())?))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hook_of_the_document_tells_of_every_push() -> Outcome {
    let server = Server::start().await;
    let rules = json!({
        "push": {"branches": {"precise": ["main"]}, "tags": {"prefix": ["v"]}, "paths": ["src/**"]},
    });
    let app = Hooked::new(&server, "demo", PIPELINE, &rules).await;
    let folder = server.path("hello.git");
    let bare = folder.to_str().ok_or("a path of text")?;
    app.repo.git(&["clone", "--quiet", "--bare", ".", bare]);
    git(&folder, &["config", "flowcd.url", &app.url])?;
    fs::write(folder.join("flowcd-secret"), format!("{}\n", app.secret))?;
    let hook = folder.join("hooks/post-receive");
    fs::write(&hook, Document::of(TRIGGERS).file("post-receive"))?;
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;

    let tree = app.repo.path();
    let push = |refs: &[&str]| git(tree, &[&["push", bare], refs].concat());
    fs::create_dir(tree.join("src"))?;
    let message = "Say \"h\u{e9}llo\" \\ twice\n\nand\tmore";
    let commit = app
        .repo
        .commit(&[("src/gr\u{fc}\u{df} \"dich\".txt", "hello\n")], message);
    let said = push(&["main"])?;
    assert!(
        said.contains("flowcd: refs/heads/main: branch `main` matches `main`"),
        "{said}"
    );
    let (delivery, body) = newest(&server).await?;
    assert_eq!(delivery["verdict"], "deployed");
    assert_eq!(delivery["commit"], commit.as_str());
    assert_eq!(delivery["event"]["pusher"]["name"], "o'cat \"the\" \\ octo");
    assert_eq!(
        delivery["message"],
        "Say \"h\u{e9}llo\" \\ twice\n\nandmore"
    );
    assert_eq!(
        body["commits"][0]["modified"],
        json!(["src/gr\u{fc}\u{df} \"dich\".txt"])
    );

    app.repo.commit(&[("README.md", "hello\n")], "Tell");
    let said = push(&["main"])?;
    assert!(
        said.contains("none of the 1 changed files matches `paths`"),
        "{said}"
    );
    app.repo.git(&["tag", "--annotate", "--message=one", "v1"]);
    let said = push(&["v1", "main:dev"])?;
    assert!(
        said.contains("flowcd: refs/heads/dev: Branch rules do not match"),
        "{said}"
    );
    assert!(
        said.contains("flowcd: refs/tags/v1: tag `v1` matches `v*`"),
        "{said}"
    );
    app.repo.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--message=Tell it [skip ci]",
    ]);
    let said = push(&["--force", "main"])?;
    assert!(
        said.contains("asks for no deployment: `[skip ci]`"),
        "{said}"
    );
    let (_, body) = newest(&server).await?;
    assert_eq!(body["forced"], json!(true));
    let said = push(&[":dev"])?;
    assert!(said.contains("branch `dev` was deleted"), "{said}");

    let listed = server.run(&["delivery", "list", "-o", "json"]).await.json();
    let deliveries = listed.as_array().ok_or("a list")?;
    assert_eq!(deliveries.len(), 6, "{listed}");
    for deployed in deliveries.iter().filter(|it| it["verdict"] == "deployed") {
        let task = deployed["taskIds"][0].as_str().ok_or("a task")?;
        let watched = server.run(&["watch", task]).await;
        assert_eq!(watched.code, Some(0), "{watched:?}");
    }

    fs::write(folder.join("flowcd-secret"), "another\n")?;
    app.repo.commit(&[], "Again");
    let said = push(&["main"])?;
    assert!(
        said.contains("flowcd: refs/heads/main: Verify secret error"),
        "{said}"
    );
    let listed = server.run(&["delivery", "list", "-o", "json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(6), "{listed}");
    server.stop().await;
    Ok(())
}
