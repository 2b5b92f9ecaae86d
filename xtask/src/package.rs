//! The system's packages: what the tests need and a fresh machine may lack.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use nix::unistd::geteuid;

use crate::process::run;

/// Installs packages of Debian or Ubuntu; where that is not possible, an error says what to install by hand.
/// `what` is what the tests need.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    let names = packages.join("`, `");
    ensure!(
        geteuid().is_root() && Path::new("/usr/bin/apt-get").exists(),
        "the tests need {what}, and cannot install it here: install what your system has for the packages `{names}`, \
         or run the tests as root on Debian or Ubuntu"
    );
    println!("{what} is missing; installing `{names}` from the system's packages");
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}
