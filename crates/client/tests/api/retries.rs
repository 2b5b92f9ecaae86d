//! What is sent again, and what is not.

use std::time::Duration;

use flowcd_client::{
    Client, Error,
    model::{envelope::Code, token::NewToken},
};
use serde_json::json;

use crate::stand_in::{Answer, StandIn, answer, data, problem};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn client(stand_in: &StandIn) -> Result<Client, Error> {
    Client::builder(&stand_in.url)?.token("t").build()
}

#[tokio::test]
async fn a_get_is_repeated_when_the_connection_breaks() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Bytes(vec![]),
        1 => answer(502, "", b"bad gateway"),
        2 => problem(503, "Unavailable", "retry-after: 0\r\n"),
        _ => data(&json!([])),
    })
    .await?;
    assert!(client(&stand_in)?.list_applications().await?.is_empty());
    assert_eq!(stand_in.requests().len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_redeploy_is_repeated_with_the_same_key() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Bytes(vec![]),
        1 => problem(409, "Conflict", "retry-after: 0\r\n"),
        _ => data(&json!({"taskId": "task0001"})),
    })
    .await?;
    let dispatched = client(&stand_in)?
        .redeploy_task(&"task0000".parse()?)
        .await?;
    assert_eq!(dispatched.task_id.as_str(), "task0001");
    let requests = stand_in.requests();
    let key = requests[0].header("idempotency-key");
    assert!(key.is_some());
    assert!(
        requests
            .iter()
            .all(|request| request.header("idempotency-key") == key)
    );
    assert_eq!(requests.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_conflict_that_does_not_pass_is_not_repeated() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(409, "Conflict", "")).await?;
    let error = client(&stand_in)?
        .redeploy_task(&"task0000".parse()?)
        .await
        .expect_err("a conflict");
    assert_eq!(error.code(), Some(Code::Conflict));
    assert_eq!(stand_in.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_post_without_a_key_is_sent_once() -> Outcome {
    let stand_in = StandIn::start(|_, _| Answer::Bytes(vec![])).await?;
    let new = NewToken {
        description: String::new(),
        expiration: -1,
    };
    let error = client(&stand_in)?
        .create_token(&new)
        .await
        .expect_err("the connection breaks");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(stand_in.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_failure_of_the_server_is_not_repeated() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(500, "SystemError", "")).await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("it fails");
    assert_eq!(error.status(), Some(500));
    assert_eq!(stand_in.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_long_retry_after_is_the_callers_to_wait() -> Outcome {
    let stand_in =
        StandIn::start(|_, _| problem(429, "TooManyRequests", "retry-after: 3600\r\n")).await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("too many requests");
    assert!(error.is_temporary());
    assert_eq!(stand_in.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout() -> Outcome {
    let stand_in = StandIn::start(|_, _| Answer::Silence(vec![])).await?;
    let client = Client::builder(&stand_in.url)?
        .request_timeout(Duration::from_millis(50))
        .retries(1)
        .build()?;
    let error = client.list_tokens().await.expect_err("no answer");
    assert!(
        matches!(
            error,
            Error::Timeout {
                operation: "list_tokens",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(stand_in.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_body_that_stops_is_a_timeout() -> Outcome {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    let stand_in = StandIn::start(move |_, _| Answer::Silence(vec![head.clone()])).await?;
    let client = Client::builder(&stand_in.url)?
        .silence_timeout(Duration::from_millis(50))
        .build()?;
    let error = client.list_tokens().await.expect_err("half an answer");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    Ok(())
}
