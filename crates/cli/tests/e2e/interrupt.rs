//! Ctrl-C ends the watching, and nothing else.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{Gate, Outcome, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_goes_on_after_an_interrupt() -> Outcome {
    let server = Server::start().await;
    let gate = Gate::new(&server);
    let _repo = server.app("demo", &gate.pipeline()).await;
    let mut following = server.spawn(&["deploy", "acme/demo", "--ref", "main", "--follow"]);
    following.until("started").await;
    let pid = following.child.id().ok_or("a process that runs")?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGINT)?;
    let ended = following.end().await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.stderr.contains("the deployment goes on"), "{ended:?}");

    let tasks = server
        .run(&["task", "list", "acme/demo", "--output", "json"])
        .await
        .json();
    assert_eq!(tasks[0]["status"], "running", "{tasks}");
    let task = tasks[0]["id"].as_str().ok_or("an id")?;
    gate.open().await;
    assert_eq!(server.run(&["watch", task]).await.code, Some(0));
    let log = server.run(&["logs", task, "--step", "1"]).await;
    assert_eq!(log.data(), "started\npassed");
    server.stop().await;
    Ok(())
}
