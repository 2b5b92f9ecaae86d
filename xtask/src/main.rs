//! The project's own chores. `cargo xtask help` lists them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to whoever started it"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a chore starts processes and reads the environment"
)]

mod bench;
mod browser;
mod ci;
mod demo;
mod fuzz;
mod host_apis;
mod interpreter;
mod openapi;
mod oracle;
mod package;
mod postgres;
mod process;
mod test;
mod tidy;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the flowcd workspace")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write openapi/openapi.json from the server's routes and the model's types, and the schema of pipeline files.
    Openapi {
        /// Write nothing; fail when the file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Build everything, start a server on an embedded database, and deploy a small repository with it.
    Demo(demo::Args),
    /// Set up what the tests need (PostgreSQL, Node.js, Chromium), then run every test.
    Test(test::Args),
    /// Take pictures of every page of the web console, in both themes and both languages.
    Screenshots(browser::ScreenshotArgs),
    /// Measure the speed, each figure beside its floor in the same run.
    Bench(bench::Args),
    /// Fuzz what reads text from outside: pipeline files, expressions, JEXL, texts with expressions, globs, webhooks.
    Fuzz(fuzz::Args),
    /// Record what Node and the npm package `jexl` make of expressions, for the tests of the engine.
    Oracle,
    /// Record what is published of the APIs of Git hosts, for the tests of the server.
    HostApis,
    /// Check what a test cannot: formatting, lints, docs, the API document, dependencies, migrations, licences.
    Ci,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Openapi { check } => openapi::run(check),
        Chore::Demo(args) => demo::run(&args),
        Chore::Test(args) => test::run(&args),
        Chore::Screenshots(args) => browser::screenshots(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Oracle => oracle::run(),
        Chore::HostApis => host_apis::run(),
        Chore::Ci => ci::run(),
    }
}
