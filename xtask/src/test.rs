//! Every test, with everything the tests need.

use anyhow::{Result, bail};

use crate::{browser, interpreter, postgres::Postgres, process};

/// Which tests to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `cargo test`: `-p flowcd-store`, a name to filter by, `-- --nocapture`, ..; then the tests in the
    /// browser are left out. `browser` runs these alone, `browser NAME` a file of them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Installs what is missing, starts PostgreSQL, and runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.cargo_test.split_first() {
        Some((first, filters)) if first == "browser" => browser::test(filters),
        Some(_) => cargo_test(&args.cargo_test),
        None => {
            let in_cargo = cargo_test(&[]);
            let in_browser = browser::test(&[]);
            match (in_cargo, in_browser) {
                (Err(one), Err(other)) => bail!("{one:#}; and {other:#}"),
                (one, other) => one.and(other),
            }
        }
    }
}

fn cargo_test(args: &[String]) -> Result<()> {
    interpreter::ensure_installed()?;
    let postgres = Postgres::start()?;
    let mut command = process::cargo();
    command
        .arg("test")
        .env("FLOWCD_TEST_POSTGRES_URL", &postgres.url);
    if !args
        .iter()
        .any(|arg| arg == "-p" || arg.starts_with("--package") || arg.starts_with("-p"))
    {
        command.arg("--workspace");
    }
    process::run(command.arg("--no-fail-fast").args(args))
}
