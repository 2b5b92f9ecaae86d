//! Applications, by id and by `owner/repo`.

use crate::{
    repo::Repo,
    support::{Outcome, Server, end},
};

const PIPELINE: &str = "steps:\n  - run: echo hello\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_made_shown_changed_and_deleted() -> Outcome {
    let server = Server::start().await;
    let repo = Repo::with_pipeline(PIPELINE);
    let url = repo.url();
    let args = [
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
        "--output",
        "json",
    ];
    let created = server.run(&args).await.json();
    let id = created["id"].as_str().ok_or("an id")?.to_owned();
    assert!(created["webhookSecret"].is_string(), "{created}");

    let listed = server.run(&["app", "list"]).await;
    assert!(listed.data().contains(&id), "{listed:?}");
    for name in [id.as_str(), "acme/demo"] {
        let shown = server.run(&["app", "show", name, "--output", "json"]).await;
        assert_eq!(shown.json()["repo_url"], url.as_str());
    }
    let args = [
        "app",
        "update",
        "acme/demo",
        "--description",
        "greets",
        "--secret",
        "KEY",
    ];
    end(server.flowcd(&args).env("KEY", "hidden-value"))
        .await
        .data();
    let shown = server.run(&["app", "show", &id, "--output", "yaml"]).await;
    assert!(shown.data().contains("description: greets"), "{shown:?}");
    assert!(shown.data().contains("KEY: \"***\""), "{shown:?}");
    assert!(!shown.data().contains("hidden-value"), "{shown:?}");

    server
        .run(&["app", "delete", "acme/demo", "--yes"])
        .await
        .data();
    for name in [id.as_str(), "acme/demo"] {
        let absent = server.run(&["app", "show", name]).await;
        assert_eq!(
            (absent.code, absent.stdout.as_str()),
            (Some(5), ""),
            "{absent:?}"
        );
    }
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_application_names_what_is_wrong() -> Outcome {
    let server = Server::start().await;
    let args = [
        "app",
        "create",
        "--provider",
        "git",
        "--owner",
        "acme",
        "--repo",
        "demo",
        "--repo-url",
        "ext::sh",
    ];
    let refused = server.run(&args).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("field: repo_url"), "{refused:?}");
    assert!(refused.stderr.contains("HTTP 422"), "{refused:?}");
    server.stop().await;
    Ok(())
}
