//! What is asked for in a way that can not be done.

use serde_json::json;

use super::{export, image, layer, layout_of, refused, refused_with_code};
use crate::support::Sandbox;
use crate::support::images::{attestation, finish, index_of, layout, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::refused::hints;
use crate::support::tar_maker::Member;

#[test]
fn there_is_exactly_one_destination() {
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    export(&sandbox, &[]).failed(2).stderr_has("--rootfs");
    let two = [
        "--rootfs",
        "root",
        "--oci-archive",
        "x.tar",
        "--platform",
        "linux/amd64",
    ];
    export(&sandbox, &two).failed(2);
    sandbox.airpack(&["layout"]).failed(2);
    let help = sandbox.airpack(&["layout", "export", "--help"]);
    help.ok();
    for option in [
        "--lifecycle-tree",
        "--oci-archive",
        "--docker-archive",
        "--rootfs",
        "--platform",
        "--from",
        "--json",
    ] {
        help.stdout_has(option);
    }
}

#[test]
fn of_several_platforms_one_is_named() {
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    for destination in ["--rootfs", "--docker-archive", "--lifecycle-tree"] {
        let run = refused(&sandbox, &[destination, "out"]);
        run.stderr_has("several platforms");
        hints(&run, "linux/amd64, linux/arm64");
    }
    for destination in ["--rootfs", "--docker-archive", "--lifecycle-tree", "--oci-archive"] {
        let run = refused(&sandbox, &[destination, "out", "--platform", "linux/s390x"]);
        run.stderr_has("no image for linux/s390x");
        hints(&run, "linux/amd64, linux/arm64");
        let args = [destination, "out", "--platform", "linux"];
        refused_with_code(2, &sandbox, &args).stderr_has("not a platform");
    }
}

#[test]
fn arm64_is_arm64_v8_and_attestations_are_no_images() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let mut arm = image(&maker, "arm64", &json!({}), &[layer(&[Member::file("arm64", "")])]);
    arm["platform"]["variant"] = "v8".into();
    let about = attestation(&maker, &arm);
    finish(&maker, &[named(index_of(&maker, &[about, arm]), "registry.test/x:1")]);
    export(&sandbox, &["--rootfs", "named", "--platform", "linux/arm64"]).ok();
    export(&sandbox, &["--rootfs", "only"]).ok();
    for folder in ["named", "only"] {
        assert!(sandbox.join(folder).join("arm64").is_file(), "{folder}");
    }
}

#[test]
fn two_distributions_for_one_platform_are_told_apart_by_version() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let children = ["22.04", "24.04"].map(|version| {
        let mut one = image(&maker, "amd64", &json!({}), &[layer(&[Member::file(version, "")])]);
        one["platform"]["os.version"] = version.into();
        one
    });
    finish(&maker, &[named(index_of(&maker, &children), "registry.test/x:1")]);
    let run = refused(&sandbox, &["--rootfs", "root", "--platform", "linux/amd64"]);
    run.stderr_has("several images for linux/amd64");
    hints(&run, "linux/amd64:22.04, linux/amd64:24.04");
    export(&sandbox, &["--rootfs", "root", "--platform", "linux/amd64:24.04"]).ok();
    assert!(sandbox.join("root/24.04").is_file() && !sandbox.join("root/22.04").exists());
}

#[test]
fn the_image_is_named_where_there_are_several() {
    let sandbox = Sandbox::new();
    let maker = LayoutMaker::new(&sandbox.join("x.oci"));
    let one = |name: &str| {
        let image = image(&maker, "amd64", &json!({}), &[layer(&[Member::file(name, "")])]);
        named(image, &format!("registry.test/{name}:{name}"))
    };
    finish(&maker, &[one("a"), one("b")]);
    let run = refused(&sandbox, &["--rootfs", "root"]);
    hints(&run, "registry.test/a:a, registry.test/b:b");
    sandbox
        .airpack(&["layout", "export", "oci:x.oci:b", "--rootfs", "root"])
        .ok();
    assert!(sandbox.join("root/b").is_file());
    sandbox
        .airpack(&["layout", "export", "x.oci:c", "--rootfs", "other"])
        .failed(1)
        .stderr_has("no image `c`");
}

#[test]
fn destinations_that_can_not_be_written() {
    let sandbox = Sandbox::new();
    layout_of(
        &sandbox.join("x.oci"),
        "registry.test/x:1",
        &[layer(&[Member::file("a", "")])],
    );
    sandbox.write("full/file", "mine");
    sandbox.write("file", "mine");
    refused(&sandbox, &["--rootfs", "full"]).stderr_has("not empty");
    refused(&sandbox, &["--rootfs", "file"]).stderr_has("not a folder");
    refused(&sandbox, &["--rootfs", "no/such"]).stderr_has("not a folder to write to");
    refused(&sandbox, &["--lifecycle-tree", "file"]).stderr_has("file");
    for destination in ["--oci-archive", "--docker-archive"] {
        refused(&sandbox, &[destination, "full"]).stderr_has("is a folder");
        refused(&sandbox, &[destination, "no/such.tar"]).stderr_has("not a folder to write to");
    }
    sandbox
        .airpack(&["layout", "export", "none.oci", "--rootfs", "root"])
        .failed(1)
        .stderr_has("none.oci");
    assert!(!sandbox.join("root").exists());
}

#[test]
fn json_tells_what_was_written() {
    let sandbox = Sandbox::new();
    layout(&sandbox.join("x.oci"), "registry.test/acme/x:1.0", "x");
    let run = export(&sandbox, &["--rootfs", "root", "--platform", "linux/arm64", "--json"]);
    run.ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let written = &report["written"][0];
    assert_eq!(written["path"], "root", "{run}");
    assert_eq!(written["name"], "registry.test/acme/x:1.0", "{run}");
    assert_eq!(written["platform"]["architecture"], "arm64", "{run}");
    assert!(written["digest"].as_str().unwrap().starts_with("sha256:"), "{run}");
    let run = export(&sandbox, &["--oci-archive", "x.tar"]);
    assert_eq!(run.ok().stdout, "x.tar\n");
}
