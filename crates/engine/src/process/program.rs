//! Finding programs.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where `name` is, in the folders of `path` (written as `PATH` is). A name with a slash is looked for in `dir`.
///
/// Relative folders are passed over: what they mean depends on where a step happens to be.
pub(crate) fn find_program(name: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        let program = dir.join(name);
        return is_executable(&program).then_some(program);
    }
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    program
        .metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
