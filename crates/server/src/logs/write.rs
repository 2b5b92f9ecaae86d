//! Writing: a step's output becomes segments, and at its end one object.

mod compact;

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use flowcd_model::{id::TaskId, log::LogTime, step::StepCount};
use flowcd_store::Segment;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use tracing::error;

use self::compact::Compaction;
use super::{Chunk, LogError, Logs, frame, segment_object, whole_object};

/// Neighbouring segments smaller than this are joined when the step ends, or when there are too many.
const SMALL_BYTES: u64 = 64 * 1024;
/// Segments that are joined grow to this.
const JOINED_BYTES: usize = 512 * 1024;
/// So many small segments in a row are joined while the step still runs: one that prints a line every second for a
/// day would have 86,400 of them.
const MAX_SMALL: usize = 256;
/// How many segments are compressed at once: a step that prints without end outruns one core.
const N_COMPRESSED_AT_ONCE: usize = 2;

/// The log of a step while it is written.
pub(crate) struct StepLog {
    task: TaskId,
    step: StepCount,
    /// What is kept so far, in order.
    segments: VecDeque<Segment>,
    /// Bytes kept.
    kept_bytes: u64,
    /// The offset after the last byte.
    end: u64,
    /// The newlines so far.
    n_lines: u64,
    /// The number of the next segment's object.
    next_object: u64,
    /// Whether the rows may not be what they were last asked to be.
    is_index_behind: bool,
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
            kept_bytes: 0,
            end: 0,
            n_lines: 0,
            next_object: 0,
            is_index_behind: false,
        }
    }

    /// Says that the rows could not be written: the next ones replace all there are.
    pub(crate) fn distrust_index(&mut self) {
        self.is_index_behind = true;
    }

    /// Stores `chunks` as a segment each, while the step runs. What cannot be stored becomes a gap: the run goes on.
    pub(crate) async fn append(&mut self, logs: &Logs, chunks: Vec<Chunk>) -> Rows {
        let n_before = self.segments.len();
        self.store(logs, chunks).await;
        let slack_bytes = (logs.limit_bytes / 8).max(SMALL_BYTES);
        let mut dropped = Vec::new();
        if self.kept_bytes > logs.limit_bytes.saturating_add(slack_bytes) {
            dropped = self.drop_middle(logs.limit_bytes);
        }
        match self.join_small(logs).await {
            Ok(joined) => dropped.extend(joined),
            // They are as good as they were, only many.
            Err(err) => self.complain(&err, "Cannot join segments"),
        }
        if dropped.is_empty() && !self.is_index_behind {
            return Rows::Append(self.segments.iter().skip(n_before).cloned().collect());
        }
        self.replace(dropped)
    }

    /// Ends the log: `chunks` are its last bytes, and everything becomes one object.
    pub(crate) async fn finish(&mut self, logs: &Logs, chunks: Vec<Chunk>) -> Rows {
        let chunk_bytes: u64 = chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum();
        if self.segments.is_empty() && chunk_bytes <= logs.limit_bytes {
            return self.write_whole(logs, chunks).await;
        }
        self.store(logs, chunks).await;
        let mut dropped = self.drop_middle(logs.limit_bytes);
        let object = whole_object(&self.task, self.step);
        match Compaction::run(logs, object, &self.segments).await {
            Ok(compacted) => {
                let old = std::mem::replace(&mut self.segments, compacted);
                dropped.extend(self.unused(old.into_iter().filter_map(|it| it.object)));
            }
            // The log is whole without it, only in more than one piece.
            Err(err) => self.complain(&err, "Cannot put the segments together"),
        }
        self.replace(dropped)
    }

    fn replace(&mut self, dropped: Vec<ObjectPath>) -> Rows {
        self.is_index_behind = false;
        Rows::Replace(self.segments.iter().cloned().collect(), dropped)
    }

    /// Writes a log that fits in memory and of which nothing is stored yet.
    async fn write_whole(&mut self, logs: &Logs, chunks: Vec<Chunk>) -> Rows {
        let object = whole_object(&self.task, self.step);
        self.store_in(logs, &object, chunks).await;
        Rows::Append(self.segments.iter().cloned().collect())
    }

    async fn store(&mut self, logs: &Logs, chunks: Vec<Chunk>) {
        let object = segment_object(&self.task, self.step, self.next_object);
        self.next_object += 1;
        self.store_in(logs, &object, chunks).await;
    }

    /// Stores `chunks` as segments of one object: what piles up while another object is written costs one more, and
    /// not one more for each.
    async fn store_in(&mut self, logs: &Logs, object: &ObjectPath, chunks: Vec<Chunk>) {
        if chunks.is_empty() {
            return;
        }
        let raw = chunks.iter().map(|chunk| chunk.bytes.clone()).collect();
        match put(logs, object, raw).await {
            Ok(frames) => {
                let mut offset = 0;
                for (chunk, n_bytes) in chunks.iter().zip(frames) {
                    self.push(chunk, Some((object, offset, n_bytes)));
                    offset += n_bytes;
                }
            }
            Err(err) => {
                self.complain(&err, "Lost a part of the output");
                for chunk in &chunks {
                    self.push(chunk, None);
                }
            }
        }
    }

    fn complain(&self, err: &LogError, what: &str) {
        let (task, step) = (&self.task, self.step);
        error!(task.id = %task, error = err as &dyn std::error::Error, "{what} of step {step} of task `{task}`");
    }

    /// Adds a segment, which is in an object from an offset on with so many bytes; without one, it is a gap.
    fn push(&mut self, Chunk { bytes, time }: &Chunk, place: Option<(&ObjectPath, u64, u64)>) {
        let (object, object_offset, object_bytes) = match place {
            Some((object, offset, n_bytes)) => (Some(object.to_string()), offset, n_bytes),
            None => (None, 0, 0),
        };
        let segment = Segment {
            step_count: self.step,
            first_byte: self.end,
            n_bytes: bytes.len() as u64,
            first_line: self.n_lines,
            n_lines: frame::n_lines(bytes),
            object,
            object_offset,
            object_bytes,
            times: vec![LogTime {
                from: self.end,
                time: *time,
            }],
        };
        self.end += segment.n_bytes;
        self.n_lines += segment.n_lines;
        if segment.object.is_some() {
            self.kept_bytes += segment.n_bytes;
        }
        self.segments.push_back(segment);
    }

    /// Drops segments behind the head, which is half of what may be kept, until no more than `limit_bytes` are kept;
    /// gaps say how much went. Answers the objects that nothing needs any more.
    fn drop_middle(&mut self, limit_bytes: u64) -> Vec<ObjectPath> {
        let mut dropped = Vec::new();
        let n_head = self
            .segments
            .partition_point(|segment| segment.first_byte + segment.n_bytes <= limit_bytes / 2);
        for mut segment in self.segments.split_off(n_head) {
            if self.kept_bytes > limit_bytes
                && let Some(object) = segment.object.take()
            {
                dropped.push(object);
                self.kept_bytes -= segment.n_bytes;
                (segment.object_offset, segment.object_bytes) = (0, 0);
                segment.times.clear();
            }
            match self.segments.back_mut() {
                Some(gap) if gap.object.is_none() && segment.object.is_none() => {
                    gap.n_bytes += segment.n_bytes;
                    gap.n_lines += segment.n_lines;
                }
                _ => self.segments.push_back(segment),
            }
        }
        self.unused(dropped)
    }

    /// Those of `objects` that no segment lies in any more.
    fn unused(&self, objects: impl IntoIterator<Item = String>) -> Vec<ObjectPath> {
        let mut unused: BTreeSet<String> = objects.into_iter().collect();
        if !unused.is_empty() {
            for object in self.segments.iter().filter_map(|it| it.object.as_ref()) {
                unused.remove(object);
            }
        }
        unused.into_iter().map(ObjectPath::from).collect()
    }

    /// Joins the small segments at the end when there are many; answers the objects that nothing needs any more.
    async fn join_small(&mut self, logs: &Logs) -> Result<Vec<ObjectPath>, LogError> {
        let newest = self.segments.iter().rev();
        let n_small = newest.take_while(|segment| is_small(segment)).count();
        if n_small < MAX_SMALL {
            return Ok(Vec::new());
        }
        let start = self.segments.len() - n_small;
        let mut joined: Vec<(Segment, Vec<u8>)> = Vec::new();
        for segment in self.segments.range(start..) {
            let raw = logs.load(segment).await?.unwrap_or_default();
            match joined.last_mut() {
                Some((first, all)) if all.len() < JOINED_BYTES => {
                    first.n_bytes += segment.n_bytes;
                    first.n_lines += segment.n_lines;
                    first.times.extend(&segment.times);
                    all.extend_from_slice(&raw);
                }
                _ => joined.push((segment.clone(), raw.to_vec())),
            }
        }
        let mut stored = Vec::with_capacity(joined.len());
        for (segment, raw) in joined {
            let object = segment_object(&self.task, self.step, self.next_object);
            self.next_object += 1;
            stored.push(Segment {
                object_offset: 0,
                object_bytes: put(logs, &object, vec![raw.into()]).await?.iter().sum(),
                object: Some(object.to_string()),
                ..segment
            });
        }
        let old = self.segments.split_off(start);
        self.segments.extend(stored);
        Ok(self.unused(old.into_iter().filter_map(|it| it.object)))
    }
}

fn is_small(segment: &Segment) -> bool {
    segment.object.is_some() && segment.n_bytes < SMALL_BYTES
}

/// Stores `chunks` as an object, a frame each; answers the lengths of the frames.
async fn put(logs: &Logs, object: &ObjectPath, chunks: Vec<Bytes>) -> Result<Vec<u64>, LogError> {
    let frames: Vec<Bytes> = stream::iter(chunks)
        .map(compress)
        .buffered(N_COMPRESSED_AT_ONCE)
        .try_collect()
        .await?;
    let lengths = frames.iter().map(|frame| frame.len() as u64).collect();
    logs.objects
        .put(object, frames.into_iter().collect())
        .await?;
    Ok(lengths)
}

/// Compresses, off the async threads when there is enough to make the hop worth it.
async fn compress(raw: Bytes) -> Result<Bytes, LogError> {
    let is_long = raw.len() > 16 * 1024;
    let work = move || frame::encode(&raw);
    let done = if is_long {
        tokio::task::spawn_blocking(work).await?
    } else {
        work()
    };
    done.map(Bytes::from).map_err(LogError::Encode)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use flowcd_model::{id::TaskId, step::StepCount, time::Millis};
    use flowcd_store::{DatabaseUrl, Keyring, Store};
    use futures_util::TryStreamExt;
    use object_store::{ObjectStore, memory::InMemory};

    use super::{Rows, StepLog};
    use crate::logs::{Chunk, Logs};

    #[tokio::test]
    async fn a_step_that_prints_little_for_long_has_few_segments() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("flowcd.db"));
        let store = Store::open(&url, Keyring::generate())
            .await
            .expect("a store");
        let objects = Arc::new(InMemory::new());
        let logs = Logs {
            store,
            objects: objects.clone(),
            limit_bytes: 1 << 20,
        };
        let mut log = StepLog::new(TaskId::generate(), StepCount::Number(1));
        let mut most = 0;
        for n in 0..3000 {
            let line = Chunk {
                bytes: Bytes::from(format!("line {n:04}\n")),
                time: Millis(1_000 + n),
            };
            if let Rows::Replace(_, dropped) = log.append(&logs, vec![line]).await {
                logs.delete_objects(dropped).await.expect("deleted");
            }
            most = most.max(log.segments.len());
        }
        assert!(most <= super::MAX_SMALL, "{most} segments");
        let left: Vec<_> = objects.list(None).try_collect().await.expect("objects");
        assert_eq!(left.len(), log.segments.len());
        let mut end = 0;
        for segment in &log.segments {
            assert_eq!((segment.first_byte, segment.first_line), (end, end / 10));
            end += segment.n_bytes;
            let raw = logs.load(segment).await.expect("the object");
            let raw = raw.expect("no gap");
            let first = format!("line {:04}\n", segment.first_line);
            assert!(raw.starts_with(first.as_bytes()), "{first}");
            let times = segment.times.iter().map(|it| (it.from / 10, it.time.0));
            let lines = segment.first_line..segment.first_line + segment.n_lines;
            assert!(times.eq(lines.map(|line| (line, 1_000 + line as i64))));
        }
        assert_eq!(end, 30_000);
    }
}
