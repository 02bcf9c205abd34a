//! [`PackageFile`]: a `package.toml` on disk, with the settings beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::dependency::beside;
use super::module_source::ModuleSource;
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::document::Located;
use crate::cnb::locator::Locator;
use crate::cnb::module::ModuleKind;
use crate::cnb::package_config::PackageConfig;
use crate::cnb::paths::AIRPACK_TOML;
use crate::cnb::target::{Part, Target};
use crate::error::{Error, Finding, Findings, Place, Result};

/// What `package.toml` says, and where it is.
#[derive(Debug, Clone)]
pub struct PackageFile {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub config: PackageConfig,
    /// What `airpack.toml` beside it says.
    pub settings: AirpackConfig,
}

impl PackageFile {
    /// Reads the file, and `airpack.toml` beside it. `None` when `findings` tell what is wrong.
    pub fn read(file: &Path, allow_unknown_target: bool, findings: &mut Findings) -> Result<Option<Self>> {
        let text = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
        let (config, faults) = PackageConfig::parse(file, &text, allow_unknown_target);
        findings.append(faults);
        let settings = read_settings(file, allow_unknown_target, findings)?;
        let (Some(config), Some(settings)) = (config, settings) else {
            return Ok(None);
        };
        Ok(Some(Self {
            file: file.to_owned(),
            config,
            settings,
        }))
    }

    /// The `uri` of the module. `None` when `findings` tell why there is none.
    pub fn module_path(&self, kind: ModuleKind, findings: &mut Findings) -> Option<PathBuf> {
        let name = kind.name();
        if let Some(uri) = self.config.uri_of(kind) {
            return match resolve_uri(uri, &self.file, name) {
                Ok(path) => Some(path),
                Err(finding) => {
                    findings.push(finding);
                    None
                }
            };
        }
        let other = kind.other();
        findings.push(match self.config.uri_of(other) {
            Some(uri) => Finding::error(format!("this names {}", other.with_article()))
                .at(uri.place.clone())
                .hint(format!("it is for `airpack {} package`", other.name())),
            None => Finding::error(format!("no {name} is named"))
                .at(Place {
                    file: self.file.clone(),
                    excerpt: None,
                })
                .hint(format!("add [{name}] with uri = \"PATH\", or give --path")),
        });
        None
    }

    /// What the file says and `source` can not have; `has_targets` is whether the command line names some.
    pub fn check(&self, source: &ModuleSource, has_targets: bool, findings: &mut Findings) {
        let config = &self.config;
        if let Some(os) = &config.platform_os {
            if has_targets {
                findings.push(
                    Finding::error("`platform.os` and --target exclude each other")
                        .at(os.place.clone())
                        .hint("remove platform.os"),
                );
            } else if os.value == "windows" {
                findings.push(Finding::error("`platform.os` is windows, which is not supported").at(os.place.clone()));
            } else if os.value != Target::DEFAULT_OS {
                findings.push(
                    Finding::error(format!(
                        "`platform.os` is `{}`, which only --target can choose",
                        os.value
                    ))
                    .at(os.place.clone()),
                );
            }
        }
        if source.descriptor.order.is_some() {
            return;
        }
        let file = source.descriptor.kind.file();
        if let Some(target) = config.targets.first() {
            findings.push(
                Finding::warning(format!(
                    "`[[targets]]` here are for composite buildpacks: those of {file} count"
                ))
                .at(target.place(Part::Whole).clone())
                .hint(format!("move them to {file}, or give --target")),
            );
        }
        if let Some(dependency) = config.dependencies.first() {
            let message = format!(
                "`{}` lists the dependency `{}`, but only a composite buildpack can have some",
                self.file.display(),
                dependency.value.written
            );
            findings.push(Finding::error(message).at(dependency.place.clone()));
        }
    }
}

/// What `airpack.toml` beside `file` says; nothing where there is none. `None` when `findings` tell what is wrong.
pub fn read_settings(
    file: &Path,
    allow_unknown_target: bool,
    findings: &mut Findings,
) -> Result<Option<AirpackConfig>> {
    let path = file.with_file_name(AIRPACK_TOML);
    match fs::read(&path) {
        Ok(text) => {
            let (settings, faults) = AirpackConfig::parse(&path, &text, allow_unknown_target);
            findings.append(faults);
            Ok(settings)
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Some(AirpackConfig::default())),
        Err(cause) => Err(Error::io("read", &path, cause)),
    }
}

/// The path that `uri` names, relative to the file.
fn resolve_uri(uri: &Located<String>, file: &Path, what: &str) -> Result<PathBuf, Finding> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let (Locator::Bare(local) | Locator::Path(local)) = Locator::of_uri(&uri.value) else {
        return Err(Finding::error(format!("{what} `{}` is not on disk", uri.value))
            .hint("give a folder or an archive, relative to this file or as file:///PATH; download what is elsewhere first")
            .at(uri.place.clone()));
    };
    let path = beside(folder, &local);
    if !path.exists() {
        return Err(Finding::error(format!("{what} `{}` does not exist", path.display()))
            .hint("the uri is relative to this file")
            .at(uri.place.clone()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_relative_to_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        std::fs::create_dir(base.join("dir")).unwrap();
        std::fs::write(base.join("b p.tgz"), "").unwrap();
        let file = base.join("dir/package.toml");
        let resolve = |uri: &str| {
            let uri = Located {
                value: uri.to_owned(),
                place: Place {
                    file: file.clone(),
                    excerpt: None,
                },
            };
            resolve_uri(&uri, &file, "buildpack")
        };
        let check = |uri: &str, expected: &str| assert_eq!(resolve(uri).unwrap(), base.join(expected), "{uri}");
        check(".", "dir");
        check("../b p.tgz", "b p.tgz");
        check(&format!("file://{}/b%20p.tgz", base.display()), "b p.tgz");
        check(base.to_str().unwrap(), "");
        for bad in [
            "https://x.test/a.tgz",
            "docker://a/b",
            "urn:cnb:registry:a/b@1",
            "file://host/x",
            "none",
        ] {
            assert!(resolve(bad).is_err(), "{bad}");
        }
    }
}
