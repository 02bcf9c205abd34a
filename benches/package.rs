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

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use support::{AIRPACK, Fallible, Figures, Random, arguments, measure, measure_here, processors, say, units};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

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
    let source = generate(folder.path(), size)?;
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
    let source = generate(folder.path(), size)?;
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

const HEAD: &str = "{}                          wall s   CPU s   peak MB     MB/s   size / input";

fn row(figures: &Figures, what: &str, bytes: u64, packed: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    format!(
        "{what:<28} {:>7.2} {:>7.2} {:>9.1} {:>8.0} {:>14.4}",
        figures.wall,
        figures.processor,
        figures.memory as f64 / 1e6,
        megabytes / figures.wall,
        packed as f64 / bytes as f64
    )
}

/// A buildpack with a platform folder for each target: a part of machine code, one of text, one that is compressed already.
fn generate(folder: &Path, size: u64) -> Fallible<PathBuf> {
    let source = folder.join("bp");
    fs::create_dir_all(&source)?;
    let mut toml = "api = \"0.10\"\n[buildpack]\nid = \"acme/big\"\nversion = \"1.0.0\"\n".to_owned();
    for (os, arch) in PLATFORMS.iter().filter_map(|platform| platform.split_once('/')) {
        toml += "[[targets]]\n";
        toml += &["os = \"", os, "\"\narch = \"", arch, "\"\n"].concat();
    }
    fs::write(source.join("buildpack.toml"), toml)?;
    let code = [fs::read(AIRPACK)?, fs::read(env::current_exe()?)?].concat();
    let mut random = Random(42);
    for platform in PLATFORMS {
        let root = source.join(platform);
        for part in ["bin", "lib", "deps"] {
            fs::create_dir_all(root.join(part))?;
        }
        for script in ["build", "detect"] {
            fs::write(root.join("bin").join(script), "#!/bin/sh\n")?;
        }
        let share = size / PLATFORMS.len() as u64;
        fill(&root.join("lib"), share * 45 / 100, 12 << 20, |file, len| {
            let start = (random.next() as usize) % code.len();
            let bytes: Vec<u8> = code.iter().cycle().skip(start).take(len).copied().collect();
            file.write_all(&bytes)
        })?;
        let mut random = Random(random.next());
        fill(&root.join("lib"), share * 25 / 100, 40 << 10, |file, len| {
            file.write_all(&text(&mut random, len))
        })?;
        let mut random = Random(random.next());
        fill(&root.join("deps"), share * 30 / 100, 20 << 20, |file, len| {
            let bytes: Vec<u8> = (0..len.div_ceil(8))
                .flat_map(|_| random.next().to_le_bytes())
                .take(len)
                .collect();
            file.write_all(&bytes)
        })?;
    }
    Ok(source)
}

/// Files of at most `most` bytes each, `total` together.
fn fill(
    folder: &Path,
    total: u64,
    most: u64,
    mut write: impl FnMut(&mut File, usize) -> io::Result<()>,
) -> Fallible<()> {
    let mut left = total;
    let mut number = fs::read_dir(folder)?.count();
    while left > 0 {
        let len = left.min(most);
        write(
            &mut File::create(folder.join(format!("{number:06}")))?,
            usize::try_from(len)?,
        )?;
        left -= len;
        number += 1;
    }
    Ok(())
}

/// Words of a made-up language in lines, some far more often than others.
fn text(random: &mut Random, len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + 32);
    while out.len() < len {
        let rank = (random.next() % 4096)
            .min(random.next() % 4096)
            .min(random.next() % 4096);
        let mut word = Random(rank + 1);
        for _ in 0..=(word.next() % 4) {
            out.extend_from_slice(&[
                b"bcdfglmnprst"[(word.next() % 12) as usize],
                b"aeiou"[(word.next() % 5) as usize],
            ]);
        }
        out.push(if random.next().is_multiple_of(11) { b'\n' } else { b' ' });
    }
    out.truncate(len);
    out
}

fn tree_size(folder: &Path) -> Fallible<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() {
            tree_size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(total)
}

/// All blobs but the small ones, which are manifests and configs.
fn layers_size(layout: &Path) -> Fallible<u64> {
    let mut total = 0;
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let len = entry?.metadata()?.len();
        total += if len > 64 << 10 { len } else { 0 };
    }
    Ok(total)
}
