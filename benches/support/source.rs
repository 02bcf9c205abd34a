//! Buildpacks that are made up, the same in every run, and lines about packing them.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{AIRPACK, Fallible, Figures, Random};

pub(crate) const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

pub(crate) const HEAD: &str = "{}                          wall s   CPU s   peak MB     MB/s   size / input";

pub(crate) fn row(figures: &Figures, what: &str, bytes: u64, packed: u64) -> String {
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
pub(crate) fn generate(folder: &Path, name: &str, size: u64) -> Fallible<PathBuf> {
    let source = folder.join(name);
    fs::create_dir_all(&source)?;
    let mut toml = [
        "api = \"0.10\"\n[buildpack]\nid = \"acme/",
        name,
        "\"\nversion = \"1.0.0\"\n",
    ]
    .concat();
    for (os, arch) in PLATFORMS.iter().filter_map(|platform| platform.split_once('/')) {
        toml += "[[targets]]\n";
        toml += &["os = \"", os, "\"\narch = \"", arch, "\"\n"].concat();
    }
    fs::write(source.join("buildpack.toml"), toml)?;
    let code = [fs::read(AIRPACK)?, fs::read(env::current_exe()?)?].concat();
    let mut random = Random(
        name.bytes()
            .fold(42, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into())),
    );
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

/// Bytes of all files below.
pub(crate) fn tree_size(folder: &Path) -> Fallible<u64> {
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
pub(crate) fn layers_size(layout: &Path) -> Fallible<u64> {
    let mut total = 0;
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        let len = entry?.metadata()?.len();
        total += if len > 64 << 10 { len } else { 0 };
    }
    Ok(total)
}
