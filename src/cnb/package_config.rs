//! [`PackageConfig`]: `package.toml`, which says what goes into a package.

use std::path::Path;

use super::document::{Document, Located, Table};
use super::file_kind::FileKind;
use super::locator::Locator;
use super::module::{ModuleKind, read_targets};
use super::target::DeclaredTarget;
use crate::error::{Finding, Findings, Severity};

/// What `package.toml` says, as pack reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageConfig {
    /// Where the buildpack is, relative to the file.
    pub buildpack_uri: Option<Located<String>>,
    /// Where the extension is, relative to the file.
    pub extension_uri: Option<Located<String>>,
    /// What the package depends on.
    pub dependencies: Vec<Located<Dependency>>,
    /// Deprecated way to choose the operating system.
    pub platform_os: Option<Located<String>>,
    /// Targets of a composite.
    pub targets: Vec<DeclaredTarget>,
}

/// An entry of `[[dependencies]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What `uri` or `image` says, as written.
    pub written: String,
    /// The same, understood.
    pub locator: Locator,
}

impl PackageConfig {
    /// Reads the text of `file`. `None` when there is an error among the findings; unknown keys are errors, as in pack.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8], allow_unknown_target: bool) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| match FileKind::Package.mistaken(root) {
            Some(fault) => {
                root.push(fault);
                None
            }
            None => Some(Self::read(root, allow_unknown_target)),
        })
    }

    fn read(root: &mut Table<'_>, allow_unknown_target: bool) -> Self {
        let mut uri_of = |key: &'static str| {
            let mut table = root.table(key)?;
            let uri = table.required_string("uri");
            table.finish(Severity::Error);
            uri
        };
        let buildpack_uri = uri_of("buildpack");
        let extension_uri = uri_of("extension");
        let platform_os = root.table("platform").and_then(|mut platform| {
            let os = platform.string("os");
            if let Some(os) = &os {
                let finding = Finding::warning("`platform.os` is deprecated")
                    .hint("name what the package runs on with [[targets]]");
                platform.report_at(finding, &os.place);
            }
            platform.finish(Severity::Error);
            os
        });
        let config = Self {
            buildpack_uri,
            extension_uri,
            dependencies: root
                .tables("dependencies")
                .into_iter()
                .filter_map(read_dependency)
                .collect(),
            platform_os,
            targets: read_targets(root, Severity::Error, allow_unknown_target),
        };
        root.finish_here(Severity::Error);
        config
    }

    /// Where the module of this kind is, relative to the file.
    #[must_use]
    pub fn uri_of(&self, kind: ModuleKind) -> Option<&Located<String>> {
        match kind {
            ModuleKind::Buildpack => self.buildpack_uri.as_ref(),
            ModuleKind::Extension => self.extension_uri.as_ref(),
        }
    }
}

fn read_dependency(mut table: Table<'_>) -> Option<Located<Dependency>> {
    let has_one = table.has("uri") != table.has("image");
    if !has_one {
        table.report(Finding::error("a dependency needs one of `uri` and `image`"));
    }
    let uri = table.has("uri").then(|| table.required_string("uri")).flatten();
    let image = table.has("image").then(|| table.required_string("image")).flatten();
    let place = table.place();
    table.finish(Severity::Error);
    let (written, locator) = match (uri, image) {
        (Some(uri), _) => (uri.value.clone(), Locator::of_uri(&uri.value)),
        (None, Some(image)) => (image.value.clone(), Locator::of_image(&image.value)),
        (None, None) => return None,
    };
    Some(Located {
        value: Dependency { written, locator },
        place,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors_with_their_lines() {
        let text = "[buildpack]\nuri = \".\"\nurl = \"x\"\n[[dependencies]]\n";
        let (found, findings) = PackageConfig::parse(Path::new("p.toml"), text.as_bytes(), false);
        assert!(found.is_none());
        let lines: Vec<_> = findings
            .iter()
            .map(|finding| finding.place.clone().unwrap().to_string())
            .collect();
        assert_eq!(lines, ["p.toml:3:1", "p.toml:4:1"]);
    }

    #[test]
    fn a_whole_file() {
        let text = "[buildpack]\nuri = \"bp\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n[[dependencies]]\nimage = \"a/b\"\n[platform]\nos = \"linux\"\n";
        let (found, findings) = PackageConfig::parse(Path::new("p.toml"), text.as_bytes(), false);
        let found = found.unwrap();
        assert_eq!(found.buildpack_uri.unwrap().value, "bp");
        assert_eq!(found.targets[0].target.to_string(), "linux/arm64");
        assert_eq!(findings.count(Severity::Warning), 1);
    }
}
