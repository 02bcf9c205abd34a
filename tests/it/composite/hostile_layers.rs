//! Layers of images whose paths lead out of their module: a builder would unpack them as root.

use super::{CONFIG, points_at_dependency, refuse};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composites::{BOTH, composite, leaf_members, package_toml};
use crate::support::refused::refused;
use crate::support::tar_maker::{FIFO, HARDLINK, Member};

const ONE: &str = "acme/one@1.0.0";
const ROOT: &str = "/cnb/buildpacks/acme_one/1.0.0";

/// `comp` of an image of `one` whose layer has this member as well can not be packaged, flattened or not. The message
/// names the file, the entry, and what is wrong.
#[track_caller]
fn check(member: &Member, says: &str) {
    let members = [leaf_members(ONE, "linux/amd64", &BOTH), vec![member.clone()]].concat();
    let image = || BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH).with_layer(ONE, &members);
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&image()));
    layout_of(&sandbox, "one.oci", &[image()]);
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    for (uri, file) in [("../one.cnb", "one.cnb"), ("oci:../one.oci:1", "one.oci")] {
        package_toml(&sandbox, CONFIG, "../comp", &[uri], &["linux/amd64"]);
        let run = refuse(&sandbox, CONFIG, &[file, says]);
        points_at_dependency(&run, CONFIG, 0);
    }
    refused(&sandbox, &["--config", CONFIG, "--flatten"]).stderr_has(says);
}

#[test]
fn dots_that_lead_out() {
    for path in [
        format!("{ROOT}/../../acme_other/1.0.0/bin/build"),
        format!("{ROOT}/../evil"),
        format!("{ROOT}/a/../../../../../etc/passwd"),
        "../../etc/passwd".to_owned(),
        "/../etc/passwd".to_owned(),
        // even where they stay inside: nobody writes them
        format!("{ROOT}/bin/../which"),
    ] {
        // with or without the leading `/`
        check(&Member::file(&path, "evil\n"), path.trim_start_matches('/'));
    }
}

#[test]
fn folders_with_dots() {
    check(&Member::folder(&format!("{ROOT}/..")), "..");
    check(&Member::symlink(&format!("{ROOT}/../link"), "x"), "..");
}

#[test]
fn elsewhere_in_the_image() {
    for path in [
        "/etc/passwd",
        "/cnb/lifecycle/launcher",
        "/cnb/order.toml",
        "/cnb/buildpacks/acme_other/1.0.0/bin/build",
        "/cnb/buildpacks/acme_one/2.0.0/bin/build",
        "/cnb/buildpacks/acme_one/1.0.0x/bin/build",
        "/cnb/extensions/acme_one/1.0.0/bin/generate",
    ] {
        check(&Member::file(path, "evil\n"), path.trim_start_matches('/'));
    }
}

/// Checks a hard link to this.
#[track_caller]
fn check_link(target: &str) {
    let link = Member {
        target: target.to_owned(),
        ..Member::new(&format!("{ROOT}/link"), HARDLINK)
    };
    check(&link, "link");
}

#[test]
fn hard_links_with_dots_that_lead_out() {
    check_link(&format!("{ROOT}/../../../../etc/passwd"));
    check_link("../../../../etc/passwd");
}

#[test]
fn hard_links_to_elsewhere() {
    check_link("/etc/passwd");
    check_link("/cnb/buildpacks/acme_other/1.0.0/bin/build");
}

#[test]
fn what_no_buildpack_has() {
    check(&Member::new(&format!("{ROOT}/pipe"), FIFO), "pipe");
    for (kind, name) in [(b'3', "char"), (b'4', "block")] {
        check(&Member::new(&format!("{ROOT}/{name}"), kind), name);
    }
}

/// In a layer, these take away what other layers hold.
#[test]
fn whiteouts() {
    for path in [
        "/cnb/buildpacks/acme_other/.wh.1.0.0",
        "/cnb/.wh.lifecycle",
        "/.wh..wh..opq",
    ] {
        check(&Member::file(path, ""), path.trim_start_matches('/'));
    }
}

/// The layer of a flattened package may hold several modules, but none that no label speaks of.
#[test]
fn a_module_that_no_label_speaks_of() {
    let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
    image.add_leaf("acme/two@1.0.0", "linux/amd64", &BOTH);
    let members: Vec<Member> = [ONE, "acme/two@1.0.0", "acme/hidden@1.0.0"]
        .iter()
        .flat_map(|module| leaf_members(module, "linux/amd64", &BOTH))
        .collect();
    let sandbox = Sandbox::new();
    sandbox.write("flat.cnb", cnb_of(&image.flattened(&members)));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, "acme/two@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../flat.cnb"], &["linux/amd64"]);
    let run = refuse(&sandbox, CONFIG, &["flat.cnb", "acme_hidden"]);
    points_at_dependency(&run, CONFIG, 0);
}

/// The module that a label promises for a layer has to be in it.
#[test]
fn a_module_that_its_layer_does_not_have() {
    let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
    let fields = image.label["acme/one"]["1.0.0"].clone();
    image.describe("acme/two@1.0.0", fields);
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&image));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE, "acme/two@1.0.0"]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../one.cnb"], &["linux/amd64"]);
    refuse(&sandbox, CONFIG, &["one.cnb", "acme/two"]);
}

/// Symlinks speak of the image as it will be; wherever they lead, nothing is written through them.
#[test]
fn symlinks_may_lead_anywhere() {
    let more = [
        Member::symlink(&format!("{ROOT}/absolute"), "/usr/bin/env"),
        Member::symlink(&format!("{ROOT}/relative"), "../../../../usr/bin/env"),
    ];
    let members = [&leaf_members(ONE, "linux/amd64", &BOTH)[..], &more].concat();
    let image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH).with_layer(ONE, &members);
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&image));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../one.cnb"], &["linux/amd64"]);
    let found = crate::support::composed::Composed::config(sandbox, CONFIG);
    assert_eq!(found.layer("linux/amd64", ONE).entries.len(), members.len());
}

/// But an entry below a symlink goes where that leads.
#[test]
fn entries_below_a_symlink() {
    let more = [
        Member::symlink(&format!("{ROOT}/lib"), "/etc"),
        Member::file(&format!("{ROOT}/lib/passwd"), "evil\n"),
    ];
    let members = [&leaf_members(ONE, "linux/amd64", &BOTH)[..], &more].concat();
    let image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH).with_layer(ONE, &members);
    let sandbox = Sandbox::new();
    sandbox.write("one.cnb", cnb_of(&image));
    composite(&sandbox, "comp", "acme/comp@1.0.0", &[&[ONE]]);
    package_toml(&sandbox, CONFIG, "../comp", &["../one.cnb"], &["linux/amd64"]);
    refuse(&sandbox, CONFIG, &["one.cnb", "lib/passwd"]);
}
