//! The blobs of a layout that nothing refers to, and what else lies there.

use std::num::NonZeroUsize;
use std::path::Path;

use super::super::copy::in_parallel;
use super::super::descriptor::Descriptor;
use super::super::layout::Stored;
use super::super::store::BlobState;
use super::content::digest_fault;
use super::fault::{Code, Fault};
use super::walk::Walk;
use crate::error::{Result, shell_quoted};
use crate::progress::in_units;

/// How much was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) blobs: usize,
    pub(super) bytes: u64,
}

/// Tells of them, and of those whose content is not what their name says. Where `is_index_known` is not, only of the latter.
pub(super) fn check(walk: &mut Walk<'_>, root: &Path, is_index_known: bool, jobs: NonZeroUsize) -> Result<Read> {
    let stored = Stored::read(root)?;
    let (source, progress) = (walk.source, walk.progress);
    let unknown: Vec<Descriptor> = stored
        .blobs
        .iter()
        .filter(|(digest, _)| {
            !walk.read.contains_key(digest) && !walk.needs.contains_key(digest) && !walk.others.contains(digest)
        })
        .map(|(digest, size)| Descriptor::new("", digest.clone(), *size))
        .collect();
    let found = in_parallel(jobs, unknown, progress, |mut blob, _| {
        let state = source.state(&blob.digest)?;
        if let BlobState::Length(length) = state {
            blob.size = length;
        }
        let fault = match state {
            BlobState::Length(_) => digest_fault(source, &blob)?.map(|_| "its content has another digest".to_owned()),
            BlobState::Missing => Some("it is a link to nothing".to_owned()),
            BlobState::Unreadable(why) => Some(why),
        };
        Ok((blob, fault))
    })?;
    let mut read = Read::default();
    let shown = shell_quoted(&root.display().to_string());
    // an index or a manifest that can not be read may lead to any of them
    let is_all_known = walk.faults.damaged().is_empty();
    for (blob, fault) in found {
        read.blobs += 1;
        read.bytes += blob.size;
        let digest = &blob.digest;
        let message = match fault {
            Some(why) => format!("nothing refers to blob {digest}, and {why}"),
            None if is_index_known => format!("nothing refers to blob {digest} ({})", in_units(blob.size)),
            None => continue,
        };
        let fault = Fault::warning(Code::Unreferenced, message).about(digest);
        let hint = if is_all_known {
            format!("`airpack layout gc {shown} --write` removes it")
        } else {
            "what is damaged may need it: bring that again first".to_owned()
        };
        walk.faults.push(fault.hint(hint));
    }
    for path in &stored.strangers {
        let message = format!("`{}` is no blob: its name is no digest", path.display());
        walk.faults.push(Fault::warning(Code::Unreferenced, message));
    }
    for path in &stored.temporary {
        let message = format!("`{}` is of a run that goes on or has died", path.display());
        let hint = "where none goes on, the next that writes to the layout removes it";
        walk.faults.push(Fault::warning(Code::Temporary, message).hint(hint));
    }
    Ok(read)
}
