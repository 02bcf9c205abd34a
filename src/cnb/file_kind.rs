//! [`FileKind`]: which file a text is, by the tables and keys at its top. Files are easily taken for each other.

use super::document::Table;
use super::module::ModuleKind;
use crate::error::{Finding, Place};

/// A kind of file that users write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `buildpack.toml` or `extension.toml`.
    Module(ModuleKind),
    /// `package.toml`.
    Package,
    /// `builder.toml`.
    Builder,
}

/// Keys that only a `builder.toml` has.
const OF_BUILDERS: [&str; 7] = [
    "build",
    "run",
    "lifecycle",
    "stack",
    "buildpacks",
    "extensions",
    "order-extensions",
];

impl FileKind {
    /// What a text is; [`None`] where its keys do not tell.
    #[must_use]
    pub fn of(root: &Table<'_>) -> Option<Self> {
        if root.has("api") {
            return Some(Self::Module(if root.has("extension") {
                ModuleKind::Extension
            } else {
                ModuleKind::Buildpack
            }));
        }
        if OF_BUILDERS.iter().any(|key| root.has(key)) {
            return Some(Self::Builder);
        }
        let is_package = ["buildpack", "extension", "dependencies"]
            .iter()
            .any(|key| root.has(key));
        is_package.then_some(Self::Package)
    }

    /// The one fault of a text that is another file than `self`.
    #[must_use]
    pub fn mistaken(self, root: &Table<'_>) -> Option<Finding> {
        let found = Self::of(root).filter(|found| *found != self)?;
        let hint = match (found, self) {
            (Self::Module(_), Self::Builder) => {
                "list it in a builder.toml, with `uri` under [[buildpacks]] or [[extensions]]"
            }
            (Self::Module(_), _) => {
                "give the folder that it is in as --path; a package.toml has [buildpack] with `uri`"
            }
            (Self::Package, _) => "`airpack buildpack package` takes it",
            (Self::Builder, _) => "`airpack builder create` takes it",
        };
        let place = Place {
            excerpt: None,
            ..root.place()
        };
        let message = format!("this is a {}, and no {}", found.name(), self.name());
        Some(Finding::error(message).hint(hint).at(place))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Module(kind) => kind.file(),
            Self::Package => "package.toml",
            Self::Builder => "builder.toml",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::document::Document;
    use super::*;

    #[test]
    fn files_are_told_apart() {
        let kind = |text: &str| {
            let (kind, _) = Document::read(Path::new("x"), text.as_bytes(), |root| Some(FileKind::of(root)));
            kind.unwrap()
        };
        let buildpack = FileKind::Module(ModuleKind::Buildpack);
        assert_eq!(kind("api = \"0.10\"\n[buildpack]\nid = \"a\"\n"), Some(buildpack));
        assert_eq!(kind("api = \"0.10\"\n[[order]]\n"), Some(buildpack));
        let extension = FileKind::Module(ModuleKind::Extension);
        assert_eq!(kind("api = \"0.10\"\n[extension]\nid = \"a\"\n"), Some(extension));
        assert_eq!(kind("[buildpack]\nuri = \".\"\n"), Some(FileKind::Package));
        assert_eq!(kind("[[buildpacks]]\nuri = \".\"\n"), Some(FileKind::Builder));
        assert_eq!(kind("[[order]]\n"), None);
    }
}
