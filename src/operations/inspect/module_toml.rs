//! The `buildpack.toml` or `extension.toml` of a module, as it is in a layer.

use std::collections::BTreeSet;

use super::InspectRequest;
use crate::cnb::labels::{ModuleLayer, ModuleLayers};
use crate::cnb::module::ModuleKind;
use crate::cnb::paths::module_version_folder;
use crate::cnb_image::builder_view::BuilderView;
use crate::cnb_image::view::BuildpackageView;
use crate::error::{Error, ErrorKind, Result, did_you_mean, nearest};
use crate::oci::graph::children;
use crate::oci::image_file::read_in_layer;
use crate::oci::opened::{OpenedImage, images_below};
use crate::oci::platform::{Platform, no_image_for};
use crate::oci::store::ImageSource;
use crate::progress::Progress;

/// The most that is read of a module's file.
const MAX_TOML: u64 = 4 << 20;

/// A module of an image.
struct Found<'i> {
    image: &'i OpenedImage,
    kind: ModuleKind,
    id: String,
    version: String,
    label: ModuleLayer,
}

impl Found<'_> {
    fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// The text of the file of the module that `wanted` names, as `id` or `id@version`; of the main module where it names none.
pub fn run(request: &InspectRequest, wanted: Option<&str>, progress: &dyn Progress) -> Result<Vec<u8>> {
    let source = request.location.open(&request.scratch)?;
    let images = images(&*source, request)?;
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for image in &images {
        for (module, is_main) in modules(image) {
            known.insert(module.name());
            let is_meant = match wanted {
                None => is_main,
                Some(wanted) => wanted == module.id || wanted == module.name(),
            };
            if is_meant {
                found.push(module);
            }
        }
    }
    let names: BTreeSet<String> = found.iter().map(Found::name).collect();
    if names.len() != 1 {
        return Err(which(&*source, wanted, &names, &known));
    }
    the_text(&*source, &found, progress)
}

/// The images that are meant, and for the platform that is asked for those nearest to it.
fn images(source: &dyn ImageSource, request: &InspectRequest) -> Result<Vec<OpenedImage>> {
    let index = source.index_file()?;
    let entries = request
        .location
        .select(source, &index, |entry| children(source, entry))?;
    let mut images: Vec<OpenedImage> = Vec::new();
    for image in images_below(source, &entries)? {
        if images.iter().all(|known| known.descriptor.digest != image.digest) {
            images.extend(OpenedImage::read(source, &image)?);
        }
    }
    let Some(platform) = &request.platform else {
        return Ok(images);
    };
    let least = images
        .iter()
        .filter_map(|image| image.platform().distance(platform))
        .min();
    if least.is_none() {
        let has = platforms(images.iter());
        return Err(no_image_for(platform, source.location(), has));
    }
    images.retain(|image| image.platform().distance(platform) == least);
    Ok(images)
}

fn platforms<'i>(images: impl Iterator<Item = &'i OpenedImage>) -> BTreeSet<String> {
    images.map(|image| Platform::to_string(&image.platform())).collect()
}

/// All modules of an image, and whether each is what the image packages.
fn modules(image: &OpenedImage) -> Vec<(Found<'_>, bool)> {
    let labels = image.config.labels();
    let builder = BuilderView::of(&labels);
    let package = BuildpackageView::of(&labels).ok().flatten();
    let (main, buildpacks, extensions): (Option<String>, ModuleLayers, ModuleLayers) = match (builder, package) {
        (Some(builder), _) => (None, builder.known_buildpacks, builder.known_extensions),
        (None, Some(package)) => (Some(package.full_name()), package.modules, package.extensions),
        (None, None) => return Vec::new(),
    };
    let kinds = [(ModuleKind::Buildpack, buildpacks), (ModuleKind::Extension, extensions)];
    let mut modules = Vec::new();
    for (kind, layers) in kinds {
        for (id, versions) in layers {
            for (version, label) in versions {
                let module = Found {
                    image,
                    kind,
                    id: id.clone(),
                    version,
                    label,
                };
                let is_main = main.as_ref() == Some(&module.name());
                modules.push((module, is_main));
            }
        }
    }
    modules
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How the hint begins where `wanted`, with a version or without, is a slip.
fn meant(wanted: &str, known: &BTreeSet<String>) -> String {
    if wanted.contains('@') {
        return did_you_mean(nearest(wanted, known.iter().map(String::as_str)));
    }
    did_you_mean(nearest(wanted, known.iter().filter_map(|name| name.split('@').next())))
}

/// The error where no module is meant, or several are.
fn which(source: &dyn ImageSource, wanted: Option<&str>, names: &BTreeSet<String>, known: &BTreeSet<String>) -> Error {
    let location = source.location();
    match (wanted, names.is_empty()) {
        _ if known.is_empty() => Error::new(
            ErrorKind::NotFound,
            format!("{location} has no buildpacks or extensions by its labels"),
        ),
        (None, true) => Error::invalid(format!("{location} does not say which module is its main one"))
            .with_hint(format!("say which, as --toml=ID: {}", list(known))),
        (Some(wanted), true) => Error::new(ErrorKind::NotFound, format!("no module `{wanted}` in {location}"))
            .with_hint(format!("{}it has {}", meant(wanted, known), list(known))),
        (_, false) => Error::invalid(format!("{location} has several modules that are meant"))
            .with_hint(format!("say which, as --toml=ID@VERSION: {}", list(names))),
    }
}

/// The text that all images have.
fn the_text(source: &dyn ImageSource, found: &[Found<'_>], progress: &dyn Progress) -> Result<Vec<u8>> {
    let mut texts: Vec<(Vec<u8>, Vec<&OpenedImage>)> = Vec::new();
    for module in found {
        let text = text_of(source, module, progress)?;
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, images)) => images.push(module.image),
            None => texts.push((text, vec![module.image])),
        }
    }
    match (texts.pop(), texts.is_empty()) {
        (Some((text, _)), true) => Ok(text),
        _ => {
            let all = list(&platforms(found.iter().map(|module| module.image)));
            let name = found.first().map(Found::name).unwrap_or_default();
            Err(Error::invalid(format!(
                "{name} has other files on other platforms in {}",
                source.location()
            ))
            .with_hint(format!("say which with --platform: {all}")))
        }
    }
}

fn text_of(source: &dyn ImageSource, module: &Found<'_>, progress: &dyn Progress) -> Result<Vec<u8>> {
    let name = module.name();
    let (id, version) = (module.id.parse(), module.version.parse());
    let (Ok(id), Ok(version)) = (id, version) else {
        return Err(Error::damaged(format!(
            "a label names the module `{name}`, which none can be called"
        )));
    };
    let file = module.kind.file();
    let path = format!("{}/{file}", module_version_folder(module.kind, &id, &version));
    let diff_id = &module.label.layer_diff_id;
    let layer = module.image.layer(diff_id).ok_or_else(|| {
        Error::damaged(format!(
            "image {} has no layer {diff_id}, where {name} is by its label",
            module.image.descriptor.digest
        ))
    })?;
    read_in_layer(source, layer, &path, MAX_TOML, progress)?
        .ok_or_else(|| Error::damaged(format!("layer {} has no file `{path}`", layer.0.digest)))
}
