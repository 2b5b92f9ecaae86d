//! Reading logs: whole, their ends, one step, live.

use crate::support::{Gate, Outcome, Server};

const PIPELINE: &str = r"steps:
  - name: Count
    run: seq 1 1000
  - name: Bytes
    run: printf 'a\377b'
";

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_read_whole_by_step_and_by_their_end() -> Outcome {
    let server = Server::start().await;
    let _repo = server.app("demo", PIPELINE).await;
    let args = ["deploy", "acme/demo", "--ref", "main", "--quiet"];
    let task = server.run(&args).await.data().to_owned();
    assert_eq!(server.run(&["watch", &task]).await.code, Some(0));

    let numbers: String = (1..=1000).map(|number| format!("{number}\n")).collect();
    let step = server.run(&["logs", &task, "--step", "1"]).await;
    assert_eq!(step.stdout, numbers);
    let tail = server
        .run(&["logs", &task, "--step", "1", "--tail", "2"])
        .await;
    assert_eq!(tail.stdout, "999\n1000\n");
    let bytes = server
        .flowcd(&["logs", &task, "--step", "2"])
        .output()
        .await?;
    assert_eq!(bytes.stdout, b"a\xffb");

    let whole = server.run(&["logs", &task, "--quiet"]).await;
    assert!(whole.stdout.contains(&numbers), "{whole:?}");
    assert_eq!(whole.stderr, "");
    let followed = server.run(&["logs", "-f", &task, "--quiet"]).await;
    assert_eq!(followed.stdout, whole.stdout);
    for args in [
        &["logs", &task, "--step", "7"][..],
        &["logs", "-f", &task, "--step", "7"][..],
    ] {
        let absent = server.run(args).await;
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
async fn logs_are_followed_while_the_step_runs() -> Outcome {
    let server = Server::start().await;
    let gate = Gate::new(&server);
    let _repo = server.app("demo", &gate.pipeline()).await;
    let args = ["deploy", "acme/demo", "--ref", "main", "--quiet"];
    let task = server.run(&args).await.data().to_owned();
    let mut whole = server.spawn(&["logs", "-f", &task]);
    whole.until("started").await;
    let mut tail = server.spawn(&["logs", "-f", &task, "--tail", "1", "--step", "1"]);
    assert_eq!(tail.until("started").await, ["started"]);
    gate.open().await;
    assert_eq!(whole.until("passed").await, ["passed"]);
    assert_eq!(tail.end().await.stdout, "passed\n");
    assert_eq!(whole.end().await.code, Some(0));
    server.stop().await;
    Ok(())
}
