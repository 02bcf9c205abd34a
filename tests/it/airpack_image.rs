//! The image of airpack that a release has, made by airpack of the recipe in `fixtures/airpack-image`.

use std::fs;
use std::path::Path;

use crate::support::tools::{QEMU, require_other_machine, require_root};
use crate::support::{Run, Sandbox};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/airpack-image");
const PROGRAM: &str = concat!(
    "/cnb/buildpacks/airpack_cli/",
    env!("CARGO_PKG_VERSION"),
    "/bin/airpack"
);

#[test]
fn the_recipe_has_the_version_of_airpack() {
    let toml = fs::read_to_string(Path::new(RECIPE).join("buildpack.toml")).unwrap();
    let version = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"), "\"\n");
    assert!(toml.contains(version), "{version} is not in\n{toml}");
}

#[test]
fn made_and_run_for_another_machine() {
    let Some(other) = require_other_machine() else { return };
    if !require_root() {
        return;
    }
    let sandbox = Sandbox::new();
    // by another process: what was open for writing here while another test started a program can not be run
    let copy = |from: &Path, to: &str| Run::of(sandbox.command("cp").args(["-R", "--"]).arg(from).arg(to)).code;
    assert_eq!(copy(Path::new(RECIPE), "recipe"), 0);
    sandbox.folder("recipe/linux/amd64/bin");
    sandbox.folder("recipe/linux/arm64/bin");
    assert_eq!(
        copy(
            Path::new(env!("CARGO_BIN_EXE_airpack")),
            "recipe/linux/amd64/bin/airpack"
        ),
        0
    );
    assert_eq!(copy(&other.program, "recipe/linux/arm64/bin/airpack"), 0);

    let package = [
        "buildpack",
        "package",
        "airpack/cli:test",
        "--path",
        "recipe",
        "--layout",
        "out",
    ];
    sandbox.airpack(&package).ok().stderr_lacks("warning");
    sandbox.airpack(&["layout", "validate", "out"]).ok();
    for platform in ["linux/amd64", "linux/arm64"] {
        let root = platform.replace('/', "-");
        let export = ["layout", "export", "out", "--platform", platform, "--rootfs", &root];
        sandbox.airpack(&export).ok();
    }

    // nothing but the image is there, and what stands in for the processor
    let qemu = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join(QEMU))
        .find(|path| path.is_file())
        .unwrap();
    assert_eq!(copy(&qemu, "linux-arm64/qemu"), 0);
    let run = |args: &[&str]| {
        let chroot = ["linux-arm64", "/qemu", PROGRAM];
        Run::of(sandbox.command("chroot").args(chroot).args(args))
    };
    let version = run(&["--version"]);
    assert_eq!(
        version.ok().stdout,
        concat!("airpack ", env!("CARGO_PKG_VERSION"), "\n")
    );

    // and it packages
    run(&["buildpack", "new", "acme/small", "--path", "/small"]).ok();
    let package = [
        "buildpack",
        "package",
        "acme/small:1",
        "--path",
        "/small",
        "--layout",
        "/made",
        "--threads",
        "1",
    ];
    let there = run(&package);
    let here = sandbox.airpack(&[
        "buildpack",
        "package",
        "acme/small:1",
        "--path",
        "linux-arm64/small",
        "--layout",
        "made",
    ]);
    assert_eq!(there.digest(), here.digest());
}
