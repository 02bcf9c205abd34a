//! `airpack extension package`: an extension is packaged as a buildpack is, but for its names, labels and executables.

mod errors;
mod labels;
mod options;
mod package_toml;
mod sources;
mod targets;
mod warnings;
mod wrong_kind;

use crate::support::packaged::Packaged;
use crate::support::refused::{REFERENCE, refused_with};
use crate::support::tree::{SCRIPT, Tree, write_tree};
use crate::support::{Run, Sandbox};

/// The five lines every `extension.toml` of these tests begins with.
const HEAD: &str = "\
api = \"0.10\"

[extension]
id = \"acme/ext\"
version = \"1.0.0\"
";

/// `HEAD`, then for each target (`os[/arch[/variant]]`) an empty line and a `[[targets]]`. With targets that name os
/// and arch, the first `[[targets]]` is in line 7, the second in line 11.
fn descriptor(targets: &[&str]) -> String {
    let rest = crate::support::tree::descriptor(targets);
    rest.replace(crate::support::tree::HEAD, HEAD)
}

/// An extension with this `extension.toml`, its executables at the root.
fn tree(toml: &str) -> Vec<(&str, &str)> {
    vec![
        ("extension.toml", toml),
        ("bin/detect", SCRIPT),
        ("bin/generate", SCRIPT),
    ]
}

/// A sandbox with this tree in `ext`.
fn sandbox_with(tree: Tree<'_>) -> Sandbox {
    let sandbox = Sandbox::new();
    write_tree(&sandbox, "ext", tree);
    sandbox
}

/// A sandbox with the extension `ext`, which has a folder for each of two platforms and gets no warning.
fn sandbox() -> Sandbox {
    let toml = descriptor(&["linux/amd64", "linux/arm64"]);
    sandbox_with(&[
        ("extension.toml", &toml),
        ("linux/amd64/bin/detect", SCRIPT),
        ("linux/amd64/bin/generate", SCRIPT),
        ("linux/amd64/which", "linux/amd64"),
        ("linux/arm64/bin/detect", SCRIPT),
        ("linux/arm64/bin/generate", SCRIPT),
        ("linux/arm64/which", "linux/arm64"),
    ])
}

/// Packages a tree.
#[track_caller]
fn packaged(tree: Tree<'_>, args: &[&str]) -> Packaged {
    Packaged::extension(sandbox_with(tree), &[&["--path", "ext"], args].concat())
}

/// Packages from the sandbox, which has to fail, and to leave source and layout as they are.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str]) -> Run {
    refused_with(REFERENCE, args, sandbox, &|args| {
        let [command, rest @ ..] = args else {
            panic!("a command");
        };
        assert_eq!(*command, "buildpack");
        sandbox.airpack_command(&[&["extension"], rest].concat())
    })
}
