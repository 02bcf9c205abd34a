//! Reads blobs through: their digest, and of layers what comes out of them, in one pass.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};

use super::super::descriptor::Descriptor;
use super::super::digest::DiffId;
use super::super::layer::LayerContent;
use super::super::store::{BlobSource, ImageSource};
use super::super::watched::Watched;
use super::fault::{Code, Fault, Faults};
use super::walk::{Need, fault_of_state, told};
use crate::archive::entry::{EntryKind, display_path, relative_path};
use crate::archive::limit::Limited;
use crate::archive::tar_read::TarReader;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::Progress;

/// Bytes that are read at once where only the digest counts.
const BUFFER: usize = 1 << 20;
/// Paths of one kind of fault that are told for one layer.
const MAX_PATHS: usize = 5;

/// All that is wrong with a blob.
pub(super) fn check(source: &dyn ImageSource, need: &Need, progress: &dyn Progress) -> Result<Vec<Fault>> {
    let descriptor = &need.descriptor;
    if let Some(fault) = fault_of_state(&source.state(&descriptor.digest)?, descriptor) {
        return Ok(vec![fault.at(&need.chain)]);
    }
    let watched = Watched::new(source, descriptor, progress);
    if !need.is_layer {
        let fault = digest_fault(&watched, descriptor)?;
        return Ok(fault.map(|fault| fault.at(&need.chain)).into_iter().collect());
    }
    let mut faults = Faults::default();
    match look_into(&watched, need, &mut faults) {
        Ok(()) => {}
        Err(error) if is_of_data(&error) => {
            // what came out of a blob that is not what it should be says nothing
            if let Some(fault) = digest_fault(&watched, descriptor)? {
                return Ok(vec![fault.at(&need.chain)]);
            }
            let message = format!("layer {} can not be unpacked: {}", descriptor.digest, told(&error));
            faults.push(
                Fault::error(Code::Layer, message)
                    .about(&descriptor.digest)
                    .at(&need.chain),
            );
        }
        Err(error) => return Err(error),
    }
    Ok(faults.into_all())
}

fn is_of_data(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Damaged | ErrorKind::Invalid | ErrorKind::Unsupported
    )
}

/// A fault where the blob has another digest than its name.
pub(super) fn digest_fault(source: &dyn BlobSource, descriptor: &Descriptor) -> Result<Option<Fault>> {
    let mut blob = source.open(descriptor)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match blob.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => {
                let digest = &descriptor.digest;
                let error = from_io(cause, |cause| {
                    Error::new(ErrorKind::Io, format!("failed to read blob {digest}")).with_source(cause)
                });
                if error.kind() != ErrorKind::Damaged {
                    return Err(error);
                }
                return Ok(Some(Fault::error(Code::BlobDigest, error.to_string()).about(digest)));
            }
        }
    }
}

/// Unpacks a layer to nowhere. An error where that can not be done to the end.
fn look_into(source: &dyn BlobSource, need: &Need, faults: &mut Faults) -> Result<()> {
    let layer = &need.descriptor;
    let mut content = LayerContent::open(source, layer)?;
    if compression_of(&layer.media_type) != compression_of(content.media_type) {
        let message = format!(
            "layer {} has the media type `{}`, but its content is {}",
            layer.digest,
            layer.media_type,
            match compression_of(content.media_type) {
                "tar" => "not compressed",
                "gzip" => "gzip",
                _ => "zstd",
            }
        );
        faults.push(
            Fault::error(Code::MediaType, message)
                .about(&layer.digest)
                .at(&need.chain),
        );
    }
    let mut limited = Limited::new(&mut content, layer.size);
    check_entries(&mut limited, need, faults)?;
    io::copy(&mut limited, &mut io::sink()).map_err(|cause| {
        from_io(cause, |cause| {
            Error::damaged("its content can not be read").with_source(cause)
        })
    })?;
    let (found, _) = content.finish()?;
    for (said, chain) in need.diff_ids.values() {
        if !is_same(said, &found) {
            let message = format!("layer {} unpacks to {found}, but its config says {said}", layer.digest);
            faults.push(Fault::error(Code::DiffId, message).about(&layer.digest).at(chain));
        }
    }
    Ok(())
}

/// Diff ids of other algorithms are not known to be wrong.
fn is_same(said: &DiffId, found: &DiffId) -> bool {
    said == found || said.as_digest().algorithm() != found.as_digest().algorithm()
}

fn compression_of(media_type: &str) -> &'static str {
    if media_type.ends_with("gzip") {
        "gzip"
    } else if media_type.ends_with("zstd") {
        "zstd"
    } else {
        "tar"
    }
}

fn check_entries(tar: impl Read, need: &Need, faults: &mut Faults) -> Result<()> {
    let digest = &need.descriptor.digest;
    let mut reader = TarReader::new(tar);
    // two hashes that nobody can foresee, instead of a million paths
    let (first, second) = (RandomState::new(), RandomState::new());
    let mut seen: HashSet<(u64, u64)> = HashSet::new();
    let (mut outside, mut twice) = (0, 0);
    while let Some(found) = reader.next_entry()? {
        let mut names = vec![&found.entry.path];
        if let EntryKind::Hardlink { target } = &found.entry.kind {
            names.push(target);
        }
        for name in names {
            if in_root(name).is_err() {
                outside += 1;
                if outside <= MAX_PATHS {
                    let message = format!("layer {digest}: `{}` leads out of the image", display_path(name));
                    faults.push(Fault::error(Code::TarPath, message).about(digest).at(&need.chain));
                }
            }
        }
        let Ok(Some(path)) = in_root(&found.entry.path) else {
            continue;
        };
        if !seen.insert((first.hash_one(&path), second.hash_one(&path))) {
            twice += 1;
            if twice <= MAX_PATHS {
                let message = format!("layer {digest} has `{}` more than once", display_path(&path));
                faults.push(
                    Fault::warning(Code::TarDuplicate, message)
                        .about(digest)
                        .at(&need.chain),
                );
            }
        }
    }
    if outside > MAX_PATHS {
        let message = format!("layer {digest}: {} more entries lead out of it", outside - MAX_PATHS);
        faults.push(Fault::error(Code::TarPath, message).about(digest).at(&need.chain));
    }
    if twice > MAX_PATHS {
        let message = format!("layer {digest} has {} more paths more than once", twice - MAX_PATHS);
        faults.push(
            Fault::warning(Code::TarDuplicate, message)
                .about(digest)
                .at(&need.chain),
        );
    }
    Ok(())
}

/// A path in the image; a `/` in front is the root of the image, as pack writes it.
fn in_root(path: &[u8]) -> Result<Option<Vec<u8>>> {
    let start = path.iter().take_while(|&&byte| byte == b'/').count();
    relative_path(&path[start..])
}
