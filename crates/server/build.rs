//! Finds the commit that is built, for `--version` and `GET /version`.

use std::{path::Path, process::Command};

fn main() {
    let commit =
        output(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=FLOWCD_COMMIT={commit}");
    // A file that is new in the console changes no file that is compiled in already.
    println!("cargo:rerun-if-changed=console");
    // A path that does not exist would make every build a full one.
    for name in ["HEAD", "logs/HEAD"] {
        let path = output(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the engine is not there while the server is built"
)]
fn output(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
