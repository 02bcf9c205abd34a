//! A builder of real programs: bases of Debian's `busybox-static` for two machines, two buildpacks, and a lifecycle, in which
//! builds run.
//!
//! The released lifecycle is not to be had where these tests run. The one here is a stand-in with the same files: `lifecycle`
//! is a real program of the right machine, `creator` a script that runs the buildpacks of the order.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::package_into;
use crate::support::builder::{BUILD, BuilderInput, LIFECYCLE_TOML, Lifecycle, RUN, released};
use crate::support::images::{OCI_GZIP, finish, index_of, named};
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, read_tar, sha256};
use crate::support::registry::DebianRegistry;
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::tools::{require_deb, require_root, require_tool};
use crate::support::{Run, Sandbox};

/// What is linked to the one program of a base.
const APPLETS: [&str; 8] = ["sh", "sed", "tr", "cat", "echo", "id", "ls", "env"];

const CREATOR: &str = r#"#!/bin/sh
set -e
sed -n 's/^ *id = "\(.*\)"/\1/p; s/^ *version = "\(.*\)"/\1/p' /cnb/order.toml | while read -r id && read -r version; do
    folder=/cnb/buildpacks/$(echo "$id" | tr / _)/$version
    "$folder/bin/detect"
    "$folder/bin/build"
done
id -u
id -g
cat /cnb/build-config/env/BP_WORD
"#;

/// The files of a package, as a tar, and the name and content of the program in them.
struct Busybox {
    tar: Vec<u8>,
    path: String,
    program: Vec<u8>,
}

impl Busybox {
    fn unpacked(deb: &Path) -> Self {
        let output = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(deb)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {output:?}", deb.display());
        let names = read_tar(&output.stdout).into_iter().map(|entry| entry.name());
        let mut programs = names.filter(|name| name.ends_with("bin/busybox"));
        let path = programs.next().expect("a program in the package");
        let mut archive = tar::Archive::new(output.stdout.as_slice());
        let mut program = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path_bytes().as_ref() == path.as_bytes() {
                std::io::Read::read_to_end(&mut entry, &mut program).unwrap();
            }
        }
        assert!(program.starts_with(b"\x7fELF"));
        Self {
            tar: output.stdout,
            path: path.trim_start_matches("./").to_owned(),
            program,
        }
    }
}

/// An image of it, with a user who builds.
fn base(maker: &LayoutMaker, architecture: &str, busybox: &Busybox, what: &str) -> serde_json::Value {
    let mut members = vec![
        Member::file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\ncnb:x:1001:1002::/home/cnb:/bin/sh\n",
        ),
        Member::file("etc/group", "root:x:0:\ncnb:x:1002:\n"),
        Member::file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        Member::file("etc/what", what),
        Member::folder("tmp/").with_mode(0o1777),
    ];
    let program = format!("/{}", busybox.path);
    members.extend(APPLETS.map(|applet| Member::symlink(&format!("bin/{applet}"), &program)));
    let tars = [busybox.tar.clone(), tar(TarFormat::Ustar, &members)];
    let layers: Vec<_> = tars.iter().map(|tar| maker.blob(OCI_GZIP, &gzip(tar))).collect();
    let config = json!({
        "os": "linux",
        "architecture": architecture,
        "config": {"User": "1001:1002", "Env": ["PATH=/usr/bin:/bin", "CNB_USER_ID=1001", "CNB_GROUP_ID=1002"]},
        "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| sha256(tar)).collect::<Vec<_>>()},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": maker.json(OCI_CONFIG, &config),
        "layers": layers,
    });
    let mut descriptor = maker.json(OCI_MANIFEST, &manifest);
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

fn lifecycle(busybox: &Busybox) -> Lifecycle {
    let link = |name: &str| Member::symlink(&format!("lifecycle/{name}"), "lifecycle");
    let program = |name: &str| Member::file(&format!("lifecycle/{name}"), &busybox.program).with_mode(0o755);
    let mut members = vec![Member::folder("lifecycle/"), program("lifecycle")];
    members.extend(["detector", "analyzer", "restorer", "builder", "exporter", "rebaser"].map(link));
    members.push(program("launcher"));
    members.push(Member::file("lifecycle/creator", CREATOR).with_mode(0o755));
    Lifecycle {
        toml: LIFECYCLE_TOML.to_owned(),
        members,
    }
}

/// What a builder of real programs is made of; `None` where the packages are not to be had, which the test has then said.
fn input() -> Option<BuilderInput> {
    require_tool("dpkg-deb")?;
    let both = [("amd64", "linux/amd64"), ("arm64", "linux/arm64")];
    let mut input = BuilderInput::new().append("[[build.env]]\nname = \"BP_WORD\"\nvalue = \"said\"\n");
    let [build, run] = ["base.oci", "run.oci"].map(|folder| LayoutMaker::new(&input.sandbox.join(folder)));
    let (mut build_images, mut run_images) = (Vec::new(), Vec::new());
    for (architecture, _) in both {
        let busybox = Busybox::unpacked(&require_deb("busybox-static", architecture)?);
        build_images.push(base(&build, architecture, &busybox, "to build in\n"));
        run_images.push(base(&run, architecture, &busybox, "to run in\n"));
        input.lifecycles.insert(released(architecture), lifecycle(&busybox));
    }
    for (maker, images, name) in [(&build, &build_images, BUILD), (&run, &run_images, RUN)] {
        finish(maker, &[named(index_of(maker, images), name)]);
    }
    Some(input)
}

#[test]
fn a_builder_builds() {
    if !require_root() {
        return;
    }
    let (Some(skopeo), Some(umoci)) = (require_skopeo(), require_tool("umoci")) else {
        return;
    };
    let Some(mut input) = input() else { return };
    // one buildpack from a folder, the other from a package
    package_into(
        &input.sandbox,
        "buildpack",
        "two.oci",
        "registry.test/acme/two:1",
        &["--path", "two"],
    );
    input = input.replace("uri = \"two\"", "image = \"registry.test/acme/two:1\"");
    input.from.push("two.oci".to_owned());
    let built = input.created(&[]);
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let sandbox = Sandbox::new();
    let source = format!("oci:{}:1.0", built.0.layout.root().display());
    let choice = format!("--override-arch={architecture}");
    skopeo.run(&sandbox, &[&choice, "copy", &source, "oci:flat:1.0"]);
    umoci.run(&sandbox, &["unpack", "--image", "flat:1.0", "bundle"]).ok();
    let mut command = sandbox.command("chroot");
    command.args(["--userspec=1001:1002", "bundle/rootfs", "/lifecycle/creator"]);
    command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let run = Run::of(&mut command);
    let expected =
        format!("acme/one@1.0.0 linux/{architecture}\nacme/two@2.0.0 linux/{architecture}\n1001\n1002\nsaid");
    assert_eq!(run.ok().stdout, expected, "{run}");
    // the folder that builds write to is theirs
    let mut command = sandbox.command("chroot");
    let write = [
        "bundle/rootfs",
        "/bin/sh",
        "-c",
        "echo x >/layers/x && echo x >/workspace/x",
    ];
    command.arg("--userspec=1001:1002").args(write);
    Run::of(&mut command).ok();
}

#[test]
fn programs_of_the_other_machine_are_found_out() {
    let Some(mut input) = input() else { return };
    let amd64 = input.lifecycles[&released("amd64")].clone();
    input.lifecycles.insert(released("arm64"), amd64);
    let run = input.refuse(&["linux/arm64", "lifecycle-v0.20.1+linux.arm64.tgz", "ELF for amd64"]);
    run.stderr_lacks("lifecycle-v0.20.1+linux.x86-64.tgz is for");
}

#[test]
fn both_platforms_go_to_a_registry_and_back() {
    let Some(registry) = DebianRegistry::plain() else {
        return;
    };
    let Some(skopeo) = require_skopeo() else { return };
    let Some(input) = input() else { return };
    let built = input.created(&[]);
    let sandbox = Sandbox::new();
    let root = built.0.layout.root().display();
    let name = registry.name("acme/builder:1.0");
    sandbox.airpack(&["push", &format!("{root}:1.0"), &name]).ok();
    assert_eq!(registry.digest("acme/builder", "1.0"), built.digest());
    let pulled = sandbox.airpack(&["pull", &name, "--layout", "pulled.oci"]);
    assert_eq!(pulled.ok().stdout, format!("{}\n", built.digest()));
    skopeo.copy(&sandbox, &format!("docker://{name}"), "oci:copied:1.0");
    let copied = crate::support::layout_view::LayoutView::open(sandbox.join("copied"));
    assert_eq!(copied.digest("1.0"), built.digest());
    assert_eq!(copied.blob_names(), built.0.layout.blob_names());
}
