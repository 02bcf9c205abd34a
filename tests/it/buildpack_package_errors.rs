//! `airpack buildpack package` where its input has faults: every one is named with its place, and nothing is touched.

mod archives;
mod descriptor_file;
mod files;
mod folders;
mod links;
mod package_toml;
mod references;
mod shared_files;
mod warnings;

use crate::support::refused::{points_at, refused};
use crate::support::tree::{SCRIPT, Tree, write_tree};
use crate::support::{Run, Sandbox, with_file_size_limit};

/// A sandbox with the buildpack `bp`: this `buildpack.toml` and sound executables at the root.
fn with_descriptor(toml: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    write_tree(
        &sandbox,
        "bp",
        &[("buildpack.toml", toml), ("bin/build", SCRIPT), ("bin/detect", SCRIPT)],
    );
    sandbox
}

/// A `buildpack.toml` with one fault, in this line if it is in one.
#[track_caller]
fn check_descriptor(toml: &str, line: Option<usize>, says: &[&str]) {
    let run = refused(&with_descriptor(toml), &["--path", "bp"]);
    run.stderr_has("buildpack.toml");
    for text in says {
        run.stderr_has(text);
    }
    if let Some(line) = line {
        points_at(&run, "buildpack.toml", line);
    }
}

/// A tree below `bp` that can not be packaged.
#[track_caller]
fn check_tree(tree: Tree<'_>, args: &[&str], says: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    write_tree(&sandbox, "bp", tree);
    let run = refused(&sandbox, &[&["--path", "bp"], args].concat());
    for text in says {
        run.stderr_has(text);
    }
    run
}

/// Bytes that do not compress, always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
