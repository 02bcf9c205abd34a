//! The root file system of an image: its layers, unpacked on top of each other.

use std::path::Path;

use super::opened::OpenedImage;
use super::plain_layer;
use super::store::BlobSource;
use crate::archive::new_folder::NewFolder;
use crate::archive::unpack::Unpacker;
use crate::error::Result;
use crate::progress::Progress;

/// Unpacks an image to `folder`, which is empty or not there yet. Nothing is there when that fails. Gives notes on what could not be kept.
pub fn unpack(
    source: &dyn BlobSource,
    image: &OpenedImage,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Vec<String>> {
    let new = NewFolder::new(folder)?;
    let mut unpacker = Unpacker::new(new.path())?;
    for (layer, diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
        let into = |content: &mut dyn std::io::Read| unpacker.layer(content, progress);
        plain_layer::read(source, layer, diff_id, progress, into)?;
    }
    let notes = unpacker.finish()?;
    progress.check()?;
    new.finish()?;
    Ok(notes)
}
