//! [`AirpackConfig`]: `airpack.toml`, for what no other file of the field can say.

use std::path::Path;

use super::document::{Document, Located, Table};
use super::paths::AIRPACK_TOML;
use super::target::Target;
use crate::error::{Finding, Findings, Severity};

/// What `airpack.toml` says. It lies beside the file it belongs to and never gets into an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AirpackConfig {
    /// Files and folders, relative to the file, that go into the image of every target: `lib/x`, without `.` or `..`.
    pub shared: Vec<Located<String>>,
    /// Modules that are only for some targets.
    pub modules: Vec<Located<OnlyFor>>,
    /// The lifecycles of a builder, for one platform each.
    pub lifecycles: Vec<Located<LifecycleFor>>,
}

/// An entry of `[lifecycle]`: where the lifecycle for some targets is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleFor {
    /// What it is for. A part that is not given is any.
    pub target: Target,
    /// Where it is, relative to the file.
    pub uri: String,
}

/// An entry of `[[modules]]`: what is for no other targets than these, and left out for the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlyFor {
    /// The module's id.
    pub id: String,
    /// Its version; `None` for all.
    pub version: Option<String>,
    /// What it is for. A part that is not given is any.
    pub targets: Vec<Target>,
}

impl OnlyFor {
    /// Whether this is about the module.
    #[must_use]
    pub fn is_about(&self, id: &str, version: &str) -> bool {
        self.id == id && self.version.as_ref().is_none_or(|own| own == version)
    }

    /// Whether the module takes part for `target`.
    #[must_use]
    pub fn includes(&self, target: &Target) -> bool {
        self.targets.iter().any(|own| own.covers(target))
    }
}

impl AirpackConfig {
    /// Reads the text of `file`. `None` when there is an error among the findings; unknown keys are errors.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8], allow_unknown_target: bool) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| Some(Self::read(root, allow_unknown_target)))
    }

    /// Whether a module takes part for `target`.
    #[must_use]
    pub fn includes(&self, id: &str, version: &str, target: &Target) -> bool {
        self.modules
            .iter()
            .all(|only| !only.value.is_about(id, version) || only.value.includes(target))
    }

    fn read(root: &mut Table<'_>, allow_unknown_target: bool) -> Self {
        let modules = root
            .tables("modules")
            .into_iter()
            .filter_map(|table| read_module(table, allow_unknown_target))
            .collect();
        let mut shared = Vec::new();
        for path in root.strings("shared") {
            let refusal = match clean_path(&path.value) {
                Some(clean) if clean == AIRPACK_TOML => {
                    "`airpack.toml` is for airpack alone and never in an image".to_owned()
                }
                Some(clean) => {
                    shared.push(Located { value: clean, ..path });
                    continue;
                }
                None => format!("shared path `{}` is not one below the buildpack's folder", path.value),
            };
            let finding = Finding::error(refusal).hint("name files and folders relative to airpack.toml");
            root.report_at(finding, &path.place);
        }
        let lifecycles = root
            .table("lifecycle")
            .map(|table| read_lifecycles(table, root, allow_unknown_target));
        root.finish_here(Severity::Error);
        Self {
            shared,
            modules,
            lifecycles: lifecycles.unwrap_or_default(),
        }
    }
}

fn read_lifecycles(table: Table<'_>, root: &Table<'_>, allow_unknown_target: bool) -> Vec<Located<LifecycleFor>> {
    let mut lifecycles = Vec::new();
    for (key, uri) in table.all_strings() {
        match key.value.parse::<Target>() {
            Ok(target) => {
                for (_, finding) in target.check(allow_unknown_target) {
                    root.report_at(finding, &key.place);
                }
                lifecycles.push(Located {
                    value: LifecycleFor { target, uri: uri.value },
                    place: uri.place,
                });
            }
            Err(error) => {
                let mut finding = Finding::error(error.to_string());
                finding.hint = error.hint().map(ToOwned::to_owned);
                root.report_at(finding, &key.place);
            }
        }
    }
    lifecycles
}

fn read_module(mut table: Table<'_>, allow_unknown_target: bool) -> Option<Located<OnlyFor>> {
    let place = table.place();
    let id = table.required_string("id");
    let version = table.string("version").map(|version| version.value);
    let has_targets = table.any("targets").is_some();
    let listed = table.strings("targets");
    if listed.is_empty() {
        let finding = if has_targets {
            Finding::error("`modules.targets` is empty")
                .hint("for a module that no target takes, remove the dependency")
        } else {
            Finding::error("`modules.targets` is missing")
                .hint("say what the module is for: targets = [\"linux/amd64\"]")
        };
        table.report(finding);
    }
    let mut targets = Vec::new();
    for written in &listed {
        match written.value.parse::<Target>() {
            Ok(target) => {
                for (_, finding) in target.check(allow_unknown_target) {
                    table.report_at(finding, &written.place);
                }
                targets.push(target);
            }
            Err(error) => {
                let mut finding = Finding::error(error.to_string());
                finding.hint = error.hint().map(ToOwned::to_owned);
                table.report_at(finding, &written.place);
            }
        }
    }
    table.finish(Severity::Error);
    let value = OnlyFor {
        id: id?.value,
        version,
        targets,
    };
    Some(Located { value, place })
}

/// Without `.`, doubled or trailing `/`; `None` where nothing is left or it leads out.
fn clean_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let leads_out = path.starts_with('/') || parts.contains(&"..");
    (!leads_out && !parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_paths_stay_inside() {
        let parse = |text: &str| AirpackConfig::parse(Path::new("a.toml"), text.as_bytes(), false);
        assert_eq!(parse("shared = [\"lib\", \"bin/detect\"]").0.unwrap().shared.len(), 2);
        assert_eq!(
            parse("shared = [\"./bin//detect/\"]").0.unwrap().shared[0].value,
            "bin/detect"
        );
        assert!(parse("").0.unwrap().shared.is_empty());
        for bad in [
            "shared = [\"../x\"]",
            "shared = [\"/x\"]",
            "shared = [\".\"]",
            "shared = [\"\"]",
            "shared = [\"./airpack.toml\"]",
            "shared = \"x\"",
            "share = []",
            "[[modules]]\nid = \"a\"",
            "[[modules]]\nid = \"a\"\ntargets = []",
            "[[modules]]\nid = \"a\"\ntargets = [\"linux/\"]",
            "[[modules]]\ntargets = [\"linux\"]",
        ] {
            assert!(parse(bad).0.is_none(), "{bad}");
        }
    }
    #[test]
    fn modules_are_for_some_targets() {
        let text =
            "[[modules]]\nid = \"a\"\nversion = \"1\"\ntargets = [\"linux/amd64\", \"linux/arm64:ubuntu@24.04\"]\n";
        let config = AirpackConfig::parse(Path::new("a.toml"), text.as_bytes(), false)
            .0
            .unwrap();
        let check = |module: (&str, &str), target: &str, expected: bool| {
            let target = target.parse().unwrap();
            assert_eq!(
                config.includes(module.0, module.1, &target),
                expected,
                "{module:?} {target}"
            );
        };
        check(("a", "1"), "linux/amd64", true);
        check(("a", "1"), "linux/amd64:ubuntu@22.04", true);
        check(("a", "1"), "linux/arm64", false);
        check(("a", "1"), "linux/arm64:ubuntu@24.04", true);
        check(("a", "1"), "linux/arm64:ubuntu@22.04", false);
        check(("a", "2"), "linux/arm64", true);
        check(("b", "1"), "linux/arm64", true);
    }
}
