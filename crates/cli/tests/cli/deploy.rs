//! Deploying and following.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    Outcome, flowcd_at, run,
    stand_in::{Answer, Request, StandIn, answer, data, event_stream},
};

fn events(status: &str) -> Answer {
    let step = |id: u32, status: &str, more: &str| {
        format!(
            "id: {id}\nevent: step\ndata: {{\"run\":\"Run make\",\"stepCount\":\"1\",\"status\":\"{status}\",\
             \"started_time\":1000{more}}}\n\n"
        )
    };
    let end = format!(
        "id: 9\nevent: end\ndata: {{\"taskId\":\"task0000\",\"status\":\"{status}\",\"cancelRequested\":false,\
         \"updated_time\":3500}}\n\n"
    );
    let log = "id: 3\nevent: log\ndata: {\"stepCount\":\"1\",\"from\":0,\"to\":6,\"text\":\"hello\\n\"}\n\n";
    let step_status = if status == "success" {
        "success"
    } else {
        "failure"
    };
    Answer::Silence(event_stream(&[
        &step(1, "pending", ""),
        &step(2, "running", ""),
        log,
        &step(4, step_status, ",\"process_time\":2.31"),
        &end,
    ]))
}

fn serve(status: &'static str) -> impl Fn(usize, &Request) -> Answer + Send + Sync + 'static {
    move |_, request| match request.target.split('?').next().unwrap_or_default() {
        "/api/flow/application/list" => data(&json!([crate::lists::application("app00001")])),
        "/api/flow/dispatch/manual" => data(&json!({"taskId": "task0000"})),
        "/api/flow/task/get" => data(&crate::lists::task("task0000", "running")),
        "/api/flow/task/log" => answer(
            200,
            "content-type: text/plain\r\nx-log-from: 3\r\nx-log-next: 6\r\n",
            b"lo\n",
        ),
        _ => events(status),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_deployment_is_named_by_owner_and_repo() -> Outcome {
    let stand_in = StandIn::start(serve("success")).await?;
    let line = [
        "deploy",
        "octocat/hello",
        "--ref",
        "main",
        "-f",
        "target=staging",
        "-f",
        "replicas=3",
        "-f",
        "version=1.10",
    ];
    let ended = run(flowcd_at(&stand_in.url).args(line))?;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "task0000\n"),
        "{ended:?}"
    );
    let body: Value = serde_json::from_str(&stand_in.requests()[1].body)?;
    assert_eq!(
        body,
        json!({
            "appId": "app00001", "ref": "refs/heads/main",
            "inputs": {"target": "staging", "replicas": 3, "version": "1.10"},
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tags_and_full_refs_are_taken() -> Outcome {
    let stand_in = StandIn::start(serve("success")).await?;
    for (line, expected) in [
        (["--tag", "v1"], "refs/tags/v1"),
        (["--ref", "refs/tags/v1"], "refs/tags/v1"),
        (["--ref", "feature/x"], "refs/heads/feature/x"),
    ] {
        run(flowcd_at(&stand_in.url)
            .args(["deploy", "app00001"])
            .args(line))?;
        let request = stand_in.requests().pop().ok_or("a request")?;
        let body: Value = serde_json::from_str(&request.body)?;
        assert_eq!(body["ref"], expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn following_a_deployment_has_its_output_on_stdout_and_its_end_as_exit_code() -> Outcome {
    for (status, code) in [("success", 0), ("failure", 1), ("cancelled", 6)] {
        let stand_in = StandIn::start(serve(status)).await?;
        let ended = run(
            flowcd_at(&stand_in.url).args(["deploy", "app00001", "--ref", "main", "--follow"])
        )?;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(code), "hello\n"),
            "{ended:?}"
        );
        assert!(ended.stderr.contains("task task0000"), "{ended:?}");
        assert!(ended.stderr.contains("1 Run make (2.31s)"), "{ended:?}");
        assert!(ended.stderr.contains("after 2.50s"), "{ended:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watching_without_a_terminal_prints_plain_lines() -> Outcome {
    let stand_in = StandIn::start(serve("failure")).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["watch", "task0000"]))?;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.stdout, @r"
    ▸ 1 Run make
    ✗ 1 Run make (2.31s)
    ✗ the deployment failed after 2.50s
    ");
    assert_eq!(ended.stderr, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watching_in_json_is_a_line_for_each_event() -> Outcome {
    let stand_in = StandIn::start(serve("success")).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["watch", "task0000", "-o", "json"]))?;
    let events: Result<Vec<Value>, _> = ended.stdout.lines().map(serde_json::from_str).collect();
    let names: Vec<String> = events?
        .iter()
        .map(|event| event["event"].to_string())
        .collect();
    assert_eq!(names, [r#""step""#, r#""step""#, r#""step""#, r#""end""#]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reading_the_log_of_a_failed_deployment_works() -> Outcome {
    let stand_in = StandIn::start(serve("failure")).await?;
    let ended = run(flowcd_at(&stand_in.url).args(["logs", "-f", "task0000"]))?;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "hello\n"),
        "{ended:?}"
    );
    let ended = run(flowcd_at(&stand_in.url).args(["logs", "-f", "task0000", "--step", "9"]))?;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(5), ""),
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn following_goes_on_behind_the_tail() -> Outcome {
    let stand_in = StandIn::start(serve("success")).await?;
    let line = ["logs", "-f", "--tail", "1", "--step", "1", "task0000"];
    let ended = run(flowcd_at(&stand_in.url).args(line))?;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "lo\n"),
        "{ended:?}"
    );
    let n_starts = ended.stderr.matches("\u{25b8} 1 Run make").count();
    assert_eq!(n_starts, 1, "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_ends_the_watching_and_says_that_the_deployment_goes_on() -> Outcome {
    let running = "id: 1\nevent: step\ndata: {\"run\":\"Run make\",\"stepCount\":\"1\",\"status\":\"running\"}\n\n";
    let stand_in = StandIn::start(move |_, _| Answer::Silence(event_stream(&[running]))).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the process is signalled while it runs"
    )]
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("flowcd"))
        .args(["watch", "task0000"])
        .env("FLOWCD_URL", &stand_in.url)
        .env("FLOWCD_TOKEN", "t")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // The first line says that it watches.
    let stdout = child.stdout.take().ok_or("a pipe")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    assert!(line.contains("1 Run make"), "{line}");
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGINT)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("the deployment goes on") && stderr.contains("flowcd cancel task0000"),
        "{stderr}"
    );
    assert_eq!(stand_in.requests().len(), 1, "nothing was cancelled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_application_is_made_from_a_url() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        let webhook =
            json!({"url": "http://cd/api/hooks/app00001", "isInstalled": true, "hookId": "7"});
        data(&json!({"id": "app00001", "webhookSecret": "hook", "webhook": webhook}))
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trigger.yaml");
    std::fs::write(
        &file,
        "github:\n  push:\n    branches:\n      precise: [main]\n",
    )?;
    let key = folder.path().join("key.pem");
    std::fs::write(&key, "line 1\nline 2\n")?;
    let ended = run(flowcd_at(&stand_in.url)
        .env("PLAIN", "from the environment")
        .args([
            "app",
            "create",
            "--repo-url",
            "git@github.com:octocat/hello.git",
            "--secret",
            "PLAIN",
            "--secret",
        ])
        .arg(format!("KEY=@{}", key.display()))
        .arg("--trigger-spec")
        .arg(&file))?;
    assert_eq!(
        ended.stdout,
        "id:              app00001\nwebhook secret:  hook\nwebhook URL:     http://cd/api/hooks/app00001\n\
         webhook:         installed as 7\n",
        "{ended:?}"
    );
    let request = stand_in.requests().pop().ok_or("a request")?;
    let body: Value = serde_json::from_str(&request.body)?;
    assert_eq!(
        body,
        json!({
            "repo": "hello", "owner": "octocat", "repo_url": "git@github.com:octocat/hello.git", "provider": "github",
            "trigger_spec": {"github": {"push": {"branches": {"precise": ["main"]}}}},
            "secrets": {"KEY": "line 1\nline 2", "PLAIN": "from the environment"},
        })
    );
    Ok(())
}
