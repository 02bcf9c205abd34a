//! Where things lie in an image (platform spec, buildpacks directory layout).

use super::id::{ModuleId, ModuleVersion};
use super::module::ModuleKind;

/// Below the root of a module: the programs that the lifecycle runs.
pub const EXECUTABLES: [&str; 3] = ["bin/build", "bin/detect", "bin/generate"];
/// The file that describes a buildpack.
pub const BUILDPACK_TOML: &str = "buildpack.toml";
/// The file that describes an extension.
pub const EXTENSION_TOML: &str = "extension.toml";
/// The file that says what goes into a package.
pub const PACKAGE_TOML: &str = "package.toml";
/// Settings that only airpack has; never in an image.
pub const AIRPACK_TOML: &str = "airpack.toml";

/// `/cnb/buildpacks` or `/cnb/extensions`.
#[must_use]
pub fn modules_folder(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::Buildpack => "/cnb/buildpacks",
        ModuleKind::Extension => "/cnb/extensions",
    }
}

/// `/cnb/buildpacks/<id>`.
#[must_use]
pub fn module_folder(kind: ModuleKind, id: &ModuleId) -> String {
    format!("{}/{}", modules_folder(kind), id.folder())
}

/// `/cnb/buildpacks/<id>/<version>`.
#[must_use]
pub fn module_version_folder(kind: ModuleKind, id: &ModuleId, version: &ModuleVersion) -> String {
    format!("{}/{version}", module_folder(kind, id))
}

/// Where the lifecycle is in a builder.
pub const LIFECYCLE_FOLDER: &str = "/cnb/lifecycle";
/// Where platforms of old look for it.
pub const LIFECYCLE_LINK: &str = "/lifecycle";
/// The file that says what a lifecycle can do.
pub const LIFECYCLE_TOML: &str = "lifecycle.toml";
/// The file that says what a builder is made of.
pub const BUILDER_TOML: &str = "builder.toml";
