//! Every test, with everything the tests need.

use anyhow::Result;

use crate::{interpreter, postgres::Postgres, process};

/// Which tests to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `cargo test`: `-p flowcd-store`, a name to filter by, `-- --nocapture`, ..
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Sees that there are Node.js and Python, starts PostgreSQL, and runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    interpreter::ensure_installed()?;
    let postgres = Postgres::start()?;
    let mut command = process::cargo();
    command
        .arg("test")
        .env("FLOWCD_TEST_POSTGRES_URL", &postgres.url);
    if !args
        .cargo_test
        .iter()
        .any(|arg| arg == "-p" || arg.starts_with("--package") || arg.starts_with("-p"))
    {
        command.arg("--workspace");
    }
    process::run(command.arg("--no-fail-fast").args(&args.cargo_test))
}
