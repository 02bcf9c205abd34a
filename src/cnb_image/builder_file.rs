//! [`BuilderFile`]: a `builder.toml` on disk, with the settings beside it.

use std::fs;
use std::path::{Path, PathBuf};

use super::lifecycle_shelf::{LifecycleChoice, Named};
use super::package_file::read_settings;
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::builder_config::{BuilderConfig, LifecycleEntry};
use crate::cnb::paths::AIRPACK_TOML;
use crate::error::{Error, Findings, Result};

/// A `builder.toml` that was read, with the settings beside it.
#[derive(Debug, Clone)]
pub struct BuilderFile {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub config: BuilderConfig,
    /// What `airpack.toml` beside it says.
    pub settings: AirpackConfig,
}

impl BuilderFile {
    /// Reads the file, and `airpack.toml` beside it. `None` when `findings` tell what is wrong.
    pub fn read(file: &Path, allow_unknown_target: bool, findings: &mut Findings) -> Result<Option<Self>> {
        let text = fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
        let (config, faults) = BuilderConfig::parse(file, &text, allow_unknown_target);
        findings.append(faults);
        let settings = read_settings(file, allow_unknown_target, findings)?;
        Ok(config.zip(settings).map(|(config, settings)| Self {
            file: file.to_owned(),
            config,
            settings,
        }))
    }

    /// The lifecycles that are named: those `given` elsewhere count before `airpack.toml`, and that before `builder.toml`.
    #[must_use]
    pub fn lifecycles(&self, given: &[LifecycleChoice]) -> Vec<Vec<LifecycleChoice>> {
        let settings = self.file.with_file_name(AIRPACK_TOML);
        let in_settings = self.settings.lifecycles.iter().map(|lifecycle| LifecycleChoice {
            target: Some(lifecycle.value.target.clone()),
            named: Named::Uri(lifecycle.value.uri.clone()),
            file: settings.clone(),
            place: Some(lifecycle.place.clone()),
        });
        let in_file = self.config.lifecycle.as_ref().map(|lifecycle| {
            let (named, place) = match lifecycle {
                LifecycleEntry::Uri(uri) => (Named::Uri(uri.value.clone()), &uri.place),
                LifecycleEntry::Version(version) => (Named::Version(version.value.clone()), &version.place),
            };
            LifecycleChoice {
                target: None,
                named,
                file: self.file.clone(),
                place: Some(place.clone()),
            }
        });
        vec![given.to_vec(), in_settings.collect(), in_file.into_iter().collect()]
    }
}
