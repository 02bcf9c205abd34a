//! What a builder stands on for one target: the build image, who builds run as, the lifecycle.

use std::path::Path;
use std::sync::Arc;

use super::super::base_image::{BaseImage, ChosenImage};
use super::super::build_user::BuildUser;
use super::super::dependency::{Opener, Source, refusal};
use super::super::labels_below::{LabelsBelow, labels_below};
use super::super::lifecycle_source::LifecycleSource;
use super::builder::BuilderIngredients;
use super::builder_checks::FoundRunImage;
use crate::cnb::builder_config::BuilderConfig;
use crate::cnb::locator::Locator;
use crate::cnb::target::Target;
use crate::error::{Error, Finding, Findings, Place, Result};

/// What is there of it; what is not has been told of.
#[derive(Default)]
pub(super) struct Footing {
    pub(super) base: Option<ChosenImage>,
    pub(super) below: LabelsBelow,
    pub(super) user: Option<BuildUser>,
    pub(super) lifecycle: Option<Arc<LifecycleSource>>,
}

/// The name of the build image and where it stands.
pub(super) fn base_of(config: &BuilderConfig) -> (&str, Option<&Place>) {
    match &config.build_image {
        Some(named) => (&named.value, Some(&named.place)),
        None => ("", None),
    }
}

/// Opens the build image. `None` when `findings` tell why not.
pub(super) fn open_base(ingredients: &BuilderIngredients<'_, '_>, findings: &mut Findings) -> Option<BaseImage> {
    let named = ingredients.file.config.build_image.as_ref()?;
    match find_base(ingredients.opener, &named.value, &ingredients.file.file) {
        Ok(base) => Some(base),
        Err(error) => {
            findings.push(refusal(&format!("build image `{}`", named.value), &error).at(named.place.clone()));
            None
        }
    }
}

/// The image to build on that `file` calls `written`.
pub(in crate::cnb_image) fn find_base(opener: &Opener<'_>, written: &str, file: &Path) -> Result<BaseImage> {
    let library = opener.library;
    let found = match Source::of(&Locator::of_base(written), written, file)? {
        Source::Stored(location) => library.open_at(&location)?,
        Source::Image(name) => library.find(&name, &opener.platforms)?,
        Source::Path(path) => return Err(Error::invalid(format!("`{}` is no image", path.display()))),
    };
    BaseImage::open(&found)
}

/// All that can be found for `target`, checked against each other.
pub(super) fn footing(
    ingredients: &mut BuilderIngredients<'_, '_>,
    base: Option<&BaseImage>,
    run_images: &[FoundRunImage],
    target: &Target,
    findings: &mut Findings,
) -> Result<Footing> {
    ingredients.progress.check()?;
    let mut footing = Footing {
        lifecycle: lifecycle_for(ingredients, target, findings),
        ..Footing::default()
    };
    if let Some(base) = base {
        stand_on(base, ingredients, target, &mut footing, findings);
    }
    ingredients.progress.check()?;
    let stack = ingredients.file.config.stack.as_ref();
    let stack_id = stack.and_then(|stack| stack.id.as_ref()).map(|id| id.value.as_str());
    for run_image in run_images {
        run_image.check(target, footing.base.as_ref(), stack_id, findings, ingredients.progress);
    }
    Ok(footing)
}

fn lifecycle_for(
    ingredients: &mut BuilderIngredients<'_, '_>,
    target: &Target,
    findings: &mut Findings,
) -> Option<Arc<LifecycleSource>> {
    let target = target.with_defaults();
    match ingredients.lifecycles.for_target(&target) {
        Ok(found) => {
            for finding in found.source.check(&target) {
                findings.push(finding.at(found.place.clone()));
            }
            Some(found.source)
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

fn stand_on(
    base: &BaseImage,
    ingredients: &BuilderIngredients<'_, '_>,
    target: &Target,
    footing: &mut Footing,
    findings: &mut Findings,
) {
    let config = &ingredients.file.config;
    let (name, place) = base_of(config);
    let whole_name = format!("build image `{name}` for {}", target.with_defaults().platform_text());
    let base = match base.for_target(target, ingredients.progress) {
        Ok(base) => base,
        Err(error) => {
            findings.push(refusal(&format!("build image `{name}`"), &error).at(place.cloned()));
            return;
        }
    };
    let (user, faults) = BuildUser::of(&base.image.config);
    footing.user = user;
    for mut finding in faults {
        finding.message = format!(
            "{} (`{name}` for {})",
            finding.message,
            target.with_defaults().platform_text()
        );
        findings.push(finding.at(place.cloned()));
    }
    if let Some(finding) = doubt(&base, name, target) {
        findings.push(finding.at(place.cloned()));
    }
    match labels_below(&base.image.config.labels(), &base.image.config.rootfs.diff_ids) {
        Ok(below) => {
            check_stack(config, &below, &whole_name, findings);
            footing.below = below;
        }
        Err(error) => findings.push(refusal(&whole_name, &error).at(place.cloned())),
    }
    footing.base = Some(base);
}

/// Where it is not sure that the image is the one that is meant.
fn doubt(base: &ChosenImage, name: &str, target: &Target) -> Option<Finding> {
    let target = target.with_defaults();
    let wanted = target.distros.first();
    if !base.equals.is_empty() {
        let message = format!(
            "build image `{name}` has several images for {target}: {}",
            base.equals.join(", ")
        );
        return Some(match wanted {
            // the one that is meant does not say so
            Some(_) => Finding::error(message).hint("bind the right one with --from NAME=LAYOUT@DIGEST"),
            None => Finding::warning(format!("{message}; the first is taken")).hint(format!(
                "name the distribution in the target: --target {target}:NAME@VERSION"
            )),
        });
    }
    let distro = wanted.filter(|_| base.distro.is_none())?;
    Some(
        Finding::warning(format!(
            "build image `{name}` for {} does not say what distribution it is: whether it is {distro} can not be told",
            target.platform_text()
        ))
        .hint("it has neither labels io.buildpacks.base.distro.* nor /etc/os-release"),
    )
}

fn check_stack(config: &BuilderConfig, below: &LabelsBelow, whole_name: &str, findings: &mut Findings) {
    let Some(id) = config.stack.as_ref().and_then(|stack| stack.id.as_ref()) else {
        return;
    };
    if below.stack_id.as_ref() == Some(&id.value) {
        return;
    }
    let own = match &below.stack_id {
        Some(own) => format!("is for stack `{own}`"),
        None => "has no stack".to_owned(),
    };
    findings.push(Finding::error(format!("`stack.id` is `{}`, but {whole_name} {own}", id.value)).at(id.place.clone()));
}
