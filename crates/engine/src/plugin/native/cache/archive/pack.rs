//! Folders into an archive.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::{MAX_CONTENT_BYTES, MAX_ENTRIES, Named, Stoppable, check, too_much};

/// The largest archive.
const MAX_ARCHIVE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Fast: a cache that takes longer to be written than what it saves is none.
const COMPRESSION_LEVEL: i32 = 3;

/// What went into an archive.
#[derive(Debug, Default)]
pub(in super::super) struct Packed {
    pub(in super::super) n_entries: u64,
    pub(in super::super) n_files: u64,
    /// As compressed.
    pub(in super::super) n_bytes: u64,
}

/// Packs what is at `places` into a new file. A place that is not there is left out. It blocks.
pub(in super::super) fn pack(
    target: &Path,
    places: Vec<Named>,
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
    fn pack(&mut self, target: &Path, places: Vec<Named>) -> io::Result<()> {
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
            .map(|place| (place.path, PathBuf::from(place.name)))
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
