//! Folders into one file, and back: a tar archive, compressed with zstd.
//!
//! An entry is named by the number of its path among the inputs, so that what was saved from one place can be restored
//! to another one. What comes out of an archive is only files, folders and links inside of the places: an archive is
//! as trustworthy as the run that made it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tar::{Archive, Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

/// The largest archive.
const MAX_ARCHIVE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// What an archive may hold, before it is compressed.
const MAX_CONTENT_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// What an archive may hold: files, folders and links.
const MAX_ENTRIES: u64 = 2_000_000;

/// Fast: a cache that takes longer to be written than what it saves is none.
const COMPRESSION_LEVEL: i32 = 3;

/// How much is copied before we look whether anybody still waits.
const PIECE_BYTES: usize = 256 * 1024;

/// What went into an archive.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) n_entries: u64,
    pub(super) n_files: u64,
    /// As compressed.
    pub(super) n_bytes: u64,
}

/// What came out of an archive.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) n_files: u64,
    pub(super) n_bytes: u64,
}

/// Packs what is at `places` into a new file. A place that is not there is left out. It blocks.
pub(super) fn pack(
    target: &Path,
    places: Vec<PathBuf>,
    stop: &CancellationToken,
) -> Result<Packed, String> {
    let mut packer = Packer {
        packed: Packed::default(),
        n_content_bytes: 0,
        stop,
    };
    packer
        .pack(target, places)
        .map_err(|error| format!("cannot make the archive: {error}"))?;
    packer.packed.n_bytes = target
        .metadata()
        .map_err(|error| format!("cannot make the archive: {error}"))?
        .len();
    Ok(packer.packed)
}

struct Packer<'a> {
    packed: Packed,
    n_content_bytes: u64,
    stop: &'a CancellationToken,
}

type Target = Builder<zstd::Encoder<'static, Limited<BufWriter<File>>>>;

impl Packer<'_> {
    fn pack(&mut self, target: &Path, places: Vec<PathBuf>) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(target)?;
        let file = Limited {
            inner: BufWriter::new(file),
            n_left: MAX_ARCHIVE_BYTES,
        };
        let mut builder = Builder::new(zstd::Encoder::new(file, COMPRESSION_LEVEL)?);
        // A stack and no recursion, because folders can be nested deeper than a thread's stack.
        let mut waiting: Vec<(PathBuf, PathBuf)> = places
            .into_iter()
            .enumerate()
            .map(|(number, place)| (place, PathBuf::from(number.to_string())))
            .rev()
            .collect();
        while let Some((path, name)) = waiting.pop() {
            let metadata = match path.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    let entry = entry?;
                    waiting.push((entry.path(), name.join(entry.file_name())));
                }
            }
            self.add(&mut builder, &path, &name, &metadata)?;
        }
        builder.into_inner()?.finish()?.inner.flush()
    }

    fn add(
        &mut self,
        builder: &mut Target,
        path: &Path,
        name: &Path,
        metadata: &fs::Metadata,
    ) -> io::Result<()> {
        check(self.stop)?;
        self.packed.n_entries += 1;
        if self.packed.n_entries > MAX_ENTRIES {
            return Err(too_much("entries"));
        }
        let mut header = Header::new_gnu();
        header.set_mode(metadata.mode() & 0o777);
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
        header.set_size(0);
        let file_type = metadata.file_type();
        if file_type.is_dir() {
            header.set_entry_type(EntryType::Directory);
            builder.append_data(&mut header, name, io::empty())
        } else if file_type.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, name, fs::read_link(path)?)
        } else if file_type.is_file() {
            self.add_file(builder, path, name, header)
        } else {
            // A socket or a pipe is nothing that could be restored.
            Ok(())
        }
    }

    fn add_file(
        &mut self,
        builder: &mut Target,
        path: &Path,
        name: &Path,
        mut header: Header,
    ) -> io::Result<()> {
        // What was a file a moment ago may be a pipe by now, and opening that could last for ever.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(());
        }
        self.n_content_bytes = self.n_content_bytes.saturating_add(metadata.len());
        if self.n_content_bytes > MAX_CONTENT_BYTES {
            return Err(too_much("bytes"));
        }
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        self.packed.n_files += 1;
        // A file that shrinks meanwhile is filled up, so that the archive stays readable.
        let content = Stoppable {
            inner: file.take(metadata.len()).chain(io::repeat(0)),
            stop: self.stop,
        };
        builder.append_data(&mut header, name, content.take(metadata.len()))
    }
}

/// Puts what is in an archive to its places, over what is there. It blocks.
pub(super) fn unpack(
    archive: File,
    places: &[PathBuf],
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
    fn unpack(&mut self, archive: File, places: &[PathBuf]) -> io::Result<()> {
        let decoder = zstd::Decoder::new(BufReader::new(archive))?;
        let mut archive = Archive::new(decoder);
        for entry in archive.entries()? {
            check(self.stop)?;
            self.n_entries += 1;
            if self.n_entries > MAX_ENTRIES {
                return Err(too_much("entries"));
            }
            let mut entry = entry?;
            let (number, inner) = split(&entry.path()?)?;
            // The pipeline may name fewer paths than when it was saved.
            if let Some(place) = places.get(number) {
                self.restore(place, &inner, &mut entry)?;
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
            // The place itself: what is above it is not ours, and was looked at before. Joined with nothing, it would
            // end in a slash and be taken for a folder.
            None => {
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                place.to_owned()
            }
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
        fs::create_dir_all(place)?;
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

/// The number of the path, and what is below it, of an entry's name.
fn split(name: &Path) -> io::Result<(usize, PathBuf)> {
    let mut parts = name.components();
    let number = match parts.next() {
        Some(Component::Normal(number)) => number.to_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    let inner = parts.as_path();
    let is_plain = inner
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match number {
        Some(number) if is_plain => Ok((number, inner.to_owned())),
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

fn check(stop: &CancellationToken) -> io::Result<()> {
    if stop.is_cancelled() {
        return Err(io::Error::other("cancelled"));
    }
    Ok(())
}

fn too_much(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("more {what} than a cache holds"),
    )
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the archive has {what}"),
    )
}

/// Writes no more than so much.
struct Limited<W> {
    inner: W,
    n_left: u64,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.inner.write(bytes)?;
        self.n_left = self
            .n_left
            .checked_sub(n_bytes as u64)
            .ok_or_else(|| too_much("bytes"))?;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads until somebody says stop.
struct Stoppable<'a, R> {
    inner: R,
    stop: &'a CancellationToken,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(self.stop)?;
        let end = buffer.len().min(PIECE_BYTES);
        self.inner.read(&mut buffer[..end])
    }
}

#[cfg(test)]
mod tests;
