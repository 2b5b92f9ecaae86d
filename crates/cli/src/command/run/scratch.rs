//! The folder of a run: made for it, and gone with it.

use std::path::{Path, PathBuf};

use crate::{failure::Failure, output::Printer};

/// A temporary folder that only its owner can look into.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("flowcd-run-")
            .tempdir()
            .map_err(|source| Failure::Io {
                what: "make a temporary folder",
                source,
            })?;
        // The steps may write-protect what they put there, so it is removed by other means.
        Ok(Self {
            folder: folder.keep(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes it with all that is in it.
    pub(super) async fn remove(self, printer: &Printer) {
        let folder = self.folder.clone();
        let removed =
            tokio::task::spawn_blocking(move || flowcd_engine::workdir::remove(&folder)).await;
        if let Err(error) = removed.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            printer.warn(&format!(
                "cannot remove the temporary folder `{}`: {error}",
                self.folder.display()
            ));
        }
    }
}
