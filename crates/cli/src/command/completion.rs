//! `flowcd completion`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{exit::Exit, failure::Failure, output::Printer};

/// The arguments of `flowcd completion`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  flowcd completion bash > ~/.local/share/bash-completion/completions/flowcd"
)]
pub(crate) struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

pub(crate) fn print(printer: &Printer, args: &CompletionArgs) -> Result<Exit, Failure> {
    // Into memory first: the generator panics when it cannot write, and a pipe may be closed.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut crate::args::Args::command(),
        "flowcd",
        &mut script,
    );
    printer.bytes(&script)?;
    Ok(Exit::Ok)
}
