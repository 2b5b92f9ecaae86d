//! Reading: "bytes of step S from offset N", for live and late readers alike.

use bytes::Bytes;
use flowcd_model::{id::TaskId, step::StepCount};
use flowcd_store::Segment;
use object_store::{ObjectStoreExt, path::Path as ObjectPath};

use super::{LogError, Logs, frame};

/// Segments fetched by one query; a reader who wants more comes again.
const SEGMENTS_PER_READ: i64 = 64;
/// A segment's object can go between the look at its row and the look at it: compaction moves segments, and the size
/// limit drops them. The rows know by then, so it is worth to look again, a few times.
const MAX_LOOKS: usize = 4;

/// A part of a step's log.
#[derive(Debug)]
pub(crate) struct LogPart {
    /// The bytes, in order, with what the size limit left out named where it was.
    pub(crate) pieces: Vec<Piece>,
    /// The offset after the last piece: where to read on.
    pub(crate) next: u64,
}

/// A stretch of a step's log.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes as the step printed them, masked.
    Bytes {
        /// The offset of the first one.
        from: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Bytes that the size limit left out.
    Gap {
        /// The offset of the first one.
        from: u64,
        /// How many.
        n_bytes: u64,
    },
}

impl Logs {
    /// The log of a step from byte `from`, at most `limit` bytes and at most as much as one query finds.
    /// Without pieces there is nothing more, for now.
    pub(crate) async fn read(
        &self,
        task: &TaskId,
        step: StepCount,
        from: u64,
        limit: u64,
    ) -> Result<LogPart, LogError> {
        for _ in 1..MAX_LOOKS {
            match self.read_once(task, step, from, limit).await {
                Err(LogError::Object(object_store::Error::NotFound { .. })) => {}
                read => return read,
            }
        }
        self.read_once(task, step, from, limit).await
    }

    async fn read_once(
        &self,
        task: &TaskId,
        step: StepCount,
        from: u64,
        limit: u64,
    ) -> Result<LogPart, LogError> {
        let mut pieces = Vec::new();
        let mut next = from;
        let end = from.saturating_add(limit);
        for segment in self
            .store
            .segments(task, step, from, SEGMENTS_PER_READ)
            .await?
        {
            let segment_end = segment.first_byte + segment.n_bytes;
            if next >= end || segment_end <= next {
                continue;
            }
            if segment.first_byte > next {
                // The row of what was here could not be written.
                let missing = next;
                next = segment.first_byte;
                pieces.push(Piece::Gap {
                    from: missing,
                    n_bytes: next - missing,
                });
                if next >= end {
                    break;
                }
            }
            let skipped = next.saturating_sub(segment.first_byte);
            match self.load(&segment).await? {
                Some(raw) => {
                    let wanted = (segment_end.min(end) - next) as usize;
                    let bytes = raw.slice(skipped as usize..skipped as usize + wanted);
                    next += bytes.len() as u64;
                    pieces.push(Piece::Bytes {
                        from: next - bytes.len() as u64,
                        bytes,
                    });
                }
                None => {
                    pieces.push(Piece::Gap {
                        from: next,
                        n_bytes: segment_end - next,
                    });
                    next = segment_end;
                }
            }
        }
        Ok(LogPart { pieces, next })
    }

    /// The offset at which the last `n_lines` lines of a step's log begin.
    pub(crate) async fn tail_start(
        &self,
        task: &TaskId,
        step: StepCount,
        n_lines: u64,
    ) -> Result<u64, LogError> {
        for _ in 1..MAX_LOOKS {
            match self.tail_start_once(task, step, n_lines).await {
                Err(LogError::Object(object_store::Error::NotFound { .. })) => {}
                start => return start,
            }
        }
        self.tail_start_once(task, step, n_lines).await
    }

    async fn tail_start_once(
        &self,
        task: &TaskId,
        step: StepCount,
        n_lines: u64,
    ) -> Result<u64, LogError> {
        // One line more: when the log ends in a newline, that one ends the last line and begins none.
        let segments = self
            .store
            .log_tail(task, step, n_lines.saturating_add(1))
            .await?;
        let Some(last) = segments.last() else {
            return Ok(0);
        };
        let is_last_line_open = match self.load(last).await? {
            Some(raw) => !raw.ends_with(b"\n"),
            None => false,
        };
        let n_newlines = last.first_line + last.n_lines;
        let newlines_in_tail = if is_last_line_open {
            n_lines.saturating_sub(1)
        } else {
            n_lines
        };
        // The tail begins behind this newline, counted from 1; at 0 it is the whole log.
        let newline = n_newlines.saturating_sub(newlines_in_tail);
        if n_lines == 0 {
            return Ok(last.first_byte + last.n_bytes);
        }
        let holder = segments.iter().find(|segment| {
            segment.first_line < newline && newline <= segment.first_line + segment.n_lines
        });
        let Some(holder) = holder.filter(|_| newline > 0) else {
            return Ok(0);
        };
        let Some(raw) = self.load(holder).await? else {
            return Ok(holder.first_byte + holder.n_bytes);
        };
        let mut ends = raw.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let place = ends
            .nth((newline - holder.first_line - 1) as usize)
            .map_or(0, |(place, _)| place as u64 + 1);
        Ok(holder.first_byte + place)
    }

    /// The bytes of a segment; `None` for a gap.
    pub(super) async fn load(&self, segment: &Segment) -> Result<Option<Bytes>, LogError> {
        let Some(object) = &segment.object else {
            return Ok(None);
        };
        let range = segment.object_offset..segment.object_offset + segment.object_bytes;
        let frame = self
            .objects
            .get_range(&ObjectPath::from(object.as_str()), range)
            .await?;
        let raw = frame::decode(&frame, segment.n_bytes).map_err(|source| LogError::Damaged {
            object: object.clone(),
            source,
        })?;
        Ok(Some(raw))
    }
}
