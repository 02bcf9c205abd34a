//! Images in one file: `.cnb`, oci-archive and docker-archive.

use std::fs;

use serde_json::{Value, json};

use super::shows::OF_ONE;
use super::{check, inspected, refused, sandbox as with_layout};
use crate::support::Sandbox;
use crate::support::layout_maker::tar_of;
use crate::support::layout_view::{LayoutView, sha256, text};
use crate::support::pack_image::{Form, PackImage};
use crate::support::simple_buildpack;
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{Member, TarFormat, gzip, members_of, tar};

/// A sandbox with what its layout holds as `x.cnb` for several platforms, and as one file for each.
fn sandbox() -> Sandbox {
    let sandbox = with_layout();
    for more in [&["--single"][..], &[]] {
        let args = [
            "x.cnb",
            "--path",
            "bp",
            "--format",
            "file",
            "--label",
            "my.label=my value",
        ];
        sandbox
            .airpack(&[&["buildpack", "package"], &args[..], more].concat())
            .ok();
    }
    sandbox
}

#[test]
fn a_cnb_of_several_platforms() {
    let sandbox = sandbox();
    for place in ["x.cnb", "./x.cnb", "oci-archive:x.cnb"] {
        check(&sandbox, &[place], &OF_ONE, &["only-two", "riscv64"]);
    }
    let absolute = sandbox.join("x.cnb");
    check(&sandbox, &[absolute.to_str().unwrap()], &OF_ONE, &[]);
}

#[test]
fn a_cnb_of_one_platform() {
    let sandbox = sandbox();
    let there = ["acme/x", "1.0.0", "arm64", "only-arm64", "my.label"];
    check(&sandbox, &["x-linux-arm64.cnb"], &there, &["only-amd64"]);
}

#[test]
fn the_digests_are_those_of_the_layout() {
    let sandbox = sandbox();
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let (_, json) = inspected(&sandbox, &["x.cnb"]);
    let index = layout.image_index("1.0");
    let mut digests = vec![layout.digest("1.0")];
    for image in &index.children {
        digests.push(text(&image.descriptor, "digest"));
        digests.push(text(&image.manifest["config"], "digest"));
        digests.push(text(&image.manifest["layers"][0], "digest"));
        digests.push(&image.layers[0].diff_id);
    }
    for digest in digests {
        assert!(json.iter().any(|text| text == digest), "{digest} in {json:?}");
    }
}

#[test]
fn the_json_is_that_of_the_layout() {
    // but for where it comes from, and the names that a file has none of
    let sandbox = sandbox();
    let report = |place: &str| -> Value {
        let run = sandbox.airpack(&["inspect", place, "--json"]);
        serde_json::from_str(&run.ok().stdout).unwrap()
    };
    let (mut file, mut layout) = (report("x.cnb"), report("out.oci:1.0"));
    for report in [&mut file, &mut layout] {
        for entry in report["entries"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("annotations");
        }
    }
    assert_eq!(file["entries"], layout["entries"]);
}

#[test]
fn a_platform_of_it() {
    let sandbox = sandbox();
    let args = ["x.cnb", "--platform", "linux/arm64"];
    check(&sandbox, &args, &["only-arm64", "link-target"], &["only-amd64"]);
    let args = ["x.cnb", "--platform=linux/amd64"];
    check(&sandbox, &args, &["only-amd64"], &["only-arm64"]);
    let args = ["x-linux-arm64.cnb", "--platform", "linux/arm64"];
    check(&sandbox, &args, &["only-arm64"], &["only-amd64"]);
    let args = ["x.cnb", "--platform", "linux/s390x"];
    refused(&sandbox, &args, &["linux/s390x", "linux/amd64", "linux/arm64"]);
    let args = ["x-linux-arm64.cnb", "--platform", "linux/amd64"];
    refused(&sandbox, &args, &["linux/amd64", "linux/arm64"]);
}

#[test]
fn an_image_of_it_by_digest() {
    let sandbox = sandbox();
    let index = LayoutView::open(sandbox.join("out.oci")).image_index("1.0");
    let digest = text(&index.child("linux/arm64").descriptor, "digest").to_owned();
    check(
        &sandbox,
        &[&format!("x.cnb@{digest}")],
        &["only-arm64"],
        &["only-amd64"],
    );
    let other = sha256(b"nothing with this content");
    refused(&sandbox, &[&format!("x.cnb@{other}")], &[&other]);
    refused(&sandbox, &["x.cnb:1.0"], &["1.0", "x.cnb"]);
}

#[test]
fn a_cnb_of_pack() {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64"]);
    sandbox.write("bp/of-pack", "x\n");
    for architecture in ["amd64", ""] {
        let image = PackImage::of(&sandbox.join("bp"), "acme/x", &["linux/amd64"], architecture);
        for compressed in [true, false] {
            let form = Form {
                compressed,
                ..Form::OF_PACK
            };
            sandbox.write("x.cnb", image.cnb(form));
            let digest = &image.layer_digests(form)[0];
            let digest = &digest[.."sha256:".len() + 12];
            check(
                &sandbox,
                &["x.cnb"],
                &["acme/x@1.0.0", "of-pack", digest, "linux", "vnd.docker"],
                &[],
            );
        }
    }
    // the platform is only in the config
    let image = PackImage::of(&sandbox.join("bp"), "acme/x", &["linux/amd64"], "arm64");
    sandbox.write("x.cnb", image.cnb(Form::OF_PACK));
    check(&sandbox, &["x.cnb", "--platform", "linux/arm64"], &["of-pack"], &[]);
    refused(
        &sandbox,
        &["x.cnb", "--platform", "linux/amd64"],
        &["linux/amd64", "linux/arm64"],
    );
}

#[test]
fn any_file_is_known_by_what_is_in_it() {
    let sandbox = sandbox();
    let cnb = fs::read(sandbox.join("x.cnb")).unwrap();
    for name in ["carried", "a:1.cnb", "a@b", "x.tar", "ä é.cnb"] {
        sandbox.write(name, &cnb);
        check(&sandbox, &[name], &["only-arm64"], &[]);
    }
    sandbox.write("x.cnb.gz", gzip(&cnb));
    check(&sandbox, &["x.cnb.gz"], &["only-arm64"], &[]);
}

#[test]
fn an_oci_archive_of_several_images() {
    let sandbox = sandbox();
    let members = members_of(&sandbox.join("out.oci"), "");
    sandbox.write("out.tar", tar(TarFormat::Ustar, &members));
    check(&sandbox, &["out.tar"], &["only-two", "only-amd64", "only-arm64"], &[]);
    for place in [
        "out.tar:2.0",
        "oci-archive:out.tar:2.0",
        "out.tar:registry.test/acme/x:2.0",
    ] {
        check(&sandbox, &[place], &["only-two", "riscv64"], &["only-amd64"]);
    }
    let args = ["out.tar:1.0", "--platform", "linux/arm64"];
    check(&sandbox, &args, &["only-arm64"], &["only-amd64", "only-two"]);
    refused(&sandbox, &["out.tar:3.0"], &["3.0", "1.0", "2.0"]);
}

#[test]
fn archives_of_skopeo() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = with_layout();
    skopeo.run(
        &sandbox,
        &["copy", "--all", "oci:out.oci:1.0", "oci-archive:all.tar:1.0"],
    );
    check(
        &sandbox,
        &["all.tar"],
        &["only-amd64", "only-arm64", "1.0"],
        &["only-two"],
    );
    check(&sandbox, &["oci-archive:all.tar:1.0"], &["only-arm64"], &[]);
    let arm64 = ["--override-arch=arm64", "copy", "oci:out.oci:1.0"];
    skopeo.run(
        &sandbox,
        &[&arm64[..], &["docker-archive:docker.tar:acme/x:1.0"]].concat(),
    );
    for place in ["docker.tar", "docker-archive:docker.tar", "docker.tar:acme/x:1.0"] {
        let there = ["acme/x@1.0.0", "only-arm64", "arm64", "my value"];
        check(&sandbox, &[place], &there, &["only-amd64"]);
    }
    refused(&sandbox, &["docker.tar:acme/y:1.0"], &["acme/y:1.0", "docker.tar"]);
}

/// What `docker save` writes of an image of this one layer.
fn docker_archive(layer: &[u8], labels: &Value) -> Vec<u8> {
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]},
    })
    .to_string();
    let name = format!("{}.json", sha256(config.as_bytes()).trim_start_matches("sha256:"));
    let list = json!([{"Config": name, "RepoTags": ["acme/x:1"], "Layers": ["0/layer.tar"]}]);
    let members = [
        Member::file(&name, config),
        Member::file("0/layer.tar", layer),
        Member::file("manifest.json", list.to_string()),
    ];
    tar(TarFormat::Ustar, &members)
}

#[test]
fn a_docker_archive() {
    let sandbox = Sandbox::new();
    let layer = tar_of(&[("of-docker", "x\n")]);
    let archive = docker_archive(&layer, &json!({"some.label": "some text"}));
    sandbox.write("x.tar", &archive);
    sandbox.write("x.tar.gz", gzip(&archive));
    for place in ["x.tar", "x.tar.gz", "docker-archive:x.tar", "x.tar:acme/x:1"] {
        check(
            &sandbox,
            &[place],
            &["of-docker", "some.label", "some text", "amd64"],
            &[],
        );
    }
    let args = ["x.tar", "--platform", "linux/amd64"];
    check(&sandbox, &args, &["of-docker"], &[]);
    let args = ["x.tar", "--platform", "linux/arm64"];
    refused(&sandbox, &args, &["linux/arm64", "linux/amd64"]);
}

#[test]
fn the_same_bytes_every_time() {
    let [first, second] = [sandbox(), sandbox()].map(|sandbox| {
        let run = |args: &[&str]| sandbox.airpack(args).ok().stdout.clone();
        (run(&["inspect", "x.cnb"]), run(&["inspect", "x.cnb", "--json"]))
    });
    assert_eq!(first, second);
}

#[test]
fn help_tells_of_them() {
    let run = Sandbox::new().airpack(&["inspect", "--help"]);
    run.ok().stdout_has(".cnb").stdout_has("archive");
}
