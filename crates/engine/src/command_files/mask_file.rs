//! `$FLOWCD_MASK`, which is looked at while the step runs: before each piece of its output is masked, so that what it
//! prints after adding a value has the value masked.

use std::{
    fs::{File, Metadata},
    os::{
        fd::OwnedFd,
        unix::fs::{FileExt, MetadataExt},
    },
    time::{Duration, SystemTime},
};

use super::{Kind, open_file};
use crate::lines;

/// Within this time of its last change, a file can change again without showing it.
const CLOCK: Duration = Duration::from_millis(50);

/// The values that a step adds while it runs.
#[derive(Debug)]
pub(crate) struct MaskFile {
    folder: OwnedFd,
    file: File,
    seen: Option<Seen>,
    /// Whether more was written than is read.
    is_too_long: bool,
}

/// By what a change shows, without reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    size: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl MaskFile {
    pub(super) fn new(folder: OwnedFd, file: File) -> Self {
        Self {
            folder,
            file,
            seen: None,
            is_too_long: false,
        }
    }

    /// The values in the file when it has changed since the last time. One call of the system when it has not.
    pub(crate) fn look(&mut self) -> Vec<String> {
        let Ok(metadata) = self.file.metadata() else {
            return Vec::new();
        };
        let mut values = Vec::new();
        if metadata.nlink() == 0 {
            // Another file may have its name now: an editor's, for instance. What was in this one counts as well.
            values = self.read_changed(&metadata);
            if let Ok(file) = open_file(&self.folder, Kind::Mask)
                && let Ok(metadata) = file.metadata()
                && metadata.is_file()
            {
                self.file = file;
                self.seen = None;
                values.extend(self.read_changed(&metadata));
            }
            return values;
        }
        values.extend(self.read_changed(&metadata));
        values
    }

    /// Whether more was written than is looked at.
    pub(crate) fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    fn read_changed(&mut self, metadata: &Metadata) -> Vec<String> {
        let seen = Seen::of(metadata);
        let is_empty = seen.size == 0;
        let is_same = self.seen == Some(seen) && !is_recent(metadata);
        self.seen = Some(seen);
        if is_empty || is_same {
            return Vec::new();
        }
        let limit = Kind::Mask.max_bytes();
        let mut bytes = vec![0; limit.min(usize::try_from(seen.size).unwrap_or(limit))];
        let mut n_read = 0;
        while let Ok(n @ 1..) = self.file.read_at(&mut bytes[n_read..], n_read as u64) {
            n_read += n;
        }
        self.is_too_long |= seen.size > limit as u64;
        // What is no text is masked as far as it is one; that it is not is told when the step has ended.
        lines::values(&String::from_utf8_lossy(&bytes[..n_read]))
    }
}

fn is_recent(metadata: &Metadata) -> bool {
    metadata
        .modified()
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .is_none_or(|age| age < CLOCK)
}
