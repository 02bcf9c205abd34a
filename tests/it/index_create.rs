//! `airpack index create`: what machines have packaged one by one becomes what one machine would have packaged at once.

mod inputs;
mod same_digest;
mod sense;

use std::fs;

use serde_json::Value;

use crate::support::layout_view::LayoutView;
use crate::support::{Run, Sandbox};

/// The name of the index in most tests.
const NAME: &str = "registry.test/acme/x:1.0";

fn create(sandbox: &Sandbox, images: &[&str], more: &[&str]) -> Run {
    let own = ["index", "create", NAME];
    sandbox.airpack(&[&own[..], images, &["--layout", "merged"], more].concat())
}

/// It fails, and no layout comes of it.
#[track_caller]
fn refused(sandbox: &Sandbox, images: &[&str], more: &[&str]) -> Run {
    let run = create(sandbox, images, more);
    run.failed(1);
    assert!(!sandbox.join("merged").exists(), "a layout came of it{run}");
    run
}

/// The bytes of the index behind a tag.
fn bytes_of(sandbox: &Sandbox, layout: &str, tag: &str) -> Vec<u8> {
    let view = LayoutView::open(sandbox.join(layout));
    fs::read(view.blob_path(view.digest(tag))).unwrap()
}

/// The index behind a tag.
fn index_of(sandbox: &Sandbox, layout: &str, tag: &str) -> Value {
    serde_json::from_slice(&bytes_of(sandbox, layout, tag)).unwrap()
}
