//! What the server says of itself, and what it does with requests that make no sense.

use serde_json::Value;

use crate::support::*;

on_both! {
    async fn the_server_says_that_it_lives_and_what_it_is(database) {
        let server = Server::start(database).await;
        let client = server.admin().await;
        client.get_health().await.expect("it lives");
        client.get_readiness().await.expect("it is ready");
        assert_eq!(client.get_version().await.expect("its version").version, env!("CARGO_PKG_VERSION"));
        let (_, _) = deploy_pipeline(&client, "steps:\n  - run: echo hi\n").await;
        let text = http().get(server.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        for metric in ["requests", "tasks", "queue", "step", "log_bytes"] {
            assert!(text.lines().any(|line| line.starts_with("flowcd_") && line.contains(metric)), "{metric} is not in\n{text}");
        }
        let docs = http().get(server.url("/docs/")).send().await.expect("an answer");
        assert_eq!(docs.status(), 200);
        let page = docs.text().await.expect("text");
        assert!(!page.contains("https://"), "the page loads something from outside: {page}");
        server.stop().await;
    }
}

on_both! {
    async fn every_answer_under_api_is_an_envelope_with_a_truthful_status(database) {
        let server = Server::start(database).await;
        let token = server.token("admin", -1).await;
        let check = async |request: reqwest::RequestBuilder, status: u16, code: &str| {
            let answer = request.header("cd_token", &token).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), status);
            assert!(answer.headers().contains_key("x-request-id"));
            let problem: Value = answer.json().await.expect("JSON");
            assert_eq!((problem["success"].as_bool(), problem["code"].as_str()), (Some(false), Some(code)), "{problem}");
        };
        let http = http();
        check(http.get(server.url("/api/nowhere")), 404, "NotFound").await;
        check(http.put(server.url("/api/flow/application/create")), 405, "MethodNotAllowed").await;
        let create = || http.post(server.url("/api/flow/application/create")).header("content-type", "application/json");
        check(create().body("{"), 400, "ParamsInvalid").await;
        check(create().body(r#"{"repo": 3}"#), 400, "ParamsInvalid").await;
        check(create().body(" ".repeat(2 << 20)), 413, "TooLarge").await;
        check(http.get(server.url("/api/flow/task/get")), 400, "ParamsInvalid").await;
        check(http.get(server.url("/api/flow/task/get?taskId=../etc")), 400, "ParamsInvalid").await;
        check(http.get(server.url("/api/flow/task/log?taskId=aaaaaaaaaaaaaaaa&stepCount=../1")), 400, "ParamsInvalid").await;
        check(http.get(server.url("/api/flow/task/get?taskId=aaaaaaaaaaaaaaaa")), 404, "NotFound").await;
        server.stop().await;
    }
}
