//! Folders into one file, and back: a tar archive, compressed with zstd.
//!
//! An entry is named by the path as the pipeline writes it, hashed, so that what was saved from one path is restored to
//! that one alone, wherever it is by then. What comes out of an archive is only files, folders and links inside of the places: an archive is
//! as trustworthy as the run that made it.

mod pack;
mod unpack;

use std::{
    io::{self, Read},
    path::PathBuf,
};

use tokio_util::sync::CancellationToken;

pub(super) use self::{
    pack::pack,
    unpack::{Restored, unpack},
};

/// A path that is cached: its name in archives, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// What an archive may hold, before it is compressed.
const MAX_CONTENT_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// What an archive may hold: files, folders and links.
const MAX_ENTRIES: u64 = 2_000_000;

/// How much is copied before we look whether anybody still waits.
const PIECE_BYTES: usize = 256 * 1024;

fn check(stop: &CancellationToken) -> io::Result<()> {
    if stop.is_cancelled() {
        return Err(io::Error::other("cancelled"));
    }
    Ok(())
}

fn too_much(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("more {what} than a cache holds"),
    )
}

/// Reads until somebody says stop.
struct Stoppable<'a, R> {
    inner: R,
    stop: &'a CancellationToken,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(self.stop)?;
        let end = buffer.len().min(PIECE_BYTES);
        self.inner.read(&mut buffer[..end])
    }
}

#[cfg(test)]
mod tests;
