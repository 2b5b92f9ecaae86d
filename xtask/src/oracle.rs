//! Records what other implementations make of expressions and globs: Node of pipeline expressions, the npm packages
//! `jexl` of JEXL and `micromatch` of globs. The tests of the engine replay the records.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::process::{output, root, run as run_to_end};

/// The versions that the contract describes; and of what `micromatch` leaves the work to, the one that it comes with.
const PACKAGES: [&str; 3] = ["jexl@2.3.0", "micromatch@4.0.8", "picomatch@2.3.2"];

/// The scripts: what they share, and one for each language, which generates cases from a fixed seed, evaluates them and
/// prints a record.
const SHARED: (&str, &str) = ("generate.mjs", include_str!("oracle/generate.mjs"));
const SCRIPTS: [(&str, &str, &str); 3] = [
    (
        "pipeline.mjs",
        include_str!("oracle/pipeline.mjs"),
        "crates/engine/tests/data/pipeline.json",
    ),
    (
        "jexl.mjs",
        include_str!("oracle/jexl.mjs"),
        "crates/engine/tests/data/jexl.json",
    ),
    (
        "glob.mjs",
        include_str!("oracle/glob.mjs"),
        "crates/engine/tests/data/glob.json",
    ),
];

/// Writes the records. What has changed in them shows in `git diff`, and what we make of it in the tests.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    fs::write(folder.path().join("package.json"), "{\"private\": true}\n")?;
    run_to_end(
        in_folder(folder.path(), "npm")
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
            .arg("--silent")
            .args(PACKAGES),
    )
    .context("Node and npm are needed to ask them")?;
    fs::write(folder.path().join(SHARED.0), SHARED.1)?;
    for (name, script, record) in SCRIPTS {
        fs::write(folder.path().join(name), script)?;
        let text = output(in_folder(folder.path(), "node").arg(name))?;
        // One case is one line, deeper than everything else.
        let is_case = |line: &&str| line.starts_with("    {");
        let n_cases = text.lines().filter(is_case).count();
        fs::write(root().join(record), text).with_context(|| format!("cannot write {record}"))?;
        println!("wrote {n_cases} cases to {record}");
    }
    Ok(())
}

fn in_folder(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}
