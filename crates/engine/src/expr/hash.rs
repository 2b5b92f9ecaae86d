//! `hashFile` and `hashFiles`: files of the workspace, and of nothing else.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::Allowance;

/// More than all lock files; what is longer would hold up the run.
const MAX_BYTES: u64 = 1 << 30;
/// How many files and folders are looked at before we give up.
const MAX_ENTRIES: usize = 200_000;
/// How much comparing of paths with patterns is done, in steps of `MATCH_STEP` pairs of bytes.
const MAX_MATCH_STEPS: usize = 20_000_000;
const MATCH_STEP: usize = 64;

/// What has been read so far, of all files that one evaluation reads.
#[derive(Debug, Default)]
pub(super) struct Reading {
    n_bytes: u64,
    n_entries: usize,
    n_match_steps: usize,
    /// What the run may read.
    allowance: Option<Allowance>,
}

impl Reading {
    /// Nothing has been read so far.
    pub(super) fn new(allowance: Option<Allowance>) -> Self {
        Self {
            allowance,
            ..Self::default()
        }
    }

    /// Fails when the evaluation is to end.
    pub(super) fn check(&self) -> Result<(), String> {
        self.allowance.as_ref().map_or(Ok(()), Allowance::check)
    }

    fn bytes(&mut self, n: usize) -> Result<(), String> {
        self.n_bytes += n as u64;
        if let Some(allowance) = &self.allowance {
            allowance.bytes(n as u64)?;
        }
        match self.n_bytes > MAX_BYTES {
            true => Err(format!("more than {MAX_BYTES} bytes have been read")),
            false => Ok(()),
        }
    }

    fn entry(&mut self) -> Result<(), String> {
        self.check()?;
        self.n_entries += 1;
        match self.n_entries > MAX_ENTRIES {
            true => Err(format!("it has more than {MAX_ENTRIES} files")),
            false => Ok(()),
        }
    }

    fn matching(&mut self, pattern: &str, path: &str) -> Result<(), String> {
        self.check()?;
        self.n_match_steps += 1 + pattern.len() * path.len() / MATCH_STEP;
        match self.n_match_steps > MAX_MATCH_STEPS {
            true => Err("the patterns take too much work".to_owned()),
            false => Ok(()),
        }
    }
}

/// The SHA-1 of a file, in hexadecimal.
pub(super) fn file(path: &str, workspace: &Path, reading: &mut Reading) -> Result<String, String> {
    let fail = |why: String| format!("`hashFile` cannot read `{path}`: {why}");
    let root = fs::canonicalize(workspace).map_err(|err| fail(err.to_string()))?;
    let mut hash = Sha1::new();
    read(&root.join(path), &root, reading, |bytes| hash.update(bytes)).map_err(fail)?;
    Ok(hexadecimal(&hash.finalize()))
}

/// The SHA-256 over the SHA-256 of each file that a pattern matches, in the order of their paths; empty when there is
/// none. A pattern after `!` takes files out again.
pub(super) fn files(
    patterns: &[Cow<'_, str>],
    workspace: &Path,
    reading: &mut Reading,
) -> Result<String, String> {
    let fail = |why: String| format!("`hashFiles` cannot read the workspace: {why}");
    let root = fs::canonicalize(workspace).map_err(|err| fail(err.to_string()))?;
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).map_err(|err| fail(err.to_string()))?;
        for entry in entries {
            let entry = entry.map_err(|err| fail(err.to_string()))?;
            reading.entry().map_err(fail)?;
            let kind = entry.file_type().map_err(|err| fail(err.to_string()))?;
            let path = folder.join(entry.file_name());
            if kind.is_dir() && path != Path::new(".git") {
                folders.push(path);
            } else if kind.is_file()
                && is_chosen(&path.to_string_lossy(), patterns, reading).map_err(fail)?
            {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Ok(String::new());
    }
    found.sort();
    let mut all = Sha256::new();
    for path in found {
        let mut hash = Sha256::new();
        read(&root.join(&path), &root, reading, |bytes| {
            hash.update(bytes)
        })
        .map_err(|why| format!("`hashFiles` cannot read `{}`: {why}", path.display()))?;
        all.update(hash.finalize());
    }
    Ok(hexadecimal(&all.finalize()))
}

/// Reads a file that lies below `root` once all links are followed.
fn read(
    path: &Path,
    root: &Path,
    reading: &mut Reading,
    mut each: impl FnMut(&[u8]),
) -> Result<(), String> {
    let real = fs::canonicalize(path).map_err(|err| err.to_string())?;
    if !real.starts_with(root) {
        return Err("it is outside the workspace".to_owned());
    }
    let mut file = open(&real).map_err(|err| err.to_string())?;
    let metadata = file.metadata().map_err(|err| err.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut buffer).map_err(|err| err.to_string())?;
        if n == 0 {
            return Ok(());
        }
        reading.bytes(n)?;
        each(&buffer[..n]);
    }
}

/// Opens what was a file a moment ago: without following a link or waiting for a pipe that has taken its place since.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
}

fn is_chosen(path: &str, patterns: &[Cow<'_, str>], reading: &mut Reading) -> Result<bool, String> {
    let mut is_chosen = false;
    for pattern in patterns.iter().flat_map(|pattern| pattern.lines()) {
        reading.matching(pattern, path)?;
        match pattern.trim().strip_prefix('!') {
            Some(pattern) => is_chosen = is_chosen && !matches(pattern, path),
            None => is_chosen = is_chosen || matches(pattern.trim(), path),
        }
    }
    Ok(is_chosen)
}

/// Whether a path matches a pattern: `*` and `?` stay within a name, `**` goes across folders.
///
/// Each kind of wildcard remembers only its last place, so that it takes at most the product of the lengths.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    retry(
        &pattern,
        &path,
        |part| *part == "**",
        |part, name| {
            let part: Vec<char> = part.chars().collect();
            let name: Vec<char> = name.chars().collect();
            retry(&part, &name, |c| *c == '*', |c, d| *c == '?' || c == d)
        },
    )
}

/// Matches item by item; where `is_any` holds, any number of items.
fn retry<T>(
    pattern: &[T],
    items: &[T],
    is_any: impl Fn(&T) -> bool,
    fits: impl Fn(&T, &T) -> bool,
) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut last = None;
    while i < items.len() {
        if pattern.get(p).is_some_and(&is_any) {
            last = Some((p, i));
            p += 1;
        } else if pattern.get(p).is_some_and(|part| fits(part, &items[i])) {
            p += 1;
            i += 1;
        } else if let Some((any, from)) = last {
            p = any + 1;
            i = from + 1;
            last = Some((any, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_any)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{MAX_BYTES, MAX_ENTRIES, MAX_MATCH_STEPS, Reading, is_chosen, matches};

    #[test]
    fn what_one_evaluation_reads_is_limited_altogether() {
        let mut reading = Reading {
            n_bytes: MAX_BYTES - 1,
            n_entries: MAX_ENTRIES - 1,
            n_match_steps: MAX_MATCH_STEPS - 1,
            allowance: None,
        };
        let patterns = [Cow::Borrowed("*.lock")];
        assert_eq!(is_chosen("a.lock", &patterns, &mut reading), Ok(true));
        assert_eq!(
            is_chosen("a.lock", &patterns, &mut reading),
            Err("the patterns take too much work".to_owned())
        );
        assert_eq!(reading.bytes(1), Ok(()));
        assert!(reading.bytes(1).is_err());
        assert_eq!(reading.entry(), Ok(()));
        assert!(reading.entry().is_err());
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_of_them_do_not() {
        for (pattern, path, expected) in [
            ("Cargo.lock", "Cargo.lock", true),
            ("./Cargo.lock", "Cargo.lock", true),
            ("*.lock", "Cargo.lock", true),
            ("*.lock", "a/Cargo.lock", false),
            ("**/*.lock", "Cargo.lock", true),
            ("**/*.lock", "a/b/Cargo.lock", true),
            ("a/**", "a/b/c", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**/c", "a/b/b/d", false),
            ("package-lock.jso?", "package-lock.json", true),
            ("?", "/", false),
            ("**", "a/b", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
