//! Deliveries: from a signed webhook to what is shown of it, and again.

use serde_json::{Value, json};

use crate::{
    hook::Hooked,
    support::{Outcome, Server, end_with_input},
};

const PIPELINE: &str = "steps:\n  - run: echo \"by ${{ git.event_name }}\"\n";

fn rules() -> Value {
    json!({"push": {"branches": {"precise": ["main"], "exclude": ["dev*"]}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_listed_shown_and_replayed() -> Outcome {
    let server = Server::start().await;
    let app = Hooked::new(&server, "demo", PIPELINE, &rules()).await;
    let sent = app.send("push", "one", &app.push("refs/heads/main")).await;
    let task = sent["data"]["taskId"].as_str().ok_or("a task")?;
    let delivery = sent["data"]["deliveryId"].as_str().ok_or("a delivery")?;
    app.send("push", "two", &app.push("refs/heads/dev")).await;
    app.send("ping", "three", &json!({"zen": "Keep it simple."}))
        .await;

    let table = server.run(&["delivery", "list"]).await;
    let lines: Vec<&str> = table.data().lines().collect();
    assert_eq!(lines.len(), 4, "{table:?}");
    for (line, parts) in [
        (lines[1], ["ping", "the host tried the webhook"]),
        (lines[2], ["skipped", "branch `dev` is excluded by `dev*`"]),
        (lines[3], [task, "branch `main` matches `main`"]),
    ] {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    let args = [
        "delivery",
        "list",
        "acme/demo",
        "--verdict",
        "skipped",
        "-o",
        "json",
    ];
    let skipped = server.run(&args).await.json();
    assert_eq!(skipped.as_array().map(Vec::len), Some(1), "{skipped}");

    let shown = server.run(&["delivery", "show", delivery]).await;
    for part in [
        "verdict:       deployed\n",
        "event:         push by octocat\n",
        "key:           one\n",
        "✓  git.push.branches  branch `main` matches `main`",
        task,
    ] {
        assert!(shown.data().contains(part), "{part:?}: {shown:?}");
    }
    let headers = server
        .run(&["delivery", "show", delivery, "--headers"])
        .await;
    assert!(
        headers.data().contains("x-hub-signature-256: ***"),
        "{headers:?}"
    );
    let body = server.run(&["delivery", "show", delivery, "--body"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(body.data())?,
        app.push("refs/heads/main")
    );

    let replayed = server
        .run(&["delivery", "replay", delivery, "--follow"])
        .await;
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.stdout.contains("by push\n"), "{replayed:?}");
    assert!(
        replayed.stderr.contains("verdict:   deployed"),
        "{replayed:?}"
    );
    let tasks = server.run(&["task", "list", "acme/demo"]).await;
    assert_eq!(tasks.data().lines().count(), 3, "{tasks:?}");
    assert!(
        tasks
            .data()
            .lines()
            .skip(1)
            .all(|line| line.contains("  git  ")),
        "{tasks:?}"
    );
    let task = server.run(&["task", "show", task]).await;
    for part in [
        "trigger:       git (push)\n".to_owned(),
        format!("delivery:      {delivery}\n"),
        "pusher:        octocat <octocat@example.com>\n".to_owned(),
    ] {
        assert!(task.data().contains(&part), "{part:?}: {task:?}");
    }
    let gone = server.run(&["delivery", "show", "aaaaaaaaaaaaaaaa"]).await;
    assert_eq!(gone.code, Some(5), "{gone:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_delivery_deploys_once_on_the_same_application_and_anew_on_another() -> Outcome {
    let server = Server::start().await;
    let app = Hooked::new(&server, "demo", PIPELINE, &rules()).await;
    let other = Hooked::new(&server, "other", PIPELINE, &rules()).await;
    let sent = app.send("push", "one", &app.push("refs/heads/main")).await;
    let delivery = sent["data"]["deliveryId"].as_str().ok_or("a delivery")?;
    let saved = server
        .run(&["delivery", "show", delivery, "-o", "json"])
        .await;
    let replay = async |app: &str| {
        let args = [
            "delivery", "replay", "--app", app, "--file", "-", "-o", "json",
        ];
        end_with_input(&mut server.flowcd(&args), saved.data()).await
    };
    let again = replay("acme/demo").await;
    assert!(
        again.stderr.contains("the same delivery had come before"),
        "{again:?}"
    );
    assert_eq!(again.json()["taskId"], sent["data"]["taskId"]);
    let anew = replay("acme/other").await.json();
    assert_eq!(anew["isDuplicate"], json!(false));
    assert_ne!(anew["taskId"], sent["data"]["taskId"]);

    // Both of them end before the server does.
    for delivered in [&again.json(), &anew] {
        let task = delivered["taskId"].as_str().ok_or("a task")?;
        server.run(&["watch", task]).await;
    }
    drop(other);
    server.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_from_a_file_is_taken_as_the_hosts() -> Outcome {
    let server = Server::start().await;
    let app = Hooked::new(&server, "demo", PIPELINE, &rules()).await;
    let file = server.path("payload.json");
    let file_name = file.to_str().ok_or("a path of text")?;
    std::fs::write(&file, app.push("refs/heads/dev").to_string())?;
    let args = [
        "delivery",
        "replay",
        "--app",
        &app.app_id,
        "--file",
        file_name,
    ];
    let skipped = server.run(&args).await;
    assert_eq!(skipped.code, Some(0), "{skipped:?}");
    assert!(skipped.stdout.contains("verdict:   skipped"), "{skipped:?}");
    assert!(
        skipped.stderr.contains("nothing is deployed"),
        "{skipped:?}"
    );
    let followed = server.run(&[&args[..], &["--follow"]].concat()).await;
    assert_eq!(followed.code, Some(1), "{followed:?}");

    let args = [&args[..], &["--event", "pull_request"]].concat();
    let refused = server.run(&args).await;
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (Some(4), ""),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("field: payload"), "{refused:?}");
    assert!(
        refused.stderr.contains("pull_request.number"),
        "{refused:?}"
    );

    std::fs::write(&file, app.push("refs/heads/main").to_string())?;
    let args = [
        &args[..6],
        &["--header", "X-GitHub-Delivery: once", "--follow"],
    ]
    .concat();
    for n in 0..2 {
        let ended = server.run(&args).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(
            ended.stderr.contains("had come before"),
            n == 1,
            "{ended:?}"
        );
    }
    let tasks = server
        .run(&["task", "list", "acme/demo", "-o", "json"])
        .await
        .json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(1), "{tasks}");
    server.stop().await;
    Ok(())
}
