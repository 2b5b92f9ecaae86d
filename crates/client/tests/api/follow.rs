//! Following a task over connections that break.

use std::time::Duration;

use flowcd_client::{
    Client, Error, log_bytes,
    model::{envelope::Code, log::TaskEvent, step::StepCount, task::TaskStatus},
};
use futures_util::StreamExt;

use crate::stand_in::{Answer, StandIn, answer, event_stream, problem};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const END: &str = "id: e9\nevent: end\ndata: {\"taskId\":\"task0000\",\"status\":\"success\",\
    \"cancelRequested\":false,\"updated_time\":5}\n\n";

fn log(id: &str, from: u64, text: &str) -> String {
    let to = from + text.len() as u64;
    format!(
        "id: {id}\nevent: log\ndata: {{\"stepCount\":\"1\",\"from\":{from},\"to\":{to},\"text\":\"{text}\"}}\n\n"
    )
}

fn client(stand_in: &StandIn) -> Result<Client, Error> {
    Client::builder(&stand_in.url)?
        .token("t")
        .silence_timeout(Duration::from_millis(100))
        .reconnects(3)
        .build()
}

/// All output and the last item.
async fn follow(
    client: &Client,
) -> Result<(String, Result<TaskEvent, Error>), Box<dyn std::error::Error>> {
    let mut output = Vec::new();
    let mut events = client.follow_task(&"task0000".parse()?);
    let mut last = None;
    while let Some(event) = events.next().await {
        if let Ok(TaskEvent::Log(log)) = &event {
            output.extend_from_slice(&log_bytes(log)?);
        }
        last = Some(event);
    }
    assert!(
        events.next().await.is_none(),
        "a stream that ended stays so"
    );
    Ok((String::from_utf8(output)?, last.ok_or("at least one item")?))
}

#[tokio::test]
async fn a_stream_ends_after_the_tasks_end() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        let log = log("e1", 0, "hello");
        Answer::Silence(event_stream(&[
            ": hi\n\n",
            &log,
            "event: novelty\ndata: ?\n\n",
            END,
        ]))
    })
    .await?;
    let (output, last) = follow(&client(&stand_in)?).await?;
    assert_eq!(output, "hello");
    assert!(matches!(last, Ok(TaskEvent::End(end)) if end.status == TaskStatus::Success));
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target, "/api/flow/task/events?taskId=task0000");
    assert_eq!(requests[0].header("accept"), Some("text/event-stream"));
    assert_eq!(requests[0].header("last-event-id"), None);
    Ok(())
}

#[tokio::test]
async fn a_stream_cut_at_every_byte_neither_repeats_nor_loses_output() -> Outcome {
    let whole = [
        log("e1", 0, "one "),
        log("e2", 4, "two "),
        log("e3", 8, "three"),
        END.to_owned(),
    ]
    .concat();
    // All at once: each takes a pause before its second connection.
    let cuts = (0..whole.len()).map(|cut| follow_cut_stream(&whole, cut));
    for (cut, result) in futures_util::future::join_all(cuts)
        .await
        .into_iter()
        .enumerate()
    {
        let (output, last) = result?;
        assert_eq!(output, "one two three", "cut at {cut}");
        assert!(
            matches!(last, Ok(TaskEvent::End(_))),
            "cut at {cut}: {last:?}"
        );
    }
    Ok(())
}

async fn follow_cut_stream(
    whole: &str,
    cut: usize,
) -> Result<(String, Result<TaskEvent, Error>), Box<dyn std::error::Error>> {
    let whole = whole.to_owned();
    let stand_in = StandIn::start(move |n, request| {
        // As the server does it: everything after the event that the id names.
        let told = request.header("last-event-id").map_or(0, |id| {
            let at = whole
                .find(&format!("id: {id}\n"))
                .expect("an id of this stream");
            at + whole[at..].find("\n\n").expect("a whole event") + 2
        });
        let end = if n == 0 { cut } else { whole.len() };
        Answer::Bytes(event_stream(&[&whole[told.min(end)..end]]))
    })
    .await?;
    // The machine is busy with all of them, which is no silence.
    let client = Client::builder(&stand_in.url)?.build()?;
    follow(&client).await
}

#[tokio::test]
async fn a_server_that_starts_over_repeats_nothing() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Bytes(event_stream(&[&log("e1", 0, "abcd")])),
        _ => Answer::Bytes(event_stream(&[
            &log("e1", 0, "ab"),
            &log("e2", 2, "cdef"),
            END,
        ])),
    })
    .await?;
    let (output, _) = follow(&client(&stand_in)?).await?;
    assert_eq!(output, "abcdef");
    Ok(())
}

#[tokio::test]
async fn a_silent_connection_is_made_again() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Silence(event_stream(&[&log("e1", 0, "a")])),
        1 => Answer::Silence(vec![]),
        _ => Answer::Bytes(event_stream(&[&log("e2", 1, "b"), END])),
    })
    .await?;
    let client = Client::builder(&stand_in.url)?
        .silence_timeout(Duration::from_millis(50))
        .request_timeout(Duration::from_millis(50))
        .build()?;
    let (output, _) = follow(&client).await?;
    assert_eq!(output, "ab");
    assert_eq!(stand_in.requests()[2].header("last-event-id"), Some("e1"));
    Ok(())
}

#[tokio::test]
async fn following_gives_up_after_its_limit() -> Outcome {
    let stand_in = StandIn::start(|n, _| match n {
        0 => Answer::Bytes(event_stream(&[&log("e1", 0, "a")])),
        _ => problem(503, "Unavailable", ""),
    })
    .await?;
    let (output, last) = follow(&client(&stand_in)?).await?;
    assert_eq!(output, "a");
    assert!(
        matches!(&last, Err(Error::GaveUp { n_attempts: 3, .. })),
        "{last:?}"
    );
    assert_eq!(stand_in.requests().len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_answered_is_not_waited_for_as_one_that_was_lost() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(503, "Unavailable", "")).await?;
    let client = Client::builder(&stand_in.url)?
        .token("t")
        .retries(1)
        .reconnects(100)
        .build()?;
    let (_, last) = follow(&client).await?;
    assert!(
        matches!(&last, Err(error) if error.code() == Some(Code::Unavailable)),
        "{last:?}"
    );
    assert_eq!(stand_in.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_refusal_ends_the_following_at_once() -> Outcome {
    let stand_in = StandIn::start(|_, _| problem(404, "NotFound", "")).await?;
    let (_, last) = follow(&client(&stand_in)?).await?;
    assert_eq!(last.expect_err("no such task").code(), Some(Code::NotFound));
    assert_eq!(stand_in.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_an_error() -> Outcome {
    let stand_in =
        StandIn::start(|_, _| answer(200, "content-type: text/html\r\n", b"<html>")).await?;
    let (_, last) = follow(&client(&stand_in)?).await?;
    assert!(matches!(&last, Err(Error::Malformed { .. })), "{last:?}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        Answer::Silence(event_stream(&["event: log\ndata: {\"from\":1}\n\n"]))
    })
    .await?;
    let (_, last) = follow(&client(&stand_in)?).await?;
    assert!(
        matches!(
            &last,
            Err(Error::Decode {
                operation: "follow_task",
                ..
            })
        ),
        "{last:?}"
    );
    Ok(())
}

#[tokio::test]
async fn output_that_is_known_is_left_out() -> Outcome {
    let stand_in = StandIn::start(|_, _| {
        Answer::Silence(event_stream(&[
            &log("e1", 0, "ab"),
            &log("e2", 2, "cdef"),
            END,
        ]))
    })
    .await?;
    let known = [(StepCount::Number(1), 3)].into();
    let mut events = client(&stand_in)?.follow_task_after(&"task0000".parse()?, known);
    let Some(Ok(TaskEvent::Log(log))) = events.next().await else {
        return Err("a log event".into());
    };
    assert_eq!((log.from, log.to, log.text.as_deref()), (3, 6, Some("def")));
    assert!(matches!(events.next().await, Some(Ok(TaskEvent::End(_)))));
    Ok(())
}
