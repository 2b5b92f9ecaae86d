//! An archive into folders.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tar::{Archive, EntryType};
use tokio_util::sync::CancellationToken;

use super::{MAX_CONTENT_BYTES, MAX_ENTRIES, Named, Stoppable, check, too_much};

/// What came out of an archive.
#[derive(Debug, Default)]
pub(in super::super) struct Restored {
    /// Files, folders and links.
    pub(in super::super) n_entries: u64,
    pub(in super::super) n_files: u64,
    pub(in super::super) n_bytes: u64,
}

/// Puts what is in an archive to its places, over what is there. It blocks.
pub(in super::super) fn unpack(
    archive: File,
    places: &[Named],
    stop: &CancellationToken,
) -> Result<Restored, String> {
    let mut unpacker = Unpacker {
        restored: Restored::default(),
        n_entries: 0,
        folders: Vec::new(),
        checked: None,
        stop,
    };
    unpacker
        .unpack(archive, places)
        .map_err(|error| format!("cannot restore the archive: {error}"))?;
    Ok(unpacker.restored)
}

struct Unpacker<'a> {
    restored: Restored,
    n_entries: u64,
    /// The rights of the folders, to be set when everything is in them.
    folders: Vec<(PathBuf, u32)>,
    /// The folder that was looked at last: the next entry is mostly in the same one.
    checked: Option<PathBuf>,
    stop: &'a CancellationToken,
}

impl Unpacker<'_> {
    fn unpack(&mut self, archive: File, places: &[Named]) -> io::Result<()> {
        // Before anything of the archive is there: a link that it brings cannot be on the way to a place then, and a
        // folder is never replaced by a link.
        for parent in places.iter().filter_map(|place| place.path.parent()) {
            fs::create_dir_all(parent)?;
        }
        let decoder = zstd::Decoder::new(BufReader::new(archive))?;
        let mut archive = Archive::new(decoder);
        for entry in archive.entries()? {
            check(self.stop)?;
            self.n_entries += 1;
            if self.n_entries > MAX_ENTRIES {
                return Err(too_much("entries"));
            }
            let mut entry = entry?;
            let (name, inner) = split(&entry.path()?)?;
            // The pipeline may name other paths than when it was saved.
            if let Some(place) = places.iter().find(|place| place.name == name) {
                self.restored.n_entries += 1;
                self.restore(&place.path, &inner, &mut entry)?;
            }
        }
        for (folder, mode) in self.folders.iter().rev() {
            fs::set_permissions(folder, fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    }

    fn restore(
        &mut self,
        place: &Path,
        inner: &Path,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> io::Result<()> {
        let mode = entry.header().mode()? & 0o777;
        let target = match inner.parent() {
            Some(parent) => {
                self.make_folders(place, parent)?;
                place.join(inner)
            }
            // The place itself. Joined with nothing, it would end in a slash and be taken for a folder.
            None => place.to_owned(),
        };
        match entry.header().entry_type() {
            EntryType::Directory => {
                make_folder(&target)?;
                self.folders.push((target, mode));
            }
            EntryType::Regular => {
                make_room(&target)?;
                self.write_file(&target, mode, entry)?;
            }
            EntryType::Symlink => {
                let link = entry
                    .link_name()?
                    .ok_or_else(|| malformed("a link to nowhere"))?
                    .into_owned();
                make_room(&target)?;
                symlink(link, &target)?;
                self.checked = None;
            }
            _ => return Err(malformed("an entry of another kind")),
        }
        Ok(())
    }

    /// Makes the folders from `place` down to `inner`. A link on the way is no folder: what is written through it
    /// would be somewhere else.
    fn make_folders(&mut self, place: &Path, inner: &Path) -> io::Result<()> {
        let whole = place.join(inner);
        if self.checked.as_ref() == Some(&whole) {
            return Ok(());
        }
        make_folder(place)?;
        let mut folder = place.to_owned();
        for part in inner.components() {
            folder.push(part);
            make_folder(&folder)?;
        }
        self.checked = Some(whole);
        Ok(())
    }

    fn write_file(
        &mut self,
        target: &Path,
        mode: u32,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> io::Result<()> {
        let size = entry.header().size()?;
        self.restored.n_bytes = self.restored.n_bytes.saturating_add(size);
        if self.restored.n_bytes > MAX_CONTENT_BYTES {
            return Err(too_much("bytes"));
        }
        let changed_at = Duration::from_secs(entry.header().mtime()?);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(target)?;
        let mut content = Stoppable {
            inner: entry,
            stop: self.stop,
        };
        io::copy(&mut content, &mut file)?;
        self.restored.n_files += 1;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        let changed_at = UNIX_EPOCH.checked_add(changed_at);
        file.set_modified(changed_at.unwrap_or_else(SystemTime::now))
    }
}

/// The name of the path, and what is below it, of an entry's name.
fn split(name: &Path) -> io::Result<(String, PathBuf)> {
    let mut parts = name.components();
    let first = match parts.next() {
        Some(Component::Normal(first)) => first.to_str().map(str::to_owned),
        _ => None,
    };
    let inner = parts.as_path();
    let is_plain = inner
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match first {
        Some(first) if is_plain => Ok((first, inner.to_owned())),
        _ => Err(malformed("an entry outside of the paths")),
    }
}

/// A folder of our own at `path`: whatever else is there makes room.
fn make_folder(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            // Protected in an earlier restore, perhaps; the right mode comes at the end.
            let mode = metadata.permissions().mode();
            if mode & 0o700 != 0o700 {
                fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o700))?;
            }
            return Ok(());
        }
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    DirBuilder::new().mode(0o700).create(path)
}

/// Removes the file or link that is in the way. A folder stays, and what comes fails.
fn make_room(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the archive has {what}"),
    )
}
