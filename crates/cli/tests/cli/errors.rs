//! What goes wrong, and the exit codes.

use serde_json::json;

use crate::{
    Outcome, flowcd, flowcd_at, run,
    stand_in::{StandIn, answer, data, problem},
};

#[test]
fn a_server_that_is_not_there_is_7() -> Outcome {
    let ended = run(flowcd_at("http://127.0.0.1:1").args(["app", "list"]))?;
    assert_eq!(ended.code, Some(7), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("cannot reach the server at `http://127.0.0.1:1/`"),
        "{ended:?}"
    );
    assert!(ended.stdout.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refusals_have_their_exit_codes() -> Outcome {
    for (status, code, expected) in [
        (401, "NeedLogin", 3),
        (404, "NotFound", 5),
        (403, "NoPermission", 4),
        (409, "Conflict", 4),
        (422, "Invalid", 4),
        (500, "SystemError", 4),
    ] {
        let stand_in = StandIn::start(move |_, _| problem(status, code, "")).await?;
        let ended = run(flowcd_at(&stand_in.url).args(["task", "show", "task0000"]))?;
        assert_eq!(ended.code, Some(expected), "{ended:?}");
        for part in [
            format!("error: this is {code}"),
            "field: appId".into(),
            "request: r-1".into(),
        ] {
            assert!(ended.stderr.contains(&part), "{part} in {ended:?}");
        }
        assert!(ended.stdout.is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_that_is_not_flowcds_is_4() -> Outcome {
    let stand_in = StandIn::start(|_, _| answer(404, "", b"\x1b]0;title\x07 not here")).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "list"]))?;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("is this the address of a flowcd server?"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains('\x1b'));
    Ok(())
}

#[test]
fn a_wrong_command_line_is_2() -> Outcome {
    let lines: [&[&str]; 9] = [
        &["--nonsense"],
        &["app", "show"],
        &["app", "show", "no"],
        &["deploy", "app00000"],
        &["deploy", "app00000", "--ref", "main", "--tag", "v1"],
        &["deploy", "app00000", "--ref", "main", "-f", "novalue"],
        &["task", "show", "../../x"],
        &["logs", "task0000", "--step", "one"],
        &["app", "create", "--repo-url", "https://u:p@github.com/a/b"],
    ];
    for line in lines {
        let ended = run(flowcd_at("http://127.0.0.1:1").args(line))?;
        assert_eq!(ended.code, Some(2), "{line:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{line:?}: {ended:?}");
    }
    let ended = run(flowcd_at("ftp://example.com").args(["app", "list"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    Ok(())
}

#[test]
fn a_secret_in_the_arguments_is_refused_and_not_repeated() -> Outcome {
    let ended = run(flowcd_at("http://127.0.0.1:1").args(["secret", "set", "KEY=hunter2"]))?;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("KEY=@FILE"), "{ended:?}");
    Ok(())
}

#[test]
fn without_a_token_it_is_3() -> Outcome {
    let home = tempfile::tempdir()?;
    let ended = run(flowcd(home.path()).args(["app", "list"]))?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("flowcd login"), "{ended:?}");
    let mut command = flowcd(home.path());
    let ended = run(command
        .args(["--url", "http://127.0.0.1:1", "app", "list"])
        .env("FLOWCD_TOKEN", ""))?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_that_two_applications_have_is_refused_with_their_ids() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        data(&json!([
            crate::lists::application("app00001"),
            crate::lists::application("app00002")
        ]))
    })
    .await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "show", "octocat/hello"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("app00001") && ended.stderr.contains("app00002"),
        "{ended:?}"
    );
    let ended = run(flowcd_at(&stand_in.url).args(["app", "show", "octocat/other"]))?;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_deletion_without_a_terminal_needs_yes() -> Outcome {
    let stand_in = StandIn::start(|_, request| match request.method.as_str() {
        "DELETE" => data(&json!({"message": "gone"})),
        _ => data(&crate::lists::application("app00001")),
    })
    .await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "delete", "app00001"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = run(flowcd_at(&stand_in.url).args(["app", "delete", "app00001", "--yes"]))?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = stand_in.requests().pop().ok_or("a request")?;
    assert_eq!(
        (last.method.as_str(), last.target.as_str()),
        ("DELETE", "/api/flow/application/delete?appId=app00001")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_update_does_not_lose_secrets_by_accident() -> Outcome {
    let stand_in = StandIn::start(|_, request| match request.method.as_str() {
        "POST" => data(&json!({})),
        _ => data(&crate::lists::application("app00001")),
    })
    .await?;
    let update = |more: &[&str]| {
        let mut command = flowcd_at(&stand_in.url);
        command
            .env("NEW", "value")
            .args(["app", "update", "app00001", "--secret", "NEW"])
            .args(more);
        run(&mut command)
    };
    let ended = update(&[])?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("OLD_KEY"), "{ended:?}");
    let ended = update(&["--replace-secrets"])?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = stand_in.requests().pop().ok_or("a request")?;
    assert_eq!(
        last.body,
        r#"{"appId":"app00001","secrets":{"NEW":"value"}}"#
    );
    Ok(())
}
