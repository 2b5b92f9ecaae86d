//! A folder for what one call needs, in the run's own `TMPDIR`, and gone with the call.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::workdir;

/// Numbers that no other folder of this process has.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How many names are tried, when something has made folders of these names before us.
const MAX_ATTEMPTS: usize = 100;

/// The folder. Whoever drops it removes it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder (0700) in `parent` that was not there before.
    pub(super) fn make(parent: &Path) -> Result<Self, String> {
        let error =
            |error: io::Error| format!("cannot make a folder in `{}`: {error}", parent.display());
        for _ in 0..MAX_ATTEMPTS {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!(".flowcd-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                Err(other) => return Err(error(other)),
            }
        }
        Err(error(io::ErrorKind::AlreadyExists.into()))
    }

    /// A file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed goes with the run's folder.
        let _ = workdir::remove(&self.0);
    }
}
