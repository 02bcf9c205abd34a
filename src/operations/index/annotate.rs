//! What an index says of itself, and of the images behind it.

use super::{IndexReport, Target, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::oci::descriptor::{Annotations, media_type};
use crate::oci::layout::LayoutWriter;
use crate::oci::locate::ImageLocation;
use crate::oci::platform::Platform;
use crate::progress::Progress;

/// What to say.
#[derive(Debug, Clone)]
pub struct AnnotateRequest {
    /// The index.
    pub target: ImageLocation,
    /// The images that it is said of; the index itself where none is named.
    pub platform: Option<Platform>,
    /// Annotations that are set.
    pub set: Annotations,
    /// Annotations that go.
    pub remove: Vec<String>,
    /// Whether only to say what would be done.
    pub dry_run: bool,
}

/// Changes annotations of an index, or of descriptors in it. Manifests stay as they are.
pub fn annotate(request: &AnnotateRequest, progress: &dyn Progress) -> Result<IndexReport> {
    run(request, progress).map_err(|error| error.context(format!("failed to annotate `{}`", request.target)))
}

fn run(request: &AnnotateRequest, progress: &dyn Progress) -> Result<IndexReport> {
    let target = Target::open(&request.target)?;
    let mut index = target.index()?;
    match &request.platform {
        None if target.root.media_type == media_type::DOCKER_LIST => {
            return Err(
                Error::new(ErrorKind::Unsupported, "an index of Docker has no annotations")
                    .with_hint("`airpack layout import` makes an OCI index of it"),
            );
        }
        None => change(&mut index.annotations, request)?,
        Some(platform) => {
            for at in nearest(&target.layout, &index, platform)? {
                change(&mut index.manifests[at].annotations, request)?;
            }
        }
    }
    let writer = LayoutWriter::new(&request.target.layout)?;
    target.commit(writer, &index, request.dry_run, progress)
}

fn change(annotations: &mut Annotations, request: &AnnotateRequest) -> Result<()> {
    for key in &request.remove {
        if annotations.remove(key).is_none() {
            let has: Vec<&str> = annotations.keys().map(String::as_str).collect();
            let hint = match has.as_slice() {
                [] => "it has none".to_owned(),
                has => format!("it has {}", has.join(", ")),
            };
            return Err(Error::new(ErrorKind::NotFound, format!("no annotation `{key}`")).with_hint(hint));
        }
    }
    annotations.extend(request.set.clone());
    Ok(())
}
