//! Node.js and npm, which the tests of plugins need.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use nix::unistd::geteuid;

use crate::process::run;

/// The oldest Node.js that plugins run on.
const OLDEST: u32 = 18;

/// Installs Node.js and npm from the system's packages where they are missing.
pub(crate) fn ensure_installed() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    ensure!(
        geteuid().is_root() && Path::new("/usr/bin/apt-get").exists(),
        "the tests need Node.js {OLDEST} or newer and npm, and cannot install them here: install the packages `nodejs` \
         and `npm` of your system, or run the tests as root on Debian or Ubuntu"
    );
    println!("Node.js or npm is missing; installing them from the system's packages");
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args([
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "nodejs",
            "npm",
        ])
        .env("DEBIAN_FRONTEND", "noninteractive"))?;
    ensure!(
        is_installed(),
        "Node.js and npm were installed, but are not Node.js {OLDEST} or newer and npm under /usr/bin or /usr/local/bin"
    );
    Ok(())
}

/// Whether both are there, and new enough. The tests look where runs look: in the system's folders alone.
fn is_installed() -> bool {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let find = |name: &str| {
        let mut programs = folders.iter().map(|folder| folder.join(name));
        programs.find(|program| program.is_file())
    };
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
        .is_some_and(|major| major >= OLDEST)
}
