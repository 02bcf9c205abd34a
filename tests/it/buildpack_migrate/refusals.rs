//! What can not be known is asked for, and nothing is written.

use std::fs;

use super::{AMD64, ARM, ARM64, copied, elf, migrate, scripts};
use crate::support::Sandbox;
use crate::support::snapshot::Snapshot;

/// The command fails, says all of this, and changes nothing.
fn refused(sandbox: &Sandbox, options: &[&str], expected: &[&str]) {
    let before = Snapshot::content_of(sandbox.path());
    let mut options = options.to_vec();
    options.push("--write");
    let run = migrate(sandbox, &options);
    run.failed(1);
    for text in expected {
        assert!(run.stderr.contains(text), "{text} is not in\n{}", run.stderr);
    }
    assert_eq!(run.stdout, "");
    before.assert_unchanged("a refusal");
}

#[test]
fn a_stack_that_nobody_knows() {
    let sandbox = copied("unknown/before");
    refused(
        &sandbox,
        &[],
        &[
            "hello/buildpack.toml:8:1",
            "stack `com.acme.stacks.beta` is not known",
            "--target",
        ],
    );
    // with targets, what is wrong with the files comes up, all at once
    refused(
        &sandbox,
        &["-t", "linux/amd64,linux/arm/v6,linux/arm/v7"],
        &[
            "`bin/build` is a program (ELF for machine 0x1234) that no known platform runs",
            "`bin/tool` (ELF for arm) is for one of linux/arm/v6, linux/arm/v7",
            "2 faults found",
        ],
    );
}

#[test]
fn a_target_for_any_architecture_with_programs_for_one() {
    let sandbox = scripts("\n[[targets]]\nos = \"linux\"\n\n[[targets]]\nos = \"freebsd\"\narch = \"amd64\"\n");
    sandbox.executable("hello/bin/a", elf(AMD64));
    sandbox.executable("hello/bin/b", elf(ARM64));
    refused(
        &sandbox,
        &[],
        &["target `linux` for any", "name each architecture with --target"],
    );
}

#[test]
fn another_file_is_never_written_over() {
    let sandbox = scripts("");
    sandbox.write("hello/linux/amd64/lib/x", "theirs");
    sandbox.write("hello/lib/x", "ours");
    refused(
        &sandbox,
        &["-t", "linux/amd64,linux/arm64"],
        &["`lib/x` would go to `linux/amd64/lib/x`, which is another"],
    );
}

#[test]
fn what_is_no_buildpack_of_its_own() {
    let sandbox = scripts("\n[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1.0.0\"\n");
    refused(&sandbox, &[], &["it is a composite", "package.toml"]);
    let sandbox = Sandbox::new();
    sandbox.write("hello/extension.toml", "");
    refused(&sandbox, &[], &["it is an extension"]);
    let sandbox = Sandbox::new();
    sandbox.write("hello", "");
    refused(&sandbox, &[], &["`hello` is a file, not a folder", "unpack"]);
    let sandbox = Sandbox::new();
    refused(&sandbox, &[], &["hello"]);
    let sandbox = scripts("");
    fs::rename(sandbox.join("hello/buildpack.toml"), sandbox.join("elsewhere.toml")).unwrap();
    sandbox.symlink("hello/buildpack.toml", "../elsewhere.toml");
    refused(&sandbox, &[], &["is a link"]);
}

#[test]
fn faults_of_the_file_come_all_at_once() {
    let sandbox = scripts("\n[[targets]]\nos = \"linux\"\narch = \"x86_64\"\n\n[[stacks]]\nmixins = []\n");
    refused(
        &sandbox,
        &[],
        &["unknown arch `x86_64`", "`stacks.id` is missing", "2 faults found"],
    );
    let sandbox = scripts("");
    refused(&sandbox, &["-t", "windows/amd64"], &["windows"]);
}

#[test]
fn a_fifo_and_a_name_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = scripts("");
    let made = std::process::Command::new("mkfifo")
        .arg(sandbox.join("hello/bin/pipe"))
        .status();
    assert!(made.unwrap().success());
    refused(&sandbox, &[], &["`bin/pipe` is neither a file, a folder nor a link"]);
    let sandbox = scripts("");
    fs::write(sandbox.join("hello").join(std::ffi::OsStr::from_bytes(b"a\xff")), "").unwrap();
    refused(&sandbox, &[], &["is not UTF-8"]);
}

#[test]
fn a_link_for_a_folder_is_not_written_through() {
    let sandbox = scripts("");
    sandbox.folder("outside");
    sandbox.symlink("hello/linux", "../outside");
    refused(
        &sandbox,
        &["-t", "linux/amd64,linux/arm64"],
        &["hello/linux", "is no folder"],
    );
    assert_eq!(fs::read_dir(sandbox.join("outside")).unwrap().count(), 0);
}

#[test]
fn arm_without_a_variant_says_so_in_its_own_words() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/build-arm", elf(ARM));
    let expected = ["does not say for which", "os/arch/variant"];
    refused(&sandbox, &["-t", "linux/arm/v6,linux/arm/v7"], &expected);
}
