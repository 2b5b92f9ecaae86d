//! Single calls: what is sent, and how answers are read.

use flowcd_client::{
    Client, Error,
    model::{
        application::ApplicationListQuery,
        dispatch::ManualDispatch,
        envelope::Code,
        log::LogQuery,
        step::StepCount,
        task::TaskQuery,
        user::{Login, UserSecretsPatch},
    },
};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::stand_in::{StandIn, answer, data, json_answer, problem};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const TOKEN: &str = "canary0123456789canary0123456789canary01";

fn client(stand_in: &StandIn) -> Result<Client, Error> {
    Client::builder(&stand_in.url)?
        .token(TOKEN)
        .retries(0)
        .build()
}

fn task(id: &str) -> Value {
    json!({
        "id": id, "user_id": "user0000", "app_id": "app00000", "number": 1, "status": "success",
        "cancelRequested": false, "message": "m", "commit": "c", "owner": "o", "repo_name": "r",
        "triggerType": "manual", "created_time": 1, "updated_time": 2,
    })
}

#[tokio::test]
async fn a_call_carries_the_token_and_its_query() -> Outcome {
    let stand_in = StandIn::start(|_, _| data(&task("task0000"))).await?;
    let got = client(&stand_in)?.get_task(&"task0000".parse()?).await?;
    assert_eq!(got.id.as_str(), "task0000");
    let requests = stand_in.requests();
    assert_eq!(requests[0].method, "GET");
    assert_eq!(requests[0].target, "/api/flow/task/get?taskId=task0000");
    assert_eq!(requests[0].header("cd_token"), Some(TOKEN));
    assert_eq!(requests[0].header("cookie"), None);
    Ok(())
}

#[tokio::test]
async fn a_dispatch_carries_an_idempotency_key_of_its_own() -> Outcome {
    let stand_in = StandIn::start(|_, _| data(&json!({"taskId": "task0000"}))).await?;
    let dispatch = ManualDispatch {
        app_id: "app00000".parse()?,
        git_ref: "refs/heads/main".to_owned(),
        commit_id: None,
        message: None,
        inputs: None,
        is_debug: false,
    };
    let client = client(&stand_in)?;
    client.dispatch_task(&dispatch).await?;
    client.dispatch_task(&dispatch).await?;
    let requests = stand_in.requests();
    assert_eq!(
        requests[0].body,
        r#"{"appId":"app00000","ref":"refs/heads/main"}"#
    );
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert!(keys[0].is_some() && keys[0] != keys[1], "{keys:?}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_keeps_all_that_the_server_said() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(404, "NotFound", "")).await?;
    let error = client(&stand_in)?
        .get_application(&"app00000".parse()?)
        .await
        .expect_err("it is refused");
    let api = error.api().ok_or("an Api error")?;
    assert_eq!(
        (api.status, api.code, api.operation),
        (404, Code::NotFound, "get_application")
    );
    assert_eq!(
        (api.field.as_deref(), api.request_id.as_deref()),
        (Some("appId"), Some("r-1"))
    );
    assert_eq!(error.to_string(), "this is NotFound");
    Ok(())
}

#[tokio::test]
async fn a_code_of_the_future_is_read_by_its_status() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(403, "NotOnTuesdays", "")).await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("it is refused");
    assert_eq!(error.code(), Some(Code::NoPermission));
    Ok(())
}

#[tokio::test]
async fn a_failure_with_status_200_is_still_one() -> Outcome {
    let body = json!({"success": false, "message": "no"});
    let stand_in = StandIn::start(move |_, _| json_answer(200, "", &body)).await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("it is refused");
    assert_eq!(error.api().map(|api| api.message.as_str()), Some("no"));
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_server_is_told_apart() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        answer(
            404,
            "content-type: text/html\r\n",
            b"<h1>\x1b[31mnginx</h1>",
        )
    })
    .await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("it is no flowcd");
    assert!(
        matches!(&error, Error::Foreign { status: 404, .. }),
        "{error:?}"
    );
    assert!(!error.to_string().contains('\x1b'));
    Ok(())
}

#[tokio::test]
async fn an_answer_of_another_shape_names_the_operation() -> Outcome {
    let stand_in = StandIn::start(|_, _| data(&json!({"id": 7}))).await?;
    let error = client(&stand_in)?
        .get_task(&"task0000".parse()?)
        .await
        .expect_err("it is no task");
    assert_eq!(error.to_string(), "cannot read the answer to `get_task`");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_not_followed() -> Outcome {
    let elsewhere = StandIn::start(|_, _| data(&json!({}))).await?;
    let location = format!("location: {}/steal\r\n", elsewhere.url);
    let stand_in = StandIn::start(move |_, _| answer(307, &location, b"")).await?;
    let error = client(&stand_in)?
        .list_tokens()
        .await
        .expect_err("it is redirected");
    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
    assert!(elsewhere.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn nothing_shows_the_token() -> Outcome {
    let builder = Client::builder("http://127.0.0.1:1")?
        .token(TOKEN)
        .retries(0);
    let shown = format!("{builder:?}");
    let client = builder.build()?;
    let error = client.list_tokens().await.expect_err("nobody listens");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    for text in [shown, format!("{client:?}"), format!("{error:?} {error}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_no_header_carries_is_refused() -> Outcome {
    for token in ["", "two\nlines", "schl\u{fc}ssel"] {
        let built = Client::builder("http://127.0.0.1:1")?.token(token).build();
        assert!(
            matches!(built, Err(Error::InvalidCredential { .. })),
            "{token:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn pages_of_applications_follow_the_link() -> Outcome {
    let link = "link: </api/flow/application/list?limit=1&cursor=next%2Bone>; rel=\"next\"\r\n";
    let stand_in =
        StandIn::start(move |_, _| json_answer(200, link, &json!({"success": true, "data": []})))
            .await?;
    let query = ApplicationListQuery {
        limit: Some(1),
        cursor: None,
    };
    let page = client(&stand_in)?.list_applications_page(&query).await?;
    assert_eq!(page.next_cursor.as_deref(), Some("next+one"));
    Ok(())
}

#[tokio::test]
async fn tasks_are_streamed_over_pages() -> Outcome {
    let stand_in = StandIn::start(|n, request| match n {
        0 => data(&json!({"result": [task("task0001"), task("task0002")], "totalCount": 3, "nextCursor": "c 1"})),
        _ => {
            assert!(request.target.contains("cursor=c+1"), "{}", request.target);
            data(&json!({"result": [task("task0003")], "totalCount": 3}))
        }
    })
    .await?;
    let query = TaskQuery::new("app00000".parse()?);
    let tasks: Vec<_> = client(&stand_in)?
        .stream_tasks(&query)
        .try_collect()
        .await?;
    let ids: Vec<_> = tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["task0001", "task0002", "task0003"]);
    Ok(())
}

#[tokio::test]
async fn a_log_is_read_as_text_and_as_bytes() -> Outcome {
    let stand_in = StandIn::start(|_, request| match request.header("accept") {
        Some("application/json") => data(&json!("a\u{fffd}")),
        _ => answer(
            200,
            "content-type: text/plain; charset=utf-8\r\nx-log-from: 7\r\nx-log-next: 9\r\n",
            b"a\xff",
        ),
    })
    .await?;
    let client = client(&stand_in)?;
    let mut query = LogQuery::new("task0000".parse()?, StepCount::Number(1));
    query.tail = Some(5);
    assert_eq!(client.get_log(&query).await?, "a\u{fffd}");
    let part = client.get_log_bytes(&query).await?;
    assert_eq!(
        (part.from, part.next, &part.bytes[..]),
        (7, 9, b"a\xff".as_slice())
    );
    assert_eq!(
        stand_in.requests()[0].target,
        "/api/flow/task/log?taskId=task0000&stepCount=1&tail=5"
    );
    Ok(())
}

#[tokio::test]
async fn a_session_is_its_cookie_and_its_csrf_token() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => json_answer(
            200,
            "set-cookie: flowcd_session=abc; HttpOnly; Path=/\r\n",
            &json!({"success": true, "data": {"csrfToken": "csrf1"}}),
        ),
        _ => data(&json!({})),
    })
    .await?;
    let login = Login {
        username: "admin".to_owned(),
        password: "pw".to_owned(),
    };
    let session = client(&stand_in)?.login(&login).await?;
    session
        .update_user_secrets(&UserSecretsPatch {
            secrets: serde_json::from_value(json!({"K": "v"}))?,
            is_added: true,
            removed: Vec::new(),
        })
        .await?;
    let requests = stand_in.requests();
    assert_eq!(requests[0].header("cd_token"), None);
    assert_eq!(requests[1].header("cookie"), Some("flowcd_session=abc"));
    assert_eq!(requests[1].header("x-csrf-token"), Some("csrf1"));
    assert_eq!(requests[1].header("cd_token"), None);
    assert_eq!(
        requests[1].body,
        r#"{"data":{"secrets":{"K":"v"},"isAdd":true}}"#
    );
    Ok(())
}

#[tokio::test]
async fn a_raw_call_stays_on_the_server() -> Outcome {
    let stand_in = StandIn::start(|_, _| data(&json!([]))).await?;
    let client = Client::builder(&format!("{}/below/", stand_in.url))?.build()?;
    client.raw("GET", "application/list?limit=1", None).await?;
    client.raw("POST", "/api/flow/x", Some("{}".into())).await?;
    let targets: Vec<_> = stand_in
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(
        targets,
        ["/below/api/application/list?limit=1", "/below/api/flow/x"]
    );
    for path in ["", "//example.com/x", "https://example.com/", "a#b"] {
        let error = client.raw("GET", path, None).await.expect_err(path);
        assert!(
            matches!(error, Error::InvalidPath { .. }),
            "{path}: {error:?}"
        );
    }
    assert_eq!(stand_in.requests().len(), 2);
    Ok(())
}
