//! Calls that have no command of their own.

use crate::support::{Outcome, Server};

#[tokio::test(flavor = "multi_thread")]
async fn any_operation_is_called_by_its_path() -> Outcome {
    let server = Server::start().await;
    let _repo = server.app("demo", "steps:\n  - run: echo hello\n").await;
    for path in [
        "application/list",
        "/api/flow/application/list",
        "/api/application/list",
    ] {
        let answer = server.run(&["api", "GET", path]).await.json();
        assert_eq!(answer["success"], true);
        assert_eq!(answer["data"][0]["repo_name"], "demo");
    }
    // The published document posts to the list, with a body that means nothing.
    let answer = server
        .run(&["api", "POST", "application/list", "-d", "{\"page\":1}"])
        .await;
    assert_eq!(answer.json()["data"][0]["owner"], "acme");

    let cases: [(&[&str], i32); 5] = [
        (&["api", "GET", "https://example.com/"], 2),
        (&["api", "POST", "dispatch/cancel", "-d", "{"], 2),
        (
            &["api", "POST", "dispatch/cancel", "-d", "{\"taskId\":3}"],
            4,
        ),
        (&["api", "GET", "nope"], 5),
        (&["api", "GET", "task/get?taskId=aaaaaaaaaaaaaaaa"], 5),
    ];
    for (args, code) in cases {
        let ended = server.run(args).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(code), ""),
            "{args:?}: {ended:?}"
        );
    }
    server.stop().await;
    Ok(())
}
