//! Fuzzes what reads text that users write, for a bounded time.
//!
//! The targets lie in `fuzz/` as `cargo fuzz` wants them. We build them ourselves: that takes no nightly compiler and
//! nothing that would have to be installed but a C++ compiler, for libFuzzer.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    package,
    process::{cargo, root, run as run_to_end, target_dir},
};

const TARGETS: [&str; 6] = ["yaml", "expression", "jexl", "template", "glob", "hook"];

/// For how long to fuzz.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which targets; all of them when none is named.
    #[arg(value_parser = TARGETS)]
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
}

/// Fuzzes for a moment, as one check among others.
pub(crate) fn briefly() -> Result<()> {
    run(&Args {
        targets: Vec::new(),
        seconds: 8,
    })
}

/// Builds the targets, and runs each from its seeds and from what earlier runs here have found.
pub(crate) fn run(args: &Args) -> Result<()> {
    if !has_compiler() {
        package::install(
            "a C++ compiler for libFuzzer (or its name in CXX)",
            &["g++"],
        )?;
    }
    // Apart from the other builds: what is instrumented must not be taken for what is not.
    let built = target_dir()?.join("fuzz");
    let folder = root().join("fuzz");
    run_to_end(
        cargo()
            .args(["build", "--quiet", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .env("RUSTC_WRAPPER", folder.join("rustc.sh"))
            .env("CARGO_TARGET_DIR", &built),
    )
    .context("cannot build the fuzz targets")?;
    let mut broken = Vec::new();
    for target in TARGETS {
        let is_chosen = args.targets.is_empty() || args.targets.iter().any(|name| name == target);
        if is_chosen && !fuzz(target, &built, &folder, args.seconds)? {
            broken.push(target);
        }
    }
    if !broken.is_empty() {
        bail!("broken by fuzzing: {}", broken.join(", "));
    }
    Ok(())
}

fn has_compiler() -> bool {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Runs one target; whether nothing broke. What breaks it is kept and shown.
fn fuzz(target: &str, built: &Path, folder: &Path, seconds: u32) -> Result<bool> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("cannot make {}", made.display()))?;
    }
    let output = Command::new(built.join("debug").join(target))
        .arg(format!("-max_total_time={seconds}"))
        // No text of this length may take long, or a gigabyte; 10 seconds leave room for a machine that is busy.
        .args(["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus)
        .arg(folder.join("seeds").join(target))
        .output()
        .with_context(|| format!("cannot start the target {target}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let done = said.lines().rev().find(|line| line.starts_with("Done "));
        println!("fuzz {target}: {}", done.unwrap_or("done"));
        return Ok(true);
    }
    eprintln!("{said}");
    Ok(false)
}
