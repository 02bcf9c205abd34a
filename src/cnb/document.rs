//! [`Document`]: a TOML file whose every value knows its place, so that all faults are found in one reading.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Excerpt, Finding, Findings, Place, Severity, nearest};

/// A TOML text under reading; collects what is wrong with it.
#[derive(Debug)]
pub struct Document {
    file: PathBuf,
    text: Arc<str>,
    findings: RefCell<Findings>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

impl Document {
    /// Reads `text`, which stands in `file`, with `read`: what that gives counts unless an error was found.
    pub fn read<T>(file: &Path, text: &[u8], read: impl FnOnce(&mut Table<'_>) -> Option<T>) -> (Option<T>, Findings) {
        let (text, utf8_fault) = match std::str::from_utf8(text) {
            Ok(text) => (text, None),
            Err(fault) => (
                std::str::from_utf8(&text[..fault.valid_up_to()]).unwrap_or_default(),
                Some("it is not UTF-8 from here on"),
            ),
        };
        let document = Self {
            file: file.to_owned(),
            text: text.into(),
            findings: RefCell::default(),
        };
        if let Some(fault) = utf8_fault {
            document.report(Finding::error(fault), text.len()..text.len());
            return (None, document.findings.into_inner());
        }
        let (root, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            document.report(
                Finding::error(format!("bad TOML: {}", fault.message())),
                fault.span().unwrap_or(0..0),
            );
        }
        let value = faults.is_empty().then(|| {
            let mut table = Table {
                document: &document,
                values: root.get_ref(),
                name: String::new(),
                range: 0..0,
                known: Vec::new(),
            };
            read(&mut table)
        });
        let findings = document.findings.into_inner();
        let value = value.flatten().filter(|_| !findings.has_errors());
        (value, findings)
    }

    fn place(&self, range: Range<usize>) -> Place {
        Place {
            file: self.file.clone(),
            excerpt: Some(Excerpt {
                text: Arc::clone(&self.text),
                range,
            }),
        }
    }

    fn report(&self, finding: Finding, range: Range<usize>) {
        self.findings.borrow_mut().push(finding.at(self.place(range)));
    }
}

/// A table of a [`Document`]; remembers which keys were asked for.
#[derive(Debug)]
pub struct Table<'a> {
    document: &'a Document,
    values: &'a DeTable<'a>,
    name: String,
    range: Range<usize>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// Where the table begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.document.place(self.range.clone())
    }

    /// Reports about the table as a whole.
    pub fn report(&self, finding: Finding) {
        self.document.report(finding, self.range.clone());
    }

    /// Reports a finding that has its place.
    pub fn push(&self, finding: Finding) {
        self.document.findings.borrow_mut().push(finding);
    }

    /// Reports at `place`.
    pub fn report_at(&self, finding: Finding, place: &Place) {
        self.document.findings.borrow_mut().push(finding.at(place.clone()));
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.values
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn name_of(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let message = format!("`{}` is {}, not {wanted}", self.name_of(key), kind_of(value.get_ref()));
        let mut finding = Finding::error(message);
        if wanted == "a list of tables" {
            finding = finding.hint(format!("write it as [[{}]]", self.name_of(key)));
        }
        if wanted == "a string" && matches!(value.get_ref(), DeValue::Float(_) | DeValue::Integer(_)) {
            finding = finding.hint(format!(
                "put it in quotes: {key} = \"{}\"",
                &self.document.text[value.span()]
            ));
        }
        self.document.report(finding, value.span());
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.values.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// Marks a key as known whatever it holds, and says whether it is there.
    pub fn any(&mut self, key: &'static str) -> Option<Place> {
        self.value(key).map(|value| self.document.place(value.span()))
    }

    /// A string; a finding when it is something else.
    pub fn string(&mut self, key: &'static str) -> Option<Located<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Located {
                value: text.clone().into_owned(),
                place: self.document.place(value.span()),
            }),
            _ => {
                self.wrong_type(key, value, "a string");
                None
            }
        }
    }

    /// A string that must be there and not be empty.
    pub fn required_string(&mut self, key: &'static str) -> Option<Located<String>> {
        if !self.has(key) {
            self.known.push(key);
            self.report(Finding::error(format!("`{}` is missing", self.name_of(key))));
            return None;
        }
        let found = self.string(key)?;
        if found.value.is_empty() {
            self.report_at(
                Finding::error(format!("`{}` is empty", self.name_of(key))),
                &found.place,
            );
            return None;
        }
        Some(found)
    }

    /// `true` or `false`.
    pub fn bool(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(answer) => Some(*answer),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    /// A list of strings; empty where there is none.
    pub fn strings(&mut self, key: &'static str) -> Vec<Located<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of strings");
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => strings.push(Located {
                    value: text.clone().into_owned(),
                    place: self.document.place(item.span()),
                }),
                _ => self.wrong_type(key, item, "a list of strings"),
            }
        }
        strings
    }

    /// All keys, which may be any, with their values, which must be strings.
    #[must_use]
    pub fn all_strings(self) -> Vec<(Located<String>, Located<String>)> {
        let mut all = Vec::new();
        for (name, value) in self.values {
            let key: &str = name.get_ref();
            match value.get_ref() {
                DeValue::String(text) => all.push((
                    Located {
                        value: key.to_owned(),
                        place: self.document.place(name.span()),
                    },
                    Located {
                        value: text.clone().into_owned(),
                        place: self.document.place(value.span()),
                    },
                )),
                _ => self.wrong_type(key, value, "a string"),
            }
        }
        all
    }

    /// The table below `key`.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, "a table");
            return None;
        };
        Some(Table {
            document: self.document,
            values: table,
            name: self.name_of(key),
            range: value.span(),
            known: Vec::new(),
        })
    }

    /// The tables of `[[key]]`, or of a list of inline tables; empty where there are none.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Table {
                    document: self.document,
                    values: table,
                    name: self.name_of(key),
                    range: item.span(),
                    known: Vec::new(),
                }),
                _ => self.wrong_type(key, item, "a list of tables"),
            }
        }
        tables
    }

    /// Whether the value at `key` is a list that begins with a table.
    #[must_use]
    pub fn holds_tables(&self, key: &str) -> bool {
        let value = self.values.iter().find(|(name, _)| name.get_ref() == key);
        value.is_some_and(|(_, value)| match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .next()
                .is_some_and(|item| matches!(item.get_ref(), DeValue::Table(_))),
            _ => false,
        })
    }

    /// Reports all keys that nobody asked for.
    pub fn finish(self, severity: Severity) {
        self.finish_here(severity);
    }

    /// [`finish`](Self::finish) for a table that is not owned: the root.
    pub fn finish_here(&self, severity: Severity) {
        for (name, _) in self.values {
            let key: &str = name.get_ref();
            if self.known.contains(&key) {
                continue;
            }
            let message = format!("unknown key `{}`", self.name_of(key));
            let mut finding = Finding::error(message);
            finding.severity = severity;
            if let Some(near) = nearest(key, self.known.iter().copied()) {
                finding = finding.hint(format!("did you mean `{near}`?"));
            }
            self.document.report(finding, name.span());
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
