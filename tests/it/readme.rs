//! The two commands that the README begins with. Its examples are run with those of all pages: `pages`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Sandbox;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_demo_shows_the_result() {
    let sandbox = Sandbox::new();
    let demo = Command::new(root().join("scripts/demo"))
        .arg(sandbox.join("out.oci"))
        .env("AIRPACK", env!("CARGO_BIN_EXE_airpack"))
        .output()
        .unwrap();
    let stdout = String::from_utf8(demo.stdout).unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    for expected in ["sha256:", "linux/amd64", "linux/arm64", "acme/hello@1.0.0", "bin/build"] {
        assert!(stdout.contains(expected), "{expected} is not in\n{stdout}");
    }
}

#[test]
fn both_commands_are_there_and_ci_runs_the_second() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for script in ["scripts/demo", "scripts/test"] {
        assert!(readme.contains(&format!("\n{script} ")), "{script}");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(root().join(script)).unwrap());
        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains("scripts/test"));
}
