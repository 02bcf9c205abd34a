//! [`ArchiveFile`]: a layout in one uncompressed tar, as a `.cnb` or an oci-archive is (distribution spec; OCI image layout).

use std::io::{BufWriter, Write};
use std::path::Path;

use super::super::descriptor::Descriptor;
use super::super::graph::Graph;
use super::super::json;
use super::super::store::BlobSource;
use super::blob_file::Nameless;
use super::{BLOBS, INDEX, IndexFile, MARKER, Marker, Staging, VERSION};
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::tar_write::TarWriter;
use crate::archive::timestamp::NORMALIZED;
use crate::error::{Error, Result, from_io};
use crate::progress::Progress;

/// Such a file, whole but without a name.
#[derive(Debug)]
pub struct ArchiveFile {
    nameless: Nameless,
}

impl ArchiveFile {
    /// Writes `root` and all that it leads to, for a file in `folder`. `index.json` has `root` as its one entry, without a name.
    pub fn write(staging: &Staging, root: &Descriptor, folder: &Path, progress: &dyn Progress) -> Result<Self> {
        let mut index = IndexFile::default();
        index.enter_unnamed(root);
        Self::write_index(staging, &index, folder, progress)
    }

    /// Writes all that the entries of `index` lead to, for a file in `folder`.
    pub fn write_index(
        source: &dyn BlobSource,
        index: &IndexFile,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self> {
        Self::with_content(folder, &mut |out| write_tar(source, index, out, progress))
    }

    /// Lets `write` fill a file in `folder`.
    pub(in crate::oci) fn with_content(
        folder: &Path,
        write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<Self> {
        let failed = |cause| Error::io("write a file in", folder, cause);
        let nameless = Nameless::new_in(folder).map_err(failed)?;
        let mut out = BufWriter::with_capacity(128 << 10, &**nameless.file());
        let written = write(&mut out).and_then(|()| out.flush());
        written.map_err(|cause| from_io(cause, failed))?;
        drop(out);
        Ok(Self { nameless })
    }

    /// Gives the file its name, in place of what has it.
    pub fn name(self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Err(Error::invalid(format!("`{}` is a folder", path.display())));
        }
        // also where nothing has it: another run may be about to name its own
        self.nameless
            .replace(path)
            .map_err(|cause| Error::io("write", path, cause))
    }
}

fn write_tar(
    source: &dyn BlobSource,
    index: &IndexFile,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> std::io::Result<()> {
    let mut blobs: Vec<Descriptor> = Vec::new();
    for root in index.entries() {
        let graph = Graph::read(source, root, progress)?;
        blobs.extend(graph.blobs().into_values().cloned());
        blobs.extend(graph.documents.into_iter().map(|document| document.descriptor));
    }
    blobs.sort_by(|a, b| a.digest.cmp(&b.digest));
    blobs.dedup_by(|a, b| a.digest == b.digest);

    let marker = json::to_bytes(&Marker {
        version: VERSION.to_owned(),
    });
    let mut tar = TarWriter::new(out);
    // what says that this is a layout comes first, for readers that look no further
    for (name, content) in [(MARKER, marker), (INDEX, index.to_bytes())] {
        tar.file(&file(name.to_owned(), content.len() as u64), &mut &content[..])?;
    }
    tar.header(&folder(BLOBS.to_owned()))?;
    let mut algorithm = "";
    for blob in &blobs {
        progress.check()?;
        if blob.digest.algorithm() != algorithm {
            algorithm = blob.digest.algorithm();
            tar.header(&folder(format!("{BLOBS}/{algorithm}")))?;
        }
        let name = format!("{BLOBS}/{algorithm}/{}", blob.digest.hex());
        tar.file(&file(name, blob.size), &mut source.open(blob)?)?;
    }
    tar.finish().map(drop)
}

fn file(path: String, size: u64) -> Entry {
    entry(path, EntryKind::File { size }, 0o644)
}

fn folder(path: String) -> Entry {
    entry(path, EntryKind::Dir, 0o755)
}

fn entry(path: String, kind: EntryKind, mode: u32) -> Entry {
    Entry {
        path: path.into_bytes(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}
