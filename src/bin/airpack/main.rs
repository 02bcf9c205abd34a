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
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use airpack::error::ErrorKind;

/// Said by clap and by us of arguments that can not be understood.
const WRONG_USAGE: u8 = 2;
/// Said by commands that check something, besides what they print.
const FAULTS_FOUND: u8 = 3;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match usage::parse(&args) {
        Ok(cli) => cli,
        Err(answer) => return usage::answer(&answer),
    };
    let output = output::Output::new(&cli.terminal);
    let stop = signals::watch();
    match commands::run(cli.command, &output, &stop) {
        Ok(commands::Outcome::Done) => ExitCode::SUCCESS,
        Ok(commands::Outcome::FaultsFound) => ExitCode::from(FAULTS_FOUND),
        Err(error) => {
            output::Output::error(&error);
            match error.kind() {
                ErrorKind::Usage => ExitCode::from(WRONG_USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
