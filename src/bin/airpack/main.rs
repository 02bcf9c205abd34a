//! The `airpack` command: the only code that knows of a terminal, flags, the environment and exit codes.
#![allow(
    clippy::disallowed_methods,
    reason = "the doors that are closed to the library stand here"
)]

mod cli;
mod commands;
mod output;
mod pairs;
mod progress;
mod registry;
mod signals;
mod table;
mod tree;

use std::process::ExitCode;

use clap::Parser;

/// Said by commands that check something, besides what they print.
const FAULTS_FOUND: u8 = 3;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return output::usage(&answer),
    };
    if let Some(answer) = cli.contradiction() {
        return output::usage(&answer);
    }
    let output = output::Output::new(&cli.terminal);
    let stop = signals::watch();
    match commands::run(cli.command, &output, &stop) {
        Ok(commands::Outcome::Done) => ExitCode::SUCCESS,
        Ok(commands::Outcome::FaultsFound) => ExitCode::from(FAULTS_FOUND),
        Err(error) => {
            output::Output::error(&error);
            ExitCode::FAILURE
        }
    }
}
