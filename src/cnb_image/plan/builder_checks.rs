//! What must fit together in a builder for one target: build image, run images, lifecycle, modules (platform spec; pack's checks).

use super::super::base_image::{BaseImage, ChosenImage};
use super::super::dependency::refusal;
use super::super::lifecycle_source::LifecycleSource;
use super::member::Member;
use crate::cnb::api::ApiVersion;
use crate::cnb::builder_labels::{RunImage, STACK_ID};
use crate::cnb::compat::{StackFault, runs_in, speaks, stack_fault};
use crate::cnb::document::Located;
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Finding, Findings, Place};
use crate::oci::library::Library;
use crate::oci::reference::ImageReference;
use crate::progress::Progress;

/// The Platform API since which lifecycles run extensions.
const API_OF_EXTENSIONS: ApiVersion = ApiVersion { major: 0, minor: 13 };

/// What modules run on, as far as it is there.
pub(super) struct Ground<'a> {
    /// With an os and an architecture.
    pub(super) target: &'a Target,
    pub(super) base: Option<&'a ChosenImage>,
    /// The build image's name.
    pub(super) base_name: &'a str,
    pub(super) base_place: Option<&'a Place>,
    pub(super) lifecycle: Option<&'a LifecycleSource>,
    /// The stack of the build image, where it has one.
    pub(super) stack_id: Option<&'a str>,
    pub(super) mixins: &'a [String],
}

impl Ground<'_> {
    /// A module that is added.
    pub(super) fn check_member(&self, member: &Member, findings: &mut Findings) {
        let name = member.full_name();
        let way = match member.chain.len() {
            0..=2 => String::new(),
            _ => format!(" (by way of {})", member.chain.join(" -> ")),
        };
        let who = format!("{name}{way}");
        let mut found: Vec<Finding> = self.check_api(&who, &member.label).into_iter().collect();
        if !member.label.is_composite() {
            found.extend(self.check_targets(&who, &member.label));
            if member.kind() == ModuleKind::Buildpack {
                found.extend(self.check_stacks(&who, &member.label));
            }
        }
        for finding in found {
            findings.push(finding.at(member.place.clone()));
        }
    }

    /// A module that the image below has.
    pub(super) fn check_below(&self, name: &str, label: &ModuleLayer, findings: &mut Findings) {
        let who = format!("{name} of build image `{}`", self.base_name);
        if let Some(finding) = self.check_api(&who, label) {
            findings.push(finding.at(self.base_place.cloned()));
        }
    }

    fn check_api(&self, who: &str, label: &ModuleLayer) -> Option<Finding> {
        let lifecycle = &self.lifecycle?.descriptor;
        let apis = &lifecycle.apis.buildpack;
        let fits = speaks(lifecycle, &label.api);
        (!fits).then(|| {
            Finding::error(format!(
                "{who} is for Buildpack API {}, which lifecycle {} for {} does not have",
                label.api,
                lifecycle.version,
                self.target.platform_text()
            ))
            .hint(format!("the lifecycle has {}", apis.shown()))
        })
    }

    fn check_targets(&self, who: &str, label: &ModuleLayer) -> Option<Finding> {
        let image = self.base?.target();
        let fits = |own: &Target| runs_in(own, &image);
        if label.targets.is_empty() || label.targets.iter().any(fits) {
            return None;
        }
        let has: Vec<String> = label.targets.iter().map(ToString::to_string).collect();
        let holds = match image.distros.first() {
            Some(distro) => format!("which is {distro}"),
            None => "which does not say what distribution it is".to_owned(),
        };
        Some(
            Finding::error(format!(
                "{who} does not fit {}: its targets are {}",
                self.target,
                has.join(", ")
            ))
            .hint(format!(
                "the build image for {} is {}, {holds}; [[modules]] in airpack.toml can leave the module out",
                self.target.platform_text(),
                image.platform_text()
            )),
        )
    }

    /// Stacks are deprecated, and count where the build image has one.
    fn check_stacks(&self, who: &str, label: &ModuleLayer) -> Option<Finding> {
        let id = self.stack_id?;
        let platform = self.target.platform_text();
        Some(match stack_fault(&label.stacks, id, self.mixins)? {
            StackFault::Other(has) => Finding::error(format!(
                "{who} does not support stack `{id}` of the build image for {platform}"
            ))
            .hint(format!("its stacks are {}", has.join(", "))),
            StackFault::Mixins(missing) => Finding::error(format!(
                "{who} needs mixins that the build image for {platform} has not: {}",
                missing.join(", ")
            )),
        })
    }

    /// Whether extensions can run at all.
    pub(super) fn check_extensions(&self, place: Option<&Place>, findings: &mut Findings) {
        let Some(lifecycle) = self.lifecycle else { return };
        let apis = &lifecycle.descriptor.apis.platform;
        if apis.all().last().is_none_or(|newest| *newest < API_OF_EXTENSIONS) {
            findings.push(
                Finding::error(format!(
                    "lifecycle {} for {} does not run extensions: that needs Platform API {API_OF_EXTENSIONS}",
                    lifecycle.descriptor.version,
                    self.target.platform_text()
                ))
                .at(place.cloned())
                .hint(format!("it has {}", apis.shown())),
            );
        }
    }
}

/// A run image with its mirrors, as far as they can be found.
#[derive(Debug)]
pub(super) struct FoundRunImage {
    /// By the name that it was found by.
    images: Vec<(String, BaseImage)>,
    place: Place,
}

/// Looks for run images. One that is not found by any of its names is told of.
pub(super) fn find_run_images(
    library: &Library,
    run_images: &[Located<RunImage>],
    platforms: &[String],
    findings: &mut Findings,
) -> Vec<FoundRunImage> {
    let mut all = Vec::new();
    for run_image in run_images {
        let place = &run_image.place;
        let mirrors = run_image.value.mirrors.as_deref().unwrap_or_default();
        check_mirrors(&run_image.value, place, findings);
        let mut images = Vec::new();
        let mut missing: Option<Error> = None;
        for name in std::iter::once(&run_image.value.image).chain(mirrors) {
            let opened = name
                .parse::<ImageReference>()
                .and_then(|reference| library.find(&reference, platforms))
                .and_then(|found| BaseImage::open(&found));
            match opened {
                Ok(image) => images.push((name.clone(), image)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    missing.get_or_insert(error);
                }
                Err(error) => findings.push(refusal(&format!("run image `{name}`"), &error).at(place.clone())),
            }
        }
        if let (true, Some(error)) = (images.is_empty(), missing) {
            let mut finding = Finding::warning(format!(
                "run image `{}` is not looked at: {error}",
                run_image.value.image
            ));
            finding.hint = error.hint().map(ToOwned::to_owned);
            findings.push(finding.at(place.clone()));
        }
        all.push(FoundRunImage {
            images,
            place: place.clone(),
        });
    }
    all
}

/// Of several names in one registry only the first is ever taken.
fn check_mirrors(run_image: &RunImage, place: &Place, findings: &mut Findings) {
    let registry_of = |name: &str| {
        let reference = name.parse::<ImageReference>().ok()?;
        Some(reference.name.registry().to_owned())
    };
    let mut seen = vec![(run_image.image.as_str(), registry_of(&run_image.image))];
    for mirror in run_image.mirrors.iter().flatten() {
        let registry = registry_of(mirror);
        if let Some((other, _)) = seen.iter().find(|(_, known)| registry.is_some() && *known == registry) {
            findings.push(
                Finding::warning(format!(
                    "mirror `{mirror}` is in the same registry as `{other}` and will not be used"
                ))
                .at(place.clone())
                .hint("a mirror is for apps that go to another registry"),
            );
        }
        seen.push((mirror, registry));
    }
}

impl FoundRunImage {
    /// Platform, distribution and stack are those of the build image.
    pub(super) fn check(
        &self,
        target: &Target,
        base: Option<&ChosenImage>,
        stack_id: Option<&str>,
        findings: &mut Findings,
        progress: &dyn Progress,
    ) {
        let target = target.with_defaults();
        let base_distro = base.and_then(|base| base.distro.clone());
        let wanted = Target {
            distros: base_distro.iter().cloned().collect(),
            ..target.clone()
        };
        let wanted = if wanted.distros.is_empty() { &target } else { &wanted };
        for (name, image) in &self.images {
            let what = format!("run image `{name}` for {}", target.platform_text());
            let chosen = match image.for_target(wanted, progress) {
                Ok(chosen) => chosen,
                Err(error) => {
                    findings.push(refusal(&what, &error).at(self.place.clone()));
                    continue;
                }
            };
            let labels = chosen.image.config.labels();
            match (stack_id, labels.get(STACK_ID)) {
                (Some(id), Some(own)) if own != id => {
                    let finding = Finding::error(format!("{what} is for stack `{own}`, not `{id}`"));
                    findings.push(finding.at(self.place.clone()));
                }
                (Some(id), None) => {
                    let finding = Finding::warning(format!("{what} does not say that it is for stack `{id}`"));
                    findings.push(
                        finding
                            .at(self.place.clone())
                            .hint(format!("pack wants its label {STACK_ID}")),
                    );
                }
                _ => {}
            }
            let said = match (&base_distro, &chosen.distro) {
                (Some(distro), None) => {
                    format!("{what} does not say what distribution it is: whether it is {distro} can not be told")
                }
                (None, Some(distro)) if base.is_some() => {
                    format!("{what} is {distro}; whether the build image is as well can not be told")
                }
                _ => continue,
            };
            findings.push(Finding::warning(said).at(self.place.clone()));
        }
    }
}
