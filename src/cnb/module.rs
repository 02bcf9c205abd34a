//! [`ModuleDescriptor`]: `buildpack.toml` of a buildpack or `extension.toml` of an extension, checked.

use std::path::Path;

use super::api::ApiVersion;
use super::document::{Document, Located, Table};
use super::id::{ModuleId, ModuleVersion};
use super::labels::License;
use super::order::DeclaredOrder;
use super::paths::{BUILDPACK_TOML, EXTENSION_TOML};
use super::stack::Stack;
use super::target::{DeclaredTarget, Part, Target};
use crate::error::{Finding, Findings, Severity};

/// Media types of a software bill of materials that the buildpack spec names.
const SBOM_FORMATS: [&str; 3] = [
    "application/vnd.cyclonedx+json",
    "application/spdx+json",
    "application/vnd.syft+json",
];

/// Said of a file that has some.
pub const STACKS_DEPRECATED: &str = "`[[stacks]]` is deprecated";
const STACKS_HINT: &str =
    "name what the buildpack runs on with [[targets]]; `airpack buildpack migrate` does it for stacks that it knows";

/// What a module is: both run before the app's build, an extension to change the images that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModuleKind {
    /// A buildpack, or a composite of some.
    Buildpack,
    /// An image extension.
    Extension,
}

impl ModuleKind {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Buildpack => "buildpack",
            Self::Extension => "extension",
        }
    }

    /// The word with its article.
    #[must_use]
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Buildpack => "a buildpack",
            Self::Extension => "an extension",
        }
    }

    /// The file that describes it.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Buildpack => BUILDPACK_TOML,
            Self::Extension => EXTENSION_TOML,
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Buildpack => Self::Extension,
            Self::Extension => Self::Buildpack,
        }
    }
}

/// What a module's file says (buildpack spec; distribution spec for the describing fields).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleDescriptor {
    /// What it is.
    pub kind: ModuleKind,
    /// The Buildpack API it is written for.
    pub api: ApiVersion,
    /// Its id.
    pub id: ModuleId,
    /// Its version.
    pub version: ModuleVersion,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where to read more.
    pub homepage: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Environments that it runs in.
    pub exec_env: Vec<String>,
    /// Its licences.
    pub licenses: Vec<License>,
    /// Whether it wants a clear environment.
    pub clear_env: bool,
    /// Its stacks, where it lists some.
    pub stacks: Vec<Stack>,
    /// What it runs on, as written.
    pub targets: Vec<DeclaredTarget>,
    /// `[[order]]`, which makes it a composite buildpack.
    pub order: Option<DeclaredOrder>,
}

impl ModuleDescriptor {
    /// `id@version`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// The targets as written.
    pub fn written_targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().map(|declared| &declared.target)
    }

    /// Reads the text of `file`. `None` when there is an error among the findings.
    #[must_use]
    pub fn parse(kind: ModuleKind, file: &Path, text: &[u8], allow_unknown_target: bool) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| Self::read(kind, root, allow_unknown_target))
    }

    fn read(kind: ModuleKind, root: &mut Table<'_>, allow_unknown_target: bool) -> Option<Self> {
        let api = root
            .required_string("api")
            .and_then(|found| parsed::<ApiVersion>(root, found));
        if let Some(api) = api.as_ref().filter(|api| !api.value.is_known()) {
            let finding = Finding::warning(format!("api {} is one that no known lifecycle has", api.value));
            let hint = format!("known are {} to {}", ApiVersion::FIRST, ApiVersion::LAST);
            root.report_at(finding.hint(hint), &api.place);
        }
        let module = match root.table(kind.name()) {
            Some(table) => ModuleTable::read(table),
            None => {
                let name = kind.name();
                root.report(
                    Finding::error(format!("`[{name}]` is missing"))
                        .hint(format!("add [{name}] with an id and a version")),
                );
                None
            }
        };
        let targets = read_targets(root, Severity::Warning, allow_unknown_target);
        let (stacks, order) = match kind {
            ModuleKind::Buildpack => (read_stacks(root), DeclaredOrder::read(root)),
            ModuleKind::Extension => (Vec::new(), None),
        };
        let _ = root.any("metadata");
        if let Some(order) = &order {
            for (key, is_there) in [("targets", !targets.is_empty()), ("stacks", !stacks.is_empty())] {
                if is_there {
                    root.report_at(
                        Finding::error(format!("`order` and `{key}` exclude each other")),
                        &order.place,
                    );
                }
            }
        }
        root.finish_here(Severity::Warning);
        let (api, module) = (api?, module?);
        Some(Self {
            kind,
            api: api.value,
            id: module.id,
            version: module.version,
            name: module.name,
            description: module.description,
            homepage: module.homepage,
            keywords: module.keywords,
            exec_env: module.exec_env,
            licenses: module.licenses,
            clear_env: module.clear_env,
            stacks,
            targets,
            order,
        })
    }
}

/// `[buildpack]`.
struct ModuleTable {
    id: ModuleId,
    version: ModuleVersion,
    name: String,
    description: String,
    homepage: String,
    keywords: Vec<String>,
    exec_env: Vec<String>,
    licenses: Vec<License>,
    clear_env: bool,
}

impl ModuleTable {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let id = table
            .required_string("id")
            .and_then(|found| parsed::<ModuleId>(&table, found));
        let version = table
            .required_string("version")
            .and_then(|found| parsed::<ModuleVersion>(&table, found));
        if let Some(version) = version.as_ref().filter(|version| !version.value.is_canonical()) {
            let finding = Finding::warning(format!(
                "version `{}` is not of the form X.Y.Z without leading zeros",
                version.value
            ));
            table.report_at(
                finding.hint("the buildpack spec wants three numbers, for example 1.0.0"),
                &version.place,
            );
        }
        let text = |found: Option<Located<String>>| found.map(|found| found.value).unwrap_or_default();
        let name = text(table.string("name"));
        let description = text(table.string("description"));
        let homepage = text(table.string("homepage"));
        let clear_env = table.bool("clear-env").unwrap_or_default();
        let keywords = values(table.strings("keywords"));
        for format in table.strings("sbom-formats") {
            let media_type = format.value.split(';').next().unwrap_or_default().trim();
            if !SBOM_FORMATS.contains(&media_type) {
                let finding = Finding::error(format!("`{}` is no format of an SBOM", format.value));
                table.report_at(
                    finding.hint(format!("known are {}", SBOM_FORMATS.join(", "))),
                    &format.place,
                );
            }
        }
        let exec_env = read_exec_env(&mut table);
        let licenses = table
            .tables("licenses")
            .into_iter()
            .map(|mut license| {
                let read = License {
                    kind: text(license.string("type")),
                    uri: text(license.string("uri")),
                };
                license.finish(Severity::Warning);
                read
            })
            .collect();
        table.finish(Severity::Warning);
        Some(Self {
            id: id?.value,
            version: version?.value,
            name,
            description,
            homepage,
            keywords,
            exec_env,
            licenses,
            clear_env,
        })
    }
}

/// The spec has `[[buildpack.exec-env]] name = "x"`, the lifecycle and pack `exec-env = ["x"]`: both are read.
pub(super) fn read_exec_env(table: &mut Table<'_>) -> Vec<String> {
    if !table.holds_tables("exec-env") {
        return values(table.strings("exec-env"));
    }
    let mut names = Vec::new();
    for mut entry in table.tables("exec-env") {
        names.extend(entry.required_string("name").map(|name| name.value));
        entry.finish(Severity::Warning);
    }
    names
}

fn read_stacks(root: &mut Table<'_>) -> Vec<Stack> {
    let tables = root.tables("stacks");
    if let Some(first) = tables.first() {
        first.report(Finding::warning(STACKS_DEPRECATED).hint(STACKS_HINT));
    }
    let mut stacks = Vec::new();
    for mut table in tables {
        let id = table.required_string("id");
        let mixins = values(table.strings("mixins"));
        stacks.extend(id.map(|id| Stack { id: id.value, mixins }));
        table.finish(Severity::Warning);
    }
    stacks
}

/// Reads `[[targets]]`; unknown keys are reported with `unknown_keys`.
pub(super) fn read_targets(root: &mut Table<'_>, unknown_keys: Severity, allow_unknown: bool) -> Vec<DeclaredTarget> {
    let tables = root.tables("targets");
    let mut targets: Vec<DeclaredTarget> = Vec::new();
    let mut singles: Vec<Target> = Vec::new();
    for table in tables {
        let declared = DeclaredTarget::read(table, unknown_keys);
        for finding in declared.check(allow_unknown) {
            root.push(finding);
        }
        let several = declared.target.distros.len() > 1;
        for (at, single) in declared.target.expand().into_iter().enumerate() {
            if singles.iter().any(|other| other.same_as(&single)) {
                let part = if several { Part::Distro(at) } else { Part::Whole };
                let finding = Finding::error(format!("target `{single}` is there twice")).hint("remove one of them");
                root.push(finding.at(declared.place(part).clone()));
            }
            singles.push(single);
        }
        targets.push(declared);
    }
    targets
}

fn parsed<T: std::str::FromStr<Err = crate::error::Error>>(
    table: &Table<'_>,
    found: Located<String>,
) -> Option<Located<T>> {
    match found.value.parse() {
        Ok(value) => Some(Located {
            value,
            place: found.place,
        }),
        Err(error) => {
            let mut finding = Finding::error(error.to_string());
            finding.hint = error.hint().map(ToOwned::to_owned);
            table.report_at(finding, &found.place);
            None
        }
    }
}

fn values(found: Vec<Located<String>>) -> Vec<String> {
    found.into_iter().map(|found| found.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<ModuleDescriptor>, Vec<String>) {
        let (found, findings) =
            ModuleDescriptor::parse(ModuleKind::Buildpack, Path::new("b.toml"), text.as_bytes(), false);
        let lines = findings
            .iter()
            .map(|finding| {
                let place = finding.place.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{place}: {:?}: {}", finding.severity, finding.message)
            })
            .collect();
        (found, lines)
    }

    #[test]
    fn all_faults_come_at_once_with_their_lines() {
        let (found, lines) = parse(
            "api = 0.10\nextra = 1\n[buildpack]\nid = \"app\"\nversoin = \"1\"\n[[targets]]\narch = \"zzz\"\n[[targets]]\narch = \"zzz\"\n",
        );
        assert!(found.is_none());
        let expect = [
            "b.toml:1:7: Error: `api` is a float, not a string",
            "b.toml:4:6: Error: id `app` is reserved",
            "b.toml:3:1: Error: `buildpack.version` is missing",
            "b.toml:5:1: Warning: unknown key `buildpack.versoin`",
            "b.toml:7:8: Error: target `/zzz` has the unknown arch `zzz`",
            "b.toml:9:8: Error: target `/zzz` has the unknown arch `zzz`",
            "b.toml:8:1: Error: target `/zzz` is there twice",
            "b.toml:2:1: Warning: unknown key `extra`",
        ];
        assert_eq!(lines, expect);
    }

    #[test]
    fn bad_toml_has_a_place() {
        let (found, lines) = parse("api = \"0.10\"\n[buildpack\nid = 1\n");
        assert!(found.is_none());
        assert!(lines[0].starts_with("b.toml:2:"), "{lines:?}");
    }

    #[test]
    fn the_describing_fields() {
        let (found, lines) = parse(
            "api = \"0.10\"\n[buildpack]\nid = \"a/b\"\nversion = \"1.0.0\"\n[[buildpack.exec-env]]\nname = \"x\"\n[[buildpack.licenses]]\ntype = \"MIT\"\n",
        );
        assert_eq!(lines, Vec::<String>::new());
        let found = found.unwrap();
        assert_eq!(found.exec_env, ["x"]);
        assert_eq!(found.licenses[0].kind, "MIT");
        assert!(found.order.is_none());
    }
}
