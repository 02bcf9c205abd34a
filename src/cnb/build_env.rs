//! [`BuildEnv`]: `[[build.env]]`, variables that a builder sets for its builds (platform spec, build config).

use std::collections::BTreeMap;

use super::document::{Located, Table};
use crate::error::{Finding, Severity, did_you_mean, nearest};

/// What can stand behind the name: how the value meets one that is there.
const SUFFIXES: [&str; 4] = ["append", "default", "override", "prepend"];

/// Names and contents of the files below `/cnb/build-config/env`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildEnv(pub BTreeMap<String, String>);

impl BuildEnv {
    /// Reads `env` of the table `build`. What is said twice counts as it is said last, as in pack.
    pub(super) fn read(build: &mut Table<'_>) -> Self {
        let mut files = BTreeMap::new();
        // a delimiter may stand with another entry of the same name
        let mut need_delim: Vec<(String, Table<'_>)> = Vec::new();
        for mut table in build.tables("env") {
            let name = table
                .required_string("name")
                .filter(|name| is_checked_name(name, &table));
            let value = table.string("value");
            let suffix = table.string("suffix").and_then(|suffix| checked_suffix(suffix, &table));
            let delim = table.string("delim").map(|delim| delim.value).unwrap_or_default();
            if let Some(place) = table.any("exec-env") {
                let finding = Finding::warning("`exec-env` of a variable has no effect in any tool");
                table.report_at(finding.hint("remove it"), &place);
            }
            table.finish_here(Severity::Error);
            let Some(name) = name else { continue };
            let suffix = suffix.unwrap_or_default();
            let value = value.map(|value| value.value).unwrap_or_default();
            let file = if suffix.is_empty() {
                name.value.clone()
            } else {
                format!("{}.{suffix}", name.value)
            };
            if value.is_empty() {
                table.report_at(
                    Finding::warning(format!("`{}` gets an empty value", name.value)),
                    &name.place,
                );
            }
            put(&mut files, file, value, &name, &table);
            if !delim.is_empty() {
                put(&mut files, format!("{}.delim", name.value), delim, &name, &table);
            }
            if matches!(suffix.as_str(), "append" | "prepend") {
                need_delim.push((name.value, table));
            }
        }
        for (name, table) in need_delim {
            if !files.contains_key(&format!("{name}.delim")) {
                table.report(
                    Finding::error(format!("`{name}` is joined with another value and needs a `delim`"))
                        .hint("say what stands between the two: delim = \":\""),
                );
            }
        }
        Self(files)
    }
}

fn put(files: &mut BTreeMap<String, String>, file: String, content: String, name: &Located<String>, table: &Table<'_>) {
    let before = files.get(&file);
    if before.is_some_and(|before| *before != content) {
        let finding = Finding::warning(format!("`{file}` is said twice: this one counts"));
        table.report_at(finding.hint("remove one of them"), &name.place);
    }
    files.insert(file, content);
}

/// The name is a file's.
fn is_checked_name(name: &Located<String>, table: &Table<'_>) -> bool {
    let text = &name.value;
    // a layer takes a file whose name begins with `.wh.` for a whiteout
    let is_good = !matches!(text.as_str(), "." | "..")
        && !text.starts_with(".wh.")
        && text.len() <= 200
        && !text.contains(['/', '='])
        && !text.chars().any(char::is_control);
    if !is_good {
        let finding = Finding::error(format!("`{}` can not be the name of a variable", text.escape_debug()));
        table.report_at(
            finding.hint("a name has no `/`, no `=` and no control characters, and does not begin with `.wh.`"),
            &name.place,
        );
    }
    is_good
}

fn checked_suffix(suffix: Located<String>, table: &Table<'_>) -> Option<String> {
    if suffix.value.is_empty() || SUFFIXES.contains(&suffix.value.as_str()) {
        return Some(suffix.value);
    }
    let near = did_you_mean(nearest(&suffix.value, SUFFIXES));
    table.report_at(
        Finding::error(format!("`{}` is no suffix of a variable", suffix.value))
            .hint(format!("{near}known are {}", SUFFIXES.join(", "))),
        &suffix.place,
    );
    None
}
