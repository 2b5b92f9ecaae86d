//! What a trigger would do, asked before it happens.

use serde_json::json;

use crate::{
    hook::Hooked,
    support::{Outcome, Server, end_with_input},
};

const PIPELINE: &str = "steps:\n  - run: echo hello\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_explains_itself_without_deploying() -> Outcome {
    let server = Server::start().await;
    let rules = json!({
        "push": {"branches": {"precise": ["main"], "exclude": ["dev*"]}, "tags": {"prefix": ["v"]}},
        "pull_request": {"branches": {"precise": [{"target": "main"}]}, "template": "ci/check.yaml"},
    });
    let app = Hooked::new(&server, "demo", PIPELINE, &rules).await;
    for (git_ref, code, parts) in [
        (
            "main",
            0,
            [
                "runs:          serverless-pipeline.yaml\n",
                "✓  git.push.branches",
            ],
        ),
        (
            "refs/tags/v1.0",
            0,
            ["ref:           refs/tags/v1.0\n", "✓  git.push.tags"],
        ),
        (
            "dev-1",
            1,
            [
                "verdict:       skipped\n",
                "branch `dev-1` is excluded by `dev*`",
            ],
        ),
    ] {
        let args = ["trigger", "explain", "--app", "acme/demo", "--ref", git_ref];
        let ended = server.run(&args).await;
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(code), ""),
            "{ended:?}"
        );
        for part in parts {
            assert!(ended.stdout.contains(part), "{part:?}: {ended:?}");
        }
    }
    let repo = |name: &str| json!({"id": 1, "full_name": name});
    let body = json!({
        "action": "opened", "pull_request": {
            "number": 7, "title": "Say hello",
            "base": {"ref": "main", "repo": repo("acme/demo")},
            "head": {"ref": "topic", "sha": "1111111111111111111111111111111111111111", "repo": {"id": 2}},
        },
    });
    let args = [
        "trigger",
        "explain",
        "--app",
        "acme/demo",
        "--event",
        "pull_request",
        "--payload",
        "-",
    ];
    let forked = end_with_input(&mut server.flowcd(&args), &body.to_string()).await;
    assert_eq!(forked.code, Some(0), "{forked:?}");
    for part in [
        "pull request:  #7 Say hello (opened, `topic` of a fork into `main`)\n",
        "fork:          its code comes from a fork, and would run without secrets\n",
        "runs:          ci/check.yaml\n",
    ] {
        assert!(forked.stdout.contains(part), "{part:?}: {forked:?}");
    }

    let sent = app.send("push", "one", &app.push("refs/heads/dev-1")).await;
    let delivery = sent["data"]["deliveryId"].as_str().ok_or("a delivery")?;
    let spec = server.path("new.yaml");
    std::fs::write(&spec, "git:\n  push:\n    branches: {prefix: [dev]}\n")?;
    let spec = spec.to_str().ok_or("a path of text")?;
    let before = server
        .run(&["trigger", "explain", "--delivery", delivery])
        .await;
    assert_eq!(before.code, Some(1), "{before:?}");
    let args = [
        "trigger",
        "explain",
        "--delivery",
        delivery,
        "--trigger-spec",
        spec,
    ];
    let after = server.run(&args).await;
    assert_eq!(after.code, Some(0), "{after:?}");

    // Nothing of all this was kept.
    let listed = server.run(&["delivery", "list", "-o", "json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let tasks = server
        .run(&["task", "list", "acme/demo", "-o", "json"])
        .await;
    assert_eq!(tasks.data(), "[]");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_in_a_file_are_explained_for_every_provider() -> Outcome {
    let server = Server::start().await;
    for (provider, event) in [
        ("github", "push"),
        ("gitee", "Tag Push Hook"),
        ("gitlab", "Tag Push Hook"),
        ("codeup", "Tag Push Hook"),
        ("gitea", "push"),
        ("git", "push"),
    ] {
        let spec = json!({provider: {"events": [{"eventName": event, "filter": "body.ref == 'refs/tags/v1'"}]}});
        let explain = async |git_ref: &str| {
            let args = [
                "trigger",
                "explain",
                "--trigger-spec",
                "-",
                "--ref",
                git_ref,
            ];
            end_with_input(&mut server.flowcd(&args), &spec.to_string()).await
        };
        let deployed = explain("refs/tags/v1").await;
        assert_eq!(deployed.code, Some(0), "{provider}: {deployed:?}");
        assert!(deployed.stdout.contains("the filter holds"), "{deployed:?}");
        let skipped = explain("main").await;
        assert_eq!(skipped.code, Some(1), "{provider}: {skipped:?}");
    }
    let args = ["trigger", "explain", "--trigger-spec", "-", "--ref", "main"];
    let spec =
        json!({"git": {"events": [{"eventName": "push", "filter": "body.ref ==="}]}}).to_string();
    let refused = end_with_input(&mut server.flowcd(&args), &spec).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("field: trigger_spec.git.events[0].filter"),
        "{refused:?}"
    );
    server.stop().await;
    Ok(())
}
