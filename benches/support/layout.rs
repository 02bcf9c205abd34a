//! Layouts that are made up, the same in every run: layers that do not compress, not compressed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use ring::digest::{Context, SHA256, digest};
use serde_json::{Value, json};

use super::{Fallible, Random};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout with one image index of images for these platforms, which share out the layers.
pub(crate) fn generate(layout: &Path, size: u64, layers: usize, platforms: &[&str]) -> Fallible<()> {
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    fs::write(layout.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")?;
    let mut random = Random(42);
    let mut images = Vec::new();
    for architecture in platforms {
        let layers: Vec<Value> = (0..layers / platforms.len())
            .map(|_| layer(layout, size / layers as u64, &mut random))
            .collect::<Fallible<_>>()?;
        let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = document(
            layout,
            "application/vnd.oci.image.config.v1+json",
            &json!({
                "architecture": architecture,
                "os": "linux",
                "config": {},
                "rootfs": { "type": "layers", "diff_ids": diff_ids },
            }),
        )?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let mut image = document(layout, MANIFEST, &manifest)?;
        image["platform"] = json!({ "architecture": architecture, "os": "linux" });
        images.push(image);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images });
    let mut index = document(layout, INDEX, &index)?;
    index["annotations"] = json!({
        "io.containerd.image.name": "bench.test/bench/big:1",
        "org.opencontainers.image.ref.name": "1",
    });
    let index_file = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [index] });
    fs::write(layout.join("index.json"), index_file.to_string())?;
    Ok(())
}

/// A tar with one file of random bytes, `size` bytes in all.
fn layer(layout: &Path, size: u64, random: &mut Random) -> Fallible<Value> {
    const BLOCK: u64 = 512;
    // header, content and two blocks at the end
    let content = (size / BLOCK).saturating_sub(3).max(1) * BLOCK;
    let mut header = tar::Header::new_ustar();
    header.set_path("data")?;
    header.set_mode(0o644);
    header.set_size(content);
    header.set_cksum();
    let path = layout.join("blobs/layer");
    let mut blob = Hashed {
        file: io::BufWriter::with_capacity(1 << 20, File::create(&path)?),
        context: Context::new(&SHA256),
        written: 0,
    };
    blob.write_all(header.as_bytes())?;
    let mut piece = Vec::with_capacity(1 << 16);
    let mut left = content;
    while left > 0 {
        piece.clear();
        piece.extend((0..(1 << 13)).flat_map(|_| random.next().to_le_bytes()));
        piece.truncate(left.min(piece.len() as u64) as usize);
        blob.write_all(&piece)?;
        left -= piece.len() as u64;
    }
    blob.write_all(&[0; 2 * BLOCK as usize])?;
    blob.flush()?;
    let hex = hex::encode(blob.context.finish());
    fs::rename(&path, layout.join("blobs/sha256").join(&hex))?;
    Ok(json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": format!("sha256:{hex}"),
        "size": blob.written,
    }))
}

/// A file whose bytes are hashed on the way.
struct Hashed {
    file: io::BufWriter<File>,
    context: Context,
    written: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.context.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Adds a blob of JSON and gives its descriptor.
pub(crate) fn document(layout: &Path, media_type: &str, content: &Value) -> Fallible<Value> {
    let bytes = content.to_string();
    let hex = hex::encode(digest(&SHA256, bytes.as_bytes()));
    fs::write(layout.join("blobs/sha256").join(&hex), &bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() }))
}
