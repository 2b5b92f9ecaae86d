//! Logs of steps, whole or followed live.

use std::{
    borrow::Cow,
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use flowcd_model::{
    id::TaskId,
    log::{LogEvent, LogQuery, LogTimes, LogTimesQuery, TaskEvent},
    step::StepCount,
    task::TaskRef,
};
use futures_util::{Stream, StreamExt, stream};
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::de::DeserializeOwned;

use crate::{
    Call, Client, Error,
    retry::back_off,
    sse::{Frame, Parser},
};

const FOLLOW: &str = "follow_task";

/// A connection that held so long was good, even when it gave no event.
const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// The longest pause that a server's `retry:` can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Client {
    /// A part of a step's log as text. What is not UTF-8 in it is replaced.
    pub async fn get_log(&self, query: &LogQuery) -> Result<String, Error> {
        let call = self.get("get_log", "/api/flow/task/log", query);
        self.fetch(&call).await
    }

    /// A part of a step's log, byte for byte as the step printed it after masking.
    ///
    /// Where the log's size limit left bytes out, a line says so.
    pub async fn get_log_bytes(&self, query: &LogQuery) -> Result<LogPart, Error> {
        let call = self
            .get("get_log_bytes", "/api/flow/task/log", query)
            .accepting("text/plain");
        let response = self.send(&call).await?;
        if media_type(&response) == "application/json" {
            return Err(Error::Malformed {
                operation: call.operation,
                reason: "it is an envelope, where the bytes were asked for",
            });
        }
        let offset = |name| {
            let value: &HeaderValue = response.headers().get(name)?;
            value.to_str().ok()?.parse().ok()
        };
        let missing = || Error::Malformed {
            operation: call.operation,
            reason: "it does not say which bytes of the log it holds",
        };
        let from = offset("x-log-from").ok_or_else(missing)?;
        let next = offset("x-log-next").ok_or_else(missing)?;
        let bytes = self.read_body(&call, response).await?;
        Ok(LogPart { from, next, bytes })
    }

    /// When a step's log was printed, some thousands of times at once: ask again from [`LogTimes::next`] until it stays
    /// the same.
    pub async fn get_log_times(&self, query: &LogTimesQuery) -> Result<LogTimes, Error> {
        let call = self.get("get_log_times", "/api/flow/task/log/times", query);
        self.fetch(&call).await
    }

    /// The life of a task from its beginning: its status, its steps and their output, until its end.
    ///
    /// A connection that breaks, or falls silent, is made again, and the stream goes on behind the last event: no byte
    /// of a log repeats and none is lost. The last item is [`TaskEvent::End`] or an error; among them
    /// [`Error::GaveUp`], when the server did not come back within the limit of
    /// [`reconnects`](crate::ClientBuilder::reconnects). The first connection is tried as often as any other call.
    ///
    /// Dropping the stream ends the following, never the task.
    pub fn follow_task(
        &self,
        task_id: &TaskId,
    ) -> impl Stream<Item = Result<TaskEvent, Error>> + Send + Unpin + use<> {
        self.follow_task_after(task_id, HashMap::new())
    }

    /// As [`follow_task`](Self::follow_task), without the output that is known already: each step's log begins at its
    /// offset in `known`, which is the [`next`](LogPart::next) of what was read of it.
    pub fn follow_task_after(
        &self,
        task_id: &TaskId,
        known: HashMap<StepCount, u64>,
    ) -> impl Stream<Item = Result<TaskEvent, Error>> + Send + Unpin + use<> {
        let query = TaskRef {
            task_id: task_id.clone(),
        };
        let call = self
            .get(FOLLOW, "/api/flow/task/events", &query)
            .accepting("text/event-stream");
        let follower = Follower {
            client: self.clone(),
            call,
            connection: None,
            has_begun: false,
            n_failed: 0,
            pause: None,
            offsets: known,
            is_over: false,
        };
        let events = stream::unfold(follower, async |mut follower| {
            follower.next().await.map(|item| (item, follower))
        });
        Box::pin(events.fuse())
    }
}

/// A part of a step's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPart {
    /// The offset of the first byte.
    pub from: u64,
    /// The offset after the last byte: where to read on.
    pub next: u64,
    /// The bytes, and a line for each stretch that the log's size limit left out.
    pub bytes: Bytes,
}

/// The bytes of a log event; none where it names a gap.
///
/// # Errors
///
/// [`Error::Malformed`] when its base64 is none.
pub fn log_bytes(event: &LogEvent) -> Result<Cow<'_, [u8]>, Error> {
    match (&event.text, &event.base64) {
        (Some(text), _) => Ok(Cow::Borrowed(text.as_bytes())),
        (None, Some(base64)) => match BASE64_STANDARD.decode(base64) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(_) => Err(malformed("a log event's base64 cannot be decoded")),
        },
        (None, None) => Ok(Cow::Borrowed(&[])),
    }
}

struct Follower {
    client: Client,
    call: Call,
    connection: Option<Connection>,
    /// Whether the server has answered at all. Before that there is nothing to take up again.
    has_begun: bool,
    /// How often in a row it failed without a sign of life.
    n_failed: u32,
    /// The pause the server asks for.
    pause: Option<Duration>,
    /// The end of what was told of each step's log.
    offsets: HashMap<StepCount, u64>,
    is_over: bool,
}

struct Connection {
    response: Response,
    parser: Parser,
    opened_at: Instant,
}

/// Why a connection gave nothing.
enum Broken {
    /// It may work again later.
    Passing(Error),
    /// It will not.
    Final(Error),
}

impl Follower {
    async fn next(&mut self) -> Option<Result<TaskEvent, Error>> {
        if self.is_over {
            return None;
        }
        let item = self.next_event().await;
        self.is_over = matches!(item, Ok(TaskEvent::End(_)) | Err(_));
        if self.is_over {
            self.connection = None;
        }
        Some(item)
    }

    async fn next_event(&mut self) -> Result<TaskEvent, Error> {
        loop {
            let error = match self.next_frame().await {
                Ok(frame) => {
                    self.n_failed = 0;
                    match self.take_frame(frame)? {
                        Some(event) => return Ok(event),
                        None => continue,
                    }
                }
                Err(Broken::Final(error)) => return Err(error),
                Err(Broken::Passing(error)) => error,
            };
            self.let_go();
            let limits = &self.client.inner.limits;
            if !self.has_begun && self.n_failed >= limits.n_retries.min(limits.n_reconnects) {
                return Err(error);
            }
            if self.n_failed >= limits.n_reconnects {
                return Err(Error::GaveUp {
                    n_attempts: self.n_failed,
                    source: Box::new(error),
                });
            }
            let delay = back_off(self.n_failed).max(self.pause.unwrap_or_default());
            self.n_failed += 1;
            tracing::debug!(
                task.id = ?self.call.url.query(),
                error = %error,
                delay_ms = delay.as_millis(),
                "Lost the task's events, taking them up again"
            );
            tokio::time::sleep(delay).await;
        }
    }

    fn let_go(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if let Some(pause) = connection.parser.retry() {
            self.pause = Some(pause.min(LONGEST_PAUSE));
        }
        if connection.opened_at.elapsed() >= GOOD_CONNECTION {
            self.n_failed = 0;
        }
    }

    async fn next_frame(&mut self) -> Result<Frame, Broken> {
        let silence = self.client.inner.limits.silence;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.connect().await?;
                self.has_begun = true;
                connection
            }
        };
        loop {
            if let Some(frame) = connection.parser.next_frame() {
                self.connection = Some(connection);
                return Ok(frame);
            }
            let chunk = tokio::time::timeout(silence, connection.response.chunk()).await;
            let error = match chunk {
                Ok(Ok(Some(chunk))) => match connection.parser.push(&chunk) {
                    Ok(()) => continue,
                    Err(crate::sse::TooLarge) => {
                        return Err(Broken::Final(malformed("an event is too large")));
                    }
                },
                Ok(Ok(None)) => malformed("it ended before the task did"),
                Ok(Err(source)) => self.client.transport_failure(&self.call, source),
                Err(_) => self.client.timed_out(&self.call),
            };
            self.connection = Some(connection);
            return Err(Broken::Passing(error));
        }
    }

    async fn connect(&self) -> Result<Connection, Broken> {
        let response = match self.client.send_once(&self.call).await {
            Ok(response) => response,
            Err(failure) if failure.error.is_temporary() => {
                return Err(Broken::Passing(failure.error));
            }
            Err(failure) => return Err(Broken::Final(failure.error)),
        };
        if media_type(&response) != "text/event-stream" {
            return Err(Broken::Final(malformed("it is no event stream")));
        }
        Ok(Connection {
            response,
            parser: Parser::default(),
            opened_at: Instant::now(),
        })
    }

    /// The event in a frame; `None` when it is of a kind that this client does not know, or was told before.
    fn take_frame(&mut self, frame: Frame) -> Result<Option<TaskEvent>, Error> {
        let event = match frame.event.as_str() {
            "status" => TaskEvent::Status(decode(&frame.data)?),
            "step" => TaskEvent::Step(decode(&frame.data)?),
            "log" => TaskEvent::Log(decode(&frame.data)?),
            "end" => TaskEvent::End(decode(&frame.data)?),
            _ => return Ok(None),
        };
        // Only now: an event that could not be read was not told.
        if frame.id.is_some() {
            self.call.last_event_id = frame.id.filter(|id| !id.is_empty());
        }
        match event {
            TaskEvent::Log(log) => Ok(self.new_part(log)?.map(TaskEvent::Log)),
            event => Ok(Some(event)),
        }
    }

    /// What of a log event lies behind all that was told of its step. A server that resumes exactly never sends
    /// anything else; one that starts over after a reconnection, because it knows no ids, is brought in line here.
    fn new_part(&mut self, log: LogEvent) -> Result<Option<LogEvent>, Error> {
        let told = self.offsets.entry(log.step_count).or_insert(0);
        let Some(n_known) = told.checked_sub(log.from).filter(|n_known| *n_known > 0) else {
            *told = log.to;
            return Ok(Some(log));
        };
        if log.to <= *told {
            return Ok(None);
        }
        let from = std::mem::replace(told, log.to);
        let mut part = LogEvent {
            step_count: log.step_count,
            from,
            to: log.to,
            text: None,
            base64: None,
            omitted_bytes: None,
        };
        if log.omitted_bytes.is_some() {
            part.omitted_bytes = Some(log.to - from);
            return Ok(Some(part));
        }
        let bytes = log_bytes(&log)?;
        let rest = usize::try_from(n_known)
            .ok()
            .and_then(|n_known| bytes.get(n_known..));
        let rest = rest.ok_or_else(|| malformed("a log event holds less than its offsets say"))?;
        match std::str::from_utf8(rest) {
            Ok(text) => part.text = Some(text.to_owned()),
            Err(_) => part.base64 = Some(BASE64_STANDARD.encode(rest)),
        }
        Ok(Some(part))
    }
}

fn decode<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|source| Error::Decode {
        operation: FOLLOW,
        source,
    })
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed {
        operation: FOLLOW,
        reason,
    }
}

/// The media type without its parameters, in lower case.
fn media_type(response: &Response) -> String {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}
