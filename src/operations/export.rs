//! Writes one image, or the run images of a builder, in the form that another tool wants: layouts with a single manifest for the
//! lifecycle, an archive, or the files themselves.

mod choice;
mod run_images;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use choice::{check_platform, choose, images_of, matching};

use crate::cnb::builder_labels::BUILDER_METADATA;
use crate::error::{Error, ErrorKind, Result};
use crate::oci::archive_store::check_replaceable;
use crate::oci::descriptor::{Annotations, Descriptor, media_type};
use crate::oci::digest::Digest;
use crate::oci::docker_save;
use crate::oci::graph::{Graph, children};
use crate::oci::index::ImageIndex;
use crate::oci::json::{self, displayed};
use crate::oci::layer::is_layer;
use crate::oci::layout::{ArchiveFile, IndexFile, LayoutWriter};
use crate::oci::library::{FoundImage, From, Library};
use crate::oci::locate::{ImageLocation, called, is_list};
use crate::oci::oci_form;
use crate::oci::opened::OpenedImage;
use crate::oci::plain_layer;
use crate::oci::platform::Platform;
use crate::oci::reference::ImageReference;
use crate::oci::rootfs;
use crate::oci::store::{BlobSource, ImageSource, WithDocuments};
use crate::progress::Progress;

/// Where docker.io is in the tree that the lifecycle reads.
const DOCKER_HUB: &str = "index.docker.io";

/// What to write.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// A layout or an archive, or one image in it.
    pub location: ImageLocation,
    /// Where it goes.
    pub destination: Destination,
    /// The image for this platform; needed where there are several.
    pub platform: Option<Platform>,
    /// Where run images are looked for; after that, where the builder is.
    pub from: Vec<From>,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// A form, and the file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A folder with a layout for each image, as `lifecycle -layout` looks for run images (platform spec, "OCI layout").
    Lifecycle(PathBuf),
    /// A layout in a tar.
    OciArchive(PathBuf),
    /// What `docker save` writes.
    DockerArchive(PathBuf),
    /// A folder with the files of the image.
    Rootfs(PathBuf),
}

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct ExportReport {
    /// Each file, or folder.
    pub written: Vec<Written>,
    /// What is not as it is in the image, and what else is good to know.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// A file or a folder that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// Where it is.
    #[serde(serialize_with = "displayed")]
    pub path: PathBuf,
    /// The name of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its manifest, or its index; where media types had to be changed, that of what was written.
    pub digest: Digest,
    /// What it is for, where it is one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// An image, and where its blobs are.
#[derive(Clone)]
struct Chosen {
    source: Arc<dyn ImageSource>,
    image: OpenedImage,
}

/// Reads and verifies all that is asked for, then gives it its name.
pub fn run(request: &ExportRequest, progress: &dyn Progress) -> Result<ExportReport> {
    let mut notes = Vec::new();
    let written = match &request.destination {
        Destination::Lifecycle(folder) => lifecycle(request, folder, progress, &mut notes),
        Destination::OciArchive(file) => oci_archive(request, file, progress, &mut notes),
        Destination::DockerArchive(file) => docker_archive(request, file, progress, &mut notes),
        Destination::Rootfs(folder) => root_file_system(request, folder, progress, &mut notes),
    };
    let written =
        written.map_err(|error| error.context(format!("failed to export `{}`", request.location.layout.display())))?;
    Ok(ExportReport { written, notes })
}

/// The image that is asked for, and what it is called.
fn one_image(request: &ExportRequest, notes: &mut Vec<String>) -> Result<(Chosen, Option<ImageReference>)> {
    let found = Library::open(&[], None, &request.scratch)?.open_at(&request.location)?;
    let images = images_of(&*found.source, &found.roots)?;
    let image = choose(&images, request.platform.as_ref(), &found.source.location(), notes)?.clone();
    let name = name_of(&found);
    let source = found.source;
    Ok((Chosen { source, image }, name))
}

/// Where run images are looked for.
fn library(request: &ExportRequest) -> Result<Library> {
    let mut from = request.from.clone();
    from.push(From::Source(ImageLocation {
        layout: request.location.layout.clone(),
        selector: None,
    }));
    Library::open(&from, None, &request.scratch)
}

fn name_of(found: &FoundImage) -> Option<ImageReference> {
    match found.roots.as_slice() {
        [root] => reference_of(root),
        _ => None,
    }
}

/// The whole name of an entry, by tag or by digest.
fn reference_of(entry: &Descriptor) -> Option<ImageReference> {
    let by_tag = IndexFile::name_of(entry).and_then(|name| name.to_string().parse().ok());
    by_tag.or_else(|| {
        let full = IndexFile::full_name_of(entry).filter(|name| name.contains('/'))?;
        full.parse().ok()
    })
}

fn root_file_system(
    request: &ExportRequest,
    folder: &Path,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<Written>> {
    let (chosen, name) = one_image(request, notes)?;
    notes.extend(rootfs::unpack(&*chosen.source, &chosen.image, folder, progress)?);
    Ok(vec![Written {
        path: folder.to_owned(),
        name: name.map(|name| name.to_string()),
        digest: chosen.image.descriptor.digest.clone(),
        platform: Some(chosen.image.platform()),
    }])
}

fn docker_archive(
    request: &ExportRequest,
    file: &Path,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<Written>> {
    let folder = folder_for(file)?;
    let (chosen, name) = one_image(request, notes)?;
    // what has no tag has no name there
    let tagged = name.as_ref().filter(|name| name.digest.is_none());
    let names: Vec<String> = tagged.into_iter().map(ToString::to_string).collect();
    docker_save::write(&*chosen.source, &chosen.image, &names, folder, progress)?.name(file)?;
    Ok(vec![Written {
        path: file.to_owned(),
        name: name.map(|name| name.to_string()),
        digest: chosen.image.descriptor.digest.clone(),
        platform: Some(chosen.image.platform()),
    }])
}

fn oci_archive(
    request: &ExportRequest,
    file: &Path,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<Written>> {
    let folder = folder_for(file)?;
    let found = Library::open(&[], None, &request.scratch)?.open_at(&request.location)?;
    let images = images_of(&*found.source, &found.roots)?;
    let mut source = WithDocuments::new(&*found.source);
    let (root, platform) = match (&request.platform, found.roots.as_slice()) {
        (None, [root]) => (root.clone(), None),
        (None, _) => (index_of(&mut source, &images), None),
        (Some(_), _) => {
            let image = choose(&images, request.platform.as_ref(), &found.source.location(), notes)?;
            (image.descriptor.clone(), Some(image.platform()))
        }
    };
    let written: Vec<&OpenedImage> = match &platform {
        Some(_) => images
            .iter()
            .filter(|image| image.descriptor.digest == root.digest)
            .take(1)
            .collect(),
        None => images.iter().collect(),
    };
    for image in written {
        check_platform(image)?;
        if image.manifest.layers.iter().all(|layer| is_layer(&layer.media_type)) {
            plain_layer::check(&source, image, progress)?;
        }
    }
    let root = oci_form::convert(&mut source, &root, progress)?;
    let mut index = IndexFile::default();
    match found.roots.as_slice() {
        [entry] => index.enter_as(&root, entry),
        _ => index.enter_unnamed(&root),
    }
    ArchiveFile::write_index(&source, &index, folder, progress)?.name(file)?;
    Ok(vec![Written {
        path: file.to_owned(),
        name: name_of(&found).map(|name| name.to_string()),
        digest: root.digest,
        platform,
    }])
}

/// One index for images that a layout lists without any.
fn index_of(source: &mut WithDocuments<'_>, images: &[OpenedImage]) -> Descriptor {
    let children = images.iter().map(|image| Descriptor {
        platform: Some(image.platform()),
        ..image.descriptor.clone()
    });
    let bytes = json::to_bytes(&ImageIndex::new(children.collect(), Annotations::new()));
    let size = bytes.len() as u64;
    Descriptor::new(media_type::INDEX, source.add(bytes), size)
}

/// The folder that a new file goes to.
fn folder_for(file: &Path) -> Result<&Path> {
    check_replaceable(file)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!("`{}` is not a folder to write to", folder.display()),
    ))
}

/// An image that gets a layout of its own.
struct Output {
    path: PathBuf,
    name: ImageReference,
    chosen: Chosen,
}

fn lifecycle(
    request: &ExportRequest,
    folder: &Path,
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<Written>> {
    let library = library(request)?;
    let mut outputs: Vec<Output> = Vec::new();
    for found in asked_for(request, &library)? {
        let images = images_of(&*found.source, &found.roots)?;
        if images.is_empty() && request.location.selector.is_none() {
            // a signature or the like
            continue;
        }
        let what = match found.roots.as_slice() {
            [root] => called(root).map(|name| format!("`{name}`")),
            _ => None,
        };
        let what = what.unwrap_or_else(|| found.source.location());
        let image = choose(&images, request.platform.as_ref(), &what, notes)?.clone();
        let labels = image.config.labels();
        let named = match labels.get(BUILDER_METADATA) {
            Some(label) => run_images::find(label, &image, &library, &what, notes)?,
            None => {
                let name = name_of(&found).ok_or_else(|| {
                    Error::invalid(format!(
                        "{what} has no full name, which says where the lifecycle looks for it"
                    ))
                    .with_hint("give it one: `registry/repository:tag`")
                })?;
                let source = Arc::clone(&found.source);
                vec![(name, Chosen { source, image })]
            }
        };
        for (name, chosen) in named {
            add_output(&mut outputs, folder.join(path_of(&name)), name, chosen)?;
        }
    }
    if outputs.is_empty() {
        return Err(Error::invalid(format!(
            "`{}` has no images",
            request.location.layout.display()
        )));
    }
    // a folder comes before those in it
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    write_layouts(&outputs, progress)
}

fn add_output(outputs: &mut Vec<Output>, path: PathBuf, name: ImageReference, chosen: Chosen) -> Result<()> {
    let digest = |chosen: &Chosen| chosen.image.descriptor.digest.clone();
    match outputs.iter().find(|other| other.path == path) {
        None => outputs.push(Output { path, name, chosen }),
        Some(other) if digest(&other.chosen) == digest(&chosen) => {}
        Some(other) => {
            return Err(Error::invalid(format!(
                "two images are called `{name}`: {} and {}",
                digest(&other.chosen),
                digest(&chosen)
            )));
        }
    }
    Ok(())
}

/// The image that is named, or all that have names.
fn asked_for(request: &ExportRequest, library: &Library) -> Result<Vec<FoundImage>> {
    let location = &request.location;
    let source: Arc<dyn ImageSource> = location.open(&request.scratch)?.into();
    let index = source.index_file()?;
    let entries = location.select(&*source, &index, |entry| children(&*source, entry))?;
    let named: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| called(entry).is_some() && !is_list(entry))
        .collect();
    if location.selector.is_some() || named.is_empty() {
        return Ok(vec![library.open_at(location)?]);
    }
    let found = named.into_iter().map(|entry| FoundImage {
        source: Arc::clone(&source),
        roots: vec![entry.clone()],
    });
    Ok(found.collect())
}

/// Where the lifecycle looks for an image: `registry/repository/tag`, or `registry/repository/sha256/HEX`.
fn path_of(image: &ImageReference) -> PathBuf {
    let name = &image.name;
    let registry = match name.registry() {
        "docker.io" => DOCKER_HUB,
        other => other,
    };
    let repository = Path::new(registry).join(name.repository());
    match &image.digest {
        Some(digest) => repository.join(digest.algorithm()).join(digest.hex()),
        None => repository.join(name.tag()),
    }
}

/// Gathers all images, then names them.
fn write_layouts(outputs: &[Output], progress: &dyn Progress) -> Result<Vec<Written>> {
    let mut verified: Vec<&Digest> = Vec::new();
    let mut gathered = Vec::new();
    for output in outputs {
        let Chosen { source, image } = &output.chosen;
        let in_image = |error: Error| error.context(format!("failed to export image `{}`", output.name));
        let digest = &image.descriptor.digest;
        if !verified.contains(&digest) {
            plain_layer::check(&**source, image, progress).map_err(in_image)?;
            verified.push(digest);
        }
        gathered.push(gather(output, progress).map_err(in_image)?);
    }
    let mut written = Vec::new();
    for (output, (writer, root)) in outputs.iter().zip(gathered) {
        writer.commit_only(progress, |index| {
            match &output.name.digest {
                Some(digest) => index.enter_by_digest(&root, &output.name.name, digest),
                None => index.tag(&root, &output.name.name),
            };
            Ok(())
        })?;
        written.push(Written {
            path: output.path.clone(),
            name: Some(output.name.to_string()),
            digest: root.digest,
            platform: Some(output.chosen.image.platform()),
        });
    }
    Ok(written)
}

/// Gathers what a layout of this one image has.
fn gather(output: &Output, progress: &dyn Progress) -> Result<(LayoutWriter, Descriptor)> {
    let Chosen { source, image } = &output.chosen;
    let mut source = WithDocuments::new(&**source);
    let root = oci_form::convert(&mut source, &image.descriptor, progress)?;
    let graph = Graph::read(&source, &root, progress)?;
    let writer = LayoutWriter::new(&output.path)?;
    let staging = writer.staging();
    for blob in graph.blobs().into_values() {
        let mut step = progress.step(&blob.digest.short(), blob.size);
        staging.take(blob, &source, &mut *step, progress)?;
    }
    let manifest = source.read_manifest(&root)?;
    staging.put_bytes(media_type::MANIFEST, &manifest);
    Ok((writer, root))
}

/// The image that is for the same platform as another. Where it says a version of the system, that has to be the same as well.
fn like<'i>(
    images: &'i [OpenedImage],
    other: &Platform,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<&'i OpenedImage> {
    let any_version = Platform {
        os_version: None,
        ..other.clone()
    };
    let near = matching(images, &any_version);
    let is_for_any = !near.is_empty() && near.iter().all(|image| image.platform().os_version.is_none());
    let wanted = if is_for_any { &any_version } else { other };
    choose(images, Some(wanted), what, notes)
}
