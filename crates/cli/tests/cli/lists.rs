//! Data on stdout, in every format.

use serde_json::{Value, json};

use crate::{
    Outcome, flowcd_at, run,
    stand_in::{Answer, Request, StandIn, answer, data},
};

pub(crate) fn application(id: &str) -> Value {
    json!({
        "id": id, "user_id": "user0000", "provider": "github", "provider_repo_id": "1",
        "repo_name": "hello", "owner": "octocat", "repo_url": "https://github.com/octocat/hello.git",
        "trigger_spec": {}, "secrets": {"OLD_KEY": "***"}, "created_time": 0, "updated_time": 0,
        "latest_task": {
            "taskId": "task0000", "commit": "0123456789abcdef0123456789abcdef01234567",
            "message": "evil \u{1b}[31m\nbody", "completed": true, "status": "failure",
        },
    })
}

pub(crate) fn task(id: &str, status: &str) -> Value {
    json!({
        "id": id, "user_id": "user0000", "app_id": "app00001", "number": 7, "status": status,
        "cancelRequested": false, "message": "fix it", "commit": "0123456789abcdef0123456789abcdef01234567",
        "ref": "refs/heads/main", "branch": "main", "owner": "octocat", "repo_name": "hello",
        "triggerType": "manual", "created_time": 0, "updated_time": 0, "started_time": 1000, "finished_time": 3500,
        "inputs": {"target": "staging"},
        "steps": [
            {"run": "Set up", "stepCount": "0", "status": "success", "process_time": 0.04},
            {"run": "Run make", "stepCount": "1", "status": "failure", "process_time": 2.31, "error": "exit code 2"},
            {"run": "Run notify", "stepCount": "2", "status": "skipped", "process_time": 0.0},
        ],
    })
}

fn serve(_: usize, request: &Request) -> Answer {
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        "/api/flow/application/list" => data(&json!([application("app00001")])),
        "/api/flow/application/detail" => data(&application("app00001")),
        "/api/flow/task/list" => {
            data(&json!({"result": [task("task0000", "failure")], "totalCount": 1}))
        }
        "/api/flow/task/get" => data(&task("task0000", "failure")),
        "/api/flow/task/log" => answer(
            200,
            "content-type: text/plain\r\nx-log-from: 0\r\nx-log-next: 14\r\n",
            b"\x1b[32mok\x1b[0m \xff\n",
        ),
        "/api/tokens/list" => data(&json!({"result": []})),
        "/api/tokens/create" => {
            data(&json!({"id": "token000", "cd_token": "t0k3n", "expire_time": -1}))
        }
        _ => answer(404, "", b""),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_table_cannot_steer_the_terminal() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "list"]))?;
    insta::assert_snapshot!(ended.stdout, @r"
    ID        REPOSITORY     PROVIDER  LATEST   COMMIT    MESSAGE     UPDATED
    app00001  octocat/hello  github    failure  01234567  evil �[31m  1970-01-01
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_task_is_shown_with_its_steps() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["task", "show", "task0000"]))?;
    insta::assert_snapshot!(ended.stdout, @r#"
    id:            task0000
    number:        7
    status:        failure
    application:   octocat/hello (app00001)
    ref:           refs/heads/main
    commit:        0123456789abcdef0123456789abcdef01234567
    message:       fix it
    trigger:       manual
    inputs:        {"target":"staging"}
    created:       1970-01-01T00:00:00Z (1970-01-01)
    started:       1970-01-01T00:00:01Z (1970-01-01)
    finished:      1970-01-01T00:00:03Z (1970-01-01)
    time:          2.50s

    STEP  STATUS   TIME   NAME        ERROR
    0     success  0.04s  Set up
    1     failure  2.31s  Run make    exit code 2
    2     skipped  0.00s  Run notify
    "#);
    let ended = run(flowcd_at(&stand_in.url).args(["task", "list", "octocat/hello"]))?;
    insta::assert_snapshot!(ended.stdout, @r"
    ID        #  STATUS   REF   COMMIT    MESSAGE  TRIGGER  CREATED     TIME
    task0000  7  failure  main  01234567  fix it   manual   1970-01-01  2.50s
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn json_and_yaml_are_the_apis_own_data() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["app", "list", "--output", "json"]))?;
    let list: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(list[0]["id"], "app00001");
    let ended = run(flowcd_at(&stand_in.url).args(["-o", "yaml", "app", "show", "app00001"]))?;
    let shown: Value = serde_saphyr::from_str(&ended.stdout)?;
    assert_eq!(shown["latest_task"]["message"], "evil \u{1b}[31m\nbody");
    assert!(!ended.stdout.contains('\x1b'), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_empty_list_says_what_to_do_next() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["token", "list"]))?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(ended.stderr.contains("flowcd token create"), "{ended:?}");
    let ended = run(flowcd_at(&stand_in.url).args(["token", "list", "-q", "--output=json"]))?;
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("[]\n", ""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_token_stands_alone_on_stdout() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let ended =
        run(flowcd_at(&stand_in.url).args(["token", "create", "-d", "ci", "--expires", "never"]))?;
    assert_eq!(ended.stdout, "t0k3n\n");
    assert_eq!(
        stand_in.requests()[0].body,
        r#"{"description":"ci","expiration":-1}"#
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_come_byte_for_byte() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    let output = flowcd_at(&stand_in.url)
        .args(["logs", "task0000", "--step", "1", "--tail", "5"])
        .output()?;
    assert_eq!(output.stdout, b"\x1b[32mok\x1b[0m \xff\n");
    assert_eq!(
        stand_in.requests()[0].target,
        "/api/flow/task/log?taskId=task0000&stepCount=1&tail=5"
    );
    let ended = run(flowcd_at(&stand_in.url).args(["logs", "task0000"]))?;
    // The set-up, the step that ran, and the clean-up; not the step that was skipped.
    assert_eq!(ended.stdout.lines().count(), 3, "{ended:?}");
    assert!(ended.stderr.contains("1 Run make"), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_come_with_times() -> Outcome {
    let stand_in = StandIn::start(serve).await?;
    run(flowcd_at(&stand_in.url).args(["logs", "task0000", "--step", "1", "-t"]))?;
    assert_eq!(
        stand_in.requests()[0].target,
        "/api/flow/task/log?taskId=task0000&stepCount=1&timestamps=true"
    );
    let ended =
        run(flowcd_at(&stand_in.url).args(["logs", "task0000", "-f", "-t", "--output", "json"]))?;
    assert!(ended.stderr.contains("--timestamps"), "{ended:?}");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(2), ""),
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_call_can_be_made() -> Outcome {
    let stand_in = StandIn::start(|_, _| data(&json!({"a": 1}))).await?;
    let ended = run(flowcd_at(&stand_in.url)
        .args(["api", "post", "x/y", "-d", "-"])
        .write_stdin(r#"{"b":2}"#))?;
    assert_eq!(ended.stdout, "{\"success\":true,\"data\":{\"a\":1}}\n");
    let requests = stand_in.requests();
    assert_eq!(
        (requests[0].method.as_str(), requests[0].target.as_str()),
        ("POST", "/api/x/y")
    );
    assert_eq!(requests[0].body, r#"{"b":2}"#);
    let ended = run(flowcd_at(&stand_in.url).args(["api", "POST", "x", "-d", "{broken"]))?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    Ok(())
}
