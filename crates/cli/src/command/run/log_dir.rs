//! The plain logs of a run's steps: one file each.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flowcd_model::step::StepCount;

use crate::failure::Failure;

/// A folder of logs.
#[derive(Debug)]
pub(super) struct LogDir {
    folder: PathBuf,
    /// The file written to last: steps run one after the other.
    open: Option<(StepCount, File)>,
}

impl LogDir {
    /// Makes the folder, and removes the logs of an earlier run from it.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let cannot_write = |source| Failure::File {
            what: "write to",
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(cannot_write)?;
        for entry in fs::read_dir(folder).map_err(cannot_write)? {
            let entry = entry.map_err(cannot_write)?;
            if entry.file_name().to_str().is_some_and(is_log) {
                fs::remove_file(entry.path()).map_err(cannot_write)?;
            }
        }
        let mut log_dir = Self {
            folder: folder.to_owned(),
            open: None,
        };
        // This is no element of the steps.
        log_dir.create(StepCount::Completed)?;
        Ok(log_dir)
    }

    /// Makes the file of a step.
    pub(super) fn create(&mut self, step_count: StepCount) -> Result<(), Failure> {
        self.file(step_count)
            .map(drop)
            .map_err(self.failure(step_count))
    }

    /// Adds to the file of a step.
    pub(super) fn write(&mut self, step_count: StepCount, bytes: &[u8]) -> Result<(), Failure> {
        self.file(step_count)
            .and_then(|file| file.write_all(bytes))
            .map_err(self.failure(step_count))
    }

    fn file(&mut self, step_count: StepCount) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some((open, file)) if open == step_count => file,
            _ => File::options()
                .create(true)
                .append(true)
                .open(self.path(step_count))?,
        };
        Ok(&mut self.open.insert((step_count, file)).1)
    }

    fn path(&self, step_count: StepCount) -> PathBuf {
        self.folder.join(format!("step_{step_count}.log"))
    }

    fn failure(&self, step_count: StepCount) -> impl FnOnce(io::Error) -> Failure + use<> {
        let path = self.path(step_count);
        move |source| Failure::File {
            what: "write to",
            path,
            source,
        }
    }
}

/// Whether it is the name of a step's log.
fn is_log(name: &str) -> bool {
    name.strip_prefix("step_")
        .and_then(|rest| rest.strip_suffix(".log"))
        .is_some_and(|step| step.parse::<StepCount>().is_ok())
}
