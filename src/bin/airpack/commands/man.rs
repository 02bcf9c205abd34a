//! `airpack man`.

use std::fs;
use std::path::PathBuf;

use airpack::error::{Error, Result, did_you_mean, nearest};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The command whose page is printed [default: airpack itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Folder to write the pages of all commands to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Prints a page as man reads it, or with --out writes airpack.1, airpack-buildpack-package.1 and so on.

Examples:
  airpack man buildpack package | man -l -
  airpack man --out /usr/local/share/man/man1";

pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<()> {
    let mut root = Cli::command();
    root.build();
    let Some(folder) = &arguments.out else {
        return Output::bytes(&page(find(&root, &arguments.command)?));
    };
    fs::create_dir_all(folder).map_err(|cause| Error::io("create folder", folder, cause))?;
    let mut pages = Vec::new();
    gather(&root, &mut pages);
    for command in &pages {
        let file = folder.join(format!("{}.1", name_of(command)));
        fs::write(&file, page(command)).map_err(|cause| Error::io("write", &file, cause))?;
    }
    output.note(&format!("wrote {} pages to {}", pages.len(), folder.display()));
    Ok(())
}

fn find<'c>(root: &'c Command, path: &[String]) -> Result<&'c Command> {
    let mut at = root;
    for name in path {
        at = at.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = at.get_subcommands().map(Command::get_name).collect();
            let whole = at.get_bin_name().unwrap_or("airpack");
            let error = Error::invalid(format!("`{whole}` has no command `{name}`")).as_usage();
            if known.is_empty() {
                error
            } else {
                let mean = did_you_mean(nearest(name, known.iter().copied()));
                error.with_hint(format!("{mean}it has {}", known.join(", ")))
            }
        })?;
    }
    Ok(at)
}

/// A command, then those below it; not `help`, which has pages for each of them again.
fn gather<'c>(command: &'c Command, pages: &mut Vec<&'c Command>) {
    pages.push(command);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        gather(below, pages);
    }
}

/// `airpack-layout-gc`.
fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Vec<u8> {
    let mut text = Vec::new();
    Man::new(command.clone().disable_help_subcommand(true))
        .source(concat!("airpack ", env!("CARGO_PKG_VERSION")))
        .manual("airpack manual")
        .render(&mut text)
        .expect("memory takes what is written");
    text
}
