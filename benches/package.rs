//! What packaging costs: wall time, processor time, peak memory and size, beside `tar | gzip -1` over the same bytes.
//!
//! `cargo bench --bench package` takes a generated buildpack of 300 MB for two targets. `-- levels` compares the levels of
//! compression, `-- size MB` takes another size. Nothing is asserted: the figures of one run stand side by side.
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

use support::source::{HEAD, PLATFORMS, generate, layers_size, row, tree_size};
use support::{AIRPACK, Fallible, Figures, arguments, measure, measure_here, processors, say, units};

fn main() -> ExitCode {
    let arguments = arguments();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["measure", ref command @ ..] => measure_here(command),
        ["levels"] => levels(300 << 20),
        ["size", megabytes] => megabytes
            .parse::<u64>()
            .map_err(Into::into)
            .and_then(|size| package(size << 20)),
        _ => package(300 << 20),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A fresh layout, the same again, and the pipe of tar and gzip.
fn package(size: u64) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let source = generate(folder.path(), "big", size)?;
    let out = folder.path().join("out.oci");
    let bytes = tree_size(&source)?;
    say(&format!(
        "{} in {} targets, {} processors",
        units(bytes),
        PLATFORMS.len(),
        processors()
    ));
    say(&HEAD.replace("{}", "what"));
    let mut rows = Vec::new();
    for (what, kind) in [("airpack, fresh layout", "gzip"), ("airpack, the same again", "gzip")] {
        let figures = airpack(&source, &out, kind, None)?;
        rows.push(row(&figures, what, bytes, layers_size(&out)?));
    }
    fs::remove_dir_all(&out)?;
    let one = airpack(&source, &out, "gzip", Some("1"))?;
    rows.push(row(&one, "airpack, one thread", bytes, layers_size(&out)?));
    for (what, level) in [("tar | gzip -1", 1), ("tar | gzip -6", 6)] {
        let packed = folder.path().join("packed");
        let script = format!(
            "for p in {}; do tar -C {} -cf - $p | gzip -{level}; done > {}",
            PLATFORMS.join(" "),
            source.display(),
            packed.display()
        );
        let figures = measure(&["sh", "-c", &script])?;
        rows.push(row(&figures, what, bytes, fs::metadata(&packed)?.len()));
    }
    for row in rows {
        say(&row);
    }
    Ok(())
}

/// Every level, into a fresh layout each.
fn levels(size: u64) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let source = generate(folder.path(), "big", size)?;
    let bytes = tree_size(&source)?;
    say(&format!(
        "{} in {} targets, {} processors",
        units(bytes),
        PLATFORMS.len(),
        processors()
    ));
    say(&HEAD.replace("{}", "compression"));
    for kind in [
        "none", "gzip:1", "gzip:2", "gzip:3", "gzip:4", "gzip:6", "gzip:9", "zstd:1", "zstd:3", "zstd:9",
    ] {
        let out = folder.path().join(kind.replace(':', "-"));
        let figures = airpack(&source, &out, kind, None)?;
        say(&row(&figures, kind, bytes, layers_size(&out)?));
        fs::remove_dir_all(&out)?;
    }
    Ok(())
}

fn airpack(source: &Path, out: &Path, kind: &str, threads: Option<&str>) -> Fallible<Figures> {
    let (source, out) = (source.to_string_lossy(), out.to_string_lossy());
    let mut command = vec![
        AIRPACK,
        "buildpack",
        "package",
        "bench.test/acme/big:1",
        "--path",
        &source,
        "--layout",
        &out,
    ];
    command.extend(["--compression", kind, "--quiet"]);
    command.extend(threads.iter().flat_map(|threads| ["--threads", threads]));
    measure(&command)
}
