//! What a composite costs: 16 generated buildpacks of 5 to 30 MB for each of two targets, from folders into a fresh layout, again with
//! nothing changed, again with one file of one of them changed; from a layout that has them packaged; a builder of them, in the same
//! ways; beside hashing the same files.
//!
//! `cargo bench --bench composite`; `-- size PERCENT` takes buildpacks of another size. Nothing is asserted.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "figures for people, from a clock"
)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use support::source::{HEAD, PLATFORMS, generate, layers_size, row, tree_size};
use support::{AIRPACK, Fallible, Figures, arguments, measure, measure_here, processors, say, units};

/// How many buildpacks there are.
const COUNT: u64 = 16;
/// Where images to build on are.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

fn main() -> ExitCode {
    let arguments = arguments();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["measure", ref command @ ..] => measure_here(command),
        ["size", percent] => percent.parse::<u64>().map_err(Into::into).and_then(composite),
        _ => composite(100),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn composite(percent: u64) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let mut names = Vec::new();
    for number in 0..COUNT {
        let name = format!("bp{number:02}");
        // 5 to 30 MB for each target
        let size = (5_000_000 + number * 25_000_000 / (COUNT - 1)) * PLATFORMS.len() as u64;
        generate(root, &name, size * percent / 100)?;
        names.push(name);
    }
    write_composite(root, "comp", &names, |name| format!("../{name}"))?;
    write_composite(root, "packaged", &names, |name| {
        format!("docker://bench.test/acme/{name}:1")
    })?;
    let bytes = tree_size(root)?;
    say(&format!(
        "{} in {COUNT} buildpacks for {} targets, {} processors",
        units(bytes),
        PLATFORMS.len(),
        processors()
    ));
    say(&HEAD.replace("{}", "what"));
    let out = root.join("out.oci");
    let from_folders = |what: &str| -> Fallible<()> {
        let figures = package(root, "comp", &out, None)?;
        say(&row(&figures, what, bytes, layers_size(&out)?));
        Ok(())
    };
    from_folders("from folders, fresh layout")?;
    from_folders("again, nothing changed")?;
    let changed = root.join("bp08").join(PLATFORMS[0]).join("lib/000003");
    fs::File::options().append(true).open(changed)?.write_all(b"changed")?;
    from_folders("again, one file changed")?;

    let leaves = root.join("leaves.oci");
    for name in &names {
        let reference = format!("bench.test/acme/{name}:1");
        let source = root.join(name);
        let command = [
            "--path",
            &source.to_string_lossy(),
            "--layout",
            &leaves.to_string_lossy(),
        ]
        .map(ToOwned::to_owned);
        measure(&airpack(&reference, &command.each_ref().map(String::as_str)))?;
    }
    let packaged = root.join("packaged.oci");
    let figures = package(root, "packaged", &packaged, Some(&leaves))?;
    say(&row(&figures, "from a layout, fresh", bytes, layers_size(&packaged)?));
    let figures = package(root, "packaged", &leaves, None)?;
    say(&row(&figures, "within one layout", bytes, layers_size(&leaves)?));

    write_builder(root, &names)?;
    let built = root.join("built.oci");
    let figures = create(root, &built)?;
    say(&row(&figures, "builder, fresh layout", bytes, layers_size(&built)?));
    let figures = create(root, &built)?;
    say(&row(&figures, "builder, nothing changed", bytes, layers_size(&built)?));
    let figures = create(root, &out)?;
    say(&row(&figures, "builder beside composite", bytes, layers_size(&out)?));

    let script = format!(
        "find {0}/bp* -type f -print0 | xargs -0 sha256sum > {0}/sums",
        root.display()
    );
    let figures = measure(&["sh", "-c", &script])?;
    say(&row(&figures, "sha256sum of all files", bytes, bytes));
    let packed = root.join("packed");
    let script = format!(
        "for p in {1}; do for b in {0}/bp*; do tar -C $b -cf - $p | gzip -1; done; done > {2}",
        root.display(),
        PLATFORMS.join(" "),
        packed.display()
    );
    let figures = measure(&["sh", "-c", &script])?;
    say(&row(&figures, "tar | gzip -1", bytes, fs::metadata(&packed)?.len()));
    Ok(())
}

/// A composite of all buildpacks, named by `uri`.
fn write_composite(root: &Path, folder: &str, names: &[String], uri: impl Fn(&str) -> String) -> Fallible<()> {
    let folder = root.join(folder);
    fs::create_dir_all(&folder)?;
    let mut module = "api = \"0.10\"\n[buildpack]\nid = \"acme/comp\"\nversion = \"1.0.0\"\n[[order]]\n".to_owned();
    let mut package = "[buildpack]\nuri = \".\"\n".to_owned();
    for name in names {
        module += &["[[order.group]]\nid = \"acme/", name, "\"\nversion = \"1.0.0\"\n"].concat();
        package += &["[[dependencies]]\nuri = \"", &uri(name), "\"\n"].concat();
    }
    for (os, arch) in PLATFORMS.iter().filter_map(|platform| platform.split_once('/')) {
        package += &["[[targets]]\nos = \"", os, "\"\narch = \"", arch, "\"\n"].concat();
    }
    fs::write(folder.join("buildpack.toml"), module)?;
    fs::write(folder.join("package.toml"), package)?;
    Ok(())
}

/// A builder of all buildpacks, on the images of the fixtures.
fn write_builder(root: &Path, names: &[String]) -> Fallible<()> {
    let mut file = "[build]\nimage = \"acme/base:build\"\n[[run.images]]\nimage = \"acme/base:run\"\n".to_owned();
    file += &["[lifecycle]\nuri = \"", FIXTURES, "/builders/demo\"\n[[order]]\n"].concat();
    for name in names {
        file += &["[[order.group]]\nid = \"acme/", name, "\"\n"].concat();
    }
    for name in names {
        file += &["[[buildpacks]]\nuri = \"", name, "\"\n"].concat();
    }
    for (os, arch) in PLATFORMS.iter().filter_map(|platform| platform.split_once('/')) {
        file += &["[[targets]]\nos = \"", os, "\"\narch = \"", arch, "\"\n"].concat();
    }
    fs::write(root.join("builder.toml"), file)?;
    Ok(())
}

fn create(root: &Path, out: &Path) -> Fallible<Figures> {
    let config = root.join("builder.toml");
    let base = [FIXTURES, "/layouts/base.oci"].concat();
    let mut command = vec![AIRPACK, "builder", "create", "bench.test/acme/builder:1", "--quiet"];
    let (config, out) = (config.to_string_lossy(), out.to_string_lossy());
    command.extend(["--config", &config, "--layout", &out, "--from", &base]);
    measure(&command)
}

fn package(root: &Path, composite: &str, out: &Path, from: Option<&Path>) -> Fallible<Figures> {
    let config = root.join(composite).join("package.toml");
    let (config, out) = (config.to_string_lossy(), out.to_string_lossy());
    let from = from.map(Path::to_string_lossy);
    let mut options = vec!["--config", &config, "--layout", &out];
    if let Some(from) = &from {
        options.extend(["--from", from]);
    }
    measure(&airpack("bench.test/acme/comp:1", &options))
}

fn airpack<'a>(reference: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let mut command = vec![AIRPACK, "buildpack", "package", reference, "--quiet"];
    command.extend(options);
    command
}
