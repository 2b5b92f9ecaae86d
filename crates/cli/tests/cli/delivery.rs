//! Deliveries and triggers as they are shown, and what is asked of the server for them.

use serde_json::{Value, json};

use crate::{
    Outcome, flowcd_at,
    lists::application,
    run,
    stand_in::{Answer, Request, StandIn, answer, data},
};

const BODY: &str = r#"{"ref":"refs/heads/dev","note":"\u001b[31m"}"#;

fn delivery(id: &str) -> Value {
    json!({
        "id": id, "appId": "app00001", "provider": "github", "kind": "webhook", "key": "72d3162e",
        "event": {
            "eventName": "pull_request", "pusher": {"name": "octo\u{1b}cat"},
            "pullRequest": {
                "number": 7, "title": "Say hello", "type": "opened", "sourceBranch": "topic",
                "targetBranch": "main", "isFork": true,
            },
        },
        "ref": "refs/pull/7/head", "commit": "0123456789abcdef0123456789abcdef01234567", "message": "Say hello",
        "verdict": "deployed", "reason": "`topic` into `main` matches `main`",
        "rules": [
            {"rule": "github.push", "isMatch": false, "reason": "Unsupported event type: pull_request"},
            {
                "rule": "github.pull_request", "isMatch": true, "reason": "`topic` into `main` matches `main`",
                "template": "ci/check.yaml",
            },
        ],
        "taskIds": ["task0000", "task0001"], "bodyBytes": 44, "createdTime": 0, "durationMs": 0.42,
        "headers": {"x-github-event": "pull_request", "x-hub-signature-256": "***"}, "body": BODY,
    })
}

fn skipped(id: &str) -> Value {
    let reason = "Branch rules do not match (branch `dev` is excluded by `dev*`), ".repeat(3);
    json!({
        "id": id, "appId": "app00001", "provider": "github", "kind": "poll", "key": "k",
        "event": {"eventName": "push"}, "ref": "refs/heads/dev", "verdict": "skipped", "reason": reason, "rules": [],
        "taskIds": [], "bodyBytes": 2_000_000, "createdTime": 0, "durationMs": 12.0,
    })
}

fn serve(_: usize, request: &Request) -> Answer {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    match path {
        "/api/flow/application/list" => data(&json!([application("app00001")])),
        "/api/flow/application/detail" => data(&application("app00001")),
        "/api/flow/deliveries/list" if query.contains("verdict=failed") => {
            data(&json!({"result": []}))
        }
        "/api/flow/deliveries/list" => {
            data(&json!({"result": [delivery("deli0001"), skipped("deli0002")]}))
        }
        "/api/flow/deliveries/get" if query.contains("deli0002") => data(&skipped("deli0002")),
        "/api/flow/deliveries/get" => data(&delivery("deli0001")),
        "/api/flow/deliveries/replay" => data(&json!({
            "deliveryId": "deli0003", "taskIds": [], "verdict": "skipped", "reason": "no\u{1b}", "isDuplicate": true,
        })),
        "/api/flow/trigger/explain" => data(&json!({
            "verdict": "skipped", "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)",
            "rules": [{
                "rule": "github.push.branches", "isMatch": false,
                "reason": "Branch rules do not match (branch `dev` is excluded by `dev*`)",
            }],
            "event": {"eventName": "push"}, "ref": "refs/heads/dev",
            "commit": "0000000000000000000000000000000000000001", "pipelineFiles": [], "isFork": false,
            "hasSecrets": true,
        })),
        _ => answer(404, "", b""),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn deliveries_are_listed_with_what_was_made_of_them() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["delivery", "list"]))?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout, @r"
    ID        WHEN        KIND     EVENT         REF  COMMIT    VERDICT   TASKS        REASON
    deli0001  1970-01-01  webhook  pull_request  #7   01234567  deployed  task0000 +1  `topic` into `main` matches `main`
    deli0002  1970-01-01  poll     push          dev  -         skipped   -            Branch rules do not match (branch `dev` is excluded by `dev*`), Branch rules do…
    ");
    let args = ["delivery", "list", "octocat/hello", "--verdict", "failed"];
    let ended = run(flowcd_at(&stand_in.url).args(args))?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert_eq!(ended.stderr, "no deliveries with this verdict\n");
    let ended = run(flowcd_at(&stand_in.url).args(["delivery", "list", "--verdict", "none"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(
        stand_in.requests()[3].target,
        "/api/flow/deliveries/list?appId=app00001&verdict=failed&limit=20"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_delivery_is_shown_with_every_rule() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let show = |more: &[&str]| {
        run(flowcd_at(&stand_in.url)
            .args(["delivery", "show", "deli0001"])
            .args(more))
    };
    insta::assert_snapshot!(show(&[])?.stdout, @r"
    id:            deli0001
    application:   app00001
    kind:          webhook (github)
    event:         pull_request by octo�cat
    pull request:  #7 Say hello (opened, `topic` of a fork into `main`)
    ref:           refs/pull/7/head
    commit:        0123456789abcdef0123456789abcdef01234567
    message:       Say hello
    verdict:       deployed
    tasks:         task0000, task0001
    key:           72d3162e
    body:          44 bytes
    received:      1970-01-01T00:00:00Z (1970-01-01)
    judged in:     0.4ms

       RULE                 REASON
    ✗  github.push          Unsupported event type: pull_request
    ✓  github.pull_request  `topic` into `main` matches `main` (runs `ci/check.yaml`)
    ");
    insta::assert_snapshot!(show(&["--headers"])?.stdout, @r"
    x-github-event: pull_request
    x-hub-signature-256: ***
    ");
    insta::assert_snapshot!(show(&["--body"])?.stdout, @r#"
    {
      "ref": "refs/heads/dev",
      "note": "\u001b[31m"
    }
    "#);
    let json: Value = serde_json::from_str(&show(&["--body", "-o", "json"])?.stdout)?;
    assert_eq!(json["note"], "\u{1b}[31m");
    assert_eq!(show(&["--body", "--headers"])?.code, Some(2));

    let ended = run(flowcd_at(&stand_in.url).args(["delivery", "show", "deli0002", "--body"]))?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""));
    assert!(ended.stderr.contains("2000000 bytes"), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_delivery_is_replayed_with_its_headers() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let saved = run(flowcd_at(&stand_in.url).args(["delivery", "show", "deli0001", "-o", "json"]))?;
    let args = ["delivery", "replay", "--app", "app00001", "--file", "-"];
    let ended = run(flowcd_at(&stand_in.url)
        .args(args)
        .args(["--header", "X-GitHub-Delivery: once"])
        .write_stdin(saved.stdout))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    insta::assert_snapshot!(ended.stdout, @r"
    delivery:  deli0003
    verdict:   skipped
    reason:    no�
    ");
    assert!(ended.stderr.contains("had come before"), "{ended:?}");
    let sent: Value = serde_json::from_str(&stand_in.requests()[2].body)?;
    assert_eq!(
        sent,
        json!({
            "appId": "app00001",
            "payload": {
                "headers": {
                    "x-github-event": "pull_request", "x-github-delivery": "once", "x-hub-signature-256": "***",
                },
                "body": {"ref": "refs/heads/dev", "note": "\u{1b}[31m"},
            },
        })
    );

    let ended = run(flowcd_at(&stand_in.url).args(["delivery", "replay", "deli0001", "--follow"]))?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("nothing to follow"), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ref_is_explained_without_a_payload() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let args = [
        "trigger",
        "explain",
        "--app",
        "octocat/hello",
        "--ref",
        "dev",
    ];
    let ended = run(flowcd_at(&stand_in.url).args(args))?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ended.stdout, @r"
    verdict:       skipped
    event:         push
    ref:           refs/heads/dev

       RULE                  REASON
    ✗  github.push.branches  Branch rules do not match (branch `dev` is excluded by `dev*`)
    ");
    let sent: Value = serde_json::from_str(&stand_in.requests()[1].body)?;
    assert_eq!(
        sent,
        json!({
            "appId": "app00001",
            "payload": {
                "headers": {}, "event": "push",
                "body": {"ref": "refs/heads/dev", "after": "0000000000000000000000000000000000000001"},
            },
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_asked_is_a_wrong_command_line() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let folder = tempfile::tempdir()?;
    let spec = folder.path().join("trigger.yaml");
    std::fs::write(&spec, "github: {}\ngitlab: {}\n")?;
    let spec = spec.to_str().ok_or("a path of text")?;
    let cases: [(&[&str], &str); 9] = [
        (&["trigger", "explain", "--ref", "dev"], "--app"),
        (&["trigger", "explain", "--app", "a/b"], "--ref"),
        (
            &[
                "trigger",
                "explain",
                "--app",
                "a/b",
                "--delivery",
                "deli0001",
            ],
            "cannot be used with",
        ),
        (
            &[
                "trigger", "explain", "--app", "a/b", "--ref", "x", "--event", "push",
            ],
            "cannot be used with",
        ),
        (
            &["trigger", "explain", "--trigger-spec", spec, "--ref", "x"],
            "add --provider",
        ),
        (
            &[
                "trigger",
                "explain",
                "--app",
                "octocat/hello",
                "--payload",
                "/nonexistent",
            ],
            "cannot read `/nonexistent`",
        ),
        (
            &[
                "trigger",
                "explain",
                "--app",
                "octocat/hello",
                "--payload",
                spec,
            ],
            "holds no payload",
        ),
        (&["delivery", "replay"], "--file"),
        (&["delivery", "replay", "--file", spec], "--app"),
    ];
    for (args, text) in cases {
        let ended = run(flowcd_at(&stand_in.url).args(args))?;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {ended:?}"
        );
        assert!(ended.stderr.contains(text), "{args:?}: {ended:?}");
    }
    Ok(())
}
