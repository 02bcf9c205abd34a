//! `airpack layout export`: layouts for the lifecycle, archives and root file systems, of sound and of hostile images.

mod archives;
mod hostile;
mod lifecycle;
mod rootfs;
mod usage;
mod whole_or_not_at_all;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::images::{OCI_GZIP, finish, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, sha256};
use crate::support::snapshot::Snapshot;
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::{Run, Sandbox};

/// What the images here are for, where it does not matter.
const AMD64: &str = "linux/amd64";

/// A layer compressed with gzip.
fn layer(members: &[Member]) -> Vec<u8> {
    tar(TarFormat::Pax, members)
}

/// Adds an image of these tars, each compressed with gzip, with these labels. Gives its descriptor, with the platform.
fn image(maker: &LayoutMaker, architecture: &str, labels: &Value, layers: &[Vec<u8>]) -> Value {
    let blobs: Vec<Value> = layers.iter().map(|tar| maker.blob(OCI_GZIP, &gzip(tar))).collect();
    let diff_ids: Vec<String> = layers.iter().map(|tar| sha256(tar)).collect();
    image_of(maker, architecture, labels, &blobs, &diff_ids)
}

/// The same of layers that were added.
fn image_of(maker: &LayoutMaker, architecture: &str, labels: &Value, layers: &[Value], diff_ids: &[String]) -> Value {
    let config = json!({
        "os": "linux",
        "architecture": architecture,
        "config": { "Labels": labels },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": layers,
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
    descriptor
}

/// A layout with one image for amd64 behind an index, under this name.
fn layout_of(folder: &Path, name: &str, layers: &[Vec<u8>]) {
    let maker = LayoutMaker::new(folder);
    let image = image(&maker, "amd64", &json!({}), layers);
    finish(&maker, &[named(index_of(&maker, &[image]), name)]);
}

/// Exports from `x.oci` in the sandbox.
fn export(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.airpack(&[&["layout", "export", "x.oci"], args].concat())
}

/// The same has to fail, and nothing in the sandbox may change. What runs leave that are killed is swept before.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    refused_with_code(1, sandbox, args)
}

/// The same, where the code tells what it is.
#[track_caller]
fn refused_with_code(code: i32, sandbox: &Sandbox, args: &[&str]) -> Run {
    let before = Snapshot::content_of(sandbox.path());
    let run = export(sandbox, args);
    run.failed(code);
    before.assert_unchanged("an export failed");
    run
}
