use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Named, pack, unpack};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders are made");
    fs::write(path, text).expect("it is written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is set");
}

fn open(path: &Path) -> File {
    File::open(path).expect("it opens")
}

/// Paths named by their number.
fn numbered(paths: &[PathBuf]) -> Vec<Named> {
    let named = paths.iter().enumerate().map(|(number, path)| Named {
        name: number.to_string(),
        path: path.clone(),
    });
    named.collect()
}

#[test]
fn what_was_packed_comes_back_elsewhere_over_what_is_there() {
    let root = folder();
    let from = root.path().join("from");
    write(&from.join("bin/tool"), "#!/bin/sh\n", 0o755);
    write(&from.join("deep/er/file"), "text", 0o640);
    fs::create_dir(from.join("empty")).expect("it is made");
    symlink("bin/tool", from.join("link")).expect("a link is made");
    fs::set_permissions(from.join("deep/er"), fs::Permissions::from_mode(0o500)).expect("mode");
    let single = root.path().join("single.txt");
    write(&single, "alone", 0o600);
    let archive = root.path().join("archive");
    let stop = CancellationToken::new();
    let places = numbered(&[from.clone(), root.path().join("absent"), single.clone()]);
    let packed = pack(&archive, places, &stop).expect("it packs");
    assert_eq!((packed.n_entries, packed.n_files), (9, 3));

    let to = root.path().join("new/to");
    write(&to.join("deep/er/file"), "older and longer", 0o644);
    write(&to.join("own"), "stays", 0o644);
    write(&to.join("link"), "was a file", 0o644);
    let places = numbered(&[
        to.clone(),
        root.path().join("other"),
        root.path().join("x/y"),
    ]);
    for _ in 0..2 {
        let restored = unpack(open(&archive), &places, &stop).expect("it unpacks");
        assert_eq!((restored.n_files, restored.n_bytes), (3, 19));
        let read = |name: &str| fs::read_to_string(to.join(name)).unwrap_or_default();
        assert_eq!(read("deep/er/file"), "text");
        assert_eq!(read("link"), "#!/bin/sh\n");
        assert_eq!(read("own"), "stays");
        assert!(to.join("empty").is_dir());
        assert_eq!(
            fs::read_to_string(&places[2].path).unwrap_or_default(),
            "alone"
        );
        let mode = |name: &str| to.join(name).metadata().expect("it is there").mode() & 0o777;
        assert_eq!(mode("bin/tool"), 0o755);
        assert_eq!(mode("deep/er"), 0o500);
        let changed = |path: PathBuf| path.metadata().expect("it is there").mtime();
        assert_eq!(changed(to.join("bin/tool")), changed(from.join("bin/tool")));
    }
    // Or the folders could not be removed.
    for folder in [from.join("deep/er"), to.join("deep/er")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("mode");
    }
}

/// A kind, a name and the target of a link.
type NamedEntry<'a> = (EntryType, &'a [u8], &'a str);

/// An archive of entries whose names nobody checks.
fn archive_of(root: &Path, entries: &[NamedEntry<'_>]) -> File {
    let path = root.join("hostile");
    let mut bytes = Vec::new();
    let mut builder = Builder::new(&mut bytes);
    for (entry_type, name, link) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*entry_type);
        header.set_mode(0o4777);
        header.set_size(if entry_type.is_file() { 4 } else { 0 });
        let old = header.as_gnu_mut().expect("it is a GNU header");
        old.name[..name.len()].copy_from_slice(name);
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        let content: &[u8] = if entry_type.is_file() { b"evil" } else { b"" };
        builder.append(&header, content).expect("it is appended");
    }
    builder.finish().expect("it is finished");
    drop(builder);
    let mut file = File::create(&path).expect("it is made");
    let compressed = zstd::encode_all(bytes.as_slice(), 1).expect("it is compressed");
    file.write_all(&compressed).expect("it is written");
    open(&path)
}

#[test]
fn nothing_leaves_the_places_whatever_an_archive_says() {
    use EntryType::{Block, Fifo, Link, Regular, Symlink};
    let root = folder();
    let outside = root.path().join("outside");
    fs::create_dir(&outside).expect("it is made");
    let outside_text = outside.to_str().expect("it is text").to_owned();
    let absolute = format!("{outside_text}/evil");
    let cases: [(&str, &[NamedEntry<'_>]); 8] = [
        ("dots", &[(Regular, b"0/../outside/evil", "")]),
        ("dots first", &[(Regular, b"../outside/evil", "")]),
        ("absolute", &[(Regular, absolute.as_bytes(), "")]),
        ("hard link", &[(Link, b"0/x", &absolute)]),
        ("pipe", &[(Fifo, b"0/x", "")]),
        ("device", &[(Block, b"0/x", "")]),
        (
            "through a link",
            &[(Symlink, b"0/x", &outside_text), (Regular, b"0/x/evil", "")],
        ),
        (
            "over a link",
            &[(Symlink, b"0/evil", &absolute), (Regular, b"0/evil", "")],
        ),
    ];
    for (name, entries) in cases {
        let place = root.path().join("place");
        let _ = crate::workdir::remove(&place);
        let places = numbered(std::slice::from_ref(&place));
        let archive = archive_of(root.path(), entries);
        let result = unpack(archive, &places, &CancellationToken::new());
        let is_left = fs::read_dir(&outside)
            .expect("it is there")
            .next()
            .is_some();
        assert!(!is_left, "{name} wrote outside");
        let is_contained = matches!(name, "through a link" | "over a link");
        assert_eq!(result.is_ok(), is_contained, "{name}: {result:?}");
        if is_contained {
            let file = place.join(if name == "over a link" {
                "evil"
            } else {
                "x/evil"
            });
            let metadata = file.symlink_metadata().expect("it is there");
            assert!(metadata.is_file(), "{name}");
            assert_eq!(metadata.mode() & 0o7000, 0, "{name}");
        }
    }
}

#[test]
fn a_link_in_one_place_is_no_way_out_for_another() {
    use EntryType::{Regular, Symlink};
    let root = folder();
    let outside = root.path().join("outside");
    fs::create_dir(&outside).expect("it is made");
    let link = outside.to_str().expect("it is text").to_owned();
    for (inner, entries) in [
        (
            "a/b/c",
            [
                (Symlink, &b"0/b"[..], link.as_str()),
                (Regular, &b"1/evil"[..], ""),
            ],
        ),
        (
            "a",
            [
                (Symlink, &b"0"[..], link.as_str()),
                (Regular, &b"0/evil"[..], ""),
            ],
        ),
    ] {
        let work = root.path().join("work");
        crate::workdir::remove(&work).expect("it is removed");
        let places = numbered(&[work.join("a"), work.join(inner)]);
        let archive = archive_of(root.path(), &entries);
        // Whether it is refused or put where it belongs: nothing is written through the link.
        let _ = unpack(archive, &places, &CancellationToken::new());
        let left = fs::read_dir(&outside).expect("it is there").count();
        assert_eq!(left, 0, "{inner}");
        assert!(work.is_dir(), "{inner}");
    }
}

#[test]
fn places_that_are_links_by_now_are_not_written_through() {
    let root = folder();
    let place = root.path().join("place");
    let outside = root.path().join("outside");
    fs::create_dir_all(place.join("a")).expect("it is made");
    fs::create_dir(&outside).expect("it is made");
    write(&place.join("a/file"), "text", 0o644);
    let archive = root.path().join("archive");
    let stop = CancellationToken::new();
    pack(&archive, numbered(std::slice::from_ref(&place)), &stop).expect("it packs");
    crate::workdir::remove(&place.join("a")).expect("it is removed");
    symlink(&outside, place.join("a")).expect("a link is made");
    unpack(
        open(&archive),
        &numbered(std::slice::from_ref(&place)),
        &stop,
    )
    .expect("it unpacks");
    assert!(
        fs::read_dir(&outside)
            .expect("it is there")
            .next()
            .is_none()
    );
    assert!(place.join("a/file").is_file());
}

#[test]
fn a_cancel_stops_the_work() {
    let root = folder();
    write(&root.path().join("place/file"), "text", 0o644);
    let stop = CancellationToken::new();
    stop.cancel();
    let archive = root.path().join("archive");
    let packed = pack(&archive, numbered(&[root.path().join("place")]), &stop);
    assert!(packed.is_err_and(|error| error.contains("cancelled")));
}

#[test]
fn garbage_is_an_error() {
    let root = folder();
    let path = root.path().join("garbage");
    fs::write(&path, "no archive").expect("it is written");
    let places = numbered(&[root.path().join("place")]);
    assert!(unpack(open(&path), &places, &CancellationToken::new()).is_err());
}
