//! The folder of a run, and getting rid of folders.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The folder of one run: nothing of it is there before, and nothing after.
#[derive(Clone, Debug)]
pub(crate) struct Workdir {
    pub(crate) root: PathBuf,
    /// Where the checkout goes.
    pub(crate) workspace: PathBuf,
    /// `HOME` of the steps.
    pub(crate) home: PathBuf,
    /// `TMPDIR` of the steps.
    pub(crate) tmp: PathBuf,
}

impl Workdir {
    /// Names the folder; nothing is made yet.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        Ok(Self {
            workspace: root.join("workspace"),
            home: root.join("home"),
            tmp: root.join("tmp"),
            root,
        })
    }

    /// Makes the folder, after removing what an earlier run may have left. It blocks.
    pub(crate) fn create(&self) -> io::Result<()> {
        if let Some(parent) = self.root.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match builder.create(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove(&self.root)?;
                builder.create(&self.root)?;
            }
            created => created?,
        }
        for folder in [&self.workspace, &self.home, &self.tmp] {
            builder.create(folder)?;
        }
        Ok(())
    }

    /// Whether there is anything at the folder's place.
    pub(crate) fn exists(&self) -> bool {
        self.root.symlink_metadata().is_ok()
    }

    /// Removes the folder with all that is in it. It blocks.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.root)
    }
}

/// Folders whose path is longer are moved up before they are emptied: the system has a limit for paths, but none for
/// how deep a step can nest folders.
const MAX_PATH_BYTES: usize = 2048;

/// Removes a file, a link or a folder with everything in it, also where folders in it are write-protected.
///
/// It never follows a link, it is no error when there is nothing, and what cannot be removed does not keep the rest.
/// It is no recursion, because a step can nest folders deeper than a thread's stack.
pub fn remove(root: &Path) -> io::Result<()> {
    match root.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_dir() => return fs::remove_file(root),
        Ok(_) => {}
    }
    let mut n_moved = 0_u64;
    let mut full = vec![root.to_owned()];
    let mut emptied = Vec::new();
    let mut first_error = None;
    let mut note = |result: io::Result<()>| {
        if let Err(error) = result {
            first_error.get_or_insert(error);
        }
    };
    while let Some(folder) = full.pop() {
        note(make_writable(&folder));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                note(Err(error));
                continue;
            }
        };
        for entry in entries {
            let (path, file_type) = match entry.and_then(|it| Ok((it.path(), it.file_type()?))) {
                Ok(entry) => entry,
                Err(error) => {
                    note(Err(error));
                    continue;
                }
            };
            if !file_type.is_dir() {
                note(fs::remove_file(&path));
            } else if path.as_os_str().len() <= MAX_PATH_BYTES {
                full.push(path);
            } else {
                let higher = root.join(format!(".moved-up-{n_moved}"));
                n_moved += 1;
                match make_writable(&path).and_then(|()| fs::rename(&path, &higher)) {
                    Ok(()) => full.push(higher),
                    Err(error) => note(Err(error)),
                }
            }
        }
        emptied.push(folder);
    }
    for folder in emptied.iter().rev() {
        note(fs::remove_dir(folder));
    }
    first_error.map_or(Ok(()), Err)
}

/// Gives us every right on a folder, which has to be one and not a link.
fn make_writable(folder: &Path) -> io::Result<()> {
    if folder.symlink_metadata()?.permissions().mode() & 0o700 == 0o700 {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::{Workdir, remove};

    #[test]
    fn the_folder_is_private_and_fresh() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let workdir = Workdir::new(&parent.path().join("a/b")).expect("an absolute path");
        workdir.create().expect("the folder is made");
        fs::write(workdir.home.join("left"), "over").expect("a file is written");
        workdir.create().expect("the folder is made again");
        assert!(!workdir.home.join("left").exists());
        for folder in [
            &workdir.root,
            &workdir.workspace,
            &workdir.home,
            &workdir.tmp,
        ] {
            let mode = folder.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o700, "{}", folder.display());
        }
        workdir.remove().expect("the folder is removed");
        assert!(!workdir.exists());
        workdir.remove().expect("there is nothing to remove");
    }

    #[test]
    fn links_are_removed_and_what_they_point_to_is_not() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let kept = parent.path().join("kept");
        fs::create_dir(&kept).expect("a folder is made");
        fs::write(kept.join("file"), "").expect("a file is written");
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o500)).expect("it is protected");
        let tree = parent.path().join("tree");
        fs::create_dir_all(tree.join("inner")).expect("a folder is made");
        std::os::unix::fs::symlink(&kept, tree.join("inner/link")).expect("a link is made");
        fs::set_permissions(tree.join("inner"), fs::Permissions::from_mode(0o500))
            .expect("it is protected");
        remove(&tree).expect("the tree is removed");
        assert!(!tree.exists());
        assert!(kept.join("file").exists());
        let mode = kept.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o500);
    }

    #[test]
    fn folders_nested_deeper_than_a_path_can_tell_are_removed() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let tree = parent.path().join("tree");
        fs::create_dir(&tree).expect("a folder is made");
        // From the inside out: each round puts what is there into a new folder.
        for _ in 0..3000 {
            let (inner, outer) = (parent.path().join("inner"), parent.path().join("outer"));
            fs::rename(&tree, &inner).expect("it is renamed");
            fs::create_dir(&outer).expect("a folder is made");
            fs::rename(&inner, outer.join("nested")).expect("it is moved");
            fs::rename(&outer, &tree).expect("it is renamed");
        }
        remove(&tree).expect("the tree is removed");
        assert!(!tree.exists());
    }
}
