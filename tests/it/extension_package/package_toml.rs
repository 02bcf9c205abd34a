//! An extension by way of `package.toml`.

use super::{refused, sandbox};
use crate::support::Sandbox;
use crate::support::packaged::Packaged;
use crate::support::refused::{points_at, points_into};
use crate::support::tar_maker::{TarFormat, gzip, members_of, tar};

/// A sandbox with the extension as folder and archive in `parts`, and `conf/package.toml`.
fn with_package_toml(toml: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.folder("parts");
    std::fs::rename(sandbox.join("ext"), sandbox.join("parts/ext")).unwrap();
    let mut members = members_of(&sandbox.join("parts/ext"), "");
    for script in members.iter_mut().filter(|member| member.path.contains("/bin/")) {
        script.mode = 0o755;
    }
    sandbox.write("parts/ext.tgz", gzip(&tar(TarFormat::Ustar, &members)));
    let toml = toml.replace("SANDBOX", sandbox.path().to_str().unwrap());
    sandbox.write("conf/package.toml", toml);
    sandbox
}

#[track_caller]
fn packaged(toml: &str, args: &[&str]) -> Packaged {
    let args = [&["--config", "conf/package.toml"], args].concat();
    Packaged::extension(with_package_toml(toml), &args)
}

#[test]
fn its_uri_is_relative_to_it() {
    let expected = Packaged::extension(sandbox(), &["--path", "ext"]).run.stdout;
    for uri in [
        "../parts/ext",
        "../parts/ext/",
        "../parts/ext.tgz",
        "SANDBOX/parts/ext",
        "file://SANDBOX/parts/ext.tgz",
    ] {
        let packaged = packaged(&format!("[extension]\nuri = \"{uri}\"\n"), &[]).without_warnings();
        assert_eq!(packaged.run.stdout, expected, "{uri}");
    }
}

#[test]
fn short_option_and_targets() {
    let toml = "[extension]\nuri = \"../parts/ext\"\n";
    let packaged = packaged(toml, &["-t", "linux/arm64"]);
    assert_eq!(packaged.index.platforms(), ["linux/arm64"]);
    let sandbox = with_package_toml(toml);
    let packaged = Packaged::extension(sandbox, &["-c", "conf/package.toml"]);
    assert_eq!(packaged.content("linux/arm64", "which"), "linux/arm64");
}

#[test]
fn path_goes_before_its_uri() {
    let packaged = packaged("[extension]\nuri = \"not/there\"\n", &["--path", "parts/ext"]);
    assert_eq!(packaged.index.platforms().len(), 2);
}

#[test]
fn beside_the_extension() {
    let sandbox = sandbox();
    sandbox.write("ext/package.toml", "[extension]\nuri = \".\"\n");
    let packaged = Packaged::extension(sandbox, &["--config", "ext/package.toml"]);
    let files = packaged.image("linux/amd64").files();
    assert!(!files.contains(&"package.toml".to_owned()), "{files:?}");
}

/// With this `package.toml` nothing is packaged; the fault is in this line.
#[track_caller]
fn check(toml: &str, line: usize, says: &[&str]) {
    let run = refused(&with_package_toml(toml), &["--config", "conf/package.toml"]);
    points_at(&run, "package.toml", line);
    for text in says {
        run.stderr_has(text);
    }
}

#[test]
fn faults() {
    check("[extension]\nuri = \"../parts/none\"\n", 2, &["parts/none"]);
    check("[extension]\nuri = 5\n", 2, &["uri"]);
    check("[extension]\nuri = \"../parts/ext\"\nurl = \"x\"\n", 3, &["url"]);
    check(
        "[extension]\nuri = \"../parts/ext\"\n\n[extention]\nx = 1\n",
        4,
        &["extention"],
    );
    for uri in [
        "https://acme.test/ext.tgz",
        "docker://acme/ext:1",
        "urn:cnb:registry:acme/ext",
    ] {
        check(&format!("[extension]\nuri = \"{uri}\"\n"), 2, &[uri]);
    }
}

#[test]
fn an_extension_has_no_dependencies() {
    let toml = "[extension]\nuri = \"../parts/ext\"\n\n[[dependencies]]\nuri = \"../parts/ext\"\n";
    let run = refused(&with_package_toml(toml), &["--config", "conf/package.toml"]);
    run.stderr_has("dependencies");
    points_into(&run, "package.toml", 4..=5);
}

#[test]
fn no_uri() {
    for toml in ["", "[extension]\n"] {
        let run = refused(&with_package_toml(toml), &["--config", "conf/package.toml"]);
        run.stderr_has("package.toml").stderr_has("uri");
    }
}
