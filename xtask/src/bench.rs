//! What the speed is: each figure beside its floor, measured in the same run, as a ratio with its spread.

mod deploy;
mod hooks;
mod limits;
mod list;
mod server;
mod stats;

use anyhow::Result;
use clap::ValueEnum;

use crate::process::{self, Binaries};

/// Which figures to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure; everything when none is named.
    #[arg(value_enum)]
    what: Vec<What>,
    /// Rounds of each measurement; the more, the narrower the spread.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum What {
    /// From an accepted dispatch to the runner, and to the first byte of the log.
    Dispatch,
    /// The cost of one more step that does nothing, over spawning its shell.
    Steps,
    /// Bytes of a step's output masked and stored per second, over `cat | cat > file`.
    Logs,
    /// Deployments that do nothing, per second.
    Throughput,
    /// Lists of 100 applications per second, over a loop that only does the queries.
    List,
    /// Webhooks verified, stored and answered per second, on SQLite and on PostgreSQL.
    Hooks,
    /// Memory of an idle server, and how long it takes to be ready.
    Idle,
    /// How long it takes to refuse a pipeline file that is too much.
    Limits,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binaries = process::build_binaries("release")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for what in What::value_variants() {
        if args.what.is_empty() || args.what.contains(what) {
            measure(*what, args.rounds, &binaries, &runtime)?;
        }
    }
    Ok(())
}

fn measure(
    what: What,
    rounds: usize,
    binaries: &Binaries,
    runtime: &tokio::runtime::Runtime,
) -> Result<()> {
    match what {
        What::Dispatch => runtime.block_on(deploy::dispatch(binaries, rounds)),
        What::Steps => runtime.block_on(deploy::steps(binaries, rounds)),
        What::Logs => runtime.block_on(deploy::logs(binaries, rounds)),
        What::Throughput => runtime.block_on(deploy::throughput(binaries, rounds)),
        What::List => runtime.block_on(list::list(binaries, rounds)),
        What::Hooks => runtime.block_on(hooks::hooks(binaries, rounds)),
        What::Limits => limits::limits(binaries, rounds),
        What::Idle => runtime.block_on(server::idle(binaries, rounds)),
    }
}
