//! The entries of the cache: one object each, named by its key.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::TryStreamExt;
use object_store::{
    GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart,
    local::LocalFileSystem, path::Path as ObjectPath,
};
use tokio::io::AsyncWriteExt;

/// What the entries of one application take together; the oldest make room.
const MAX_TOTAL_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// Other entries than these are not looked at: somebody makes keys without end.
const MAX_ENTRIES: usize = 10_000;

const SUFFIX: &str = ".tar.zst";

const PIECE_BYTES: usize = 5 * 1024 * 1024;

/// Where the entries of one application are.
pub(super) struct Store {
    objects: Arc<dyn ObjectStore>,
    max_total_bytes: u64,
}

/// What is kept under a key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    object: ObjectMeta,
}

impl Store {
    /// The entries in a folder, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let open = || {
            fs::create_dir_all(folder)?;
            LocalFileSystem::new_with_prefix(folder).map_err(io::Error::other)
        };
        let objects = open().map_err(|error| format!("cannot open the cache: {error}"))?;
        Ok(Self {
            objects: Arc::new(objects),
            max_total_bytes: MAX_TOTAL_BYTES,
        })
    }

    /// The entry of `key`, else the newest one whose key begins with the first of `restore_keys` that has any.
    pub(super) async fn find(
        &self,
        key: &str,
        restore_keys: &[String],
    ) -> Result<Option<Entry>, String> {
        let mut entries = self.list().await?;
        let best = |wanted: &dyn Fn(&Entry) -> bool| {
            let candidates = entries.iter().enumerate().filter(|(_, it)| wanted(it));
            let newest = candidates.max_by_key(|(_, it)| it.object.last_modified);
            newest.map(|(index, _)| index)
        };
        let found = best(&|entry| entry.key == key).or_else(|| {
            restore_keys
                .iter()
                .find_map(|prefix| best(&|entry| entry.key.starts_with(prefix.as_str())))
        });
        Ok(found.map(|index| entries.swap_remove(index)))
    }

    /// The archive of an entry, in a file. Where the store is none of files, it is `scratch`.
    pub(super) async fn read(&self, entry: &Entry, scratch: &Path) -> Result<File, String> {
        let read = async {
            let object = self.objects.get(&entry.object.location).await?;
            let mut stream = match object.payload {
                GetResultPayload::File(file, _) => return Ok(file),
                GetResultPayload::Stream(stream) => stream,
            };
            let mut file = tokio::fs::File::create_new(scratch).await?;
            while let Some(bytes) = stream.try_next().await? {
                file.write_all(&bytes).await?;
            }
            file.flush().await?;
            File::open(scratch)
        };
        read.await
            .map_err(|error: io::Error| format!("cannot read the entry `{}`: {error}", entry.key))
    }

    /// Keeps an archive under a key, at once or not at all.
    pub(super) async fn write(&self, key: &str, archive: &Path) -> Result<(), String> {
        let write = async {
            let upload = self.objects.put_multipart(&location(key)).await?;
            let mut writer = WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES);
            let mut file = File::open(archive)?;
            loop {
                let (rest, bytes) = read_piece(file).await?;
                if bytes.is_empty() {
                    break;
                }
                file = rest;
                writer.wait_for_capacity(1).await?;
                writer.write(&bytes);
            }
            writer.finish().await?;
            Ok(())
        };
        write
            .await
            .map_err(|error: io::Error| format!("cannot write the entry `{key}`: {error}"))
    }

    /// Removes the oldest entries until the others have room, and answers how many. The one of `key` stays.
    pub(super) async fn evict(&self, key: &str) -> Result<usize, String> {
        let mut entries = self.list().await?;
        entries.sort_by_key(|entry| entry.object.last_modified);
        let mut n_bytes: u64 = entries.iter().map(|entry| entry.object.size).sum();
        let mut n_left = entries.len();
        let mut n_removed = 0;
        for entry in entries.iter().filter(|entry| entry.key != key) {
            if n_bytes <= self.max_total_bytes && n_left < MAX_ENTRIES {
                break;
            }
            match self.objects.delete(&entry.object.location).await {
                // Another run was faster.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(format!("cannot remove `{}`: {error}", entry.key)),
            }
            n_bytes = n_bytes.saturating_sub(entry.object.size);
            n_left -= 1;
            n_removed += 1;
        }
        Ok(n_removed)
    }

    async fn list(&self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let mut objects = self.objects.list(None);
        while let Some(object) = objects
            .try_next()
            .await
            .map_err(|error| format!("cannot list the cache: {error}"))?
        {
            let key = object.location.filename().and_then(key_of);
            if let Some(key) = key {
                entries.push(Entry { key, object });
            }
        }
        Ok(entries)
    }
}

async fn read_piece(mut file: File) -> io::Result<(File, Vec<u8>)> {
    let read = move || {
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        let n_bytes = PIECE_BYTES as u64;
        file.by_ref().take(n_bytes).read_to_end(&mut bytes)?;
        Ok((file, bytes))
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(io::Error::other)?
}

fn location(key: &str) -> ObjectPath {
    ObjectPath::from(format!("{}{SUFFIX}", URL_SAFE_NO_PAD.encode(key)))
}

fn key_of(file_name: &str) -> Option<String> {
    let encoded = file_name.strip_suffix(SUFFIX)?;
    let key = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    String::from_utf8(key).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::Read,
        time::{Duration, SystemTime},
    };

    use tempfile::TempDir;

    use super::{Store, location};

    struct Harness {
        folder: TempDir,
        store: Store,
    }

    impl Harness {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let store = Store::open(&folder.path().join("cache")).expect("it opens");
            Self { folder, store }
        }

        /// Keeps `text`, saved so many seconds ago.
        async fn write(&self, key: &str, text: &str, age: u64) {
            let archive = self.folder.path().join("archive");
            fs::write(&archive, text).expect("it is written");
            self.store.write(key, &archive).await.expect("it is kept");
            let path = self
                .folder
                .path()
                .join("cache")
                .join(location(key).as_ref());
            let file = File::options()
                .append(true)
                .open(path)
                .expect("it is there");
            let time = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(time).expect("its time is set");
        }

        async fn find(&self, key: &str, restore_keys: &[&str]) -> Option<String> {
            let restore_keys: Vec<String> = restore_keys.iter().map(|&it| it.into()).collect();
            let found = self.store.find(key, &restore_keys).await.expect("it looks");
            found.map(|entry| entry.key)
        }
    }

    #[tokio::test]
    async fn the_exact_key_wins_and_then_the_newest_of_the_first_prefix() {
        let harness = Harness::new();
        assert_eq!(harness.find("npm-linux-1", &["npm-"]).await, None);
        harness.write("npm-linux-1", "a", 300).await;
        harness.write("npm-linux-2", "b", 200).await;
        harness.write("npm-mac-1", "c", 100).await;
        let find =
            async |key, prefixes: &[&str]| harness.find(key, prefixes).await.unwrap_or_default();
        assert_eq!(find("npm-linux-1", &["npm-"]).await, "npm-linux-1");
        assert_eq!(
            find("npm-linux-3", &["npm-linux-", "npm-"]).await,
            "npm-linux-2"
        );
        assert_eq!(find("npm-win-3", &["npm-win-", "npm-"]).await, "npm-mac-1");
        assert_eq!(find("npm-linux-", &[]).await, "");
        assert_eq!(find("../../x", &["/etc"]).await, "");
    }

    #[tokio::test]
    async fn an_entry_is_replaced_whole_and_keys_can_be_anything() {
        let harness = Harness::new();
        for key in ["a/../b c", "ключ", "#1", "."] {
            harness.write(key, "old", 1).await;
            harness.write(key, "new", 0).await;
            let entry = harness
                .store
                .find(key, &[])
                .await
                .expect("it looks")
                .expect("a hit");
            let scratch = harness.folder.path().join("scratch");
            let mut text = String::new();
            let mut file = harness
                .store
                .read(&entry, &scratch)
                .await
                .expect("it reads");
            file.read_to_string(&mut text).expect("it is text");
            assert_eq!(text, "new", "{key}");
        }
    }

    #[tokio::test]
    async fn the_oldest_make_room_but_never_the_one_just_saved() {
        let mut harness = Harness::new();
        harness.store.max_total_bytes = 6;
        for (key, age) in [("one", 30), ("two", 20), ("three", 10)] {
            harness.write(key, "1234", age).await;
        }
        assert_eq!(harness.store.evict("one").await, Ok(2));
        assert_eq!(harness.find("one", &[]).await.as_deref(), Some("one"));
        assert_eq!(harness.find("two", &["t"]).await, None);
        assert_eq!(harness.store.evict("one").await, Ok(0));
    }
}
