//! The log of one step on its way out: masked, in pieces, and no faster than it is taken.

use std::sync::Arc;

use bytes::Bytes;
use flowcd_model::step::StepCount;
use tokio::sync::mpsc;

use crate::{
    command_files::MaskFile,
    event::Event,
    mask::{Masker, Masks, TooMany},
};

/// The log of one step.
#[derive(Debug)]
pub(crate) struct StepLog {
    events: mpsc::Sender<Event>,
    step_count: StepCount,
    masks: Arc<Masks>,
    /// That of `masks` when the masker got its set.
    version: u64,
    masker: Masker,
    /// Where the running step adds values to mask.
    mask_file: Option<MaskFile>,
    too_many: Option<TooMany>,
    waiting: Vec<u8>,
    last_byte: u8,
}

impl StepLog {
    /// An empty log.
    pub(crate) fn new(
        events: &mpsc::Sender<Event>,
        step_count: StepCount,
        masks: &Arc<Masks>,
    ) -> Self {
        // The version first: when the set changes in between, it is only fetched once more.
        let version = masks.version();
        Self {
            events: events.clone(),
            step_count,
            version,
            masker: Masker::new(masks.set()),
            masks: Arc::clone(masks),
            mask_file: None,
            too_many: None,
            waiting: Vec::new(),
            last_byte: b'\n',
        }
    }

    /// Looks into this file before each piece of output, for values to mask.
    pub(crate) fn watch(&mut self, mask_file: MaskFile) {
        self.mask_file = Some(mask_file);
    }

    /// Looks into the file for the last time, and answers whether it had more in it than can be masked.
    pub(crate) fn stop_watching(&mut self) -> Result<(), TooMany> {
        self.refresh();
        let is_too_long = self.mask_file.take().is_some_and(|file| file.is_too_long());
        match self.too_many.take() {
            None if is_too_long => Err(TooMany),
            None => Ok(()),
            Some(too_many) => Err(too_many),
        }
    }

    /// Takes note of what is to be masked from now on.
    fn refresh(&mut self) {
        if let Some(file) = &mut self.mask_file {
            let values = file.look();
            if !values.is_empty() {
                let added = self.masks.add(values);
                self.too_many = self.too_many.or(added.err());
            }
        }
        let version = self.masks.version();
        if version != self.version {
            self.version = version;
            self.masker.change_set(self.masks.set());
        }
    }

    /// Takes what the step wrote. What of it can be shown waits to be delivered.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.refresh();
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

    /// The text with `***` for what is masked by now: to be cut, which would leave the half of a secret otherwise.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.masks.text(text)
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
