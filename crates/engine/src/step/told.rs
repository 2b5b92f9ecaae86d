//! What a step told by its files.

use super::Env;
use crate::{
    command_files::{CommandFiles, FileError, Kind},
    lines::{self, LineError},
    mask::{MIN_BYTES, TooMany},
    variable::{injects_programs, is_reserved},
};

/// What a step told by its files, and what is wrong with them. What can be read counts, whatever else is wrong.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) outputs: Vec<(String, String)>,
    pub(super) env: Vec<(String, String)>,
    pub(super) paths: Vec<String>,
    pub(super) summary: String,
    /// Whether it added values that are too short to be masked.
    pub(super) has_short_masks: bool,
    pub(super) errors: Vec<FileError>,
}

impl Told {
    /// Reads the files. It blocks.
    pub(super) fn read(files: &CommandFiles) -> Self {
        let mut told = Self::default();
        told.outputs = told.pairs(files, Kind::Output);
        told.env = told.pairs(files, Kind::Env);
        told.refuse_reserved();
        let path = told.text(files, Kind::Path);
        told.paths = lines::plain(&path).map(str::to_owned).collect();
        told.check_paths();
        if let Some(bytes) = told.bytes(files, Kind::Summary) {
            // It is for people: what is no text in it is shown as that.
            told.summary = String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}");
        }
        // The values have been read while the step ran. This says what could not be.
        let masks = told.text(files, Kind::Mask);
        told.has_short_masks = lines::values(&masks)
            .iter()
            .any(|value| value.trim().len() < MIN_BYTES);
        told
    }

    /// Notes that there was more to mask than can be.
    pub(super) fn note_masks(&mut self, is_all_masked: Result<(), TooMany>) {
        let is_known = || self.errors.iter().any(|error| error.kind() == Kind::Mask);
        if is_all_masked.is_err() && !is_known() {
            let limit = format!(
                "a task can add {} values of {} KiB together; some are not masked",
                crate::mask::MAX_ADDED,
                crate::mask::MAX_ADDED_BYTES / 1024
            );
            self.errors.push(FileError::new(Kind::Mask, limit));
        }
    }

    fn bytes(&mut self, files: &CommandFiles, kind: Kind) -> Option<Vec<u8>> {
        match files.read(kind) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    fn text(&mut self, files: &CommandFiles, kind: Kind) -> String {
        let bytes = self.bytes(files, kind).unwrap_or_default();
        let (text, error) = lines::text_before_fault(&bytes);
        self.note(kind, error);
        text.to_owned()
    }

    fn pairs(&mut self, files: &CommandFiles, kind: Kind) -> Vec<(String, String)> {
        let text = self.text(files, kind);
        let lines::Pairs { pairs, error } = lines::pairs(&text);
        self.note(kind, error);
        pairs
    }

    fn note(&mut self, kind: Kind, error: Option<LineError>) {
        // The first thing that is wrong with a file explains the others.
        if let Some(error) = error
            && !self.errors.iter().any(|known| known.kind() == kind)
        {
            self.errors.push(FileError::new(kind, error.to_string()));
        }
    }

    /// Takes out the variables that are ours to set, and those that only the pipeline may set.
    fn refuse_reserved(&mut self) {
        let mut refused = Vec::new();
        self.env.retain(|(name, _)| {
            let is_ours = is_reserved(name);
            if is_ours {
                refused.push(name.clone());
            }
            !is_ours
        });
        let (injecting, rest): (Env, Env) = std::mem::take(&mut self.env)
            .into_iter()
            .partition(|(name, _)| injects_programs(name));
        self.env = rest;
        for name in refused {
            let message = format!("`{name}` is a variable of the server's and cannot be set");
            self.errors.push(FileError::new(Kind::Env, message));
        }
        for (name, _) in injecting {
            let message = format!(
                "`{name}` would make the programs of later steps run others and cannot be set: set it in the step's \
                 `env` instead"
            );
            self.errors.push(FileError::new(Kind::Env, message));
        }
    }

    /// Takes out what cannot be a part of `PATH`.
    fn check_paths(&mut self) {
        let is_bad = |path: &String| path.contains(':') || path.contains(char::is_control);
        if let Some(path) = self.paths.iter().find(|path| is_bad(path)) {
            let message = format!("`{}` cannot be a part of PATH", path.escape_debug());
            self.errors.push(FileError::new(Kind::Path, message));
        }
        self.paths.retain(|path| !is_bad(path));
    }
}
