//! The picture of a deployment on a terminal: a line for each step, those that run with a spinner and a clock.
//!
//! Steps that have ended become plain lines above the picture. Only so much of a picture is drawn as the terminal has
//! rows, and the step that runs has to be among them, however many steps there are.

use std::{collections::HashMap, time::Duration};

use flowcd_model::{
    step::{Step, StepCount, StepStatus},
    time::Millis,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;

use crate::{
    follow::{end_of_step, title},
    output::first_line,
};

const TICK: Duration = Duration::from_millis(100);

/// How much of a step's output is kept to find its last line.
const TAIL_BYTES: usize = 512;

/// Draws on stderr.
#[derive(Debug)]
pub(crate) struct Live {
    area: MultiProgress,
    note: ProgressBar,
    lines: HashMap<StepCount, Line>,
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    status: StepStatus,
    tail: Vec<u8>,
}

impl Live {
    pub(crate) fn new() -> Self {
        let area = MultiProgress::new();
        let note = area.add(ProgressBar::new_spinner().with_style(style("{msg:.dim}")));
        Self {
            area,
            note,
            lines: HashMap::new(),
        }
    }

    /// A line under the steps.
    pub(crate) fn note(&self, text: &str) {
        self.note.set_message(text.to_owned());
        self.note.tick();
    }

    pub(crate) fn step(&mut self, step: &Step) {
        self.note.set_message("");
        let area = &self.area;
        let note = &self.note;
        let line = self.lines.entry(step.step_count).or_insert_with(|| Line {
            bar: area.insert_before(note, ProgressBar::new_spinner()),
            status: StepStatus::Pending,
            tail: Vec::new(),
        });
        // A step that ended does not run again; what is told twice is drawn once.
        if line.status.is_final() {
            return;
        }
        line.status = step.status;
        match step.status {
            StepStatus::Pending => {
                line.bar.set_style(style("{msg}"));
                line.bar
                    .set_message(format!("  {}", title(step)).dimmed().to_string());
                line.bar.tick();
            }
            StepStatus::Running => {
                let ran_ms = step
                    .started_time
                    .map_or(0, |started| Millis::now().since_ms(started).max(0));
                line.bar.set_style(style(
                    "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}",
                ));
                line.bar.set_prefix(title(step));
                line.bar.set_message("");
                line.bar.reset_elapsed();
                line.bar = line
                    .bar
                    .clone()
                    .with_elapsed(Duration::from_millis(ran_ms.unsigned_abs()));
                line.bar.enable_steady_tick(TICK);
            }
            _ => {
                line.bar.disable_steady_tick();
                area.remove(&line.bar);
                // When the terminal has gone there is nobody to tell.
                let _ = area.println(end_of_step(step));
            }
        }
    }

    /// Shows the last line of what a step printed beside it.
    pub(crate) fn output(&mut self, step_count: StepCount, bytes: &[u8]) {
        let Some(line) = self.lines.get_mut(&step_count) else {
            return;
        };
        line.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        let excess = line.tail.len().saturating_sub(TAIL_BYTES);
        line.tail.drain(..excess);
        let text = String::from_utf8_lossy(&line.tail);
        if let Some(last) = text.lines().rev().find(|line| !line.trim().is_empty()) {
            line.bar.set_message(first_line(last, 200));
        }
    }

    /// Takes the picture away. What runs stays as a line; what has not begun is nothing to leave.
    pub(crate) fn stop(&self) {
        for line in self.lines.values() {
            line.bar.disable_steady_tick();
            if line.status == StepStatus::Running {
                // When the terminal has gone there is nobody to tell.
                let _ = self
                    .area
                    .println(format!("{} {}", "\u{25b8}".cyan(), line.bar.prefix()));
            }
        }
        let _ = self.area.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are written here and tested")
}

#[cfg(test)]
mod tests {
    use flowcd_model::step::{Step, StepCount, StepStatus};

    use super::Live;

    #[test]
    fn a_step_is_drawn_through_its_whole_life() {
        let mut live = Live::new();
        live.area
            .set_draw_target(indicatif::ProgressDrawTarget::hidden());
        live.note("waiting for a runner");
        let mut step = Step {
            run: "Run make".to_owned(),
            step_count: StepCount::Number(1),
            status: StepStatus::Pending,
            id: None,
            process_time: None,
            started_time: None,
            error: None,
            outputs: Default::default(),
            attempts: None,
        };
        live.step(&step);
        step.status = StepStatus::Running;
        live.step(&step);
        live.output(step.step_count, b"compiling\nlinking\n\n");
        assert_eq!(live.lines[&step.step_count].bar.message(), "linking");
        step.status = StepStatus::Failure;
        step.error = Some("exit code 2".to_owned());
        live.step(&step);
        live.step(&step);
        assert_eq!(live.lines[&step.step_count].status, StepStatus::Failure);
        live.output(step.step_count, b"late\n");
        live.stop();
    }
}
