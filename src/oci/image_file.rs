//! Reads one file out of the layers of an image.

use std::io::Read;

use super::descriptor::Descriptor;
use super::digest::DiffId;
use super::layer::LayerContent;
use super::opened::OpenedImage;
use super::store::BlobSource;
use crate::archive::entry::{EntryKind, is_within, join, parent, relative_path};
use crate::archive::limit::Limited;
use crate::archive::tar_read::TarReader;
use crate::error::{Error, Result, from_io};
use crate::progress::Progress;

/// What the name of an entry begins with that takes away what lies below (OCI layer, whiteouts).
const WHITEOUT: &[u8] = b".wh.";
/// The name of an entry that takes away all else in its folder.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Links that are followed one after the other.
const MAX_LINKS: usize = 8;

/// What one layer has to say of a path.
enum Said {
    Nothing,
    Gone,
    File(Vec<u8>),
    Link(Vec<u8>),
    Other,
}

/// The content of the file at `path`, as the layers on top of each other have it; links are followed. At most `most` bytes are read.
///
/// `None` where there is no such file.
pub fn read_file(
    source: &dyn BlobSource,
    image: &OpenedImage,
    path: &str,
    most: u64,
    progress: &dyn Progress,
) -> Result<Option<Vec<u8>>> {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..MAX_LINKS {
        let mut link = None;
        let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
        for (layer, diff_id) in layers.rev() {
            let said = in_layer(source, layer, diff_id, &path, most, progress)
                .map_err(|error| error.context(format!("failed to read layer {}", layer.digest)))?;
            match said {
                Said::Nothing => {}
                Said::File(content) => return Ok(Some(content)),
                Said::Gone | Said::Other => return Ok(None),
                Said::Link(target) => {
                    link = Some(target);
                    break;
                }
            }
        }
        let Some(target) = link.and_then(|target| followed(&path, &target)) else {
            return Ok(None);
        };
        path = target;
    }
    Ok(None)
}

/// The content of the file at `path` in one layer; `None` where it has no such file. Links are not followed.
pub fn read_in_layer(
    source: &dyn BlobSource,
    (layer, diff_id): (&Descriptor, &DiffId),
    path: &str,
    most: u64,
    progress: &dyn Progress,
) -> Result<Option<Vec<u8>>> {
    let path = path.trim_start_matches('/').as_bytes();
    match in_layer(source, layer, diff_id, path, most, progress) {
        Ok(Said::File(content)) => Ok(Some(content)),
        Ok(_) => Ok(None),
        Err(error) => Err(error.context(format!("failed to read layer {}", layer.digest))),
    }
}

fn in_layer(
    source: &dyn BlobSource,
    layer: &Descriptor,
    diff_id: &DiffId,
    path: &[u8],
    most: u64,
    progress: &dyn Progress,
) -> Result<Said> {
    let mut content = LayerContent::open(source, layer)?;
    let mut limited = Limited::new(&mut content, layer.size);
    let mut tar = TarReader::new(&mut limited);
    let mut said = Said::Nothing;
    while let Some(found) = tar.next_entry()? {
        progress.check()?;
        let own = found.entry.path;
        let Ok(Some(own)) = relative_path(own.strip_prefix(b"/").unwrap_or(&own)) else {
            continue;
        };
        if own == path {
            said = match found.entry.kind {
                EntryKind::File { size } if size <= most => {
                    let mut text = Vec::new();
                    tar.content().read_to_end(&mut text).map_err(|cause| {
                        from_io(cause, |cause| {
                            Error::damaged("its content can not be read").with_source(cause)
                        })
                    })?;
                    Said::File(text)
                }
                EntryKind::Symlink { target } => Said::Link(target),
                EntryKind::Hardlink { target } => Said::Link([b"/", &target[..]].concat()),
                _ => Said::Other,
            };
        } else if matches!(said, Said::Nothing) && takes_away(&own, path) {
            said = Said::Gone;
        }
    }
    let (unpacked, _) = content.finish()?;
    if unpacked != *diff_id {
        return Err(Error::damaged(format!(
            "it unpacks to {unpacked}, but its image says {diff_id}"
        )));
    }
    Ok(said)
}

/// Whether the whiteout `own` is about `path` or a folder that it is in.
fn takes_away(own: &[u8], path: &[u8]) -> bool {
    let folder = parent(own).unwrap_or_default();
    let name = own.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if name == OPAQUE {
        return is_within(path, folder) && path != folder;
    }
    name.strip_prefix(WHITEOUT)
        .is_some_and(|name| is_within(path, &join(folder, name)))
}

/// Where a link leads, from the root of the image; `None` for the root itself.
fn followed(path: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let from: &[u8] = if target.starts_with(b"/") {
        b""
    } else {
        parent(path).unwrap_or_default()
    };
    let mut parts: Vec<&[u8]> = from
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in target.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiteouts_and_links() {
        assert!(takes_away(b"etc/.wh.os-release", b"etc/os-release"));
        assert!(takes_away(b".wh.etc", b"etc/os-release"));
        assert!(takes_away(b"etc/.wh..wh..opq", b"etc/os-release"));
        assert!(!takes_away(b"etc/.wh.os", b"etc/os-release"));
        let check = |path: &str, target: &str, expected: &str| {
            let found = followed(path.as_bytes(), target.as_bytes());
            assert_eq!(found.as_deref(), Some(expected.as_bytes()), "{path} -> {target}");
        };
        check("etc/os-release", "../usr/lib/os-release", "usr/lib/os-release");
        check("etc/os-release", "/usr/lib/x", "usr/lib/x");
        check("etc/os-release", "../../../x", "x");
        assert_eq!(followed(b"x", b"/"), None);
    }
}
