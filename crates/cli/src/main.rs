//! `flowcd`, the command line of a flowcd server.
//!
//! What a command says on stdout is data, in the format that `--output` asks for; everything meant for people goes to
//! stderr. Errors are printed here and nowhere else, and the exit code is one of [`exit::Exit`].

mod args;
mod command;
mod connect;
mod event;
mod exit;
mod failure;
mod follow;
mod live;
mod output;
mod payload;
mod profile;
mod repository;
mod stamps;
mod table;
mod value;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command},
    exit::Exit,
    output::Printer,
};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            // Nobody is left to be told that help could not be printed.
            let _ = error.print();
            return exit.into();
        }
    };
    let printer = Printer::new(&args.global);
    let mut builder = match args.command {
        // A terminal that takes nothing must not keep an interrupt from the steps.
        Command::Run(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.error(&format!("cannot start: {error}"));
            return Exit::Usage.into();
        }
    };
    let result = runtime.block_on(command::run(args, &printer));
    // A prompt that nobody answered must not hold the end.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(&printer).into(),
    }
}
