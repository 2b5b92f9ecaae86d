//! What must hold beside the tests.

use anyhow::{Result, bail};

use crate::{fuzz, openapi, process, tidy};

type Check = fn() -> Result<()>;

/// Runs every check, and then says which of them failed.
pub(crate) fn run() -> Result<()> {
    let checks: [(&str, Check); 8] = [
        ("formatting", || {
            process::run(process::cargo().args(["fmt", "--all", "--check"]))
        }),
        ("lints", || {
            process::run(process::cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        }),
        ("docs", || {
            process::run(
                process::cargo()
                    .args(["doc", "--workspace", "--no-deps", "--quiet"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )
        }),
        ("the API document", || openapi::run(true)),
        ("dependencies and their directions", tidy::dependencies),
        ("migrations", tidy::migrations),
        ("the tree", tidy::tree),
        ("a moment of fuzzing", fuzz::briefly),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        match check() {
            Ok(()) => println!("ok: {name}"),
            Err(error) => {
                eprintln!("failed: {name}: {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} of {} checks failed: {}",
            failed.len(),
            checks.len(),
            failed.join(", ")
        );
    }
    println!("all {} checks passed", checks.len());
    Ok(())
}
