//! Compaction: the segments of a step that has ended become one object.

use std::collections::VecDeque;

use flowcd_store::Segment;
use object_store::{ObjectStoreExt, WriteMultipart, path::Path as ObjectPath};

use super::{JOINED_BYTES, LogError, Logs, compress, is_small};

/// Frames that lie next to each other are copied together up to this length.
const RUN_BYTES: u64 = 4 * 1024 * 1024;
/// How many parts of the object may be on their way.
const N_UPLOADS: usize = 2;

/// Copies segments into one object, small ones joined.
pub(super) struct Compaction<'l> {
    logs: &'l Logs,
    object: ObjectPath,
    upload: WriteMultipart,
    /// How long the object is so far, what `run` will add included.
    offset: u64,
    /// The segments as they lie in it.
    compacted: VecDeque<Segment>,
    /// Small segments in a row: the first one with the lengths of all, and their bytes.
    joined: Option<(Segment, Vec<u8>)>,
    /// Frames that follow each other in an object and are not copied yet.
    run: Option<Run>,
}

/// A part of an object.
struct Run {
    object: String,
    start: u64,
    end: u64,
}

impl<'l> Compaction<'l> {
    /// Writes `object`; answers segments that lie in it.
    pub(super) async fn run(
        logs: &'l Logs,
        object: ObjectPath,
        segments: &VecDeque<Segment>,
    ) -> Result<VecDeque<Segment>, LogError> {
        let upload = logs.objects.put_multipart(&object).await?;
        let mut compaction = Self {
            logs,
            object,
            upload: WriteMultipart::new(upload),
            offset: 0,
            compacted: VecDeque::new(),
            joined: None,
            run: None,
        };
        for segment in segments {
            compaction.add(segment.clone()).await?;
        }
        compaction.write_joined().await?;
        compaction.copy_run().await?;
        compaction.upload.finish().await?;
        Ok(compaction.compacted)
    }

    async fn add(&mut self, segment: Segment) -> Result<(), LogError> {
        if is_small(&segment) {
            return self.join(segment).await;
        }
        self.write_joined().await?;
        let Some(object) = segment.object.clone() else {
            return self.note_gap(segment).await;
        };
        let start = segment.object_offset;
        let end = start + segment.object_bytes;
        match &mut self.run {
            Some(run)
                if run.object == object && run.end == start && end - run.start <= RUN_BYTES =>
            {
                run.end = end;
            }
            _ => {
                self.copy_run().await?;
                self.run = Some(Run { object, start, end });
            }
        }
        self.place(segment, end - start);
        Ok(())
    }

    /// The segment lies at the end of the object, as a frame of so many bytes.
    fn place(&mut self, segment: Segment, object_bytes: u64) {
        self.compacted.push_back(Segment {
            object: Some(self.object.to_string()),
            object_offset: self.offset,
            object_bytes,
            ..segment
        });
        self.offset += object_bytes;
    }

    async fn join(&mut self, segment: Segment) -> Result<(), LogError> {
        let raw = self.logs.load(&segment).await?.unwrap_or_default();
        if matches!(&self.joined, Some((_, all)) if all.len() >= JOINED_BYTES) {
            self.write_joined().await?;
        }
        match &mut self.joined {
            Some((first, all)) => {
                first.n_bytes += segment.n_bytes;
                first.n_lines += segment.n_lines;
                first.times.extend(&segment.times);
                all.extend_from_slice(&raw);
            }
            None => self.joined = Some((segment, raw.to_vec())),
        }
        Ok(())
    }

    async fn write_joined(&mut self) -> Result<(), LogError> {
        let Some((segment, raw)) = self.joined.take() else {
            return Ok(());
        };
        let frame = compress(raw.into()).await?;
        self.write(&frame).await?;
        self.place(segment, frame.len() as u64);
        Ok(())
    }

    /// Adds a frame that no row names: it tells whoever reads the file with other tools.
    async fn note_gap(&mut self, segment: Segment) -> Result<(), LogError> {
        let note = format!(
            "\n[flowcd: {} bytes left out here by the log's size limit]\n",
            segment.n_bytes
        );
        let note = compress(note.into()).await?;
        self.write(&note).await?;
        self.offset += note.len() as u64;
        self.compacted.push_back(segment);
        Ok(())
    }

    async fn copy_run(&mut self) -> Result<(), LogError> {
        let Some(Run { object, start, end }) = self.run.take() else {
            return Ok(());
        };
        let from = ObjectPath::from(object);
        let frames = self.logs.objects.get_range(&from, start..end).await?;
        self.upload.wait_for_capacity(N_UPLOADS).await?;
        self.upload.put(frames);
        Ok(())
    }

    /// Writes a frame behind all that is to come before it.
    async fn write(&mut self, frame: &[u8]) -> Result<(), LogError> {
        self.copy_run().await?;
        self.upload.wait_for_capacity(N_UPLOADS).await?;
        self.upload.write(frame);
        Ok(())
    }
}
