//! Profiles: the servers a user knows, and his tokens for them.
//!
//! One TOML file in the configuration folder, readable by its owner alone. It is replaced as a whole, so a crash
//! leaves the old one.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use flowcd_model::id::TokenId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, output::Printer};

/// The profile used when none is named.
pub(crate) const DEFAULT: &str = "default";

/// The file's content.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The profile that is used when none is named: the one of the last login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// A server and the token for it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) url: String,
    token: String,
    /// The token's id, when the login made the token; `logout` deletes it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_id: Option<TokenId>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Profile {
    pub(crate) fn new(url: String, token: String, token_id: Option<TokenId>) -> Self {
        Self {
            url,
            token,
            token_id,
        }
    }

    pub(crate) fn token(&self) -> SecretString {
        SecretString::from(self.token.as_str())
    }
}

impl Profiles {
    /// Reads the file; without one there are no profiles.
    pub(crate) fn load(printer: &Printer) -> Result<Self, Failure> {
        let path = path()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                return Err(Failure::File {
                    what: "read",
                    path,
                    source,
                });
            }
        };
        warn_if_shared(&path, printer);
        // The error's text would quote the file, and with it a token.
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            Failure::usage_with_hint(
                format!("cannot understand `{}`, line {line}", path.display()),
                "repair the file, or remove it and run `flowcd login`",
            )
        })
    }

    /// Writes the file, with mode 0600 from its first moment on.
    pub(crate) fn save(&self) -> Result<PathBuf, Failure> {
        let path = path()?;
        let folder = path.parent().expect("the path has the folder `flowcd`");
        let text = toml::to_string(self).expect("profiles are tables of text");
        write_private(folder, &path, text.as_bytes()).map_err(|source| Failure::File {
            what: "write",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// The name to use: `name` where it was given.
    pub(crate) fn name<'a>(&'a self, name: Option<&'a str>) -> &'a str {
        name.or(self.current.as_deref()).unwrap_or(DEFAULT)
    }
}

fn path() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| {
        Failure::usage(
            "cannot find your home folder, where the profiles are; set HOME or XDG_CONFIG_HOME",
        )
    })?;
    Ok(strategy.config_dir().join("flowcd").join("profiles.toml"))
}

fn write_private(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // A temporary file is made with mode 0600, and takes the old one's place in one step.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn warn_if_shared(path: &Path, printer: &Printer) {
    use std::os::unix::fs::PermissionsExt;

    let is_shared =
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if is_shared {
        printer.warn(&format!(
            "other users can read `{}`, and the tokens in it: chmod 600 it",
            path.display()
        ));
    }
}

#[cfg(not(unix))]
fn warn_if_shared(_path: &Path, _printer: &Printer) {}
