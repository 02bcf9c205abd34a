//! Files that can not be read or stored, and places that can not be written.

use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{noise, with_file_size_limit};
use crate::support::layout_view::LayoutView;
use crate::support::refused::{NOBODY, REFERENCE, refused, refused_with};
use crate::support::snapshot::Snapshot;
use crate::support::test_tree::is_root;
use crate::support::tools::require_root;
use crate::support::tree::platform_folders;
use crate::support::{Run, Sandbox, set_mode};

#[test]
fn a_pipe() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let path = sandbox.join("bp/linux/amd64/pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    refused(&sandbox, &["--path", "bp"]).stderr_has("linux/amd64/pipe");
}

#[test]
fn a_socket_is_left_out() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let _socket = UnixListener::bind(sandbox.join("bp/linux/amd64/socket")).unwrap();
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];
    sandbox.airpack(&args).digest();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let index = layout.image_index("1.0");
    assert!(!index.children[0].files().contains(&"socket".to_owned()));
    layout.check_whole();
}

#[test]
fn unreadable() {
    for name in ["linux/amd64/which", "linux/amd64/bin", "linux/amd64", "buildpack.toml"] {
        let sandbox = Sandbox::new();
        platform_folders(&sandbox, "bp", &["linux/amd64"]);
        set_mode(&sandbox.join("bp").join(name), 0);
        let run = refused_as_other_user(&sandbox, &["--path", "bp"]);
        run.stderr_has(name);
        set_mode(&sandbox.join("bp").join(name), 0o755);
    }
}

#[test]
fn unreadable_archive_and_configs() {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write_mode("bp.tgz", "", 0);
    refused_as_other_user(&sandbox, &["--path", "bp.tgz"]).stderr_has("bp.tgz");
    sandbox.write_mode("package.toml", "[buildpack]\nuri = \"bp\"\n", 0);
    let run = refused_as_other_user(&sandbox, &["--config", "package.toml"]);
    run.stderr_has("package.toml");
    sandbox.write_mode("bp/airpack.toml", "shared = []\n", 0);
    refused_as_other_user(&sandbox, &["--path", "bp"]).stderr_has("airpack.toml");
}

#[test]
fn a_layout_that_may_not_be_written() {
    if !require_root() {
        return;
    }
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"];
    // the folder is the super-user's: nothing can be made in it
    let tool = ToolForAll::new();
    let run = Run::of(&mut tool.as_other_user(&sandbox, &args));
    run.failed(1).stderr_has("out.oci");
    assert!(!sandbox.join("out.oci").exists());
    sandbox.airpack(&args).digest();
    let before = Snapshot::of(sandbox.join("out.oci"));
    let again = ["buildpack", "package", "registry.test/acme/x:2.0", "--path", "bp"];
    let again = [&again[..], &["--layout", "out.oci"]].concat();
    let run = Run::of(&mut tool.as_other_user(&sandbox, &again));
    run.failed(1).stderr_has("out.oci");
    before.assert_unchanged("it may not be written");
}

#[test]
fn disk_full() {
    let sandbox = big_buildpack();
    let run = refused_with(REFERENCE, &["--path", "bp"], &sandbox, &|args| {
        with_file_size_limit(&sandbox, 1 << 20, args)
    });
    run.stderr_has("out.oci");
}

#[test]
fn disk_full_for_real() {
    if !require_root() {
        return;
    }
    let sandbox = big_buildpack();
    let disk = Disk::mounted("size=2m");
    let Some(disk) = disk else { return };
    let layout = disk.folder.join("out.oci");
    let layout = layout.to_str().unwrap();
    let package = |reference, path| {
        let args = ["buildpack", "package", reference, "--path", path, "--layout", layout];
        sandbox.airpack(&args)
    };
    package(REFERENCE, "bp").failed(1).stderr_has("out.oci");
    assert_eq!(
        Snapshot::of(disk.folder.path()).names(),
        [""],
        "left behind on a full disk"
    );
    platform_folders(&sandbox, "small", &["linux/amd64"]);
    package("registry.test/acme/small:1", "small").digest();
    let before = Snapshot::content_of(disk.folder.path());
    package(REFERENCE, "bp").failed(1).stderr_has("out.oci");
    before.assert_unchanged("the disk was full");
}

/// A file system of its own below a folder, taken away at the end.
struct Disk {
    folder: Sandbox,
}

impl Disk {
    fn mounted(options: &str) -> Option<Self> {
        let folder = Sandbox::new();
        let path = folder.path().to_str().unwrap();
        let args = ["-t", "tmpfs", "-o", options, "none", path];
        let run = Run::of(folder.command("mount").args(args));
        if run.code == 0 {
            return Some(Self { folder });
        }
        assert!(std::env::var_os("CI").is_none(), "can not mount a tmpfs: {run}");
        eprintln!("SKIPPED disk_full_for_real: can not mount a tmpfs");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let args = [self.folder.path().to_str().unwrap()];
        Run::of(Sandbox::new().command("umount").args(args)).ok();
    }
}

/// Four megabytes that do not compress.
fn big_buildpack() -> Sandbox {
    let sandbox = Sandbox::new();
    platform_folders(&sandbox, "bp", &["linux/amd64"]);
    sandbox.write("bp/linux/amd64/noise", noise(4 << 20));
    sandbox
}

#[track_caller]
fn refused_as_other_user(sandbox: &Sandbox, args: &[&str]) -> Run {
    let tool = ToolForAll::new();
    refused_with(REFERENCE, args, sandbox, &|args| tool.as_other_user(sandbox, args))
}

/// A copy of the tool in a folder that everybody may read.
struct ToolForAll {
    folder: Sandbox,
}

impl ToolForAll {
    fn new() -> Self {
        let folder = Sandbox::new();
        let copy = folder.join("airpack");
        crate::support::copy_airpack(&copy);
        set_mode(&copy, 0o755);
        Self { folder }
    }

    /// The tool, started by nobody: the super-user may read everything. Any other user who runs the tests may not.
    fn as_other_user(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        let mut command = sandbox.command(self.folder.join("airpack").to_str().unwrap());
        command.args(args);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}
