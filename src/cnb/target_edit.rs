//! [`TargetEdit`]: takes entries out of `[[targets]]` in the text of a `buildpack.toml` and adds some; everything else stays as it is.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Value};

use super::target::Target;
use super::target_toml::targets_toml;
use crate::error::{Error, Result};

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetEdit {
    /// Positions of entries that go.
    remove: Vec<usize>,
    /// What comes after those that stay.
    add: Vec<Target>,
}

impl TargetEdit {
    /// From what is written to what is wanted. An entry that is wanted as it is stays.
    #[must_use]
    pub fn between(written: &[Target], wanted: &[Target]) -> Self {
        let as_written = super::target_toml::merged(written);
        let is_same = |one: &Target, other: &Target| one == other;
        if as_written == wanted {
            return Self::default();
        }
        let remove = (0..written.len())
            .filter(|&at| !wanted.iter().any(|new| is_same(new, &written[at])))
            .collect();
        let add = wanted.iter().filter(|new| !written.iter().any(|old| is_same(new, old)));
        Self {
            remove,
            add: add.cloned().collect(),
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// The text with the change.
    pub fn apply(&self, text: &str) -> Result<String> {
        let is_windows = ends_as_windows(text);
        let mut edited = text.to_owned();
        let mut document = parse(text)?;
        let is_inline = matches!(document.get("targets"), Some(Item::Value(_)));
        if !self.remove.is_empty() || is_inline {
            self.edit(&mut document)?;
            edited = with_ends(&document.to_string(), is_windows);
        }
        if is_inline || self.add.is_empty() {
            return Ok(edited);
        }
        let newline = if is_windows { "\r\n" } else { "\n" };
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited += newline;
        }
        if !edited.trim().is_empty() && !edited.ends_with(&newline.repeat(2)) {
            edited += newline;
        }
        edited += &with_ends(&targets_toml(&self.add), is_windows);
        parse(&edited)?;
        Ok(edited)
    }

    fn edit(&self, document: &mut DocumentMut) -> Result<()> {
        let unexpected = || Error::invalid("`targets` is not a list of tables");
        match document.get_mut("targets") {
            Some(Item::ArrayOfTables(tables)) => {
                for at in self.remove.iter().rev() {
                    tables.remove(*at);
                }
            }
            Some(Item::Value(Value::Array(items))) => {
                for at in self.remove.iter().rev() {
                    items.remove(*at);
                }
                for target in &self.add {
                    items.push(inline(target));
                }
            }
            _ => return Err(unexpected()),
        }
        Ok(())
    }
}

fn inline(target: &Target) -> InlineTable {
    let mut table = InlineTable::new();
    let path = target.path.as_deref().unwrap_or_default();
    for (key, value) in [
        ("os", target.os.as_str()),
        ("arch", &target.arch),
        ("variant", &target.variant),
        ("path", path),
    ] {
        if !value.is_empty() {
            table.insert(key, value.into());
        }
    }
    if !target.distros.is_empty() {
        let mut distros = Array::new();
        for distro in &target.distros {
            let mut one = InlineTable::new();
            one.insert("name", distro.name.as_str().into());
            if !distro.version.is_empty() {
                one.insert("version", distro.version.as_str().into());
            }
            distros.push(one);
        }
        table.insert("distros", distros.into());
    }
    table
}

/// The text of an `airpack.toml` that shares these paths too.
pub fn share(text: &str, paths: &[String]) -> Result<String> {
    let mut document = parse(text)?;
    let list = document.entry("shared").or_insert_with(|| Array::new().into());
    let list = list
        .as_array_mut()
        .ok_or_else(|| Error::invalid("`shared` is not a list"))?;
    let trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    let is_broken = trailing.contains('\n');
    let indent = list
        .get(0)
        .and_then(|first| first.decor().prefix()?.as_str())
        .unwrap_or_default();
    let indent = indent.rsplit_once('\n').map_or("    ", |(_, spaces)| spaces).to_owned();
    for (at, path) in paths.iter().enumerate() {
        let mut value = Value::from(path.as_str());
        if is_broken {
            // a comment behind the last entry stays with it
            let before = if at == 0 { trailing.trim_end() } else { "" };
            value.decor_mut().set_prefix(format!("{before}\n{indent}"));
        }
        list.push_formatted(value);
    }
    if is_broken {
        list.set_trailing_comma(true);
        list.set_trailing("\n");
    } else if list.len() > 3 {
        for item in list.iter_mut() {
            item.decor_mut().set_prefix("\n    ");
        }
        list.set_trailing_comma(true);
        list.set_trailing("\n");
    } else {
        for item in list.iter_mut().skip(1) {
            item.decor_mut().set_prefix(" ");
        }
    }
    Ok(with_ends(&document.to_string(), ends_as_windows(text)))
}

pub(super) fn parse(text: &str) -> Result<DocumentMut> {
    text.parse()
        .map_err(|cause: toml_edit::TomlError| Error::invalid("its TOML can not be edited").with_source(cause))
}

pub(super) fn ends_as_windows(text: &str) -> bool {
    text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count()
}

/// The editor ends lines as Unix does.
pub(super) fn with_ends(text: &str, is_windows: bool) -> String {
    if is_windows {
        text.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::super::document::Document;
    use super::super::module::read_targets;
    use super::*;
    use crate::error::Severity;

    const PLATFORMS: [&str; 6] = [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
        "linux/s390x:ubuntu@24.04",
        "linux/amd64/v3:debian@12;ubuntu@22.04",
        "freebsd/amd64",
    ];

    /// Text of a table that is no target, with what people write around it.
    fn block() -> impl Strategy<Value = String> {
        let comment = prop_oneof![Just(""), Just("# [[targets]]\n"), Just("  # é \"x\n"), Just("\n\n")];
        let value = prop_oneof![
            Just("\"a\" # why"),
            Just("'''\n[[targets]]\n'''"),
            Just("[ 1, # one\n  2,\n]"),
            Just("{ targets = [] }"),
            Just("2024-01-01T00:00:00Z"),
        ];
        (comment, value, any::<bool>()).prop_map(|(comment, value, is_tight)| {
            let equals = if is_tight { "=" } else { "  = " };
            format!("{comment}key{equals}{value}\n")
        })
    }

    /// Targets as a list in one line, or as tables with other tables between them.
    fn text(targets: &[Target], blocks: &[String], is_inline: bool, has_no_last_newline: bool) -> String {
        let mut text = String::from("# the begin\napi = \"0.10\"\n");
        if is_inline {
            let items: Vec<String> = targets.iter().map(|target| inline(target).to_string()).collect();
            let _ = writeln!(text, "targets = [ {} ] # all", items.join(", "));
        }
        for (at, block) in blocks.iter().enumerate() {
            let _ = write!(text, "[metadata.b{at}]\n{block}");
            if let Some(target) = targets.get(at).filter(|_| !is_inline) {
                text += &targets_toml(std::slice::from_ref(target));
            }
        }
        for target in targets.iter().skip(blocks.len()).filter(|_| !is_inline) {
            text += &targets_toml(std::slice::from_ref(target));
        }
        if has_no_last_newline {
            text.truncate(text.trim_end().len());
        }
        text
    }

    fn targets_in(text: &str) -> Vec<Target> {
        let (read, findings) = Document::read(Path::new("x"), text.as_bytes(), |root| {
            Some(read_targets(root, Severity::Warning, true))
        });
        assert!(!findings.has_errors(), "{findings:?} in {text}");
        read.unwrap().into_iter().map(|declared| declared.target).collect()
    }

    fn some_targets() -> impl Strategy<Value = Vec<Target>> {
        let targets: Vec<Target> = PLATFORMS.iter().map(|text| text.parse().unwrap()).collect();
        subsequence(targets, 0..=PLATFORMS.len())
    }

    proptest! {
        #[test]
        fn targets_become_those_wanted_and_all_else_stays(
            written in some_targets(),
            wanted in some_targets(),
            blocks in vec(block(), 0..4),
            is_inline in any::<bool>(),
            has_no_last_newline in any::<bool>(),
            is_windows in any::<bool>(),
        ) {
            let before = with_ends(&text(&written, &blocks, is_inline, has_no_last_newline), is_windows);
            prop_assert_eq!(&targets_in(&before), &written);
            let edit = TargetEdit::between(&written, &wanted);
            let after = edit.apply(&before).unwrap();
            let sorted = |mut targets: Vec<Target>| {
                targets.sort_by_key(ToString::to_string);
                targets
            };
            let found = targets_in(&after);
            prop_assert_eq!(sorted(found.clone()), sorted(wanted.clone()), "{}", &after);
            for (at, block) in blocks.iter().enumerate() {
                let whole = with_ends(&format!("[metadata.b{at}]\n{block}"), is_windows);
                prop_assert!(after.contains(whole.trim_end()), "{:?} is not in {:?}", whole, after);
            }
            prop_assert!(after.starts_with(&with_ends("# the begin\napi = \"0.10\"", is_windows)));
            prop_assert!(edit.remove.is_empty() && !is_inline || edit.is_empty() || before != after);
            if edit.remove.is_empty() && !is_inline {
                prop_assert!(after.starts_with(&before), "{:?} does not begin with {:?}", after, before);
            }
            prop_assert_eq!(ends_as_windows(&after), is_windows, "{:?}", &after);
            // once is enough
            let again = TargetEdit::between(&found, &wanted);
            prop_assert!(again.is_empty());
            prop_assert_eq!(again.apply(&after).unwrap(), after);
        }
    }
}
