//! The same command a second time.

use crate::support::{Outcome, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_changes_nothing_or_says_why_not() -> Outcome {
    let server = Server::start().await;
    let repo = server.app("demo", "steps:\n  - run: echo hello\n").await;
    let url = repo.url();
    let create = [
        "app",
        "create",
        "--provider",
        "git",
        "--owner",
        "acme",
        "--repo",
        "demo",
        "--repo-url",
        &url,
    ];
    let again = server.run(&create).await;
    assert_eq!(again.code, Some(4), "{again:?}");
    assert!(again.stderr.contains("code: Conflict"), "{again:?}");
    let listed = server
        .run(&["app", "list", "--output", "json"])
        .await
        .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");

    let update = ["app", "update", "acme/demo", "--description", "greets"];
    for _ in 0..2 {
        server.run(&update).await.data();
    }
    // A deployment is a new one each time, of the same commit.
    let deploy = ["deploy", "acme/demo", "--ref", "main", "--follow"];
    for _ in 0..2 {
        server.run(&deploy).await.data();
    }
    let tasks = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    assert_eq!(
        (&tasks[0]["number"], &tasks[1]["number"]),
        (&2.into(), &1.into()),
        "{tasks}"
    );
    assert_eq!(tasks[0]["commit"], tasks[1]["commit"]);

    let task = tasks[0]["id"].as_str().ok_or("an id")?;
    let redeployed = server
        .run(&["redeploy", task, "--follow", "--output", "json"])
        .await;
    assert_eq!(redeployed.code, Some(0), "{redeployed:?}");
    let tasks = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    assert_eq!(tasks[0]["redelivery"], task);

    server.run(&["task", "remove", task]).await.data();
    assert_eq!(server.run(&["task", "remove", task]).await.code, Some(5));
    server
        .run(&["app", "delete", "acme/demo", "--yes"])
        .await
        .data();
    assert_eq!(
        server
            .run(&["app", "delete", "acme/demo", "--yes"])
            .await
            .code,
        Some(5)
    );
    server.stop().await;
    Ok(())
}
