//! The file that a plugin's process answers in.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The longest answer.
const MAX_BYTES: u64 = 1024 * 1024;

/// An empty file, which is read through the handle that it was made with: what a plugin puts into its place is not
/// ours, and could be a link to a file that the plugin itself cannot read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) path: PathBuf,
    file: File,
}

impl Answer {
    pub(super) fn make(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| format!("cannot make the file for its answer: {error}"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// What was written; nothing when nothing was.
    pub(super) fn read(mut self) -> Result<Option<Value>, String> {
        let cannot_read = |error: io::Error| format!("cannot read its answer: {error}");
        let metadata = self.file.metadata().map_err(cannot_read)?;
        if metadata.nlink() == 0 {
            return Err(
                "the file for its answer was replaced; it has to be written where it is".to_owned(),
            );
        }
        if metadata.len() > MAX_BYTES {
            return Err(format!("its answer is longer than {MAX_BYTES} bytes"));
        }
        let mut text = Vec::new();
        (&mut self.file)
            .take(MAX_BYTES)
            .read_to_end(&mut text)
            .map_err(cannot_read)?;
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| format!("its answer is no JSON: {error}"))
    }
}
