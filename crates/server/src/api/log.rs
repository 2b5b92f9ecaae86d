//! `task/log` and `task/events`: what tasks print, read late or followed live.

use std::{pin::pin, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderMap},
    web::Data,
};
use bytes::Bytes;
use flowcd_model::{
    envelope::Reply,
    log::{LogQuery, LogTimes, LogTimesQuery, TaskEvent},
    task::TaskRef,
};
use futures_util::{Stream, StreamExt, stream};
use tracing::warn;

use super::{
    answer::{etag, is_known, not_modified, reply, tagged},
    extract::Params,
};
use crate::{
    auth::Caller,
    error::{Error, Result},
    logs::Piece,
    service,
    state::AppState,
};

/// After so much silence a comment is sent, so that nobody on the way takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Read a step's log
///
/// As JSON, with the text as `data` (what is not UTF-8 in it is replaced by U+FFFD), or, asked for with
/// `Accept: text/plain` or `application/octet-stream`, as the very bytes that the step printed after masking. A log of
/// a running step is answered as far as it is there. Where the log's size limit left bytes out, a line says so.
///
/// The headers `X-Log-From` and `X-Log-Next` say which bytes these are: send the second as `from` to read on. The log
/// of a task that has ended has an `ETag`.
#[utoipa::path(
    tag = "task",
    params(LogQuery),
    responses(
        (
            status = 200,
            description = "The log, or the part that was asked for; empty when the step printed nothing.",
            content(
                (Reply<String> = "application/json", example = json!({"success": true, "data": "hello\n"})),
                (String = "text/plain", example = "hello\n"),
            ),
            headers(
                ("X-Log-From" = i64, description = "The offset of the first byte."),
                ("X-Log-Next" = i64, description = "The offset after the last byte."),
                ("ETag" = String, description = "Of the log of a task that has ended."),
            )
        ),
        (status = 304, description = "You have it already: it is the one of your `If-None-Match`.")
    )
)]
#[get("/task/log")]
pub(crate) async fn get_log(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<LogQuery>,
) -> Result<HttpResponse> {
    let form = Form::asked_for(request.headers());
    let query = query.0;
    let tag = format!(
        "{}-{}-{}",
        query.task_id, query.step_count, query.with_times
    );
    let log = service::task::open_log(&state, &caller, query).await?;
    let tag = etag(&format!("{tag}-{}-{}-{form:?}", log.from, log.next));
    if log.is_final && is_known(request.headers(), &tag) {
        return Ok(not_modified(&tag));
    }
    let mut response = HttpResponse::Ok();
    response.content_type(form.media_type());
    response.insert_header((header::VARY, "Accept"));
    response.insert_header(("X-Log-From", log.from.to_string()));
    response.insert_header(("X-Log-Next", log.next.to_string()));
    if log.is_final {
        tagged(&mut response, &tag);
    }
    let pieces = log.read();
    Ok(match form {
        Form::Json => response.streaming(json(pieces)),
        Form::Text | Form::Bytes => response.streaming(bytes(pieces)),
    })
}

/// Tell when a log was printed
///
/// For each stretch of a step's log that was printed at one time, to a tenth of a second, its first byte and the time.
/// Some thousands are answered at once: ask again with `next` as `from` until it stays the same. The log itself comes
/// with the times in front of its lines when `task/log` is asked with `timestamps=true`.
#[utoipa::path(
    tag = "task",
    params(LogTimesQuery),
    responses((
        status = 200,
        description = "The times, in the order of the bytes.",
        body = Reply<LogTimes>,
        example = json!({"success": true, "data": {"times": [{"from": 0, "time": 1_668_765_432_123_i64}], "next": 6}})
    ))
)]
#[get("/task/log/times")]
pub(crate) async fn get_log_times(
    state: Data<AppState>,
    caller: Caller,
    query: Params<LogTimesQuery>,
) -> Result<HttpResponse> {
    Ok(reply(
        service::task::log_times(&state, &caller, query.0).await?,
    ))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Json,
    Text,
    Bytes,
}

impl Form {
    /// The first that is named with the highest quality; JSON when none is.
    fn asked_for(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::Json);
        let accepted = headers.get_all(header::ACCEPT);
        for range in accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default() {
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/plain" | "text/*" => Self::Text,
                "application/octet-stream" => Self::Bytes,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0));
            if quality > best.0 {
                best = (quality, form);
            }
        }
        best.1
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Bytes => "application/octet-stream",
        }
    }
}

fn gap_notice(n_bytes: u64) -> String {
    format!("\n[flowcd: {n_bytes} bytes left out here by the log's size limit]\n")
}

/// The bytes as they are.
fn bytes(pieces: impl Stream<Item = Result<Vec<Piece>>>) -> impl Stream<Item = Result<Bytes>> {
    pieces.map(|pieces| {
        let mut pieces = pieces.inspect_err(log_broken)?;
        // The usual case needs no copy.
        if let [Piece::Bytes { bytes, .. }] = &mut pieces[..] {
            return Ok(std::mem::take(bytes));
        }
        let mut out = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Bytes { bytes, .. } => out.extend_from_slice(bytes),
                Piece::Gap { n_bytes, .. } => out.extend(gap_notice(*n_bytes).into_bytes()),
            }
        }
        Ok(Bytes::from(out))
    })
}

/// The envelope with the text in it, written while it is read: a log need not fit into memory.
fn json(pieces: impl Stream<Item = Result<Vec<Piece>>>) -> impl Stream<Item = Result<Bytes>> {
    enum Stage<S> {
        Start(S),
        Middle(S, Lossy),
        Over,
    }
    let start = Stage::Start(Box::pin(pieces));
    stream::unfold(start, |stage| async move {
        match stage {
            Stage::Start(pieces) => {
                let head = Bytes::from_static(br#"{"success":true,"data":""#);
                Some((Ok(head), Stage::Middle(pieces, Lossy::default())))
            }
            Stage::Middle(mut pieces, mut lossy) => match pieces.next().await {
                Some(Ok(part)) => {
                    let mut text = String::new();
                    for piece in &part {
                        match piece {
                            Piece::Bytes { bytes, .. } => lossy.push(bytes, &mut text),
                            Piece::Gap { n_bytes, .. } => {
                                lossy.end(&mut text);
                                text.push_str(&gap_notice(*n_bytes));
                            }
                        }
                    }
                    Some((Ok(escaped(&text).into()), Stage::Middle(pieces, lossy)))
                }
                Some(Err(err)) => {
                    log_broken(&err);
                    Some((Err(err), Stage::Over))
                }
                None => {
                    let mut text = String::new();
                    lossy.end(&mut text);
                    Some((Ok((escaped(&text) + r#""}"#).into()), Stage::Over))
                }
            },
            Stage::Over => None,
        }
    })
}

/// The head of the answer is out by now: all that is left is to break the body off, and to say why in our log.
fn log_broken(err: &Error) {
    let causes = err.causes().unwrap_or_default();
    warn!(error = causes, "Broke off a log: {err}");
}

/// The text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Bytes to text, where characters may be cut by the borders of pieces.
#[derive(Default)]
struct Lossy {
    /// The beginning of a character whose rest has not come.
    carry: Vec<u8>,
}

impl Lossy {
    fn push(&mut self, bytes: &[u8], text: &mut String) {
        let mut joined = std::mem::take(&mut self.carry);
        joined.extend_from_slice(bytes);
        let mut chunks = joined.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            if chunk.invalid().is_empty() {
                continue;
            }
            let is_cut = chunks.peek().is_none()
                && std::str::from_utf8(chunk.invalid()).is_err_and(|err| err.error_len().is_none());
            if is_cut {
                self.carry = chunk.invalid().to_owned();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn end(&mut self, text: &mut String) {
        if !std::mem::take(&mut self.carry).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Follow a task
///
/// Server-sent events with the whole life of the task, from its beginning whenever one comes: `status` (the task),
/// `step` (one step), `log` (bytes of a step's log), and `end` after everything was told; then the stream closes.
/// The `data` of each is JSON. Each has an `id`: a client that lost the connection sends the last one as the header
/// `Last-Event-ID`, and nothing repeats and nothing is lost. Comments keep a silent stream alive.
#[utoipa::path(
    tag = "task",
    params(
        TaskRef,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen.")
    ),
    responses((
        status = 200,
        description = "The events.",
        content((TaskEvent = "text/event-stream", example = "event: status\nid: pending.0.0.0\ndata: {\"taskId\":\"lam3k2o9deadbeef\",\"status\":\"pending\",\"cancelRequested\":false,\"updated_time\":1668765432123}\n\n"))
    ))
)]
#[get("/task/events")]
pub(crate) async fn follow_task(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Params<TaskRef>,
) -> Result<HttpResponse> {
    let last_id = request.headers().get("last-event-id");
    let last_id = match last_id.map(|id| id.to_str()).transpose() {
        Ok(id) => id.filter(|id| !id.is_empty()).map(str::to_owned),
        Err(_) => {
            return Err(Error::malformed(
                "`Last-Event-ID` is not an id that this stream sent",
            ));
        }
    };
    let state = AppState::clone(&state);
    let events = service::events::follow(state, caller, query.0.task_id, last_id).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Neither our compression nor a proxy's buffer may hold an event back.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(event_stream(events)))
}

/// The events as text, with comments in the silence between them.
fn event_stream(
    events: impl Stream<Item = Result<(String, TaskEvent)>>,
) -> impl Stream<Item = Result<Bytes>> {
    let events = Some(Box::pin(events));
    stream::unfold(events, |events| async move {
        let mut events = events?;
        let next = pin!(events.next());
        match tokio::time::timeout(HEARTBEAT, next).await {
            Err(_) => Some((Ok(Bytes::from_static(b": alive\n\n")), Some(events))),
            Ok(Some(Ok((id, event)))) => match event_text(&id, &event) {
                Ok(text) => Some((Ok(text.into()), Some(events))),
                Err(err) => Some((Err(Error::internal(err)), None)),
            },
            Ok(Some(Err(err))) => {
                log_broken(&err);
                Some((Err(err), None))
            }
            Ok(None) => None,
        }
    })
}

/// One event. JSON has no line breaks, so `data` is one line.
fn event_text(id: &str, event: &TaskEvent) -> serde_json::Result<String> {
    let (name, data) = match event {
        TaskEvent::Status(status) => ("status", serde_json::to_string(status)?),
        TaskEvent::Step(step) => ("step", serde_json::to_string(step)?),
        TaskEvent::Log(log) => ("log", serde_json::to_string(log)?),
        TaskEvent::End(status) => ("end", serde_json::to_string(status)?),
    };
    Ok(format!("event: {name}\nid: {id}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{self, HeaderMap, HeaderValue};
    use bytes::Bytes;
    use futures_util::{TryStreamExt, stream};

    use super::{Form, Lossy, bytes, json};
    use crate::logs::Piece;

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        for (accept, form) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("application/json, */*;q=0.5", Form::Json),
            ("text/plain", Form::Text),
            ("text/plain;q=0.5, application/json", Form::Json),
            ("text/html, text/plain", Form::Text),
            ("application/octet-stream", Form::Bytes),
            ("image/png", Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Form::asked_for(&headers), form, "{accept}");
        }
    }

    #[test]
    fn text_does_not_depend_on_where_the_bytes_are_cut() {
        let input = b"a\xc3\xa4\xff\xf0\x9f\x98\x80z\xe2\x82";
        let expected = String::from_utf8_lossy(input);
        for size in 1..=input.len() {
            let (mut lossy, mut text) = (Lossy::default(), String::new());
            for part in input.chunks(size) {
                lossy.push(part, &mut text);
            }
            lossy.end(&mut text);
            assert_eq!(text, expected, "{size}");
        }
    }

    #[tokio::test]
    async fn a_gap_is_named_and_the_envelope_is_whole() -> crate::error::Result<()> {
        let pieces = || {
            stream::iter([
                Ok(vec![Piece::Bytes {
                    from: 0,
                    bytes: Bytes::from_static(b"say \"hi\"\n\xc3"),
                }]),
                Ok(vec![
                    Piece::Gap {
                        from: 10,
                        n_bytes: 90,
                    },
                    Piece::Bytes {
                        from: 100,
                        bytes: Bytes::from_static(b"end"),
                    },
                ]),
            ])
        };
        let notice = "\n[flowcd: 90 bytes left out here by the log's size limit]\n";
        let raw: Vec<Bytes> = bytes(pieces()).try_collect().await?;
        assert_eq!(
            raw.concat(),
            [b"say \"hi\"\n\xc3", notice.as_bytes(), b"end"].concat()
        );
        let text: Vec<Bytes> = json(pieces()).try_collect().await?;
        let reply: serde_json::Value = serde_json::from_slice(&text.concat()).expect("an envelope");
        assert_eq!(reply["data"], format!("say \"hi\"\n\u{fffd}{notice}end"));
        assert_eq!(reply["success"], true);
        Ok(())
    }
}
