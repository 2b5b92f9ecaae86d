//! The data folder: what is where in it, and that only one server works on it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use rand::RngExt;

/// A data folder held by this process.
pub(crate) struct DataDir {
    path: PathBuf,
    instance: String,
    /// The lock lives as long as this.
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the folder (mode 0700) with what is missing in it, and takes its lock.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        claim(path)?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot resolve `{}`", path.display()))?;
        let lock = lock(&path)?;
        let instance = instance(&path)?;
        let data_dir = Self {
            path,
            instance,
            _lock: lock,
        };
        create_private(&data_dir.work_dir())?;
        create_private(&data_dir.mirrors())?;
        create_private(&data_dir.plugins())?;
        create_private(&data_dir.caches())?;
        Ok(data_dir)
    }

    /// The folder itself, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name this folder's server claims tasks under, over all its lives.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// Where running tasks have their folders.
    pub(crate) fn work_dir(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Where the mirrors of repositories are.
    pub(crate) fn mirrors(&self) -> PathBuf {
        self.path.join("mirrors")
    }

    /// Where installed plugins are.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.path.join("plugins")
    }

    /// Where the cache plugin keeps what is to last, by user and application.
    pub(crate) fn caches(&self) -> PathBuf {
        self.path.join("caches")
    }
}

/// Makes the data folder itself. A folder that others use, too, is not taken from them: only one that is empty or
/// flowcd's already is narrowed to its owner.
pub(crate) fn claim(path: &Path) -> anyhow::Result<()> {
    const OURS: [&str; 3] = ["server.lock", "secret.key", "flowcd.db"];
    let is_shared = fs::metadata(path).is_ok_and(|data| data.is_dir() && data.mode() & 0o077 != 0);
    if is_shared {
        let mut entries = fs::read_dir(path)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .with_context(|| format!("cannot read the folder `{}`", path.display()))?;
        // A new file system of its own is empty, too.
        entries.retain(|entry| entry.file_name() != "lost+found");
        let is_ours = |entry: &fs::DirEntry| OURS.iter().any(|ours| entry.file_name() == *ours);
        if !entries.is_empty() && !entries.iter().any(is_ours) {
            bail!(
                "the folder `{}` holds other things, and other users may look into it; name an empty one with --data-dir",
                path.display()
            );
        }
    }
    create_private(path)
}

/// Makes a folder that only its owner can look into; one that is there already is narrowed to that.
pub(crate) fn create_private(path: &Path) -> anyhow::Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("cannot prepare the folder `{}`", path.display()))
}

fn lock(path: &Path) -> anyhow::Result<Flock<File>> {
    let place = path.join("server.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&place);
    let file = file.with_context(|| format!("cannot open `{}`", place.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, Errno::EWOULDBLOCK)) => {
            bail!(
                "another server works on the data folder `{}`; stop it, or give this one another --data-dir",
                path.display()
            )
        }
        Err((_, errno)) => Err(errno).with_context(|| format!("cannot lock `{}`", place.display())),
    }
}

fn instance(path: &Path) -> anyhow::Result<String> {
    let place = path.join("instance");
    let mut text = String::new();
    match File::open(&place).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", place.display()));
        }
    }
    let instance: String = (0..16)
        .map(|_| char::from(b'a' + rand::rng().random_range(0..26)))
        .collect();
    let new = path.join("instance.new");
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new);
    written
        .and_then(|mut file| {
            file.write_all(instance.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| fs::rename(&new, &place))
        .with_context(|| format!("cannot write `{}`", place.display()))?;
    Ok(instance)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
        path::Path,
    };

    use super::DataDir;

    fn mode(path: &Path) -> u32 {
        let data = fs::metadata(path).expect("the folder is there");
        data.permissions().mode() & 0o777
    }

    fn shared(path: &Path) {
        fs::create_dir_all(path).expect("a folder");
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("its mode");
    }

    #[test]
    fn a_folder_that_holds_other_things_is_not_taken() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lib");
        shared(&path);
        fs::write(path.join("other"), "").expect("a file");
        let refused = DataDir::open(&path).err().expect("a refusal").to_string();
        assert!(refused.contains("holds other things"), "{refused}");
        assert_eq!(
            (mode(&path), fs::read_dir(&path).expect("a folder").count()),
            (0o755, 1)
        );
    }

    #[test]
    fn an_empty_folder_and_flowcds_own_are_narrowed_to_their_owner() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        for _ in 0..2 {
            shared(&path);
            DataDir::open(&path).expect("it is taken");
            for inner in ["", "work", "mirrors", "plugins", "caches"] {
                assert_eq!(mode(&path.join(inner)), 0o700, "{inner}");
            }
        }
    }
}
