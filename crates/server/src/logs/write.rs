//! Writing: a step's output becomes segments, and at its end one object.

use std::collections::VecDeque;

use bytes::Bytes;
use flowcd_model::{id::TaskId, step::StepCount};
use flowcd_store::Segment;
use object_store::{ObjectStoreExt, WriteMultipart, path::Path as ObjectPath};

use super::{LogError, Logs, frame, segment_object, whole_object};

/// Neighbouring segments smaller than this are joined when the step ends.
const SMALL_BYTES: u64 = 64 * 1024;
/// Segments joined at the end grow to this.
const JOINED_BYTES: usize = 512 * 1024;

/// The log of a step while it is written.
pub(crate) struct StepLog {
    task: TaskId,
    step: StepCount,
    /// What is kept so far, in order; at most one gap.
    segments: VecDeque<Segment>,
    /// How many segments at the beginning are never dropped.
    n_head: usize,
    /// Bytes kept.
    kept_bytes: u64,
    /// The offset after the last byte.
    end: u64,
    /// The newlines so far.
    n_lines: u64,
    /// The number of the next segment's object.
    next_object: u64,
}

/// What to do with the rows of a step after something was stored.
pub(crate) enum Rows {
    /// Add these.
    Append(Vec<Segment>),
    /// Put these in the place of all there are; then the objects named can go.
    Replace(Vec<Segment>, Vec<ObjectPath>),
}

impl StepLog {
    /// An empty log.
    pub(crate) fn new(task: TaskId, step: StepCount) -> Self {
        Self {
            task,
            step,
            segments: VecDeque::new(),
            n_head: 0,
            kept_bytes: 0,
            end: 0,
            n_lines: 0,
            next_object: 0,
        }
    }

    /// Stores `chunks` as a segment each, while the step runs.
    pub(crate) async fn append(
        &mut self,
        logs: &Logs,
        chunks: Vec<Bytes>,
    ) -> Result<Rows, LogError> {
        let n_before = self.segments.len();
        for raw in chunks {
            let (raw, frame) = compress(raw).await?;
            let object = segment_object(&self.task, self.step, self.next_object);
            self.next_object += 1;
            let object_bytes = frame.len() as u64;
            logs.objects.put(&object, frame.into()).await?;
            self.push(&raw, &object, 0, object_bytes, logs.limit_bytes);
        }
        let slack_bytes = (logs.limit_bytes / 8).max(SMALL_BYTES);
        if self.kept_bytes > logs.limit_bytes.saturating_add(slack_bytes) {
            let dropped = self.drop_middle(logs.limit_bytes);
            return Ok(Rows::Replace(
                self.segments.iter().cloned().collect(),
                dropped,
            ));
        }
        Ok(Rows::Append(
            self.segments.iter().skip(n_before).cloned().collect(),
        ))
    }

    /// Ends the log: `chunks` are its last bytes, and everything becomes one object.
    pub(crate) async fn finish(
        &mut self,
        logs: &Logs,
        chunks: Vec<Bytes>,
    ) -> Result<Rows, LogError> {
        let chunk_bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        if self.segments.is_empty() && chunk_bytes <= logs.limit_bytes {
            return self.write_whole(logs, chunks).await;
        }
        self.append(logs, chunks).await?;
        let mut dropped = self.drop_middle(logs.limit_bytes);
        dropped.extend(
            self.segments
                .iter()
                .filter_map(|segment| segment.object.as_deref())
                .map(ObjectPath::from),
        );
        self.compact(logs).await?;
        Ok(Rows::Replace(
            self.segments.iter().cloned().collect(),
            dropped,
        ))
    }

    /// Writes a log that fits in memory and of which nothing is stored yet.
    async fn write_whole(&mut self, logs: &Logs, chunks: Vec<Bytes>) -> Result<Rows, LogError> {
        if chunks.is_empty() {
            return Ok(Rows::Append(Vec::new()));
        }
        let object = whole_object(&self.task, self.step);
        let mut whole = Vec::new();
        for raw in chunks {
            let (raw, frame) = compress(raw).await?;
            self.push(
                &raw,
                &object,
                whole.len() as u64,
                frame.len() as u64,
                logs.limit_bytes,
            );
            whole.extend_from_slice(&frame);
        }
        logs.objects.put(&object, whole.into()).await?;
        Ok(Rows::Append(self.segments.iter().cloned().collect()))
    }

    fn push(
        &mut self,
        raw: &[u8],
        object: &ObjectPath,
        offset: u64,
        object_bytes: u64,
        limit_bytes: u64,
    ) {
        let segment = Segment {
            step_count: self.step,
            first_byte: self.end,
            n_bytes: raw.len() as u64,
            first_line: self.n_lines,
            n_lines: frame::n_lines(raw),
            object: Some(object.to_string()),
            object_offset: offset,
            object_bytes,
        };
        self.end += segment.n_bytes;
        self.n_lines += segment.n_lines;
        self.kept_bytes += segment.n_bytes;
        if self.end <= limit_bytes / 2 {
            self.n_head = self.segments.len() + 1;
        }
        self.segments.push_back(segment);
    }

    /// Drops segments behind the head until no more than `limit_bytes` are kept; the gap says how much went.
    /// Answers the objects that nothing needs any more.
    fn drop_middle(&mut self, limit_bytes: u64) -> Vec<ObjectPath> {
        let mut dropped = Vec::new();
        let tail = self.segments.split_off(self.n_head);
        let mut gap: Option<Segment> = None;
        let mut kept = VecDeque::new();
        for segment in tail {
            let is_gap = segment.object.is_none();
            if !is_gap && self.kept_bytes <= limit_bytes {
                kept.push_back(segment);
                continue;
            }
            if let Some(object) = &segment.object {
                dropped.push(ObjectPath::from(object.as_str()));
                self.kept_bytes -= segment.n_bytes;
            }
            match &mut gap {
                Some(gap) => {
                    gap.n_bytes += segment.n_bytes;
                    gap.n_lines += segment.n_lines;
                }
                None => {
                    gap = Some(Segment {
                        object: None,
                        object_offset: 0,
                        object_bytes: 0,
                        ..segment
                    });
                }
            }
        }
        self.segments.extend(gap);
        self.segments.append(&mut kept);
        dropped
    }

    /// Copies all segments into one object, small ones joined, and makes the segments point into it.
    async fn compact(&mut self, logs: &Logs) -> Result<(), LogError> {
        let object = whole_object(&self.task, self.step);
        let mut upload = WriteMultipart::new(logs.objects.put_multipart(&object).await?);
        let mut offset = 0;
        let mut compacted: VecDeque<Segment> = VecDeque::new();
        let mut joined: Option<(Segment, Vec<u8>)> = None;
        for segment in std::mem::take(&mut self.segments) {
            let is_small = segment.object.is_some() && segment.n_bytes < SMALL_BYTES;
            if !is_small
                || joined
                    .as_ref()
                    .is_some_and(|(_, raw)| raw.len() >= JOINED_BYTES)
            {
                if let Some(done) = joined.take() {
                    compacted
                        .push_back(write_joined(&mut upload, &mut offset, &object, done).await?);
                }
            }
            let Some(from) = &segment.object else {
                // A frame that no row names: it tells whoever reads the file with other tools.
                let note = format!(
                    "\n[flowcd: {} bytes left out here by the log's size limit]\n",
                    segment.n_bytes
                );
                let (_, note) = compress(note.into()).await?;
                upload.write(&note);
                offset += note.len() as u64;
                compacted.push_back(segment);
                continue;
            };
            if is_small {
                let raw = logs.load(&segment).await?.unwrap_or_default();
                match &mut joined {
                    Some((first, all)) => {
                        first.n_bytes += segment.n_bytes;
                        first.n_lines += segment.n_lines;
                        all.extend_from_slice(&raw);
                    }
                    None => joined = Some((segment, raw.to_vec())),
                }
                continue;
            }
            let range = segment.object_offset..segment.object_offset + segment.object_bytes;
            let frame = logs
                .objects
                .get_range(&ObjectPath::from(from.as_str()), range)
                .await?;
            upload.wait_for_capacity(2).await?;
            upload.write(&frame);
            compacted.push_back(Segment {
                object: Some(object.to_string()),
                object_offset: offset,
                ..segment
            });
            offset += frame.len() as u64;
        }
        if let Some(done) = joined.take() {
            compacted.push_back(write_joined(&mut upload, &mut offset, &object, done).await?);
        }
        upload.finish().await?;
        self.segments = compacted;
        Ok(())
    }
}

async fn write_joined(
    upload: &mut WriteMultipart,
    offset: &mut u64,
    object: &ObjectPath,
    (segment, raw): (Segment, Vec<u8>),
) -> Result<Segment, LogError> {
    let (_, frame) = compress(raw.into()).await?;
    upload.wait_for_capacity(2).await?;
    upload.write(&frame);
    let segment = Segment {
        object: Some(object.to_string()),
        object_offset: *offset,
        object_bytes: frame.len() as u64,
        ..segment
    };
    *offset += segment.object_bytes;
    Ok(segment)
}

/// Compresses, off the async threads when there is enough to make the hop worth it.
async fn compress(raw: Bytes) -> Result<(Bytes, Vec<u8>), LogError> {
    let is_long = raw.len() > 16 * 1024;
    let work = move || frame::encode(&raw).map(|frame| (raw, frame));
    let done = if is_long {
        tokio::task::spawn_blocking(work).await?
    } else {
        work()
    };
    done.map_err(LogError::Encode)
}
