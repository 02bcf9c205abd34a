//! Whether a layout is what it says: every document, every blob, every layer, and what nobody refers to. All faults at once.

mod consumers;
mod content;
mod entries;
mod fault;
mod images;
mod platforms;
mod unreferenced;
mod walk;

use std::num::NonZeroUsize;
use std::path::Path;

pub use consumers::{Consumer, Reads, Verdict};
pub use fault::{Code, Fault, Faults};
pub use walk::CheckedImage;

use super::archive_store::{ArchiveStore, looks_like_archive};
use super::copy::in_parallel;
use super::descriptor::Descriptor;
use super::graph::children;
use super::layout::{IndexFile, Layout};
use super::locate::ImageLocation;
use super::store::ImageSource;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use consumers::Form;
use walk::{Need, Walk};

/// What was found out about a layout or an archive.
#[derive(Debug)]
pub struct Checked {
    /// What is wrong, in the order of `index.json`; what nobody refers to comes last.
    pub faults: Vec<Fault>,
    /// Images that could be read.
    pub images: Vec<CheckedImage>,
    /// Blobs that were read.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What other tools make of it.
    pub verdicts: Vec<Verdict>,
}

/// Reads all that `location` means, with so many threads. An error where nothing can be looked at at all.
pub fn check(location: &ImageLocation, scratch: &Path, jobs: NonZeroUsize, progress: &dyn Progress) -> Result<Checked> {
    let path = &location.layout;
    if path.is_file() {
        let store = match ArchiveStore::open(path, scratch) {
            Ok(store) => store,
            Err(error) if is_a_finding(&error, path) => return Ok(Checked::only(of_error(Code::Archive, &error))),
            Err(error) => return Err(error),
        };
        let form = if store.is_of_docker() {
            Form::DockerArchive
        } else {
            Form::OciArchive
        };
        let entries = store.index_file()?.entries().to_vec();
        let mut walk = Walk::new(&store, progress);
        return finish(&mut walk, location, Some(entries), form, None, jobs);
    }
    let metadata = std::fs::metadata(path).map_err(|cause| Error::io("open layout", path, cause))?;
    if !metadata.is_dir() {
        return Err(Error::invalid(format!(
            "`{}` is neither a folder nor a file",
            path.display()
        )));
    }
    let layout = Layout::open_unchecked(path);
    let mut walk = Walk::new(&layout, progress);
    let marker = layout.check_marker();
    let text = layout.index_text();
    if let (Err(error), Err(_)) = (&marker, &text)
        && error.kind() != ErrorKind::Damaged
        && !path.join("blobs").is_dir()
    {
        // nothing speaks for a layout: it is some other folder
        marker?;
        return Err(Error::invalid(format!(
            "`{}` is not an OCI image layout",
            path.display()
        )));
    }
    if let Err(error) = &marker {
        walk.faults.push(of_error(Code::OciLayout, error));
    }
    let entries = entries::read(&mut walk, text, path);
    finish(&mut walk, location, entries, Form::Folder, Some(path), jobs)
}

/// Whether an archive that can not be opened is one that is not whole, and not some other file.
fn is_a_finding(error: &Error, path: &Path) -> bool {
    match error.kind() {
        ErrorKind::Damaged => true,
        ErrorKind::Invalid | ErrorKind::Unsupported => looks_like_archive(path),
        _ => false,
    }
}

impl Checked {
    /// Where nothing else can be looked at.
    fn only(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            images: Vec::new(),
            blobs: 0,
            bytes: 0,
            verdicts: Vec::new(),
        }
    }
}

fn of_error(code: Code, error: &Error) -> Fault {
    let fault = Fault::error(code, walk::told(error));
    match error.hint() {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Looks at the entries that are meant. `folder` is where a layout is whose other blobs count as well.
fn finish(
    walk: &mut Walk<'_>,
    location: &ImageLocation,
    entries: Option<Vec<Descriptor>>,
    form: Form,
    folder: Option<&Path>,
    jobs: NonZeroUsize,
) -> Result<Checked> {
    let is_index_known = entries.is_some();
    let count = entries.as_ref().map_or(0, Vec::len);
    let entries = match (&location.selector, entries) {
        (Some(_), Some(all)) => selected(walk.source, location, all)?,
        (_, entries) => entries.unwrap_or_default(),
    };
    if location.selector.is_none() {
        entries::check_names(&entries, &mut walk.faults);
    }
    let mut shapes = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let name = format!("{} ({})", entries::shown_name(entry, at), entry.digest.short());
        let shape = walk.entry(entry, std::slice::from_ref(&name))?;
        shapes.push((entry.clone(), shape, name));
    }
    let (source, progress) = (walk.source, walk.progress);
    let needs: Vec<&Need> = walk
        .needs
        .values()
        .filter(|need| !walk.read.contains_key(&need.descriptor.digest))
        .collect();
    let mut blobs = walk.read.len() + needs.len();
    let mut bytes = walk.read.values().sum::<u64>() + needs.iter().map(|need| need.descriptor.size).sum::<u64>();
    let mut found = in_parallel(jobs, largest_first(needs), progress, |need, progress| {
        Ok((need.order, content::check(source, need, progress)?))
    })?;
    found.sort_by_key(|(order, _)| *order);
    for fault in found.into_iter().flat_map(|(_, faults)| faults) {
        walk.faults.push(fault);
    }
    if let (Some(folder), None) = (folder, &location.selector) {
        let others = unreferenced::check(walk, folder, is_index_known, jobs)?;
        blobs += others.blobs;
        bytes += others.bytes;
    }
    let damaged = walk.faults.damaged();
    let blobs_damaged = walk.faults.damaged_blobs();
    for (entry, shape, name) in &mut shapes {
        shape.is_damaged = damaged.contains(&None)
            || damaged.contains(&Some(&*name))
            || (!blobs_damaged.is_empty() && walk.leads_to(&entry.digest, &blobs_damaged));
    }
    let verdicts = consumers::verdicts(&shapes, count, form, &location.layout);
    Ok(Checked {
        faults: std::mem::take(&mut walk.faults).into_all(),
        images: std::mem::take(&mut walk.images),
        blobs,
        bytes,
        verdicts,
    })
}

/// So that the last worker does not begin with a large one.
fn largest_first(mut needs: Vec<&Need>) -> Vec<&Need> {
    needs.sort_by(|a, b| b.descriptor.size.cmp(&a.descriptor.size).then(a.order.cmp(&b.order)));
    needs
}

/// The entries that the location selects.
fn selected(source: &dyn ImageSource, location: &ImageLocation, all: Vec<Descriptor>) -> Result<Vec<Descriptor>> {
    let index = IndexFile::of_entries(all);
    location.select(source, &index, |entry| children(source, entry))
}
