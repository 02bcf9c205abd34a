//! Brings the images of any layout or archive into a layout in the form that every tool reads: one index for each, of OCI images.

mod canonical;
mod groups;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

use canonical::{Canonical, canonical};
use groups::{Group, groups};

use crate::error::{Error, Finding, Findings, Result};
use crate::oci::copy;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::graph::{Graph, children};
use crate::oci::json::displayed;
use crate::oci::layout::{EntryName, LayoutWriter};
use crate::oci::locate::ImageLocation;
use crate::oci::platform::Platform;
use crate::oci::reference::ImageName;
use crate::oci::referrers;
use crate::oci::store::{ImageSource, WithDocuments};
use crate::progress::Progress;

/// What to import, and where to.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// A layout or an archive, and maybe one image in it.
    pub source: ImageLocation,
    /// The layout to write to.
    pub layout: PathBuf,
    /// The name of the one image, in place of its own.
    pub name: Option<ImageName>,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Blobs that are copied at once.
    pub jobs: NonZeroUsize,
    /// Where nameless temporary files go.
    pub scratch: PathBuf,
}

/// What was imported.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Whether nothing was done, only said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The layout.
    #[serde(serialize_with = "displayed")]
    pub layout: PathBuf,
    /// The images, in the order of the source.
    pub images: Vec<ImportedImage>,
    /// What is not as it should be, but does no harm.
    #[serde(skip)]
    pub warnings: Findings,
}

/// An image that is in the layout now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedImage {
    /// Its full name; a tag alone where it has no more.
    pub name: String,
    /// Its name within the layout, for `oci:LAYOUT:TAG`; `None` before it was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// What had the name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
    /// What the source had: an index, or the manifests that it listed by themselves.
    pub before: Vec<Digest>,
    /// The index in the layout; an artifact has none.
    pub digest: Digest,
    /// The images behind it.
    pub manifests: Vec<ImportedManifest>,
    /// What is about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Digest>,
}

/// An image behind an index. Its layers are what they were.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedManifest {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Its manifest in the source.
    pub before: Digest,
    /// Its manifest now: another where media types had to change.
    pub digest: Digest,
}

/// Imports all that is asked for, or nothing.
pub fn run(request: &ImportRequest, progress: &dyn Progress) -> Result<ImportReport> {
    let task = || {
        format!(
            "failed to import `{}` into `{}`",
            request.source,
            request.layout.display()
        )
    };
    import(request, progress).map_err(|error| error.context(task()))
}

fn import(request: &ImportRequest, progress: &dyn Progress) -> Result<ImportReport> {
    check_places(request)?;
    let source = request.source.open(&request.scratch)?;
    let index = source.index_file()?;
    let selected = request
        .source
        .select(&*source, &index, |entry| children(&*source, entry))?;
    let mut findings = Findings::default();
    let groups = groups(&*source, &selected, &mut findings)?;
    let names = names(request, &groups, &*source)?;

    let writer = LayoutWriter::new(&request.layout)?;
    let mut done: Vec<(ImportedImage, Descriptor, Vec<Descriptor>)> = Vec::new();
    for (group, name) in groups.iter().zip(&names) {
        let image = one(request, &*source, group, name, &writer, &mut findings, progress);
        done.push(image.map_err(|error| error.context(format!("failed to import `{name}`")))?);
    }
    let warnings = findings.into_warnings("import")?;
    if !request.dry_run {
        writer.commit(progress, |index| {
            for ((image, root, about), name) in done.iter_mut().zip(&names) {
                let tagged = index.enter_named(root, name)?;
                image.ref_name = Some(tagged.ref_name);
                image.replaced = tagged.replaced;
                for referrer in about {
                    index.enter_unnamed(referrer);
                }
            }
            Ok(())
        })?;
    }
    Ok(ImportReport {
        dry_run: request.dry_run,
        layout: request.layout.clone(),
        images: done.into_iter().map(|(image, ..)| image).collect(),
        warnings,
    })
}

/// What a layout lists by itself would stay beside what is made of it.
fn check_places(request: &ImportRequest) -> Result<()> {
    let same = (
        fs::canonicalize(&request.source.layout),
        fs::canonicalize(&request.layout),
    );
    match same {
        (Ok(one), Ok(other)) if one == other => {
            Err(Error::invalid("source and target are the same layout").with_hint("import into a new layout"))
        }
        _ => Ok(()),
    }
}

/// The name of each image.
fn names(request: &ImportRequest, groups: &[Group], source: &dyn ImageSource) -> Result<Vec<EntryName>> {
    if groups.is_empty() {
        return Err(Error::invalid(format!("{} has no images", source.location())));
    }
    if let Some(name) = &request.name {
        if groups.len() != 1 {
            let all: Vec<String> = groups.iter().map(Group::called).collect();
            return Err(Error::invalid(format!(
                "--name names one image, but {} has {}",
                source.location(),
                groups.len()
            ))
            .with_hint(format!("say which, as SOURCE:TAG or SOURCE@DIGEST: {}", all.join(", "))));
        }
        return Ok(vec![EntryName::Full(name.clone())]);
    }
    let name = |group: &Group| {
        group.name.clone().ok_or_else(|| {
            Error::invalid(format!("image {} has no name", group.roots[0].digest))
                .with_hint("give one with --name, for example --name docker.io/acme/hello:1.0")
        })
    };
    groups.iter().map(name).collect()
}

fn one(
    request: &ImportRequest,
    source: &dyn ImageSource,
    group: &Group,
    name: &EntryName,
    writer: &LayoutWriter,
    findings: &mut Findings,
    progress: &dyn Progress,
) -> Result<(ImportedImage, Descriptor, Vec<Descriptor>)> {
    let mut documents = WithDocuments::new(source);
    let Canonical { root, manifests } = canonical(&mut documents, &group.roots, findings, progress)?;
    let graph = Graph::read(&documents, &root, progress)?;
    let subjects: Vec<Digest> = graph.digests().cloned().collect();
    let roots = group.roots.iter().map(|root| &root.digest);
    let before = roots.chain(manifests.iter().map(|manifest| &manifest.before));
    let changed = before.filter(|digest| !subjects.contains(digest)).cloned();
    for found in referrers::find(source, changed)? {
        let (own, subject) = (&found.descriptor.digest, &found.referrer.subject);
        findings.push(
            Finding::warning(format!(
                "{own} is left out: it is about {subject}, which has another digest now"
            ))
            .hint("a signature has to be made anew"),
        );
    }
    let store = writer.store(false);
    copy::whole(graph, &documents, &store, request.jobs, request.dry_run, progress)?;
    let mut about = Vec::new();
    for found in referrers::find(source, subjects)? {
        let graph = Graph::read(source, &found.descriptor, progress)?;
        copy::whole(graph, source, &store, request.jobs, request.dry_run, progress)?;
        about.push(found.referrer.listed(&found.descriptor));
    }
    let image = ImportedImage {
        name: name.to_string(),
        ref_name: None,
        replaced: None,
        before: group.roots.iter().map(|root| root.digest.clone()).collect(),
        digest: root.digest.clone(),
        manifests,
        referrers: about.iter().map(|referrer| referrer.digest.clone()).collect(),
    };
    Ok((image, root, about))
}
