//! Where a cached folder may be.

use std::path::{Component, Path, PathBuf};

use crate::plugin::Call;

/// A folder or a file to be cached.
pub(super) struct Place {
    /// Where it is. No part of it that exists is a link to outside.
    pub(super) path: PathBuf,
    /// What the pipeline calls it.
    pub(super) written: String,
}

/// The folders of a run, with every link resolved.
pub(super) struct Roots {
    workspace: PathBuf,
    home: PathBuf,
    tmp: PathBuf,
}

impl Roots {
    pub(super) fn of(call: &Call<'_>) -> Result<Self, String> {
        let open = |path: &Path| {
            path.canonicalize()
                .map_err(|error| format!("cannot open `{}`: {error}", path.display()))
        };
        Ok(Self {
            workspace: open(call.workspace)?,
            home: open(call.home)?,
            tmp: open(call.tmp)?,
        })
    }

    /// The place that `written` means: `~/` is the run's own home, everything else is in the workspace unless it is
    /// absolute.
    pub(super) fn place(&self, written: &str) -> Result<Place, String> {
        if written.contains('\0') {
            return Err("a path has a NUL byte in it".to_owned());
        }
        let path = match written.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None if written == "~" => self.home.clone(),
            None => self.workspace.join(written),
        };
        let resolved = resolve(&path)
            .ok_or_else(|| format!("the path `{written}` cannot be followed to its end"))?;
        let roots = [&self.workspace, &self.home, &self.tmp];
        if !roots.iter().any(|root| resolved.starts_with(root)) {
            return Err(format!(
                "the path `{written}` is neither in the workspace nor in the run's home"
            ));
        }
        Ok(Place {
            path: resolved,
            written: written.to_owned(),
        })
    }
}

/// The path without links and dots. What does not exist has neither, but `..` in it cannot be trusted.
fn resolve(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut existing = path;
    loop {
        match existing.canonicalize() {
            Ok(resolved) => {
                let rest = missing.iter().rev();
                return Some(rest.fold(resolved, |path: PathBuf, part| path.join(part)));
            }
            // A link to nowhere is there, but leads outside of what we can check.
            Err(_) if existing.symlink_metadata().is_ok() => return None,
            Err(_) => {
                let Some(Component::Normal(name)) = existing.components().next_back() else {
                    return None;
                };
                missing.push(name.to_owned());
                existing = existing.parent()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::Roots;

    #[test]
    fn only_the_runs_own_folders_can_be_cached() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it is there");
        for name in ["workspace/inner", "home", "tmp", "outside"] {
            fs::create_dir_all(root.join(name)).expect("the folder is made");
        }
        symlink(root.join("outside"), root.join("workspace/out")).expect("a link is made");
        symlink(root.join("workspace/inner"), root.join("workspace/in")).expect("a link is made");
        symlink(root.join("outside/new"), root.join("workspace/dangling")).expect("a link");
        let roots = Roots {
            workspace: root.join("workspace"),
            home: root.join("home"),
            tmp: root.join("tmp"),
        };
        for (written, expected) in [
            ("node_modules", Some("workspace/node_modules")),
            ("./a/b/", Some("workspace/a/b")),
            ("in/x", Some("workspace/inner/x")),
            ("~/.npm", Some("home/.npm")),
            ("~", Some("home")),
            ("inner/../inner", Some("workspace/inner")),
            ("out", None),
            ("out/x", None),
            ("dangling", None),
            ("dangling/x", None),
            ("../outside", None),
            ("inner/../../outside", None),
            ("missing/../../outside", None),
            ("/etc", None),
            ("/", None),
            ("..", None),
            ("a\0b", None),
        ] {
            let place = roots.place(written).ok().map(|place| place.path);
            assert_eq!(place, expected.map(|it| root.join(it)), "{written}");
        }
        let absolute = root.join("tmp/x");
        let text = absolute.to_str().expect("it is text");
        let place = roots.place(text).ok().map(|place| place.path);
        assert_eq!(place, Some(absolute));
    }
}
