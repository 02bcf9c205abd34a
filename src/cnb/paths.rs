//! Where things lie in an image (platform spec, buildpacks directory layout).

use super::id::{ModuleId, ModuleVersion};

/// Below the root of a module: the programs that the lifecycle runs.
pub const EXECUTABLES: [&str; 3] = ["bin/build", "bin/detect", "bin/generate"];
/// The file that describes a buildpack.
pub const BUILDPACK_TOML: &str = "buildpack.toml";
/// Settings that only airpack has; never in an image.
pub const AIRPACK_TOML: &str = "airpack.toml";

/// `/cnb/buildpacks/<id>`.
#[must_use]
pub fn buildpack_folder(id: &ModuleId) -> String {
    format!("/cnb/buildpacks/{}", id.folder())
}

/// `/cnb/buildpacks/<id>/<version>`.
#[must_use]
pub fn buildpack_version_folder(id: &ModuleId, version: &ModuleVersion) -> String {
    format!("{}/{version}", buildpack_folder(id))
}
