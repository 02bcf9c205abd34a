//! What clap has to say: helps, and wrong usage with the tips that clap does not have.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use airpack::error::nearest;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ColorChoice, Command, CommandFactory};

use crate::cli::Cli;

/// What other tools call our commands.
const OTHER_COMMANDS: [(&str, &str); 14] = [
    ("build", "create"),
    ("check", "validate"),
    ("clone", "copy"),
    ("cp", "copy"),
    ("delete", "rm"),
    ("list", "ls"),
    ("load", "import"),
    ("mv", "tag"),
    ("prune", "gc"),
    ("remove", "rm"),
    ("rename", "tag"),
    ("save", "export"),
    ("show", "inspect"),
    ("verify", "validate"),
];
/// What other tools call our flags, where a command has no flag of that name.
const OTHER_FLAGS: [(&str, &str); 8] = [
    ("--output", "--layout"),
    ("--out", "--layout"),
    ("--dest", "--layout"),
    ("--platform", "--target"),
    ("--target", "--platform"),
    ("--publish", "--layout"),
    ("--dry-run", "--write"),
    ("--force", "--write"),
];
/// Flags whose value has to be joined to them.
const JOINED: [&str; 2] = ["--toml", "--files"];

/// The arguments, or what is to be said instead.
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    // clap colours its own words by what the command says, and not by an argument that it has not read yet
    let color = chosen_color(args);
    let parsed = Cli::command()
        .color(color)
        .try_get_matches_from(args)
        .and_then(|matches| <Cli as clap::FromArgMatches>::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => match cli.contradiction() {
            Some(answer) => Err(answer),
            None => Ok(cli),
        },
        Err(answer) => Err(with_tips(answer, args)),
    }
}

/// Help goes to stdout, wrong usage to stderr.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    let written = answer.print().and_then(|()| io::stdout().flush());
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn chosen_color(args: &[OsString]) -> ColorChoice {
    let texts: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let value = texts.iter().enumerate().find_map(|(at, text)| match *text {
        "--color" => texts.get(at + 1).copied(),
        text => text.strip_prefix("--color="),
    });
    match value {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

fn with_tips(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let mut root = Cli::command();
    root.build();
    let (path, rest) = walk(&root, args);
    let command = path.last().copied().unwrap_or(&root);
    let text_of = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let tips = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let has_own = error.get(ContextKind::SuggestedSubcommand).is_some();
            let word = text_of(ContextKind::InvalidSubcommand).unwrap_or_default();
            command_tips(&root, command, &word, has_own)
        }
        ErrorKind::UnknownArgument => {
            let word = text_of(ContextKind::InvalidArg).unwrap_or_default();
            argument_tips(command, &word, &rest)
        }
        _ => Vec::new(),
    };
    if !tips.is_empty() {
        let mut all = match error.remove(ContextKind::Suggested) {
            Some(ContextValue::StyledStrs(own)) => own,
            _ => Vec::new(),
        };
        all.extend(tips.into_iter().map(StyledStr::from));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(all));
    }
    error
}

/// The commands that are named, from the outside in, and the words after them. `help` is looked through.
fn walk<'c>(root: &'c Command, args: &[OsString]) -> (Vec<&'c Command>, Vec<String>) {
    let mut words = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let mut path = vec![root];
    let mut rest = Vec::new();
    for word in words.by_ref() {
        if word == "help" && path.len() == 1 {
            continue;
        }
        match path.last().and_then(|command| command.find_subcommand(&word)) {
            Some(below) if rest.iter().all(|word: &String| word.starts_with('-')) => path.push(below),
            _ => rest.push(word),
        }
    }
    (path, rest)
}

/// Where the command is that somebody wants who wrote `word`.
fn command_tips(root: &Command, at: &Command, word: &str, has_own: bool) -> Vec<String> {
    let name = OTHER_COMMANDS
        .iter()
        .find(|(other, _)| *other == word)
        .map_or(word, |(_, own)| own);
    let mut found = Vec::new();
    places(at, name, &mut found);
    if found.is_empty() {
        places(root, name, &mut found);
    }
    if !found.is_empty() {
        return vec![format!("there is {}", found.join(", "))];
    }
    let near = nearest(word, at.get_subcommands().map(Command::get_name)).filter(|_| !has_own);
    near.map(|near| format!("a similar subcommand exists: '{near}'"))
        .into_iter()
        .collect()
}

/// All commands below `command` that are called `name`.
fn places(command: &Command, name: &str, found: &mut Vec<String>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        if below.get_name() == name {
            found.push(format!("`{}`", below.get_bin_name().unwrap_or(name)));
        }
        places(below, name, found);
    }
}

fn argument_tips(command: &Command, word: &str, rest: &[String]) -> Vec<String> {
    let mut tips = Vec::new();
    let has = |flag: &str| {
        let mut long = command.get_arguments().filter_map(clap::Arg::get_long);
        long.any(|long| flag.strip_prefix("--") == Some(long))
    };
    let flag = word.split(['=', ' ']).next().unwrap_or_default();
    let own = OTHER_FLAGS.iter().find(|(other, own)| *other == flag && has(own));
    tips.extend(own.map(|(_, own)| match *own {
        "--write" => "nothing is changed without '--write'".to_owned(),
        own => format!("it is '{own}' here"),
    }));
    let before = rest
        .iter()
        .position(|other| other == word)
        .and_then(|at| at.checked_sub(1));
    let before = before
        .and_then(|at| rest.get(at))
        .filter(|before| JOINED.contains(&before.as_str()));
    tips.extend(before.map(|flag| format!("the value of '{flag}' is joined to it: '{flag}={word}'")));
    tips
}
