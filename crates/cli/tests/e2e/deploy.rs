//! Deploying, and the exit code that tells how it went.

use crate::support::{Gate, Outcome, Server, end, flowcd};

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_succeeds_is_0_with_its_output_on_stdout() -> Outcome {
    let server = Server::start().await;
    let repo = server
        .app(
            "demo",
            "steps:\n  - name: Greet\n    run: echo \"hello ${{ inputs.name }}\"\n",
        )
        .await;
    let args = [
        "deploy",
        "acme/demo",
        "--ref",
        "main",
        "-f",
        "name=world",
        "--follow",
    ];
    let ended = server.run(&args).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.lines().any(|line| line == "hello world"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("1 Greet"), "{ended:?}");
    assert!(
        ended.stderr.contains("the deployment succeeded"),
        "{ended:?}"
    );

    repo.git(&["tag", "v1"]);
    let args = ["deploy", "acme/demo", "--tag", "v1", "--quiet"];
    let task = server.run(&args).await.data().to_owned();
    let watched = server.run(&["watch", &task]).await;
    assert_eq!(watched.code, Some(0), "{watched:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_fails_is_1_for_deploy_and_watch() -> Outcome {
    let server = Server::start().await;
    let _repo = server
        .app(
            "demo",
            "steps:\n  - run: echo before; exit 3\n  - run: echo never\n",
        )
        .await;
    let ended = server
        .run(&["deploy", "acme/demo", "--ref", "main", "--follow"])
        .await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("before\n"), "{ended:?}");
    assert!(!ended.stdout.contains("never\n"), "{ended:?}");
    assert!(ended.stderr.contains("exit code 3"), "{ended:?}");

    let tasks = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    let task = tasks[0]["id"].as_str().ok_or("an id")?;
    let watched = server.run(&["watch", task]).await;
    assert_eq!(watched.code, Some(1), "{watched:?}");
    // Without a terminal the steps are plain lines, and data.
    let lines: Vec<&str> = watched
        .stdout
        .lines()
        .map(|line| line.split(" (").next().unwrap_or_default())
        .collect();
    assert_eq!(
        lines[..5],
        [
            "▸ 0 Set up task",
            "✓ 0 Set up task",
            "▸ 1 Run echo before; exit 3",
            "✗ 1 Run echo before; exit 3",
            "- 2 Run echo never skipped",
        ],
        "{watched:?}"
    );
    assert!(
        lines[5].starts_with("✗ the deployment failed after"),
        "{watched:?}"
    );
    assert_eq!(
        (lines.len(), watched.stderr.as_str()),
        (6, ""),
        "{watched:?}"
    );
    // Reading its log works all the same.
    assert_eq!(server.run(&["logs", "-f", task]).await.code, Some(0));
    for args in [&["logs", "-t", task][..], &["logs", "-f", "-t", task]] {
        let stamped = server.run(args).await;
        let line = stamped
            .stdout
            .lines()
            .find(|line| line.ends_with("Z before"));
        let (time, _) = line.expect("the line").split_once(' ').expect("a time");
        assert_eq!(time.len(), "2022-11-18T09:57:12.123Z".len(), "{stamped:?}");
    }
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_cancelled_is_6() -> Outcome {
    let server = Server::start().await;
    let gate = Gate::new(&server);
    let _repo = server.app("demo", &gate.pipeline()).await;
    let args = [
        "deploy",
        "acme/demo",
        "--ref",
        "main",
        "--follow",
        "--output",
        "json",
    ];
    let mut following = server.spawn(&args);
    let lines = following.until("started").await;
    let dispatched: serde_json::Value = serde_json::from_str(&lines[0])?;
    let task = dispatched["taskId"].as_str().ok_or("an id")?;
    server.run(&["cancel", task]).await.data();
    let ended = following.end().await;
    assert_eq!(ended.code, Some(6), "{ended:?}");
    let again = server.run(&["cancel", task]).await;
    assert_eq!(again.code, Some(4), "{again:?}");
    assert_eq!(server.run(&["watch", task]).await.code, Some(6));
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_waits_is_cancelled_at_once() -> Outcome {
    let server = Server::start_with_runners(1).await;
    let gate = Gate::new(&server);
    let _repo = server.app("demo", &gate.pipeline()).await;
    let deploy = ["deploy", "acme/demo", "--ref", "main", "--quiet"];
    let first = server.run(&deploy).await.data().to_owned();
    server.spawn(&["logs", "-f", &first]).until("started").await;
    let second = server.run(&deploy).await.data().to_owned();
    let mut watching = server.spawn(&["watch", &second]);
    watching.until("waiting for a runner").await;
    let logs = server.run(&["logs", &second]).await;
    assert_eq!(logs.data(), "");
    assert!(logs.stderr.contains("pending still"), "{logs:?}");
    server.run(&["cancel", &second]).await.data();
    assert_eq!(watching.end().await.code, Some(6));
    gate.open().await;
    assert_eq!(server.run(&["watch", &first]).await.code, Some(0));
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_before_has_its_own_exit_code() -> Outcome {
    let server = Server::start().await;
    let _repo = server.app("demo", "steps:\n  - run: echo hello\n").await;
    let unknown = "aaaaaaaaaaaaaaaa";
    let cases: [(&[&str], i32, &str); 9] = [
        (&["deploy", "acme/demo"], 2, "--ref"),
        (
            &["deploy", "acme/demo", "--ref", "main", "-f", "x"],
            2,
            "KEY=VALUE",
        ),
        (&["deploy", "demo", "--ref", "main"], 2, "owner/repo"),
        (
            &["deploy", "acme/demo", "--ref", "nope"],
            4,
            "has no `refs/heads/nope`",
        ),
        (&["deploy", "acme/demo", "--ref", "a..b"], 4, "field: ref"),
        (
            &["deploy", "acme/demo", "--ref", "main", "--commit", "abc"],
            4,
            "field: commitId",
        ),
        (
            &["deploy", "acme/nope", "--ref", "main"],
            5,
            "no application `acme/nope`",
        ),
        (&["deploy", unknown, "--ref", "main"], 5, "NotFound"),
        (&["redeploy", unknown], 5, "NotFound"),
    ];
    for (args, code, text) in cases {
        let ended = server.run(args).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(code), ""),
            "{args:?}: {ended:?}"
        );
        assert!(ended.stderr.contains(text), "{args:?}: {ended:?}");
    }
    let mut anonymous = flowcd(
        &server.path("home"),
        &["deploy", "acme/demo", "--ref", "main"],
    );
    let ended = end(anonymous.env("FLOWCD_URL", server.url())).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let ended = end(anonymous.env("FLOWCD_TOKEN", "unknown")).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");

    let mut commands = [
        server.flowcd(&["deploy", "acme/demo", "--ref", "main"]),
        server.flowcd(&["watch", unknown]),
        server.flowcd(&["logs", "-f", unknown]),
    ];
    server.stop().await;
    for command in &mut commands {
        let ended = end(command).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(7), ""),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("is the server running"), "{ended:?}");
    }
    Ok(())
}
