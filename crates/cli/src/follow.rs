//! Following a deployment to its end.

use std::{
    collections::{HashMap, HashSet},
    io,
    io::IsTerminal,
};

use flowcd_client::{Client, log_bytes};
use flowcd_model::{
    id::TaskId,
    log::{LogEvent, StatusEvent, TaskEvent},
    step::{Step, StepCount, StepStatus},
    task::TaskStatus,
    time::Millis,
};
use futures_util::StreamExt;
use owo_colors::OwoColorize;

use crate::{
    exit::Exit,
    failure::Failure,
    live::Live,
    output::{Format, Printer, first_line},
    stamps::Stamps,
    table,
};

/// What of a deployment is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    /// The output of its steps on stdout, and what the steps do on stderr.
    Log,
    /// The output of one step.
    LogOf(StepCount),
    /// What the steps do, without their output.
    Steps,
}

/// Follows `task_id` until it ends, or until Ctrl-C, which ends the following alone.
pub(crate) async fn follow(
    client: &Client,
    printer: &Printer,
    task_id: &TaskId,
    show: Show,
) -> Result<Exit, Failure> {
    follow_from(client, printer, task_id, show, HashMap::new(), None).await
}

/// As [`follow`]. Of the steps in `known`, only what lies behind these offsets is shown. With `stamps`, lines have their
/// times in front.
pub(crate) async fn follow_from(
    client: &Client,
    printer: &Printer,
    task_id: &TaskId,
    show: Show,
    known: HashMap<StepCount, u64>,
    mut stamps: Option<Stamps>,
) -> Result<Exit, Failure> {
    let mut view = View::new(printer, show, &known);
    let mut events = client.follow_task_after(task_id, known);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        let event = tokio::select! {
            // In this order, so that the first look already catches the signal, whatever the server sends.
            biased;
            _ = &mut interrupt => {
                view.clear();
                printer.talk(&format!(
                    "stopped watching; the deployment goes on: `flowcd watch {task_id}`, `flowcd cancel {task_id}`"
                ));
                return Ok(Exit::Interrupted);
            }
            event = events.next() => event,
        };
        let Some(event) = event.transpose()? else {
            // The stream's last item is the end or an error, so this is not reached; but nothing panics for it.
            return Ok(Exit::Unreachable);
        };
        match (&event, &mut stamps) {
            (TaskEvent::Log(log), Some(stamps)) if view.is_shown(log.step_count) => {
                let stamped = stamps.stamp(client, task_id, log).await?;
                match log.omitted_bytes {
                    Some(_) => view.show(&event)?,
                    None => view.show_output(&stamped)?,
                }
            }
            _ => view.show(&event)?,
        }
        if let TaskEvent::End(end) = event {
            return Ok(Exit::of_task(end.status));
        }
    }
}

/// Where the output of the steps goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Out {
    /// It is the data.
    Stdout,
    /// It is talk: the data is another.
    Stderr,
}

/// A deployment or a run as its user sees it.
pub(crate) struct View<'a> {
    printer: &'a Printer,
    show: Show,
    out: Out,
    /// What it is called.
    noun: &'static str,
    live: Option<Live>,
    /// Steps whose start was told, so that it is not told again.
    started: HashSet<StepCount>,
    /// Steps whose end was told.
    ended: HashSet<StepCount>,
    status: Option<StatusKey>,
    started_at: Option<Millis>,
    /// Whether the output on a terminal stands inside a line.
    is_inside_line: bool,
}

type StatusKey = (TaskStatus, bool);

impl<'a> View<'a> {
    fn new(printer: &'a Printer, show: Show, known: &HashMap<StepCount, u64>) -> Self {
        let live = if show == Show::Steps && printer.can_draw() {
            Some(Live::new())
        } else {
            None
        };
        Self {
            live,
            started: known.keys().copied().collect(),
            ..Self::of(printer, show, "deployment", Out::Stdout)
        }
    }

    /// The view of a run on this machine.
    pub(crate) fn of_run(printer: &'a Printer, out: Out) -> Self {
        Self::of(printer, Show::Log, "run", out)
    }

    fn of(printer: &'a Printer, show: Show, noun: &'static str, out: Out) -> Self {
        Self {
            printer,
            show,
            out,
            noun,
            live: None,
            started: HashSet::new(),
            ended: HashSet::new(),
            status: None,
            started_at: None,
            is_inside_line: false,
        }
    }

    fn clear(&self) {
        if let Some(live) = &self.live {
            live.stop();
        }
    }

    fn show(&mut self, event: &TaskEvent) -> Result<(), Failure> {
        let is_for_people = self.printer.format == Format::Table;
        if !is_for_people {
            return match (self.show, event) {
                (Show::Steps, TaskEvent::Log(_)) => Ok(()),
                (Show::LogOf(wanted), TaskEvent::Log(log)) if log.step_count != wanted => Ok(()),
                _ => self.printer.item(event),
            };
        }
        match event {
            TaskEvent::Status(status) => self.show_status(status),
            TaskEvent::Step(step) => self.show_step(step),
            TaskEvent::Log(log) => self.show_log(log),
            TaskEvent::End(end) => self.show_end(end),
        }
    }

    fn show_status(&mut self, status: &StatusEvent) -> Result<(), Failure> {
        let key = (status.status, status.is_cancel_requested);
        if self.status.replace(key) == Some(key) || status.status.is_final() {
            return Ok(());
        }
        let line = match (status.status, status.is_cancel_requested) {
            (TaskStatus::Pending, _) => "waiting for a runner",
            (_, true) => "cancelling",
            _ => return Ok(()),
        };
        match &self.live {
            Some(live) => live.note(line),
            None => self.step_line(&line.dimmed().to_string())?,
        }
        Ok(())
    }

    /// A step changed.
    pub(crate) fn show_step(&mut self, step: &Step) -> Result<(), Failure> {
        if self.started_at.is_none() {
            self.started_at = step.started_time;
        }
        if let Some(live) = &mut self.live {
            live.step(step);
            return Ok(());
        }
        if matches!(self.show, Show::LogOf(wanted) if wanted != step.step_count) {
            return Ok(());
        }
        match step.status {
            StepStatus::Pending => Ok(()),
            StepStatus::Running if !self.started.insert(step.step_count) => Ok(()),
            StepStatus::Running => {
                self.step_line(&format!("{} {}", "\u{25b8}".cyan(), title(step).bold()))
            }
            _ if !self.ended.insert(step.step_count) => Ok(()),
            _ => self.step_line(&end_of_step(step)),
        }
    }

    /// Whether the output of a step is shown.
    fn is_shown(&self, step: StepCount) -> bool {
        match self.show {
            Show::Steps => false,
            Show::LogOf(wanted) => wanted == step,
            Show::Log => true,
        }
    }

    fn show_log(&mut self, log: &LogEvent) -> Result<(), Failure> {
        if let Some(live) = &mut self.live {
            live.output(log.step_count, &log_bytes(log)?);
            return Ok(());
        }
        if !self.is_shown(log.step_count) {
            return Ok(());
        }
        if let Some(n_bytes) = log.omitted_bytes {
            return self.step_line(
                &format!("{n_bytes} bytes were left out here by the log's size limit")
                    .dimmed()
                    .to_string(),
            );
        }
        self.show_output(&log_bytes(log)?)
    }

    /// A step printed something.
    pub(crate) fn show_output(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(last) = bytes.last() {
            self.is_inside_line = *last != b'\n';
        }
        match self.out {
            Out::Stdout => self.printer.bytes(bytes),
            Out::Stderr => {
                self.printer.talk_bytes(bytes);
                Ok(())
            }
        }
    }

    /// It is over.
    pub(crate) fn show_end(&mut self, end: &StatusEvent) -> Result<(), Failure> {
        self.clear();
        let took = self
            .started_at
            .map(|started_at| {
                format!(
                    " after {}",
                    table::duration(end.updated_time.since_ms(started_at))
                )
            })
            .unwrap_or_default();
        let noun = self.noun;
        let line = match end.status {
            TaskStatus::Success => format!("{} the {noun} succeeded{took}", "\u{2713}".green()),
            TaskStatus::Cancelled => {
                format!("{} the {noun} was cancelled{took}", "\u{2298}".yellow())
            }
            _ => format!("{} the {noun} failed{took}", "\u{2717}".red()),
        };
        let error = end
            .error
            .as_deref()
            .map(|error| format!(": {}", first_line(error, 500)))
            .unwrap_or_default();
        self.step_line(&format!("{line}{error}"))
    }

    /// A line about the steps: data where they are what is shown, talk where their output is.
    fn step_line(&mut self, line: &str) -> Result<(), Failure> {
        if self.show == Show::Steps && self.live.is_none() {
            return self.printer.text(&format!("{line}\n"));
        }
        let is_one_screen = match self.out {
            Out::Stdout => io::stdout().is_terminal() && io::stderr().is_terminal(),
            Out::Stderr => true,
        };
        if std::mem::take(&mut self.is_inside_line) && is_one_screen {
            self.printer.talk("");
        }
        self.printer.talk(line);
        Ok(())
    }
}

/// A step's number and name.
pub(crate) fn title(step: &Step) -> String {
    format!("{} {}", step.step_count, first_line(&step.run, 100))
}

/// How a step ended, in a line.
pub(crate) fn end_of_step(step: &Step) -> String {
    let title = title(step);
    let took = step
        .process_time
        .map(|seconds| format!(" ({})", table::seconds(seconds)))
        .unwrap_or_default();
    let error = step
        .error
        .as_deref()
        .map(|error| format!(": {}", first_line(error, 300)))
        .unwrap_or_default();
    match step.status {
        StepStatus::Success => format!("{} {title}{}", "\u{2713}".green(), took.dimmed()),
        StepStatus::Failure => format!("{} {title}{}{error}", "\u{2717}".red(), took.dimmed()),
        StepStatus::ErrorWithContinue => format!(
            "{} {title}{}{error}, which is let pass",
            "!".yellow(),
            took.dimmed()
        ),
        StepStatus::Cancelled => {
            format!("{} {title}{} cancelled", "\u{2298}".yellow(), took.dimmed())
        }
        StepStatus::Skipped => format!("{} {title} skipped", "-".dimmed()),
        StepStatus::Pending | StepStatus::Running => format!("\u{25b8} {title}"),
    }
}
