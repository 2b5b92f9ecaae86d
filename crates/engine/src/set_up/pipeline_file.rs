//! Where the pipeline file is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Finds the pipeline file and reads it: the workspace with its links resolved, the file's name as found, its text.
pub(super) fn read_pipeline(
    folder: &Path,
    file: &str,
    limit: u64,
) -> Result<(PathBuf, String, Vec<u8>), String> {
    let workspace = folder
        .canonicalize()
        .map_err(|error| format!("cannot open the folder `{}`: {error}", folder.display()))?;
    let other = match file.rsplit_once('.') {
        Some((stem, "yaml")) => Some(format!("{stem}.yml")),
        Some((stem, "yml")) => Some(format!("{stem}.yaml")),
        _ => None,
    };
    let candidates = std::iter::once(file.to_owned()).chain(other);
    for name in candidates {
        let path = match workspace.join(&name).canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot open the pipeline `{name}`: {error}")),
            Ok(path) => path,
        };
        // A link in the repository must not show a file of this machine in an error message.
        if !path.starts_with(&workspace) {
            return Err(format!(
                "the pipeline `{name}` is outside of the repository"
            ));
        }
        let metadata = path
            .metadata()
            .map_err(|error| format!("cannot read the pipeline `{name}`: {error}"))?;
        // Reading a pipe or a device could last for ever.
        if !metadata.is_file() {
            return Err(format!("the pipeline `{name}` is not a file"));
        }
        if metadata.len() > limit {
            return Err(format!(
                "the pipeline `{name}` is longer than {limit} bytes"
            ));
        }
        let text = fs::read(&path)
            .map_err(|error| format!("cannot read the pipeline `{name}`: {error}"))?;
        return Ok((workspace, name, text));
    }
    Err(format!(
        "the pipeline `{file}` was not found in the repository"
    ))
}
