//! The files by which a step tells more than its output: `$FLOWCD_OUTPUT`, `$FLOWCD_ENV`, `$FLOWCD_PATH`,
//! `$FLOWCD_SUMMARY` and `$FLOWCD_MASK`.
//!
//! They lie in the run's own folder and not in the workspace, new for each attempt. What a step does to them is not
//! trusted: they are opened within a folder that is held, never through a link, never waiting for a pipe, and never
//! read further than their limit. What was written before a file was removed is still read, because we hold it.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{Mode, mkdirat},
};

mod mask_file;

pub(crate) use mask_file::MaskFile;

/// One of the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Output,
    Env,
    Path,
    Summary,
    Mask,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Output,
        Self::Env,
        Self::Path,
        Self::Summary,
        Self::Mask,
    ];

    fn file_name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Env => "env",
            Self::Path => "path",
            Self::Summary => "summary",
            Self::Mask => "mask",
        }
    }

    /// The variables that hold its path: ours, and for what the reference's users were told that of the reference.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Output => &["FLOWCD_OUTPUT", "SERVERLESS_CD_OUTPUT"],
            Self::Env => &["FLOWCD_ENV", "SERVERLESS_CD_ENV"],
            Self::Path => &["FLOWCD_PATH"],
            Self::Summary => &["FLOWCD_SUMMARY"],
            Self::Mask => &["FLOWCD_MASK"],
        }
    }

    /// The longest that one step may write.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            Self::Output | Self::Env | Self::Mask => 64 * 1024,
            Self::Path => 16 * 1024,
            Self::Summary => 1024 * 1024,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.variables()[0])
    }
}

/// Why a file cannot be used, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileError {
    kind: Kind,
    message: String,
}

impl FileError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// Where the files of all steps go: the run's own folder, held from before the first step, so that no step can put
/// another in its place.
#[derive(Clone, Debug)]
pub(crate) struct CommandFolder {
    path: PathBuf,
    folder: Arc<OwnedFd>,
}

impl CommandFolder {
    /// Holds the run's own folder. It blocks.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(Self {
            path: path.to_owned(),
            folder: Arc::new(nix::fcntl::open(path, flags, Mode::empty())?),
        })
    }

    /// Makes the files of an attempt. It blocks.
    pub(crate) fn create(&self, step: usize, attempt: u32) -> io::Result<CommandFiles> {
        let name = format!("step-{step}-{attempt}");
        mkdirat(&self.folder, name.as_str(), Mode::S_IRWXU)?;
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let folder = openat(&self.folder, name.as_str(), flags, Mode::empty())?;
        let create = |kind: Kind| {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR | OFlag::O_CLOEXEC;
            let mode = Mode::S_IRUSR | Mode::S_IWUSR;
            openat(&folder, kind.file_name(), flags, mode).map(File::from)
        };
        let mut files = Vec::new();
        for kind in Kind::ALL {
            files.push((kind, create(kind)?));
        }
        Ok(CommandFiles {
            path: self.path.join(name),
            folder,
            files,
        })
    }
}

/// The files of one attempt.
#[derive(Debug)]
pub(crate) struct CommandFiles {
    path: PathBuf,
    folder: OwnedFd,
    /// As they were made: what is in them is there whatever becomes of their names.
    files: Vec<(Kind, File)>,
}

impl CommandFiles {
    /// The variables that tell a step where its files are.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for kind in Kind::ALL {
            let path = self.path.join(kind.file_name());
            for name in kind.variables() {
                variables.push(((*name).to_owned(), path.to_string_lossy().into_owned()));
            }
        }
        variables
    }

    /// Writes a file beside them, for a script that is too long to be an argument. It blocks.
    pub(crate) fn write_script(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut file = File::from(openat(&self.folder, name, flags, mode)?);
        io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(self.path.join(name))
    }

    /// What is to be looked at while the step runs.
    pub(crate) fn mask_file(&self) -> io::Result<MaskFile> {
        let folder = self.folder.try_clone()?;
        let held = self.held(Kind::Mask)?.try_clone()?;
        Ok(MaskFile::new(folder, held))
    }

    /// What a file holds. It blocks, but never for long.
    pub(crate) fn read(&self, kind: Kind) -> Result<Vec<u8>, FileError> {
        let fail = |message: String| FileError::new(kind, message);
        let cannot = |error: io::Error| fail(format!("cannot be read: {error}"));
        let mut file = match open_file(&self.folder, kind) {
            Ok(file) => file,
            Err(Errno::ENOENT) => {
                // The step removed it. What it wrote before that is what it wrote.
                self.held(kind).and_then(File::try_clone).map_err(cannot)?
            }
            // A link, which is not followed, or a socket.
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(fail("it is not a file".to_owned())),
            Err(error) => return Err(cannot(error.into())),
        };
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(fail("it is not a file".to_owned()));
        }
        let limit = kind.max_bytes();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        if bytes.len() > limit {
            return Err(fail(format!("it is longer than {} KiB", limit / 1024)));
        }
        Ok(bytes)
    }

    fn held(&self, kind: Kind) -> io::Result<&File> {
        let held = self.files.iter().find(|(of, _)| *of == kind);
        held.map(|(_, file)| file)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Opens what now has the file's name: never through a link, and without waiting for the other end of a pipe.
fn open_file(folder: &impl AsFd, kind: Kind) -> Result<File, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    openat(folder, kind.file_name(), flags, Mode::empty()).map(File::from)
}

#[cfg(test)]
mod tests;
