//! `--compression`.

use super::{package, sandbox};
use crate::support::layout_view::text;
use crate::support::packaged::Packaged;

#[test]
fn is_named_by_the_media_type() {
    let layer = "application/vnd.oci.image.layer.v1.tar";
    let mut diff_ids = Vec::new();
    for (value, suffix) in [
        ("gzip", "+gzip"),
        ("gzip:1", "+gzip"),
        ("gzip:9", "+gzip"),
        ("zstd", "+zstd"),
        ("zstd:19", "+zstd"),
        ("none", ""),
    ] {
        let packaged = Packaged::path(sandbox(), "bp", &["--compression", value]);
        for image in &packaged.index.children {
            let media_type = text(&image.layers[0].descriptor, "mediaType");
            assert_eq!(media_type, format!("{layer}{suffix}"), "{value}");
        }
        diff_ids.push(packaged.diff_ids().join(" "));
    }
    assert!(diff_ids.iter().all(|ids| *ids == diff_ids[0]), "{diff_ids:?}");
}

#[test]
fn wrong_ones() {
    let sandbox = sandbox();
    for value in ["lz4", "gzip:", "gzip:10", "gzip:x", "zstd:99", "none:1", ""] {
        package(&sandbox, &["--compression", value])
            .failed(2)
            .stderr_has("--compression");
        assert!(!sandbox.join("out.oci").exists());
    }
}
