//! The files of a new buildpack, composite or extension, as data: they can be packaged as they are, and say what to fill in.

use super::api::ApiVersion;
use super::id::{ModuleId, ModuleVersion};
use super::module::ModuleKind;
use super::paths::{BUILDPACK_TOML, PACKAGE_TOML};
use super::target::Target;
use super::target_toml::{quoted, targets_toml};

/// Since this version of the Buildpack API a script finds its files by environment variables, before by its arguments.
const VARIABLES: ApiVersion = ApiVersion { major: 0, minor: 8 };
/// The folder with the composite itself: what lies beside it is no part of it.
const COMPOSITE: &str = "composite";

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Scaffold {
    /// A buildpack or an extension.
    pub kind: ModuleKind,
    /// Its id.
    pub id: ModuleId,
    /// Its version.
    pub version: ModuleVersion,
    /// The Buildpack API that it is written for.
    pub api: ApiVersion,
    /// What it is for; at least one.
    pub targets: Vec<Target>,
    /// Whether a buildpack is made of others.
    pub is_composite: bool,
}

/// A file to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaffoldFile {
    /// Relative to the new folder.
    pub path: String,
    /// What is in it.
    pub content: String,
    /// Whether it is run.
    pub is_executable: bool,
}

impl Scaffold {
    /// The files: with a platform root folder for each platform where there are several (RFC 0128).
    #[must_use]
    pub fn files(&self) -> Vec<ScaffoldFile> {
        if !self.is_composite {
            return self.module_files("");
        }
        let part = self.part();
        let folder = part.name();
        let mut files = vec![
            plain(PACKAGE_TOML.to_owned(), self.package_toml(&folder)),
            plain(format!("{COMPOSITE}/{BUILDPACK_TOML}"), self.composite_toml(&part)),
        ];
        files.extend(part.module_files(&format!("{folder}/")));
        files
    }

    /// The last part of the id.
    #[must_use]
    pub fn name(&self) -> String {
        let id = self.id.as_str();
        id.rsplit_once('/').map_or(id, |(_, name)| name).to_owned()
    }

    /// A buildpack that the composite is made of.
    fn part(&self) -> Self {
        let id = format!("{}-part", self.id);
        Self {
            // an id that is as long as can be has no room for more
            id: id.parse().or_else(|_| "part".parse()).expect("an id"),
            is_composite: false,
            ..self.clone()
        }
    }

    fn module_files(&self, folder: &str) -> Vec<ScaffoldFile> {
        let mut files = vec![plain(format!("{folder}{}", self.kind.file()), self.module_toml())];
        for (platform, text) in self.platform_folders() {
            let (second, script) = match self.kind {
                ModuleKind::Buildpack => ("build", self.build_script(&text)),
                ModuleKind::Extension => ("generate", self.generate_script(&text)),
            };
            for (name, content) in [("detect", self.detect_script(&text)), (second, script)] {
                files.push(ScaffoldFile {
                    path: format!("{folder}{platform}bin/{name}"),
                    content,
                    is_executable: true,
                });
            }
        }
        files
    }

    /// Each folder, with a `/` behind it, and what it is for; the module's own where there is one platform.
    fn platform_folders(&self) -> Vec<(String, String)> {
        let mut folders: Vec<(String, String)> = Vec::new();
        for target in &self.targets {
            let platform = Target {
                distros: Vec::new(),
                ..target.clone()
            };
            let folder = platform.folder_names().join("/") + "/";
            if folders.iter().all(|(other, _)| *other != folder) {
                folders.push((folder, platform.to_string()));
            }
        }
        if let [(folder, _)] = folders.as_mut_slice() {
            folder.clear();
        }
        folders
    }

    fn module_toml(&self) -> String {
        format!("{}\n{}", self.head(), targets_toml(&self.targets))
    }

    fn head(&self) -> String {
        let kind = self.kind.name();
        format!(
            "api = {}\n\n[{kind}]\nid = {}\nversion = {}\nname = {}\n# description = \"what it is for, in a sentence\"\n# homepage = \"https://...\"\n",
            quoted(&self.api.to_string()),
            quoted(self.id.as_str()),
            quoted(self.version.as_str()),
            quoted(&self.name()),
        )
    }

    fn composite_toml(&self, part: &Self) -> String {
        format!(
            "{}\n# fill in: the groups to try, in this order; each buildpack is one of the dependencies in {PACKAGE_TOML}\n\
             [[order]]\n\n[[order.group]]\nid = {}\nversion = {}\n",
            self.head(),
            quoted(part.id.as_str()),
            quoted(part.version.as_str()),
        )
    }

    fn package_toml(&self, part: &str) -> String {
        format!(
            "# what a composite is made of, and for which platforms\n\n[buildpack]\nuri = {}\n\n\
             # fill in: a folder, an archive, an image in a layout (oci:DIR:TAG), or the name of an image\n\
             [[dependencies]]\nuri = {}\n\n{}",
            quoted(COMPOSITE),
            quoted(part),
            targets_toml(&self.targets),
        )
    }

    fn detect_script(&self, platform: &str) -> String {
        let plan = if self.api >= VARIABLES {
            "$CNB_BUILD_PLAN_PATH"
        } else {
            "$2"
        };
        let id = &self.id;
        format!(
            "#!/bin/sh\n\
             # Says whether {id} takes part in a build on {platform}: exit code 0 is yes, 100 is no, any other is a failure.\n\
             # It runs in the folder of the app. What it provides and requires goes into the file \"{plan}\".\n\
             set -eu\n\n\
             # fill in: what tells that an app needs it? For example:\n\
             #   test -f package.json || exit 100\n\n\
             exit 0\n"
        )
    }

    fn build_script(&self, platform: &str) -> String {
        let (id, name) = (&self.id, self.name());
        let layers = if self.api >= VARIABLES { "$CNB_LAYERS_DIR" } else { "$1" };
        format!(
            "#!/bin/sh\n\
             # What {id} does to an app on {platform}. It runs in the folder of the app; each folder that it makes in\n\
             # \"{layers}\" becomes a layer, and a .toml file beside it says what the layer is for.\n\
             set -eu\n\n\
             # fill in: what does the app need? For example:\n\
             #   mkdir -p \"{layers}/{name}/bin\"\n\
             #   cp tool \"{layers}/{name}/bin/\"\n\
             #   printf '[types]\\nlaunch = true\\n' > \"{layers}/{name}.toml\"\n\n\
             echo \"{id}: nothing is done yet\"\n"
        )
    }

    fn generate_script(&self, platform: &str) -> String {
        let id = &self.id;
        let output = if self.api >= VARIABLES { "$CNB_OUTPUT_DIR" } else { "$1" };
        format!(
            "#!/bin/sh\n\
             # Writes how {id} changes the images of {platform}: build.Dockerfile and run.Dockerfile in \"{output}\".\n\
             set -eu\n\n\
             # fill in: what do the images lack? For example:\n\
             #   cat > \"{output}/build.Dockerfile\" <<'DOCKERFILE'\n\
             #   ARG base_image\n\
             #   FROM ${{base_image}}\n\
             #   USER root\n\
             #   RUN apt-get update && apt-get install -y --no-install-recommends curl\n\
             #   DOCKERFILE\n\n\
             exit 0\n"
        )
    }
}

fn plain(path: String, content: String) -> ScaffoldFile {
    ScaffoldFile {
        path,
        content,
        is_executable: false,
    }
}
