//! `docs/cli.md`: the command tree as a page.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// What stands above the commands.
const HEAD: &str = "\
# Commands

Made from the command tree: `BLESS=1 cargo test --bin airpack` writes it anew.
";

/// The page.
pub(super) fn page(root: &Command) -> String {
    let mut text = HEAD.to_owned();
    let commands = leaves_and_groups(root);
    text.push('\n');
    for command in &commands {
        let depth = name_of(command).split(' ').count() - 1;
        let name = name_of(command);
        let anchor = name.replace(' ', "-");
        let _ = writeln!(
            text,
            "{}* [`{name}`](#{anchor}): {}",
            "  ".repeat(depth),
            about(command)
        );
    }
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).collect();
    text += "\n## Options of all commands\n\n";
    text += &options_table(&global);
    for command in &commands {
        text += &section(command);
    }
    text
}

/// All commands in the order of the tree; not `help`.
pub(super) fn leaves_and_groups(root: &Command) -> Vec<&Command> {
    let mut found = vec![root];
    for below in root.get_subcommands().filter(|below| below.get_name() != "help") {
        found.extend(leaves_and_groups(below));
    }
    found
}

/// `airpack layout gc`.
pub(super) fn name_of(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn section(command: &Command) -> String {
    let mut text = format!("\n## {}\n\n{}\n", name_of(command), about(command));
    let usage = command.clone().render_usage().to_string();
    let _ = write!(text, "\n```text\n{}\n```\n", usage.trim_start_matches("Usage: "));
    let own = |arg: &&Arg| {
        !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version")
            || arg.get_long() == Some("version") && arg.get_action().takes_values()
    };
    let arguments: Vec<&Arg> = command.get_positionals().collect();
    if !arguments.is_empty() {
        text += "\n| argument | |\n|---|---|\n";
        for arg in arguments {
            let _ = writeln!(text, "| `{}` | {} |", value_of(arg), cell(&meaning(arg)));
        }
    }
    let options: Vec<&Arg> = command.get_opts().chain(flags(command)).filter(own).collect();
    if !options.is_empty() {
        text.push('\n');
        text += &options_table(&options);
    }
    if let Some(after) = command.get_after_help() {
        text += &after_help(&after.to_string());
    }
    text
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.get_action().takes_values())
}

fn options_table(options: &[&Arg]) -> String {
    let mut text = "| option | |\n|---|---|\n".to_owned();
    for arg in options {
        let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let long = arg.get_long().unwrap_or_default();
        let value = if arg.get_action().takes_values() {
            let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
            let equals = if arg.is_require_equals_set() { "=" } else { " " };
            if is_optional {
                format!("[{}{}]", equals.trim(), value_of(arg))
            } else {
                format!("{equals}{}", value_of(arg))
            }
        } else {
            String::new()
        };
        let _ = writeln!(text, "| {short}`--{long}{value}` | {} |", cell(&meaning(arg)));
    }
    text
}

fn value_of(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    names.join(" ")
}

/// Its help, the values that it takes and the one it has when nothing is said.
fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        let _ = write!(text, ": {}", values.join(", "));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(text, " [default: {}]", defaults.join(", "));
    }
    text
}

/// What a table takes.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ")
}

/// Paragraphs, and the examples as commands.
fn after_help(text: &str) -> String {
    let mut out = String::new();
    let mut is_inside = false;
    for line in text.lines() {
        let is_code = line.starts_with("  ");
        if is_code != is_inside {
            out += if is_code { "\n```sh\n" } else { "```\n" };
            is_inside = is_code;
        } else if !is_code && out.is_empty() {
            out.push('\n');
        }
        let shown = if is_code { &line[2..] } else { line };
        out += shown;
        out.push('\n');
    }
    if is_inside {
        out += "```\n";
    }
    out
}
