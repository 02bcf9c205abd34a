//! Composite buildpacks on disk: leaves with a folder for each target, composites of them, and `package.toml`.
//!
//! A module is written `acme/one@1.0.0`, one that is optional in an order `acme/one@1.0.0?`.

use std::fmt::Write as _;
use std::path::Path;

use super::Sandbox;
use super::tar_maker::Member;
use super::tree::SCRIPT;

/// The targets where two are enough.
pub(crate) const BOTH: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The groups of an order, with the modules in each.
pub(crate) type Order<'a> = &'a [&'a [&'a str]];

/// The parts of `acme/one@1.0.0`.
pub(crate) fn id_and_version(module: &str) -> (&str, &str) {
    module.split_once('@').unwrap()
}

/// The first five lines of a `buildpack.toml`.
pub(crate) fn head(module: &str) -> String {
    let (id, version) = id_and_version(module);
    format!("api = \"0.10\"\n\n[buildpack]\nid = \"{id}\"\nversion = \"{version}\"\n")
}

/// A `[[targets]]` after an empty line for each `os[/arch[/variant]][:name@version]`.
pub(crate) fn targets_toml(targets: &[&str]) -> String {
    let mut toml = String::new();
    for target in targets {
        let (platform, distro) = target.split_once(':').unwrap_or((target, ""));
        toml += "\n[[targets]]\n";
        for (key, value) in ["os", "arch", "variant"].iter().zip(platform.split('/')) {
            writeln!(toml, "{key} = \"{value}\"").unwrap();
        }
        if let Some((name, version)) = distro.split_once('@') {
            write!(
                toml,
                "\n[[targets.distros]]\nname = \"{name}\"\nversion = \"{version}\"\n"
            )
            .unwrap();
        }
    }
    toml
}

/// The `buildpack.toml` of a leaf.
pub(crate) fn leaf_toml(module: &str, targets: &[&str]) -> String {
    head(module) + &targets_toml(targets)
}

/// What a leaf holds for a target beside its `buildpack.toml`: names, contents and modes, sorted by name.
fn leaf_files(module: &str, target: &str) -> [(&'static str, String, u32); 3] {
    [
        ("bin/build", format!("#!/bin/sh\necho {module} {target}\n"), 0o755),
        ("bin/detect", SCRIPT.to_owned(), 0o755),
        ("which", which(module, target), 0o644),
    ]
}

/// The content of the file `which` of a leaf.
pub(crate) fn which(module: &str, target: &str) -> String {
    format!("{module} for {target}\n")
}

/// Writes a buildpack with a folder for each of its targets. The file `which` in it says what it is for.
pub(crate) fn leaf(sandbox: &Sandbox, folder: &str, module: &str, targets: &[&str]) {
    let folder = Path::new(folder);
    sandbox.write(folder.join("buildpack.toml"), leaf_toml(module, targets));
    for target in targets {
        write_leaf_files(sandbox, &folder.join(target.replace(':', "/")), module, target);
    }
}

/// Writes a buildpack whose executables are at its root; `toml` comes after the head of its `buildpack.toml`. Its
/// file `which` says that it is for any target.
pub(crate) fn rooted_leaf(sandbox: &Sandbox, folder: &str, module: &str, toml: &str) {
    let folder = Path::new(folder);
    sandbox.write(folder.join("buildpack.toml"), head(module) + toml);
    write_leaf_files(sandbox, folder, module, "any");
}

fn write_leaf_files(sandbox: &Sandbox, folder: &Path, module: &str, target: &str) {
    for (name, content, mode) in leaf_files(module, target) {
        sandbox.write_mode(folder.join(name), content, mode);
    }
}

/// The layer of a leaf for a target, entry by entry as pack writes it.
pub(crate) fn leaf_members(module: &str, target: &str, targets: &[&str]) -> Vec<Member> {
    let (id, version) = id_and_version(module);
    let top = format!("/cnb/buildpacks/{}", id.replace('/', "_"));
    let root = format!("{top}/{version}");
    let toml = leaf_toml(module, targets);
    let [build, detect, which] = leaf_files(module, target);
    let file = |name: &str, content: &str, mode| Member::file(&format!("{root}/{name}"), content).with_mode(mode);
    let members = vec![
        Member::folder(&top),
        Member::folder(&root),
        Member::folder(&format!("{root}/bin")),
        file(build.0, &build.1, build.2),
        file(detect.0, &detect.1, detect.2),
        file("buildpack.toml", &toml, 0o644),
        file(which.0, &which.1, which.2),
    ];
    let with_time = |member| Member {
        mtime: 315_532_801,
        ..member
    };
    members.into_iter().map(with_time).collect()
}

/// The order of a composite. Every group begins with an empty line and `[[order]]`, every entry with another two lines
/// of this kind.
pub(crate) fn order_toml(order: Order<'_>) -> String {
    let mut toml = String::new();
    for group in order {
        toml += "\n[[order]]\n";
        for entry in *group {
            let (module, optional) = entry.strip_suffix('?').map_or((*entry, false), |module| (module, true));
            let (id, version) = id_and_version(module);
            write!(toml, "\n[[order.group]]\nid = \"{id}\"\nversion = \"{version}\"\n").unwrap();
            if optional {
                toml += "optional = true\n";
            }
        }
    }
    toml
}

/// Writes the `buildpack.toml` of a composite, which is all that it has.
pub(crate) fn composite(sandbox: &Sandbox, folder: &str, module: &str, order: Order<'_>) {
    sandbox.write(
        Path::new(folder).join("buildpack.toml"),
        head(module) + &order_toml(order),
    );
}

/// Writes a `package.toml`. Its dependencies are `uri`s, or `image`s where `image=` is before them. See
/// [`dependency_line`] for where they are.
pub(crate) fn package_toml(sandbox: &Sandbox, path: &str, buildpack: &str, dependencies: &[&str], targets: &[&str]) {
    let mut toml = format!("[buildpack]\nuri = \"{buildpack}\"\n");
    for dependency in dependencies {
        let (key, value) = dependency
            .strip_prefix("image=")
            .map_or(("uri", *dependency), |image| ("image", image));
        write!(toml, "\n[[dependencies]]\n{key} = \"{value}\"\n").unwrap();
    }
    sandbox.write(path, toml + &targets_toml(targets));
}

/// The line of `uri` or `image` of a dependency in [`package_toml`], counted from 0; the one above it begins the table.
pub(crate) fn dependency_line(number: usize) -> usize {
    5 + 3 * number
}

/// The number of the only line of a text that has this in it.
#[track_caller]
pub(crate) fn line_of(text: &str, part: &str) -> usize {
    let found: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(part))
        .collect();
    assert_eq!(found.len(), 1, "lines with {part:?} in\n{text}");
    found[0].0 + 1
}

/// Writes the leaves `one` and `two` for both targets.
pub(crate) fn one_and_two(sandbox: &Sandbox) {
    leaf(sandbox, "one", "acme/one@1.0.0", &BOTH);
    leaf(sandbox, "two", "acme/two@1.0.0", &BOTH);
}

/// The leaves `one` and `two`, and the composite `comp` which needs the first; its `package.toml` lies in it.
pub(crate) fn comp_of_two() -> Sandbox {
    let sandbox = Sandbox::new();
    one_and_two(&sandbox);
    composite(&sandbox, "comp", "acme/comp@1.0.0", COMP);
    package_toml(&sandbox, "comp/package.toml", ".", &["../one", "../two"], &BOTH);
    sandbox
}

/// The order of [`comp_of_two`].
pub(crate) const COMP: Order<'static> = &[&["acme/one@1.0.0", "acme/two@1.0.0?"], &["acme/one@1.0.0"]];
