//! Writes an image as `docker save` does: `manifest.json`, the config, and the layers as plain tars.
//!
//! Format: moby `image/spec`, "Combined Image JSON + Filesystem Changeset Format".

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::digest::DiffId;
use super::json;
use super::layout::ArchiveFile;
use super::opened::OpenedImage;
use super::plain_layer;
use super::store::BlobSource;
use crate::archive::entry::{Entry, EntryKind};
use crate::archive::tar_write::TarWriter;
use crate::archive::timestamp::NORMALIZED;
use crate::error::{Error, ErrorKind, Result, from_io};
use crate::progress::Progress;

/// One image of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes `image`, which is called `names`, for a file in `folder`.
pub fn write(
    source: &dyn BlobSource,
    image: &OpenedImage,
    names: &[String],
    folder: &Path,
    progress: &dyn Progress,
) -> Result<ArchiveFile> {
    // a header says how long the tar behind it is
    let sizes = plain_layer::check(source, image, progress)?;
    let config = source.read(&image.manifest.config)?;
    let diff_ids = &image.config.rootfs.diff_ids;
    let listed = Listed {
        config: format!("{}.json", image.manifest.config.digest.hex()),
        repo_tags: names.to_vec(),
        layers: diff_ids.iter().map(file_name).collect(),
    };
    let list = json::to_bytes(&[&listed]);
    ArchiveFile::with_content(folder, &mut |out| {
        let mut tar = TarWriter::new(out);
        // what says that these are images comes first, for readers that look no further
        small(&mut tar, "manifest.json", &list)?;
        small(&mut tar, &listed.config, &config)?;
        let mut written = BTreeSet::new();
        for ((layer, diff_id), plain) in image.manifest.layers.iter().zip(diff_ids).zip(&sizes) {
            if written.insert(diff_id) {
                let entry = file(file_name(diff_id), plain.size);
                plain_layer::read(source, layer, diff_id, progress, |content| {
                    tar.file(&entry, content).map_err(unwritten)
                })
                .map_err(io::Error::from)?;
            }
        }
        tar.finish().map(drop)
    })
}

fn unwritten(cause: io::Error) -> Error {
    from_io(cause, |cause| {
        Error::new(ErrorKind::Io, "failed to write its content").with_source(cause)
    })
}

fn file_name(diff_id: &DiffId) -> String {
    format!("{}.tar", diff_id.as_digest().hex())
}

fn small(tar: &mut TarWriter<&mut dyn Write>, name: &str, content: &[u8]) -> io::Result<()> {
    tar.file(&file(name.to_owned(), content.len() as u64), &mut &content[..])
}

fn file(path: String, size: u64) -> Entry {
    Entry {
        path: path.into_bytes(),
        kind: EntryKind::File { size },
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED,
    }
}
