//! [`Named`]: the images that a `package.toml` or a `builder.toml` names.

use std::path::Path;

use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::builder_config::{BuilderConfig, LifecycleEntry};
use crate::cnb::locator::Locator;
use crate::cnb::package_config::PackageConfig;
use crate::cnb::target::{DeclaredTarget, Part};
use crate::cnb_image::package_file::read_settings;
use crate::error::{Error, Finding, Findings, Place, Result};
use crate::oci::platform::Platform;
use crate::oci::reference::ImageReference;

/// What a TOML file names.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The images, each once, in the order of the file.
    pub images: Vec<ImageReference>,
    /// The platforms of its targets.
    pub platforms: Vec<Platform>,
    /// What it names that can not be brought, and other warnings.
    pub warnings: Findings,
}

/// The images that a `package.toml` or a `builder.toml` needs from registries. Paths in it are relative to it.
pub fn named_in(file: &Path) -> Result<Named> {
    let text = std::fs::read(file).map_err(|cause| Error::io("read", file, cause))?;
    let mut gathered = Gathered {
        file,
        named: Named::default(),
        findings: Findings::default(),
    };
    let hint = if BuilderConfig::is_one(&text) {
        let (config, faults) = BuilderConfig::parse(file, &text, false);
        gathered.findings.append(faults);
        let settings = read_settings(file, false, &mut gathered.findings)?;
        if let Some((config, settings)) = config.zip(settings) {
            gathered.of_builder(&config, &settings);
        }
        "build and run images are brought, and what is of the form `docker://NAME`"
    } else {
        let (config, faults) = PackageConfig::parse(file, &text, false);
        gathered.findings.append(faults);
        if let Some(config) = config {
            gathered.of_package(&config);
        }
        "dependencies of the form `docker://NAME`, or with `image`, are brought"
    };
    let mut named = gathered.named;
    named.warnings = gathered.findings.into_warnings(&format!("read `{}`", file.display()))?;
    if named.images.is_empty() {
        return Err(Error::invalid(format!("`{}` names no images in registries", file.display())).with_hint(hint));
    }
    Ok(named)
}

struct Gathered<'f> {
    file: &'f Path,
    named: Named,
    findings: Findings,
}

impl Gathered<'_> {
    fn of_package(&mut self, config: &PackageConfig) {
        for dependency in &config.dependencies {
            let value = &dependency.value;
            self.add(&value.written, &value.locator, &dependency.place);
        }
        self.add_platforms(&config.targets);
    }

    /// Mirrors are other names of images that are brought.
    fn of_builder(&mut self, config: &BuilderConfig, settings: &AirpackConfig) {
        if let Some(image) = &config.build_image {
            self.add(&image.value, &Locator::of_base(&image.value), &image.place);
        }
        for image in &config.run_images {
            self.add(&image.value.image, &Locator::of_image(&image.value.image), &image.place);
        }
        for module in config.buildpacks.iter().chain(&config.extensions) {
            let value = &module.value;
            self.add(&value.written, &value.locator, &module.place);
        }
        let mut lifecycles: Vec<(&str, &Place)> = settings
            .lifecycles
            .iter()
            .map(|lifecycle| (lifecycle.value.uri.as_str(), &lifecycle.place))
            .collect();
        match &config.lifecycle {
            Some(LifecycleEntry::Uri(uri)) => lifecycles.push((&uri.value, &uri.place)),
            Some(LifecycleEntry::Version(version)) => self.findings.push(
                Finding::warning(format!(
                    "lifecycle {} is in no registry of images, and is not brought",
                    version.value
                ))
                .at(version.place.clone())
                .hint("download its files from the releases of the lifecycle, for --lifecycle-dir"),
            ),
            None => {}
        }
        for (uri, place) in lifecycles {
            // what is no plain name of an image is a file more often than not
            match Locator::of_uri(uri) {
                Locator::Bare(_) => {}
                locator => self.add(uri, &locator, place),
            }
        }
        self.add_platforms(&config.targets);
    }

    fn add(&mut self, written: &str, locator: &Locator, place: &Place) {
        let Some(image) = self.remote(written, locator, place) else {
            return;
        };
        match image.parse::<ImageReference>() {
            Ok(image) if self.named.images.contains(&image) => {}
            Ok(image) => self.named.images.push(image),
            Err(error) => {
                let hint = error.hint().unwrap_or_default().to_owned();
                self.findings
                    .push(Finding::error(error.to_string()).at(place.clone()).hint(hint));
            }
        }
    }

    /// The name of an image in a registry; `None` for what is on disk, and for what no registry of images has.
    fn remote(&mut self, written: &str, locator: &Locator, place: &Place) -> Option<String> {
        match locator {
            Locator::Image(name) => Some(name.clone()),
            Locator::Bare(text) => {
                let is_local = text.contains(':') && !text.contains('/')
                    || text.starts_with(['.', '/'])
                    || self.file.parent().unwrap_or(Path::new("")).join(text).exists();
                (!is_local && text.parse::<ImageReference>().is_ok()).then(|| text.clone())
            }
            Locator::Path(_) | Locator::Stored { .. } => None,
            Locator::Remote(_) => {
                let finding = Finding::warning(format!("`{written}` is in no registry of images, and is not brought"));
                self.findings.push(
                    finding
                        .at(place.clone())
                        .hint("download it where there is a network, and name the file"),
                );
                None
            }
        }
    }

    fn add_platforms(&mut self, targets: &[DeclaredTarget]) {
        for target in targets {
            match platform_of(target) {
                Some(platform) if self.named.platforms.contains(&platform) => {}
                Some(platform) => self.named.platforms.push(platform),
                None => self.findings.push(
                    Finding::warning("this target says no arch: it takes no part in choosing platforms")
                        .at(target.place(Part::Whole).clone())
                        .hint("give --platform"),
                ),
            }
        }
    }
}

fn platform_of(declared: &DeclaredTarget) -> Option<Platform> {
    let target = &declared.target;
    if target.os.is_empty() || target.arch.is_empty() {
        return None;
    }
    let variant = (!target.variant.is_empty()).then(|| format!("/{}", target.variant));
    format!("{}/{}{}", target.os, target.arch, variant.unwrap_or_default())
        .parse()
        .ok()
}
