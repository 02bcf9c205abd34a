//! What it costs to find out whether a layout is whole, beside hashing its blobs with `sha256sum`, one after the other and on all
//! processors at once.
//!
//! `cargo bench --bench validate` makes a layout of 1 GB, 32 layers that do not compress behind one index, and one that airpack
//! packages from a buildpack of as many bytes, whose layers are unpacked on the way: what comes out is hashed too, which is the
//! third line to compare with. `-- size MB` takes another size. Nothing is asserted but that both are whole.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "figures for people, from a clock"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use support::layout;
use support::source::{generate, layers_size, tree_size};
use support::{AIRPACK, Fallible, Figures, arguments, measure, measure_here, processors, say, units};

fn main() -> ExitCode {
    let arguments = arguments();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["measure", ref command @ ..] => measure_here(command),
        ["size", megabytes] => megabytes.parse::<u64>().map_err(Into::into).and_then(validate),
        _ => validate(1 << 10),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn validate(megabytes: u64) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let size = megabytes << 20;
    say(&format!("{} processors", processors()));

    let plain = root.join("plain.oci");
    layout::generate(&plain, size, 32, &["amd64", "arm64"])?;
    say(&format!("\n{} in 32 layers, not compressed", units(size)));
    compare(&plain, &[("blobs", plain.join("blobs"))])?;
    fs::remove_dir_all(&plain)?;

    let source = root.join("source");
    let mut names = Vec::new();
    // some for every processor to have one
    for number in 0..8 {
        let name = format!("bp{number}");
        generate(&source, &name, size / 8)?;
        names.push(name);
    }
    let packed = root.join("packed.oci");
    for name in &names {
        let (path, image) = (source.join(name), format!("bench.test/acme/{name}:1"));
        let [path, out] = [&path, &packed].map(|path| path.to_str().unwrap_or_default());
        measure(&[
            AIRPACK,
            "buildpack",
            "package",
            &image,
            "--path",
            path,
            "--layout",
            out,
            "--quiet",
        ])?;
    }
    say(&format!(
        "\n{} in 16 layers of {}, compressed",
        units(tree_size(&source)?),
        units(layers_size(&packed)?)
    ));
    compare(
        &packed,
        &[("blobs", packed.join("blobs")), ("blobs and files", root.to_owned())],
    )
}

/// A table: `airpack layout validate`, then `sha256sum` of what is in these folders.
fn compare(layout: &Path, folders: &[(&str, std::path::PathBuf)]) -> Fallible<()> {
    let path = layout.to_str().unwrap_or_default();
    let own = measure(&[AIRPACK, "layout", "validate", path, "--quiet"])?;
    say("what                                       wall s   CPU s   peak MB   wall of validate / this");
    row("airpack layout validate", own, own);
    for (what, folder) in folders {
        let folder = folder.to_str().unwrap_or_default();
        let one = format!("find '{folder}' -type f -print0 | xargs -0 sha256sum > /dev/null");
        row(&format!("sha256sum, {what}"), measure(&["sh", "-c", &one])?, own);
        let all = format!(
            "find '{folder}' -type f -print0 | xargs -0 -n 1 -P {} sha256sum > /dev/null",
            processors()
        );
        let what = format!("sha256sum, {what}, all processors");
        row(&what, measure(&["sh", "-c", &all])?, own);
    }
    Ok(())
}

fn row(what: &str, figures: Figures, own: Figures) {
    say(&format!(
        "{what:<41} {:>7.2} {:>7.2} {:>9.1} {:>25.2}",
        figures.wall,
        figures.processor,
        figures.memory as f64 / 1e6,
        own.wall / figures.wall
    ));
}
