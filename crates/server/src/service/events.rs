//! The whole life of a task as one stream: status, steps and log bytes, in the order a reader wants them.
//!
//! The stream is computed from what is stored, never from what happens to be in memory, so a reader who comes late,
//! or comes back, gets the very events a reader of the first hour got. Its position fits in a short text, the event
//! id, and says exactly what was told: nothing repeats and nothing is lost after a reconnection.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use flowcd_model::{
    id::TaskId,
    log::{LogEvent, StatusEvent, TaskEvent},
    step::{Step, StepCount, StepStatus},
    task::{Task, TaskStatus},
};
use futures_util::{Stream, stream};
use serde_json::Map;
use tokio::{sync::watch, time::Instant};

use crate::{
    auth::{Caller, is_still_good},
    error::Error,
    logs::{LogPart, Piece},
    state::AppState,
};

/// Look again after this long even when nothing says that something changed: another server may run the task.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A stream may go on for hours, and its caller's credential is looked at again this often.
const CHECK_CALLER: Duration = Duration::from_secs(5);
/// The most log bytes in one event.
const EVENT_BYTES: u64 = 64 * 1024;

/// Follows a task of the caller from its beginning, or from where `last_event_id` says.
/// Each item is the event's id and the event. The stream ends after [`TaskEvent::End`].
pub(crate) async fn follow(
    state: AppState,
    caller: Caller,
    task: TaskId,
    last_event_id: Option<String>,
) -> Result<impl Stream<Item = Result<(String, TaskEvent), Error>>, Error> {
    let position = match last_event_id.as_deref() {
        Some(text) => text.parse().map_err(|InvalidPosition| {
            Error::malformed(
                "`Last-Event-ID` is not an id that this stream sent; leave it out to start over",
            )
        })?,
        None => Position::default(),
    };
    let changes = state.work.watch(&task);
    let mut follower = Follower {
        state,
        caller,
        checked_at: Instant::now(),
        task,
        position,
        changes,
        snapshot: None,
        is_over: false,
        has_looked_last: false,
    };
    // The first look happens before the answer begins, so that an unknown task is a 404 and not an empty stream.
    follower.look().await?;
    Ok(stream::unfold(follower, |mut follower| async move {
        let next = follower.next().await.transpose()?;
        if next.is_err() {
            follower.is_over = true;
        }
        Some((next, follower))
    }))
}

/// What was told so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Position {
    /// The status told last.
    status: Option<(TaskStatus, bool)>,
    /// How many steps were announced.
    n_announced: usize,
    /// The step whose turn it is, by place.
    place: usize,
    /// Whether the start of that step was told.
    is_started: bool,
    /// The offset in that step's log.
    offset: u64,
}

/// The text is `<status><flags>.<announced>.<place>.<offset>`, `r.3.1s.4096` for instance.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("-", |(status, _)| status.as_str());
        let cancel = if self.status.is_some_and(|(_, is_requested)| is_requested) {
            "!"
        } else {
            ""
        };
        let started = if self.is_started { "s" } else { "" };
        write!(
            f,
            "{status}{cancel}.{}.{}{started}.{}",
            self.n_announced, self.place, self.offset
        )
    }
}

#[derive(Debug)]
struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let parts: Vec<&str> = text.split('.').collect();
        let [status, announced, place, offset] = parts[..] else {
            return Err(InvalidPosition);
        };
        let status = match status {
            "-" => None,
            _ => {
                let is_requested = status.ends_with('!');
                let status = status
                    .trim_end_matches('!')
                    .parse()
                    .map_err(|_| InvalidPosition)?;
                Some((status, is_requested))
            }
        };
        Ok(Self {
            status,
            n_announced: announced.parse().map_err(|_| InvalidPosition)?,
            place: place
                .trim_end_matches('s')
                .parse()
                .map_err(|_| InvalidPosition)?,
            is_started: place.ends_with('s'),
            offset: offset.parse().map_err(|_| InvalidPosition)?,
        })
    }
}

struct Follower {
    state: AppState,
    caller: Caller,
    /// When the caller's credential was seen to be good.
    checked_at: Instant,
    task: TaskId,
    position: Position,
    changes: watch::Receiver<u64>,
    snapshot: Option<Task>,
    is_over: bool,
    /// Whether the server has stopped and the task was looked at since.
    has_looked_last: bool,
}

impl Follower {
    /// The next event, as soon as there is one; `None` after the end.
    async fn next(&mut self) -> Result<Option<(String, TaskEvent)>, Error> {
        if self.is_over {
            return Ok(None);
        }
        loop {
            self.check_caller().await?;
            let task = match self.snapshot.take() {
                Some(task) => task,
                None => self.look().await?,
            };
            if let Some(event) = self.step_on(&task).await? {
                self.is_over = matches!(event, TaskEvent::End(_));
                self.snapshot = Some(task);
                return Ok(Some((self.position.to_string(), event)));
            }
            // Nothing new in this snapshot.
            tokio::select! {
                _ = self.changes.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                // The runners have ended, so one look more finds all there is. For what comes after that, the reader
                // comes back to the next server with the id of the last event.
                () = self.state.stopping.cancelled() => {
                    if self.has_looked_last {
                        return Ok(None);
                    }
                    self.has_looked_last = true;
                }
            }
        }
    }

    /// Refuses to go on for a token that was deleted meanwhile, a session that has ended, a user who is disabled.
    async fn check_caller(&mut self) -> Result<(), Error> {
        if self.checked_at.elapsed() < CHECK_CALLER {
            return Ok(());
        }
        if !is_still_good(&self.state, &self.caller).await? {
            return Err(Error::need_login("the token or the session has ended"));
        }
        self.checked_at = Instant::now();
        Ok(())
    }

    /// Reads the task. The channel is marked as seen first, so a change during the look wakes us.
    async fn look(&mut self) -> Result<Task, Error> {
        self.changes.mark_unchanged();
        let task = self
            .state
            .store
            .task(&self.caller.user_id, &self.task)
            .await?;
        let task = task.ok_or_else(|| Error::not_found("no such task"))?;
        self.snapshot = Some(task.clone());
        Ok(task)
    }

    /// The next event that `task` allows, and the position moved behind it.
    async fn step_on(&mut self, task: &Task) -> Result<Option<TaskEvent>, Error> {
        let told = Some((task.status, task.is_cancel_requested));
        if self.position.status != told && !task.status.is_final() {
            self.position.status = told;
            return Ok(Some(TaskEvent::Status(status_event(task))));
        }
        let steps = task.steps.as_deref().unwrap_or_default();
        if let Some(step) = steps.get(self.position.n_announced) {
            self.position.n_announced += 1;
            return Ok(Some(TaskEvent::Step(as_it_was(step, StepStatus::Pending))));
        }
        if let Some(step) = steps.get(self.position.place) {
            return self.step_on_in(step, task.status.is_final()).await;
        }
        if !task.status.is_final() {
            return Ok(None);
        }
        if let Some(event) = self.log_event(StepCount::Completed).await? {
            return Ok(Some(event));
        }
        if self.position.status != told {
            self.position.status = told;
            return Ok(Some(TaskEvent::Status(status_event(task))));
        }
        Ok(Some(TaskEvent::End(status_event(task))))
    }

    /// The next event of the step whose turn it is: its start, its output, its end.
    ///
    /// In a task that has ended no step goes on, whatever its row says: the reader is not left waiting.
    async fn step_on_in(
        &mut self,
        step: &Step,
        is_task_final: bool,
    ) -> Result<Option<TaskEvent>, Error> {
        let is_over = is_task_final || step.status.is_final();
        if step.status == StepStatus::Pending && !is_over {
            return Ok(None);
        }
        if !self.position.is_started && step.started_time.is_some() {
            self.position.is_started = true;
            return Ok(Some(TaskEvent::Step(as_it_was(step, StepStatus::Running))));
        }
        if let Some(event) = self.log_event(step.step_count).await? {
            return Ok(Some(event));
        }
        if !is_over {
            return Ok(None);
        }
        self.position.place += 1;
        self.position.is_started = false;
        self.position.offset = 0;
        Ok(Some(TaskEvent::Step(step.clone())))
    }

    async fn log_event(&mut self, step_count: StepCount) -> Result<Option<TaskEvent>, Error> {
        let from = self.position.offset;
        let LogPart { pieces, .. } = self
            .state
            .logs
            .read(&self.task, step_count, from, EVENT_BYTES)
            .await?;
        let Some(piece) = pieces.into_iter().next() else {
            return Ok(None);
        };
        let mut event = LogEvent {
            step_count,
            from,
            to: from,
            text: None,
            base64: None,
            omitted_bytes: None,
        };
        match piece {
            Piece::Gap { from, n_bytes } => {
                event.to = from + n_bytes;
                event.omitted_bytes = Some(n_bytes);
            }
            Piece::Bytes { from, bytes } => match text_prefix(&bytes) {
                Some(text) => {
                    event.to = from + text.len() as u64;
                    event.text = Some(text.to_owned());
                }
                None => {
                    event.to = from + bytes.len() as u64;
                    event.base64 = Some(BASE64_STANDARD.encode(&bytes));
                }
            },
        }
        self.position.offset = event.to;
        Ok(Some(TaskEvent::Log(event)))
    }
}

/// The bytes as text: all of them, or all but a character cut off at the end. `None` where they are not UTF-8.
fn text_prefix(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// The step as a reader of the first hour saw it at an earlier status.
fn as_it_was(step: &Step, status: StepStatus) -> Step {
    let started_time = step.started_time.filter(|_| status != StepStatus::Pending);
    Step {
        status,
        started_time,
        process_time: None,
        error: None,
        outputs: Map::new(),
        attempts: None,
        ..step.clone()
    }
}

fn status_event(task: &Task) -> StatusEvent {
    StatusEvent {
        task_id: task.id.clone(),
        status: task.status,
        is_cancel_requested: task.is_cancel_requested,
        error: task.error.clone(),
        updated_time: task.updated_time,
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::task::TaskStatus;

    use super::{Position, text_prefix};

    #[test]
    fn a_position_survives_the_trip_through_an_event_id() {
        let positions = [
            Position::default(),
            Position {
                status: Some((TaskStatus::Running, true)),
                n_announced: 4,
                place: 2,
                is_started: true,
                offset: 70_000,
            },
        ];
        for position in positions {
            let text = position.to_string();
            assert_eq!(
                text.parse::<Position>().expect("own id"),
                position,
                "{text}"
            );
        }
        for text in ["", "....", "running.1.2", "no.0.0.0", "-.0.0.-1", "-.x.0.0"] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_character_cut_off_at_the_end_waits_for_its_rest() {
        assert_eq!(text_prefix("a\u{e9}".as_bytes()), Some("a\u{e9}"));
        assert_eq!(text_prefix(&"a\u{e9}".as_bytes()[..2]), Some("a"));
        assert_eq!(text_prefix(&[0xff, b'a']), None);
        assert_eq!(text_prefix(&"\u{e9}".as_bytes()[..1]), None);
    }
}
