//! What holds for all commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Arg, Command, CommandFactory, Parser};

use super::Cli;
use super::reference::{leaves_and_groups, name_of, page};

/// Flags whose meaning is not the same in all commands, and where it differs: pack has two forms of it.
const TWO_FORMS: [(&str, &str); 1] = [("flatten", "airpack builder create")];
/// The lines of a screen that most terminals have room for.
const SCREEN: usize = 50;
/// No line of a help is longer.
const WIDTH: usize = 100;

fn tree() -> Command {
    let mut root = Cli::command();
    root.build();
    root
}

/// A flag without what clap adds.
fn own_flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command
        .get_arguments()
        .filter(|arg| !matches!(arg.get_id().as_str(), "help"))
        .filter_map(|arg| Some((arg.get_long()?, arg)))
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_flag_that_commands_share_is_the_same_in_each() {
    let root = tree();
    let mut seen: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for command in leaves_and_groups(&root) {
        let name = name_of(command);
        for (long, arg) in own_flags(command) {
            if TWO_FORMS.contains(&(long, name)) || (long == "version" && !arg.get_action().takes_values()) {
                continue;
            }
            let values: Vec<String> = arg
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect();
            let takes = arg.get_action().takes_values();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let value = if takes { values.join(" ") } else { String::new() };
            let meaning = format!("-{:?} {value} {help}", arg.get_short());
            seen.entry(long).or_default().push((name.to_owned(), meaning));
        }
    }
    let mut differ = String::new();
    for (long, uses) in &seen {
        if uses.iter().any(|(_, meaning)| *meaning != uses[0].1) {
            for (name, meaning) in uses {
                let _ = writeln!(differ, "--{long} in `{name}`: {meaning}");
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
    assert!(seen.len() > 50, "{}", seen.len());
}

#[test]
fn a_letter_means_one_flag() {
    let root = tree();
    let mut seen: BTreeMap<char, &str> = BTreeMap::new();
    for command in leaves_and_groups(&root) {
        for (long, arg) in own_flags(command) {
            if let Some(short) = arg.get_short().filter(|short| *short != 'V') {
                let first = *seen.entry(short).or_insert(long);
                assert_eq!(first, long, "-{short} in `{}`", name_of(command));
            }
        }
    }
}

#[test]
fn every_command_says_what_it_does_and_has_examples_that_parse() {
    let root = tree();
    let mut count = 0;
    for command in leaves_and_groups(&root) {
        let name = name_of(command);
        let about = command
            .get_about()
            .unwrap_or_else(|| panic!("`{name}` says nothing"))
            .to_string();
        assert!(
            !about.ends_with('.') && about.starts_with(char::is_uppercase),
            "`{name}`: {about}"
        );
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let is_good = !help.ends_with('.') && help.starts_with(|c: char| c.is_uppercase() || "`-".contains(c));
            assert!(is_good, "`{name}` {}: {help:?}", arg.get_id());
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let after = after.replace(" \\\n    ", " ");
        let examples: Vec<String> = after
            .lines()
            .filter_map(|line| line.strip_prefix("  airpack ").map(ToOwned::to_owned))
            .collect();
        assert!(!examples.is_empty(), "`{name}` has no example");
        for example in examples {
            count += 1;
            // what the shell does with the rest is its own
            let shell = [" | ", " > ", " < "]
                .iter()
                .filter_map(|shell| example.find(shell))
                .min();
            let words = &example[..shell.unwrap_or(example.len())];
            let words = words.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
            let parsed = Cli::try_parse_from(std::iter::once("airpack").chain(words));
            let is_contradicted = parsed.as_ref().is_ok_and(|cli| cli.contradiction().is_some());
            assert!(
                parsed.is_ok() && !is_contradicted,
                "`{name}`: airpack {example}: {:?}",
                parsed.err()
            );
            let own = name.strip_prefix("airpack").unwrap_or_default().trim();
            assert!(
                example.starts_with(own),
                "`{name}` has an example of another command: {example}"
            );
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn helps_fit_a_screen() {
    let mut root = tree();
    let mut too_long = Vec::new();
    let paths: Vec<String> = leaves_and_groups(&root)
        .into_iter()
        .map(|command| name_of(command).to_owned())
        .collect();
    for path in paths {
        let mut command = &mut root;
        for name in path.split(' ').skip(1) {
            command = command.find_subcommand_mut(name).unwrap();
        }
        let short = command.render_help().to_string();
        if short.lines().count() > SCREEN {
            too_long.push(format!(
                "`{path}` has {} lines
",
                short.lines().count()
            ));
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in after.lines().filter(|line| line.starts_with("  ")) {
            too_long.extend((line.chars().count() > WIDTH).then(|| format!("`{path}`: {line}\n")));
        }
        for line in short.lines().chain(command.render_long_help().to_string().lines()) {
            too_long.extend((line.chars().count() > WIDTH).then(|| {
                format!(
                    "`{path}`: {line}
"
                )
            }));
        }
    }
    assert!(too_long.is_empty(), "{}", too_long.concat());
}

#[test]
fn the_page_of_commands_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let page = page(&tree());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let text = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == page,
        "docs/cli.md is not what the commands are: BLESS=1 cargo test --bin airpack writes it"
    );
}
