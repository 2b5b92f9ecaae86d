//! The data folder: what is where in it, and that only one server works on it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
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
        create_private(path)?;
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
