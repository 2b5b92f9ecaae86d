//! What the pipelines and the hooks of the tests are run with, beside the shell: Node.js with npm, Python, curl, OpenSSL.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::package;

/// The oldest Node.js that plugins run on.
const OLDEST_NODE: u32 = 18;

/// Installs from the system's packages what is missing.
pub(crate) fn ensure_installed() -> Result<()> {
    if !has_node() {
        package::install(
            &format!("Node.js {OLDEST_NODE} or newer"),
            &["nodejs", "npm"],
        )?;
        ensure!(
            has_node(),
            "Node.js and npm were installed, but are not Node.js {OLDEST_NODE} or newer and npm under /usr/bin or \
             /usr/local/bin"
        );
    }
    if find("python3").is_none() {
        package::install("Python 3", &["python3-minimal"])?;
    }
    for program in ["bash", "curl", "openssl"] {
        if find(program).is_none() {
            package::install(program, &[program])?;
        }
    }
    Ok(())
}

/// Where the tests look, and runs do: in the system's folders alone.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let mut places = folders.iter().map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

fn has_node() -> bool {
    let (Some(node), Some(_)) = (find("node"), find("npm")) else {
        return false;
    };
    let Ok(output) = Command::new(node).arg("--version").output() else {
        return false;
    };
    // `v20.20.2`
    let version = String::from_utf8_lossy(&output.stdout);
    let major = version.trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= OLDEST_NODE)
}
