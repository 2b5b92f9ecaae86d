//! Deliveries and triggers: what is sent, and how the answers are read.

use flowcd_client::{
    Client, Error,
    model::{
        application::Provider,
        delivery::{DeliveryQuery, Explain, Payload, Replay, Verdict},
        trigger::TriggerConversion,
    },
};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::stand_in::{Answer, StandIn, data, problem};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn client(stand_in: &StandIn) -> Result<Client, Error> {
    Client::builder(&stand_in.url)?.token("t").build()
}

fn delivery(id: &str) -> Value {
    json!({
        "id": id, "appId": "app00000", "provider": "github", "kind": "webhook", "key": "k", "verdict": "skipped",
        "event": {"eventName": "push"}, "ref": "refs/heads/dev", "reason": "no", "rules": [], "taskIds": [],
        "bodyBytes": 2, "createdTime": 1, "durationMs": 0.5,
    })
}

fn push() -> Result<Payload, serde_json::Error> {
    serde_json::from_value(json!({"event": "push", "body": {"ref": "refs/heads/dev"}}))
}

#[tokio::test]
async fn deliveries_are_streamed_over_pages() -> Outcome {
    let stand_in = StandIn::start(|n, request| match n {
        0 => {
            assert_eq!(
                request.target,
                "/api/flow/deliveries/list?appId=app00000&verdict=skipped&limit=100"
            );
            data(&json!({"result": [delivery("deli0001"), delivery("deli0002")], "nextCursor": "c 1"}))
        }
        _ => {
            assert!(request.target.ends_with("&cursor=c+1"), "{}", request.target);
            // The same cursor again, which nobody follows.
            data(&json!({"result": [delivery("deli0003")], "nextCursor": "c 1"}))
        }
    })
    .await?;
    let query = DeliveryQuery {
        verdict: Some(Verdict::Skipped),
        ..DeliveryQuery::new("app00000".parse()?)
    };
    let deliveries: Vec<_> = client(&stand_in)?
        .stream_deliveries(&query)
        .try_collect()
        .await?;
    let ids: Vec<_> = deliveries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["deli0001", "deli0002", "deli0003"]);
    assert_eq!(stand_in.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_stream_of_deliveries_ends_with_its_first_error() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => data(&json!({"result": [delivery("deli0001")], "nextCursor": "c1"})),
        _ => problem(404, "NotFound", ""),
    })
    .await?;
    let mut deliveries =
        client(&stand_in)?.stream_deliveries(&DeliveryQuery::new("app00000".parse()?));
    assert!(deliveries.try_next().await?.is_some());
    assert!(deliveries.try_next().await.is_err());
    assert!(deliveries.try_next().await?.is_none());
    Ok(())
}

#[tokio::test]
async fn one_delivery_has_its_headers_and_its_body() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        let mut delivery = delivery("deli0001");
        delivery["headers"] = json!({"x-github-event": "push"});
        delivery["body"] = json!("{}");
        data(&delivery)
    })
    .await?;
    let got = client(&stand_in)?
        .get_delivery(&"deli0001".parse()?)
        .await?;
    assert_eq!(got.body.as_deref(), Some("{}"));
    assert_eq!(
        stand_in.requests()[0].target,
        "/api/flow/deliveries/get?deliveryId=deli0001"
    );
    Ok(())
}

#[tokio::test]
async fn a_replay_is_sent_once_and_an_explanation_as_often_as_it_takes() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 | 1 => Answer::Bytes(vec![]),
        _ => data(&json!({
            "verdict": "deployed", "reason": "yes", "rules": [], "event": {"eventName": "push"},
            "pipelineFiles": ["serverless-pipeline.yaml"], "isFork": false, "hasSecrets": true,
        })),
    })
    .await?;
    let client = client(&stand_in)?;
    let replay = Replay {
        delivery_id: Some("deli0001".parse()?),
        ..Replay::default()
    };
    let error = client
        .replay_delivery(&replay)
        .await
        .expect_err("it was not answered");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(stand_in.requests().len(), 1);

    let explain = Explain {
        provider: Some(Provider::Git),
        trigger_spec: Some(serde_json::from_value(json!({"git": {}}))?),
        payload: Some(push()?),
        ..Explain::default()
    };
    let explanation = client.explain_trigger(&explain).await?;
    assert_eq!(explanation.verdict, Verdict::Deployed);
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].target, "/api/flow/deliveries/replay");
    assert_eq!(requests[0].body, r#"{"deliveryId":"deli0001"}"#);
    assert_eq!(requests[2].target, "/api/flow/trigger/explain");
    assert_eq!(
        requests[2].body,
        r#"{"triggerSpec":{"git":{}},"provider":"git","payload":{"headers":{},"event":"push","body":{"ref":"refs/heads/dev"}}}"#
    );
    Ok(())
}

#[tokio::test]
async fn a_payload_is_replayed_for_an_application() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        data(&json!({
            "deliveryId": "deli0002", "taskId": "task0001", "taskIds": ["task0001", "task0002"],
            "verdict": "deployed", "reason": "yes", "isDuplicate": true,
        }))
    })
    .await?;
    let replay = Replay {
        app_id: Some("app00000".parse()?),
        payload: Some(push()?),
        ..Replay::default()
    };
    let delivered = client(&stand_in)?.replay_delivery(&replay).await?;
    assert_eq!(
        (delivered.task_ids.len(), delivered.is_duplicate),
        (2, true)
    );
    Ok(())
}

#[tokio::test]
async fn a_trigger_is_converted_however_often_it_takes() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Bytes(vec![]),
        _ => data(&json!({"triggerSpec": {"git": {}}, "yaml": "git: {}\n"})),
    })
    .await?;
    let conversion = TriggerConversion {
        text: Some("git: {}".to_owned()),
        ..TriggerConversion::default()
    };
    let converted = client(&stand_in)?.convert_trigger(&conversion).await?;
    assert_eq!(converted.yaml, "git: {}\n");
    assert!(converted.trigger_spec.0.contains_key(&Provider::Git));
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].target, "/api/flow/trigger/convert");
    assert_eq!(requests[1].body, r#"{"text":"git: {}"}"#);
    Ok(())
}
