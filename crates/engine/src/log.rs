//! The log of one step on its way out: masked, in pieces, and no faster than it is taken.

use std::sync::Arc;

use bytes::Bytes;
use flowcd_model::step::StepCount;
use tokio::sync::mpsc;

use crate::{
    event::Event,
    mask::{MaskSet, Masker},
};

/// The log of one step.
#[derive(Debug)]
pub(crate) struct StepLog {
    events: mpsc::Sender<Event>,
    step_count: StepCount,
    masker: Masker,
    waiting: Vec<u8>,
    last_byte: u8,
}

impl StepLog {
    /// An empty log.
    pub(crate) fn new(
        events: &mpsc::Sender<Event>,
        step_count: StepCount,
        mask: &Arc<MaskSet>,
    ) -> Self {
        Self {
            events: events.clone(),
            step_count,
            masker: Masker::new(Arc::clone(mask)),
            waiting: Vec::new(),
            last_byte: b'\n',
        }
    }

    /// Takes what the step wrote. What of it can be shown waits to be delivered.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.last_byte = *last;
        }
        self.masker.push(bytes, &mut self.waiting);
    }

    /// Whether something waits to be delivered. Take no more until it is, or memory has no limit.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Delivers what waits. It can be dropped half-way: then nothing is lost, and it still waits.
    pub(crate) async fn deliver(&mut self) {
        // Whoever listened has gone when this fails. The run goes on, and its output goes nowhere.
        let permit = self.events.reserve().await;
        let bytes = Bytes::from(std::mem::take(&mut self.waiting));
        if let Ok(permit) = permit {
            let step_count = self.step_count;
            permit.send(Event::Output { step_count, bytes });
        }
    }

    /// Adds a line of our own, on a line of its own.
    pub(crate) async fn line(&mut self, text: &str) {
        if self.last_byte != b'\n' {
            self.take(b"\n");
        }
        self.take(text.as_bytes());
        self.take(b"\n");
        if self.is_waiting() {
            self.deliver().await;
        }
    }

    /// Ends the log: delivers all that is left.
    pub(crate) async fn finish(mut self) {
        self.masker.flush(&mut self.waiting);
        if self.is_waiting() {
            self.deliver().await;
        }
    }
}
