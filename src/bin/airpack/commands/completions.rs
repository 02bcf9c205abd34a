//! `airpack completions`.

use airpack::error::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const EXAMPLES: &str = "\
Prints a script that the shell reads when it starts.

Examples:
  airpack completions bash > /etc/bash_completion.d/airpack
  airpack completions zsh > \"${fpath[1]}/_airpack\"
  airpack completions fish > ~/.config/fish/completions/airpack.fish";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "airpack", &mut script);
    Output::bytes(&script)
}
