//! [`BuilderConfig`]: `builder.toml`, which says what a builder is made of.

use std::path::Path;

use super::build_env::BuildEnv;
use super::builder_labels::{RunImage, System, SystemBuildpacks};
use super::document::{Document, Located, Table};
use super::file_kind::FileKind;
use super::locator::Locator;
use super::module::{ModuleKind, read_exec_env, read_targets};
use super::order::ModuleRef;
use super::target::{DeclaredTarget, Part};
use crate::error::{Finding, Findings, Place, Severity};

/// What `builder.toml` says, as pack reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuilderConfig {
    /// What the builder is for.
    pub description: String,
    /// `[[buildpacks]]`.
    pub buildpacks: Vec<Located<ModuleEntry>>,
    /// `[[extensions]]`.
    pub extensions: Vec<Located<ModuleEntry>>,
    /// `[[order]]`.
    pub order: WrittenOrder,
    /// `[[order-extensions]]`.
    pub order_extensions: WrittenOrder,
    /// The image that builds run in.
    pub build_image: Option<Located<String>>,
    /// `[[build.env]]`.
    pub build_env: BuildEnv,
    /// The images that apps run in.
    pub run_images: Vec<Located<RunImage>>,
    /// `[stack]` (deprecated).
    pub stack: Option<Stack>,
    /// `[lifecycle]`.
    pub lifecycle: Option<LifecycleEntry>,
    /// `[system]`; empty where there is none.
    pub system: System,
    /// Where the entries of `[system]` stand: those of `pre`, then those of `post`.
    pub system_places: Vec<Place>,
    /// What it is for.
    pub targets: Vec<DeclaredTarget>,
}

/// An entry of `[[buildpacks]]` or `[[extensions]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleEntry {
    /// The id that it must have.
    pub id: Option<Located<String>>,
    /// The version that it must have.
    pub version: Option<Located<String>>,
    /// What `uri` or `image` says, as written.
    pub written: String,
    /// The same, understood.
    pub locator: Locator,
}

/// An order as it is written: an entry may leave out its version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenOrder {
    /// The groups.
    pub groups: Vec<super::order::Group>,
    /// Where the entries stand, by group.
    pub places: Vec<Vec<Place>>,
}

/// `[stack]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its id.
    pub id: Option<Located<String>>,
    /// Where it begins.
    pub place: Place,
}

/// `[lifecycle]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleEntry {
    /// Where it is.
    Uri(Located<String>),
    /// Which version it is.
    Version(Located<String>),
}

impl BuilderConfig {
    /// Reads the text of `file`. `None` when there is an error among the findings; unknown keys are errors, as in pack.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8], allow_unknown_target: bool) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| match FileKind::Builder.mistaken(root) {
            Some(fault) => {
                root.push(fault);
                None
            }
            None => Some(Self::read(root, allow_unknown_target)),
        })
    }

    /// Whether a text is one of a `builder.toml` and of no other file, by the tables that it has.
    #[must_use]
    pub fn is_one(text: &[u8]) -> bool {
        let (kind, _) = Document::read(Path::new(""), text, |root| Some(FileKind::of(root)));
        kind.flatten() == Some(FileKind::Builder)
    }

    /// The entries for modules of this kind.
    #[must_use]
    pub fn modules(&self, kind: ModuleKind) -> &[Located<ModuleEntry>] {
        match kind {
            ModuleKind::Buildpack => &self.buildpacks,
            ModuleKind::Extension => &self.extensions,
        }
    }

    /// The order of modules of this kind.
    #[must_use]
    pub fn order_of(&self, kind: ModuleKind) -> &WrittenOrder {
        match kind {
            ModuleKind::Buildpack => &self.order,
            ModuleKind::Extension => &self.order_extensions,
        }
    }

    fn read(root: &mut Table<'_>, allow_unknown_target: bool) -> Self {
        let description = root.string("description").map(|text| text.value).unwrap_or_default();
        let mut modules = |key| root.tables(key).into_iter().filter_map(read_module).collect();
        let (buildpacks, extensions) = (modules("buildpacks"), modules("extensions"));
        let order = WrittenOrder::read(root, "order");
        let mut order_extensions = WrittenOrder::read(root, "order-extensions");
        // extensions are always optional: pack does not say it again
        for entry in order_extensions.groups.iter_mut().flat_map(|group| &mut group.group) {
            entry.optional = false;
        }
        if order.groups.is_empty() {
            root.report(
                Finding::warning("the builder has no order: it detects nothing unless a build names its buildpacks")
                    .hint("add [[order]] with [[order.group]]"),
            );
        }
        let (build_image, build_env) = match root.table("build") {
            Some(mut table) => {
                let read = (table.string("image"), BuildEnv::read(&mut table));
                table.finish(Severity::Error);
                read
            }
            None => (None, BuildEnv::default()),
        };
        let mut run_images = Vec::new();
        let mut names_run_images = false;
        if let Some(mut table) = root.table("run") {
            let tables = table.tables("images");
            names_run_images = !tables.is_empty();
            run_images = tables.into_iter().filter_map(read_run_image).collect();
            table.finish(Severity::Error);
        }
        let lifecycle = root.table("lifecycle").and_then(read_lifecycle);
        let (system, system_places) = read_system(root);
        let mut config = Self {
            description,
            buildpacks,
            extensions,
            order,
            order_extensions,
            build_image: build_image.filter(|image| !image.value.is_empty()),
            build_env,
            run_images,
            stack: None,
            lifecycle,
            system,
            system_places,
            targets: read_targets(root, Severity::Error, allow_unknown_target),
        };
        for declared in config.targets.iter().filter(|declared| declared.target.path.is_some()) {
            let finding =
                Finding::error("`path` of a target is for buildpacks: a builder has no folder for each target");
            root.report_at(finding.hint("remove it"), declared.place(Part::Path));
        }
        if let Some(table) = root.table("stack") {
            config.read_stack(table);
        }
        config.check_images(root, names_run_images);
        root.finish_here(Severity::Error);
        config
    }

    /// `[stack]` says again what `[build]` and `[run]` say, and must not contradict them.
    fn read_stack(&mut self, mut table: Table<'_>) {
        let place = table.place();
        let id = table.string("id").filter(|id| !id.value.is_empty());
        let build_image = table.string("build-image").filter(|image| !image.value.is_empty());
        let run_image = table.string("run-image").filter(|image| !image.value.is_empty());
        let mirrors = table.strings("run-image-mirrors");
        table.report(
            Finding::warning("`[stack]` is deprecated")
                .hint("say it with [build] image, [[run.images]] and [[targets]]"),
        );
        match (&self.build_image, build_image) {
            (Some(image), Some(own)) if own.value != image.value => table.report_at(
                Finding::error(format!(
                    "`stack.build-image` is `{}`, but `build.image` is `{}`",
                    own.value, image.value
                ))
                .hint("remove stack.build-image"),
                &own.place,
            ),
            (None, own) => self.build_image = own,
            _ => {}
        }
        match (self.run_images.first(), run_image) {
            (Some(first), Some(own)) if own.value != first.value.image => table.report_at(
                Finding::error(format!(
                    "`stack.run-image` is `{}`, but the first of `run.images` is `{}`",
                    own.value, first.value.image
                ))
                .hint("remove stack.run-image"),
                &own.place,
            ),
            (None, Some(own)) => {
                let mirrors: Vec<String> = mirrors.into_iter().map(|mirror| mirror.value).collect();
                self.run_images.push(Located {
                    value: RunImage {
                        image: own.value,
                        mirrors: (!mirrors.is_empty()).then_some(mirrors),
                    },
                    place: own.place,
                });
                if id.is_none() {
                    table
                        .report(Finding::error("`stack.id` is missing").hint("or name run images with [[run.images]]"));
                }
            }
            _ => {}
        }
        table.finish(Severity::Error);
        self.stack = Some(Stack { id, place });
    }

    fn check_images(&self, root: &Table<'_>, names_run_images: bool) {
        if self.build_image.is_none() {
            root.report(Finding::error("no build image is named").hint("add [build] with image = \"NAME\""));
        }
        // an entry that is wrong has been told of
        if self.run_images.is_empty() && !names_run_images {
            root.report(Finding::error("no run image is named").hint("add [[run.images]] with image = \"NAME\""));
        }
    }
}

impl WrittenOrder {
    fn read(root: &mut Table<'_>, key: &'static str) -> Self {
        let mut order = Self::default();
        for mut table in root.tables(key) {
            let mut entries = Vec::new();
            let mut places = Vec::new();
            let members = table.tables("group");
            if members.is_empty() {
                table.report(
                    Finding::error("this group has nothing in it")
                        .hint(format!("add [[{key}.group]] with an id below it, or remove it")),
                );
            }
            for member in members {
                places.push(member.place());
                entries.push(read_ref(member));
            }
            table.finish(Severity::Error);
            order.groups.push(super::order::Group { group: entries });
            order.places.push(places);
        }
        order
    }
}

/// An entry of an order; id and version are looked up later.
fn read_ref(mut table: Table<'_>) -> ModuleRef {
    let id = table.required_string("id").map(|id| id.value).unwrap_or_default();
    let version = table.string("version").map(|version| version.value).unwrap_or_default();
    let exec_env = read_exec_env(&mut table);
    let optional = table.bool("optional").unwrap_or_default();
    table.finish(Severity::Error);
    ModuleRef {
        id,
        version,
        exec_env,
        optional,
    }
}

fn read_module(mut table: Table<'_>) -> Option<Located<ModuleEntry>> {
    let place = table.place();
    let has_one = table.has("uri") != table.has("image");
    if !has_one {
        table.report(
            Finding::error("an entry here needs one of `uri` and `image`")
                .hint("name a folder, an archive or an image: uri = \"../PATH\" or uri = \"docker://NAME\""),
        );
    }
    let uri = table.has("uri").then(|| table.required_string("uri")).flatten();
    let image = table.has("image").then(|| table.required_string("image")).flatten();
    let text = |found: Option<Located<String>>| found.filter(|found| !found.value.is_empty());
    let (id, version) = (text(table.string("id")), text(table.string("version")));
    // pack takes them and does nothing with them
    for key in [
        "name",
        "description",
        "homepage",
        "keywords",
        "exec-env",
        "licenses",
        "clear-env",
    ] {
        if let Some(place) = table.any(key) {
            let finding = Finding::warning(format!("`{key}` has no effect here"));
            table.report_at(finding.hint("the module's own file says it"), &place);
        }
    }
    table.finish(Severity::Error);
    let (written, locator) = match (uri, image) {
        (Some(uri), _) => (uri.value.clone(), Locator::of_uri(&uri.value)),
        (None, Some(image)) => (image.value.clone(), Locator::of_image(&image.value)),
        (None, None) => return None,
    };
    let value = ModuleEntry {
        id,
        version,
        written,
        locator,
    };
    Some(Located { value, place })
}

fn read_run_image(mut table: Table<'_>) -> Option<Located<RunImage>> {
    let image = table.required_string("image");
    let mirrors: Vec<String> = table
        .strings("mirrors")
        .into_iter()
        .map(|mirror| mirror.value)
        .collect();
    table.finish(Severity::Error);
    let image = image?;
    Some(Located {
        value: RunImage {
            image: image.value,
            mirrors: (!mirrors.is_empty()).then_some(mirrors),
        },
        place: image.place,
    })
}

fn read_lifecycle(mut table: Table<'_>) -> Option<LifecycleEntry> {
    let uri = table.string("uri").filter(|uri| !uri.value.is_empty());
    let version = table.string("version").filter(|version| !version.value.is_empty());
    let read = match (uri, version) {
        (Some(_), Some(version)) => {
            table.report_at(
                Finding::error("`lifecycle.uri` and `lifecycle.version` exclude each other").hint("remove one of them"),
                &version.place,
            );
            None
        }
        (Some(uri), None) => Some(LifecycleEntry::Uri(uri)),
        (None, Some(version)) => Some(LifecycleEntry::Version(Located {
            value: version.value.strip_prefix('v').unwrap_or(&version.value).to_owned(),
            place: version.place,
        })),
        (None, None) => None,
    };
    table.finish(Severity::Error);
    read
}

fn read_system(root: &mut Table<'_>) -> (System, Vec<Place>) {
    let mut system = System::default();
    let mut places = Vec::new();
    if let Some(mut table) = root.table("system") {
        for (key, list) in [("pre", &mut system.pre), ("post", &mut system.post)] {
            let Some(mut table) = table.table(key) else { continue };
            let entries = table.tables("buildpacks");
            places.extend(entries.iter().map(Table::place));
            *list = SystemBuildpacks {
                buildpacks: entries.into_iter().map(read_ref).collect(),
            };
            table.finish(Severity::Error);
        }
        table.finish(Severity::Error);
    }
    (system, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<BuilderConfig>, Vec<String>) {
        let (found, findings) = BuilderConfig::parse(Path::new("b.toml"), text.as_bytes(), false);
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
    fn a_stack_fills_in_what_is_not_said() {
        let (found, _) = parse(
            "[stack]\nid = \"s\"\nbuild-image = \"b\"\nrun-image = \"r\"\nrun-image-mirrors = [\"m\"]\n[[order]]\n[[order.group]]\nid = \"a\"\n",
        );
        let found = found.unwrap();
        assert_eq!(found.build_image.unwrap().value, "b");
        assert_eq!(found.run_images[0].value.image, "r");
        assert_eq!(found.run_images[0].value.mirrors, Some(vec!["m".to_owned()]));
        assert_eq!(found.stack.unwrap().id.unwrap().value, "s");
    }

    #[test]
    fn all_faults_come_at_once_with_their_lines() {
        let (found, lines) = parse(
            "[[buildpacks]]\nid = \"a\"\n[build]\nimage = \"b\"\nfoo = 1\n[[build.env]]\nname = \"A\"\nsuffix = \"append\"\n[stack]\nbuild-image = \"c\"\n[lifecycle]\nuri = \"x\"\nversion = \"1\"\n",
        );
        assert!(found.is_none());
        for expected in [
            "b.toml:1:1: Error: an entry here needs one of `uri` and `image`",
            "b.toml:5:1: Error: unknown key `build.foo`",
            "b.toml:6:1: Error: `A` is joined with another value and needs a `delim`",
            "b.toml:10:15: Error: `stack.build-image` is `c`, but `build.image` is `b`",
            "b.toml:13:11: Error: `lifecycle.uri` and `lifecycle.version` exclude each other",
            "b.toml:1:1: Error: no run image is named",
        ] {
            assert!(lines.contains(&expected.to_owned()), "{expected}: {lines:#?}");
        }
    }
}
