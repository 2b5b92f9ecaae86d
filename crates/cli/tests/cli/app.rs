//! Applications: what is sent of the options, and what is said of the webhook.

use serde_json::{Value, json};

use crate::{
    Outcome, flowcd_at,
    lists::application,
    run,
    stand_in::{Answer, Request, StandIn, data},
};

fn serve(webhook: Value) -> impl Fn(usize, &Request) -> Answer + Send + Sync + 'static {
    move |_, request| match request.target.split('?').next().unwrap_or_default() {
        "/api/flow/application/create" => data(&json!({
            "id": "app00001", "webhookSecret": "s3cret", "webhook": webhook,
        })),
        "/api/flow/application/update" => data(&json!({})),
        _ => {
            let mut application = application("app00001");
            application["webhook"] = webhook.clone();
            application["poll_seconds"] = json!(300);
            application["polled_time"] = json!(0);
            application["poll_problem"] = json!("the repository is gone");
            application["fork_secrets"] = json!(true);
            data(&application)
        }
    }
}

fn not_installed() -> Value {
    json!({"url": "https://cd.example.com/api/hooks/app00001", "isInstalled": false})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_application_says_what_to_install() -> Outcome {
    let stand_in = StandIn::start(serve(not_installed())).await?;
    let args = [
        "app",
        "create",
        "--repo-url",
        "https://github.com/octocat/hello.git",
        "--no-webhook",
        "--fork-secrets",
        "--poll-interval",
        "5m",
        "--trigger-spec",
        "-",
    ];
    let ended = run(flowcd_at(&stand_in.url).args(args).write_stdin(
        "github:\n  push:\n    tags: {prefix: [v]}\n  pull_request: {types: [opened]}\n",
    ))?;
    insta::assert_snapshot!(ended.stdout, @r"
    id:              app00001
    webhook secret:  s3cret
    webhook URL:     https://cd.example.com/api/hooks/app00001
    webhook:         not installed
    ");
    insta::assert_snapshot!(ended.stderr, @r"
    to deploy what is pushed, add a webhook at the repository: its URL; the secret; the content type application/json; the events: tag push, pull request
    the webhook's secret is not shown again; deploy with `flowcd deploy octocat/hello --ref BRANCH --follow`
    ");
    let sent: Value = serde_json::from_str(&stand_in.requests()[0].body)?;
    assert_eq!(sent["install_webhook"], json!(false));
    assert_eq!(sent["fork_secrets"], json!(true));
    assert_eq!(sent["poll_seconds"], json!(300));
    assert_eq!(
        sent["trigger_spec"]["github"]["push"],
        json!({"tags": {"prefix": ["v"]}})
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_application_is_shown_with_its_webhook_and_its_polls() -> Outcome {
    let stand_in = StandIn::start(serve(not_installed())).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "show", "app00001"]))?;
    insta::assert_snapshot!(ended.stdout, @r"
    id:             app00001
    repository:     octocat/hello
    provider:       github
    url:            https://github.com/octocat/hello.git
    repository id:  1
    secrets:        OLD_KEY
    fork secrets:   pull requests from forks run with the secrets
    webhook:        not installed
    webhook URL:    https://cd.example.com/api/hooks/app00001
    polling:        every 5m, last 1970-01-01
    poll problem:   the repository is gone
    latest task:    task0000 (failure, 01234567)
    created:        1970-01-01T00:00:00Z (1970-01-01)
    updated:        1970-01-01T00:00:00Z (1970-01-01)
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_webhook_that_was_asked_for_and_is_not_there_is_4() -> Outcome {
    let installed = json!({"url": "https://cd.example.com/api/hooks/app00001", "isInstalled": true, "hookId": "12"});
    let refused = json!({
        "url": "https://cd.example.com/api/hooks/app00001", "isInstalled": false, "problem": "the token may not",
    });
    for (webhook, code, text) in [
        (installed, 0, "the webhook is installed as 12"),
        (
            refused,
            4,
            "the webhook is not installed: the token may not",
        ),
    ] {
        let stand_in = StandIn::start(serve(webhook)).await?;
        let args = [
            "app",
            "update",
            "app00001",
            "--install-webhook",
            "--fork-secrets=false",
            "--poll-interval=off",
        ];
        let ended = run(flowcd_at(&stand_in.url).args(args))?;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.contains(text), "{ended:?}");
        let sent: Value = serde_json::from_str(&stand_in.requests()[1].body)?;
        assert_eq!(
            sent,
            json!({"appId": "app00001", "fork_secrets": false, "poll_seconds": 0, "install_webhook": true})
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn options_that_make_no_sense_are_2() -> Outcome {
    let stand_in = StandIn::start(serve(not_installed())).await?;
    for (option, text) in [
        ("--poll-interval=5s", "30s to 24h"),
        ("--poll-interval=often", "30s to 24h"),
        ("--fork-secrets=maybe", "invalid value"),
    ] {
        let ended = run(flowcd_at(&stand_in.url).args(["app", "update", "app00001", option]))?;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(text), "{ended:?}");
    }
    assert!(stand_in.requests().is_empty());
    Ok(())
}
