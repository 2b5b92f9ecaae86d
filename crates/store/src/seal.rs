//! Secret boxes.

use std::path::{Path, PathBuf};

/// The keys that secrets are sealed with: one that seals, and older ones that still open.
#[derive(Clone)]
pub struct Keyring {}

/// A keyring cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read or written.
    #[error("cannot use the key file `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Other users of the machine may read or write the file.
    #[error(
        "the key file `{path}` is open to other users of this machine (mode {mode:04o}): run `chmod 600` on it"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The text holds no key.
    #[error("a key is 32 bytes in base64, one per line, the current one first")]
    Malformed,
}

/// A box that cannot be sealed or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a format that this release does not know.
    #[error("the box is malformed")]
    Malformed,
    /// The keyring does not have the key that the box names.
    #[error("the keyring does not have the box's key")]
    UnknownKey,
    /// The box was changed, or belongs elsewhere.
    #[error("the box was tampered with or belongs to another place")]
    Tampered,
}

impl Keyring {
    /// A keyring with one new key.
    pub fn generate() -> Self {
        Self {}
    }

    /// Keys in base64, one per line or separated by commas or spaces, the current one first.
    pub fn from_base64(text: &str) -> Result<Self, KeyringError> {
        let _ = text;
        Err(KeyringError::Malformed)
    }

    /// The keys in a file; a file that is absent is made, with a new key and mode 0600.
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        let _ = path;
        Err(KeyringError::Malformed)
    }
}
