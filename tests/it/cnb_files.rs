//! `.cnb` files: what `--format file` writes, and that they are read wherever an image may be.

mod as_pack_writes_them;
mod bytes;
mod dependencies;
mod names;
mod other_tools;
mod refused_dependencies;
mod usage;
mod whole_or_not_at_all;
mod written;

use crate::support::cnb_file::CnbFile;
use crate::support::layout_view::{LayoutView, text};
use crate::support::tree::platform_folders;
use crate::support::{Run, Sandbox};

/// A sandbox with the buildpack `bp` with two platform folders, about which there is nothing to warn.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64", "linux/arm64"]);
    sandbox
}

/// Packages `bp` to a file.
fn package(sandbox: &Sandbox, file: &str, args: &[&str]) -> Run {
    let own = ["buildpack", "package", file, "--path", "bp", "--format", "file"];
    sandbox.airpack(&[&own[..], args].concat())
}

/// The same, which has to work; the files that it says it has written.
#[track_caller]
fn written(sandbox: &Sandbox, file: &str, args: &[&str]) -> Vec<String> {
    let run = package(sandbox, file, args);
    run.ok().stderr_lacks("error: ");
    files_of(&run)
}

/// The files that a run says it has written.
#[track_caller]
fn files_of(run: &Run) -> Vec<String> {
    assert!(run.stdout.ends_with('\n'), "expected whole lines on stdout{run}");
    run.stdout.lines().map(str::to_owned).collect()
}

/// Packages `bp` to one file, `x.cnb`.
#[track_caller]
fn one_file(sandbox: &Sandbox, args: &[&str]) -> CnbFile {
    assert_eq!(written(sandbox, "x.cnb", args), ["x.cnb"]);
    CnbFile::open(sandbox.join("x.cnb"))
}

/// Packages `bp` into the layout `out.oci`.
#[track_caller]
fn layout(sandbox: &Sandbox, args: &[&str]) -> LayoutView {
    let own = ["buildpack", "package", "registry.test/acme/x:1.0"];
    let rest = ["--path", "bp", "--layout", "out.oci"];
    sandbox.airpack(&[&own[..], &rest, args].concat()).digest();
    LayoutView::open(sandbox.join("out.oci"))
}

/// The digests of the images behind the tag 1.0.
fn child_digests(layout: &LayoutView) -> Vec<String> {
    let children = layout.image_index("1.0").children;
    children
        .iter()
        .map(|child| text(&child.descriptor, "digest").to_owned())
        .collect()
}
