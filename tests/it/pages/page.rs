//! [`Page`]: a page of Markdown, cut at its fenced blocks.

use super::{README_FIXTURES, RUN_ELSEWHERE};

/// A page.
pub(super) struct Page {
    pub(super) name: String,
    /// Path below fixtures/ and the name that it has in the sandbox.
    pub(super) fixtures: Vec<(String, String)>,
    pub(super) parts: Vec<Part>,
}

/// A piece of the page.
pub(super) enum Part {
    /// Lines that stay as they are.
    Text(String),
    /// `$ command`, maybe with lines that begin with `> ` and belong to it, and what it prints.
    Console(Vec<Example>),
    /// A file that the commands after it use; its first line is `# PATH`.
    Toml { path: String, text: String },
    /// Lines of a CI system, and what its variables stand for.
    Yaml { variables: Vec<Variable>, text: String },
}

/// A command and its output.
pub(super) struct Example {
    pub(super) command: String,
    pub(super) output: String,
}

/// A text in a CI system's file and each value that it takes.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl Page {
    /// Panics where a block is of a kind that nothing runs.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            fixtures: fixtures(name, text),
            parts: Vec::new(),
        };
        let mut lines = text.lines();
        let mut plain = String::new();
        let mut before = "";
        while let Some(line) = lines.next() {
            let Some(kind) = line.trim_start().strip_prefix("```") else {
                plain += &format!("{line}\n");
                before = line;
                continue;
            };
            assert!(line.starts_with("```"), "{name}: an indented block is not run: {line}");
            let inner: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let body: String = inner.iter().flat_map(|line| [line, "\n"]).collect();
            page.parts.push(Part::Text(std::mem::take(&mut plain)));
            match kind {
                "console" => page.parts.push(Part::Console(examples(name, &inner))),
                // extracts of files, whose keys another test looks at
                "toml" if name == "README.md" => plain = format!("```toml\n{body}```\n"),
                "toml" => page.parts.push(Part::Toml {
                    path: path_of(name, &inner),
                    text: body,
                }),
                "yaml" => page.parts.push(Part::Yaml {
                    variables: variables(name, before),
                    text: body,
                }),
                _ => {
                    check_plain(name, kind, &inner);
                    plain = format!("```{kind}\n{body}```\n");
                }
            }
        }
        page.parts.push(Part::Text(plain));
        page
    }

    /// Whether a command has this in it.
    pub(super) fn has(&self, word: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(_) | Part::Toml { .. } => false,
            Part::Console(examples) => examples.iter().any(|example| example.command.contains(word)),
            Part::Yaml { variables, .. } => {
                let mut values = variables.iter().flat_map(|variable| &variable.values);
                values.any(|value| value.contains(word))
            }
        })
    }
}

fn fixtures(name: &str, text: &str) -> Vec<(String, String)> {
    let list = match name {
        "README.md" => README_FIXTURES,
        _ => text
            .strip_prefix("<!-- fixtures: ")
            .and_then(|rest| rest.split_once(" -->"))
            .map_or("", |(list, _)| list),
    };
    let pairs = list.split(", ").filter_map(|pair| pair.split_once('='));
    pairs.map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
}

/// A drawing may stand as it is, a command line may not.
fn check_plain(name: &str, kind: &str, lines: &[&str]) {
    for line in lines {
        let is_fine = match kind {
            "sh" => RUN_ELSEWHERE.iter().any(|begin| line.starts_with(begin)),
            "" => !line.starts_with("$ ") && !line.starts_with("airpack "),
            _ => false,
        };
        assert!(is_fine, "{name}: nothing runs this line of a block ```{kind}: {line}");
    }
}

fn path_of(name: &str, lines: &[&str]) -> String {
    let path = lines.first().and_then(|line| line.strip_prefix("# "));
    path.unwrap_or_else(|| panic!("{name}: a block of TOML begins with `# PATH`, where the commands find it"))
        .to_owned()
}

fn examples(name: &str, lines: &[&str]) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example {
                command: command.to_owned(),
                output: String::new(),
            });
            continue;
        }
        let last = examples
            .last_mut()
            .unwrap_or_else(|| panic!("{name}: an output without its command: {line}"));
        match line.strip_prefix("> ").filter(|_| last.output.is_empty()) {
            Some(more) => last.command += &format!("\n{more}"),
            None => last.output += &format!("{line}\n"),
        }
    }
    assert!(!examples.is_empty(), "{name}: a block ```console without a command");
    examples
}

/// `<!-- run with: NAME=VALUE VALUE; NAME=VALUE -->`
fn variables(name: &str, comment: &str) -> Vec<Variable> {
    let list = comment
        .strip_prefix("<!-- run with: ")
        .and_then(|rest| rest.strip_suffix(" -->"))
        .unwrap_or_else(|| panic!("{name}: a block of YAML stands behind `<!-- run with: NAME=VALUE; ... -->`"));
    list.split("; ")
        .map(|pair| {
            let (name, values) = pair.split_once('=').unwrap();
            Variable {
                name: name.to_owned(),
                values: values.split(' ').map(ToOwned::to_owned).collect(),
            }
        })
        .collect()
}
