//! `airpack buildpack package`: a buildpack from a folder, from an archive and by way of `package.toml`.

mod by_config;
mod folder;
mod hard_links;
mod platform_folders_in_an_archive;
mod whole_archive;

use crate::support::tar_maker::TarFormat;
use crate::support::tree::SCRIPT;
use crate::support::{Sandbox, tar_maker};

const FORMATS: [TarFormat; 3] = [TarFormat::Ustar, TarFormat::Gnu, TarFormat::Pax];
const DIALECTS_FOR_LONG_NAMES: [TarFormat; 2] = [TarFormat::Gnu, TarFormat::Pax];

/// A tree with platform folders, shared files and links of all kinds. Its order is not sorted.
fn platform_tree(toml: &str) -> Vec<(&str, &str)> {
    vec![
        ("README.md", "in no image\n"),
        ("linux/arm64/z", "z\n"),
        ("linux/arm64/bin/detect", SCRIPT),
        ("linux/arm64/bin/build", SCRIPT),
        ("linux/amd64/order/a0", "1\n"),
        ("linux/amd64/order/a.b", "2\n"),
        ("linux/amd64/order/a-b", "3\n"),
        ("linux/amd64/order/a/x", "4\n"),
        ("linux/amd64/bin/build", SCRIPT),
        ("linux/amd64/bin/detect", SCRIPT),
        ("linux/amd64/near", "-> order/a0"),
        ("linux/amd64/absolute", "-> /usr/bin/env"),
        ("linux/amd64/far", "-> ../../lib/deep"),
        ("linux/amd64/empty/", ""),
        ("lib/deep/tool", "#!/bin/sh\ntool\n"),
        ("lib/plain", "plain\n"),
        ("airpack.toml", "shared = [\"lib\"]\n"),
        ("buildpack.toml", toml),
    ]
}

/// A sandbox with a file of this name.
fn with_file(name: &str, content: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(name, content);
    sandbox
}

/// Writes a tar as `.tar`, `.tgz` or `.tar.gz`.
fn packed(name: &str, tar: Vec<u8>) -> Sandbox {
    let content = if name.ends_with("gz") {
        tar_maker::gzip(&tar)
    } else {
        tar
    };
    with_file(name, &content)
}
