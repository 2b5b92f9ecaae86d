//! Secret boxes: XChaCha20-Poly1305 with a random nonce.
//!
//! A box names the key that opens it, so that keys can be replaced one box at a time, and it is bound to its place
//! (table, row, name), so that a box moved elsewhere does not open.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::{Rng, RngExt};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;

/// The first byte of every box. Another layout gets another number.
const VERSION: u8 = 1;

/// A key file is a few lines; what is longer is some other file.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// The keys that secrets are sealed with: one that seals, and older ones that still open.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<[Key]>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    cipher: XChaCha20Poly1305,
}

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
        source: io::Error,
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
    /// The file holds no key.
    #[error(
        "the key file `{path}` is malformed: it takes 32 bytes in base64 per line, the current key first"
    )]
    MalformedFile {
        /// The file.
        path: PathBuf,
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

impl Key {
    fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"flowcd key id\0")
            .chain_update(bytes)
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(&bytes.into()),
            bytes: Zeroizing::new(bytes),
        }
    }

    fn generate() -> Self {
        let mut bytes = [0; KEY_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Self::new(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        Some(Self::new(bytes.as_slice().try_into().ok()?))
    }
}

/// The ids of the keys.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| STANDARD.encode(key.id)))
            .finish()
    }
}

impl Keyring {
    /// A keyring with one new key.
    pub fn generate() -> Self {
        Self {
            keys: Arc::new([Key::generate()]),
        }
    }

    /// A keyring that seals with a new key and still opens what this one sealed.
    pub fn rotated(&self) -> Self {
        let old = self.keys.iter().map(|key| Key::new(*key.bytes));
        Self {
            keys: std::iter::once(Key::generate()).chain(old).collect(),
        }
    }

    /// Keys in base64, one per line or separated by commas or spaces, the current one first.
    pub fn from_base64(text: &str) -> Result<Self, KeyringError> {
        let keys = text
            .split(|c: char| c.is_whitespace() || c == ',')
            .filter(|part| !part.is_empty())
            .map(|part| Key::parse(part).ok_or(KeyringError::Malformed))
            .collect::<Result<Arc<[Key]>, KeyringError>>()?;
        if keys.is_empty() {
            return Err(KeyringError::Malformed);
        }
        Ok(Self { keys })
    }

    /// What [`Self::from_base64`] reads.
    pub fn to_base64(&self) -> SecretString {
        let lines: String = self
            .keys
            .iter()
            .map(|key| STANDARD.encode(*key.bytes) + "\n")
            .collect();
        SecretString::from(lines)
    }

    /// The keys in a file; a file that is absent is made, with a new key and mode 0600.
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        let failed = |source| KeyringError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                let keyring = Self::generate();
                match create_private(path, keyring.to_base64().expose_secret()) {
                    Ok(()) => return Ok(keyring),
                    // Another process was faster: its key is the one.
                    Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                        File::open(path).map_err(failed)?
                    }
                    Err(err) => return Err(failed(err)),
                }
            }
            Err(err) => return Err(failed(err)),
        };
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyringError::TooOpen {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::new());
        Read::by_ref(&mut file)
            .take(MAX_KEY_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::from_base64(&text).map_err(|_| KeyringError::MalformedFile {
            path: path.to_owned(),
        })
    }

    /// Seals `plain` for the place `aad`.
    pub(crate) fn seal(&self, plain: &[u8], aad: &Aad<'_>) -> Result<Vec<u8>, SealError> {
        let key = self.keys.first().ok_or(SealError::UnknownKey)?;
        let nonce: [u8; NONCE_BYTES] = rand::rng().random();
        let aad = aad.to_string();
        let payload = Payload {
            msg: plain,
            aad: aad.as_bytes(),
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Malformed)?;
        let mut out = Vec::with_capacity(HEADER_BYTES + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens a box that was sealed for the place `aad`.
    pub(crate) fn open(
        &self,
        sealed: &[u8],
        aad: &Aad<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, body) = sealed
            .split_at_checked(HEADER_BYTES)
            .ok_or(SealError::Malformed)?;
        let (version, header) = header.split_at(1);
        if version != [VERSION] {
            return Err(SealError::Malformed);
        }
        let (id, nonce) = header.split_at(KEY_ID_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Malformed)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == id)
            .ok_or(SealError::UnknownKey)?;
        let aad = aad.to_string();
        let payload = Payload {
            msg: body,
            aad: aad.as_bytes(),
        };
        key.cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Tampered)
    }

    /// Seals named values as one box.
    pub(crate) fn seal_map(
        &self,
        values: &BTreeMap<String, String>,
        aad: &Aad<'_>,
    ) -> crate::Result<Vec<u8>> {
        let plain = Zeroizing::new(crate::row::to_json("secrets", values)?);
        self.seal(plain.as_bytes(), aad).map_err(crate::Error::Seal)
    }

    /// Opens what [`Self::seal_map`] sealed; no box holds no values.
    pub(crate) fn open_map(
        &self,
        sealed: Option<&[u8]>,
        aad: &Aad<'_>,
    ) -> crate::Result<BTreeMap<String, String>> {
        let Some(sealed) = sealed else {
            return Ok(BTreeMap::new());
        };
        let plain = self.open(sealed, aad).map_err(|err| aad.corrupt(&err))?;
        serde_json::from_slice(&plain).map_err(|_| aad.corrupt(&SealError::Malformed))
    }

    /// Opens a box that holds text.
    pub(crate) fn open_text(&self, sealed: &[u8], aad: &Aad<'_>) -> crate::Result<String> {
        let plain = self.open(sealed, aad).map_err(|err| aad.corrupt(&err))?;
        String::from_utf8(plain.to_vec()).map_err(|_| aad.corrupt(&SealError::Malformed))
    }
}

/// The place of a box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aad<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a str,
    pub(crate) name: &'a str,
}

impl Aad<'_> {
    fn corrupt(&self, err: &SealError) -> crate::Error {
        crate::Error::CorruptRow {
            table: self.table,
            id: self.row.to_owned(),
            reason: format!("{}: {err}", self.name),
        }
    }
}

/// Lengths before the parts keep `a/b` + `c` from being `a` + `b/c`.
impl fmt::Display for Aad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}:{}/{}",
            self.table,
            self.row.len(),
            self.row,
            self.name
        )
    }
}

/// Writes a file that appears whole or not at all, and never in the place of another.
fn create_private(path: &Path, text: &str) -> io::Result<()> {
    let suffix: u64 = rand::rng().random();
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{suffix:016x}"));
    let draft = PathBuf::from(draft);
    let written = write_new(&draft, text).and_then(|()| match std::fs::hard_link(&draft, path) {
        // Some network file systems have no links. There, a crash at this very point leaves a file that says so.
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => write_new(path, text),
        linked => linked,
    });
    let removed = std::fs::remove_file(&draft);
    written?;
    removed?;
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
