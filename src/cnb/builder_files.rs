//! The TOML files in a builder, byte for byte as pack writes them (platform spec, builder layout).
//!
//! The form is that of Go's TOML encoder: each level is indented by two spaces, and tables of the top level and entries of lists have
//! an empty line before them.

use std::fmt::Write;

use super::builder_labels::{RunImage, System, SystemBuildpacks};
use super::order::{Group, ModuleRef};

/// `/cnb/order.toml`; every entry has its version.
#[must_use]
pub fn order_toml(order: &[Group], order_extensions: &[Group]) -> String {
    let mut text = Text::default();
    for (name, groups) in [("order", order), ("order-extensions", order_extensions)] {
        for group in groups {
            text.list_entry(0, name);
            for entry in &group.group {
                text.list_entry(1, &format!("{name}.group"));
                text.module(2, entry);
            }
        }
    }
    text.0
}

/// `/cnb/system.toml`; every entry has its version.
#[must_use]
pub fn system_toml(system: &System) -> String {
    let mut text = Text::default();
    if system.is_empty() {
        return text.0;
    }
    text.line(0, "[system]");
    let lists: [(&str, &SystemBuildpacks); 2] = [("pre", &system.pre), ("post", &system.post)];
    for (name, list) in lists {
        if list.buildpacks.is_empty() {
            continue;
        }
        text.line(1, &format!("[system.{name}]"));
        for entry in &list.buildpacks {
            text.list_entry(2, &format!("system.{name}.buildpacks"));
            text.module(3, entry);
        }
    }
    text.0
}

/// `/cnb/stack.toml` (deprecated, but lifecycles of old read it).
#[must_use]
pub fn stack_toml(run_image: &RunImage) -> String {
    let mut text = Text::default();
    text.line(0, "[run-image]");
    text.run_image(run_image);
    text.0
}

/// `/cnb/run.toml`.
#[must_use]
pub fn run_toml(run_images: &[RunImage]) -> String {
    let mut text = Text::default();
    for run_image in run_images {
        text.list_entry(0, "images");
        text.run_image(run_image);
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, level: usize, line: &str) {
        let _ = writeln!(self.0, "{:width$}{line}", "", width = 2 * level);
    }

    fn list_entry(&mut self, level: usize, name: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(level, &format!("[[{name}]]"));
    }

    fn value(&mut self, level: usize, key: &str, value: &str) {
        if !value.is_empty() {
            self.line(level, &format!("{key} = {}", quoted(value)));
        }
    }

    fn values(&mut self, level: usize, key: &str, values: &[String]) {
        if !values.is_empty() {
            let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            self.line(level, &format!("{key} = [{}]", quoted.join(", ")));
        }
    }

    fn module(&mut self, level: usize, module: &ModuleRef) {
        self.value(level, "id", &module.id);
        self.value(level, "version", &module.version);
        self.values(level, "exec-env", &module.exec_env);
        if module.optional {
            self.line(level, "optional = true");
        }
    }

    fn run_image(&mut self, run_image: &RunImage) {
        self.value(1, "image", &run_image.image);
        self.values(1, "mirrors", run_image.mirrors.as_deref().unwrap_or_default());
    }
}

/// A basic string with the escapes of Go's encoder.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\u{8}' => quoted += "\\b",
            '\t' => quoted += "\\t",
            '\n' => quoted += "\\n",
            '\u{c}' => quoted += "\\f",
            '\r' => quoted += "\\r",
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, version: &str) -> ModuleRef {
        ModuleRef {
            id: id.to_owned(),
            version: version.to_owned(),
            ..ModuleRef::default()
        }
    }

    #[test]
    fn an_order_of_extensions_alone() {
        let group = Group {
            group: vec![ModuleRef {
                exec_env: vec!["a".to_owned(), "b".to_owned()],
                ..entry("x", "1")
            }],
        };
        assert_eq!(order_toml(&[], &[]), "");
        assert_eq!(
            order_toml(&[], &[group]),
            "[[order-extensions]]\n\n  [[order-extensions.group]]\n    id = \"x\"\n    version = \"1\"\n    exec-env = [\"a\", \"b\"]\n"
        );
    }

    #[test]
    fn a_system_with_one_side() {
        let system = System {
            post: SystemBuildpacks {
                buildpacks: vec![entry("x", "1")],
            },
            ..System::default()
        };
        assert_eq!(
            system_toml(&system),
            "[system]\n  [system.post]\n\n    [[system.post.buildpacks]]\n      id = \"x\"\n      version = \"1\"\n"
        );
    }

    #[test]
    fn strings_are_escaped_as_in_go() {
        assert_eq!(quoted("a\"\\\t\u{1}é"), "\"a\\\"\\\\\\t\\u0001é\"");
    }
}
