//! `.cnb`: an uncompressed tar of a layout.

use serde_json::{Value, json};

use super::{DOCKER_CONFIG, DOCKER_MANIFEST, index_file, members_of, place, tagged, two_layers, two_platforms};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{OCI_CONFIG, OCI_MANIFEST, array, sha256, text};
use crate::support::tar_maker::{Member, TarFormat, gzip, tar};
use crate::support::{Sandbox, layout_view::LayoutView};

/// A layout as pack puts it into a `.cnb`: Docker media types, the only manifest straight in `index.json`, without
/// annotations or platform. Gives the manifest's digest.
fn layout_of_pack(sandbox: &Sandbox, folder: &str, compressed: bool) -> String {
    let maker = LayoutMaker::new(&sandbox.folder(folder));
    let tars = [
        tar_of(&[("/cnb/buildpacks/acme_x/1.0.0/buildpack.toml", "x\n")]),
        tar_of(&[("/cnb/buildpacks/acme_y/1.0.0/buildpack.toml", "y\n")]),
    ];
    let layer = "application/vnd.docker.image.rootfs.diff.tar";
    let layers = tars.each_ref().map(|tar| {
        if compressed {
            maker.blob(&format!("{layer}.gzip"), &gzip(tar))
        } else {
            maker.blob(layer, tar)
        }
    });
    let diff_ids = tars.each_ref().map(|tar| sha256(tar));
    let image = maker.image_of(DOCKER_MANIFEST, DOCKER_CONFIG, "amd64", &layers, &diff_ids);
    maker.index_file(&index_file(std::slice::from_ref(&image)));
    text(&image, "digest").to_owned()
}

#[test]
fn as_pack_writes_it() {
    let Some(place) = place() else { return };
    for (folder, compressed) in [("packed", true), ("plain", false)] {
        let digest = layout_of_pack(&place.sandbox, folder, compressed);
        let members = members_of(&place.sandbox.join(folder), "/");
        assert!(members.iter().all(|member| member.path.starts_with('/')));
        let cnb = format!("{folder}.cnb");
        place.write(&cnb, tar(TarFormat::Ustar, &members));
        let pushed = place.check(&cnb, &format!("acme/{folder}"), &digest);
        let view = LayoutView::open(place.sandbox.join(folder));
        assert_eq!(pushed.raw(), view.blob(&digest), "the manifest of {cnb}");
        assert_eq!(pushed.manifest()["mediaType"], DOCKER_MANIFEST);
    }
}

#[test]
fn whatever_its_names_begin_with() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", true);
    for (number, front) in ["/", "./", ""].into_iter().enumerate() {
        let mut members = members_of(&place.sandbox.join("layout"), front);
        for format in [TarFormat::Ustar, TarFormat::Gnu, TarFormat::Pax] {
            place.write("x.cnb", tar(format, &members));
            place.check("x.cnb", &format!("acme/x{number}"), &digest);
        }
        // folders are not needed, and come in any order
        members.retain(|member| !member.content.is_empty());
        members.reverse();
        members.push(Member::folder(&format!("{front}blobs/sha256/")));
        place.write("x.cnb", tar(TarFormat::Ustar, &members));
        place.check("x.cnb", &format!("acme/y{number}"), &digest);
    }
}

#[test]
fn whatever_it_is_called() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", false);
    let cnb = tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/"));
    for name in ["carried", "a:1.cnb", "a@b", "a.zip", "ä é.cnb"] {
        place.write(name, &cnb);
        place.check(name, "acme/x", &digest);
    }
    let absolute = place.sandbox.join("in/carried");
    place.check(absolute.to_str().unwrap(), "acme/absolute", &digest);
}

#[test]
fn compressed_as_a_whole() {
    let Some(place) = place() else { return };
    for (folder, compressed) in [("packed", true), ("plain", false)] {
        let digest = layout_of_pack(&place.sandbox, folder, compressed);
        let members = members_of(&place.sandbox.join(folder), "/");
        let whole = tar(TarFormat::Ustar, &members);
        place.write("one.cnb", gzip(&whole));
        // as pigz and bgzip do
        let (first, second) = whole.split_at(whole.len() / 3);
        place.write("two.cnb", [gzip(first), gzip(second)].concat());
        place.check("one.cnb", &format!("one/{folder}"), &digest);
        place.check("two.cnb", &format!("two/{folder}"), &digest);
    }
}

#[test]
fn of_several_platforms() {
    let Some(place) = place() else { return };
    let maker = LayoutMaker::new(&place.sandbox.folder("layout"));
    let index = two_platforms(&maker);
    maker.index_file(&index_file(std::slice::from_ref(&index)));
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    let pushed = place.check("x.cnb", "acme/x", text(&index, "digest"));
    assert_eq!(array(&pushed.manifest(), "manifests").len(), 2);
}

#[test]
fn by_the_digest_of_its_manifest() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", true);
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    place.check(&format!("x.cnb@{digest}"), "acme/x", &digest);
    let other = sha256(b"other");
    place
        .push(&format!("x.cnb@{other}"), "acme/y:1", &[])
        .failed(1)
        .stderr_has(&other);
    place.push("x.cnb:1.0", "acme/y:1", &[]).failed(1).stderr_has("x.cnb");
}

#[test]
fn once_more_asks_for_the_tag_only() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", true);
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    place.check("x.cnb", "acme/x", &digest);
    let before = place.log.requests();
    let run = place.push("x.cnb", "acme/x:1", &["--json"]);
    run.ok();
    let mut after = place.log.requests();
    for request in before {
        let at = after.iter().position(|other| *other == request).unwrap();
        after.remove(at);
    }
    assert_eq!(after, ["HEAD /v2/acme/x/manifests/1"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["images"][0]["unchanged"], true, "{run}");
    assert_eq!(report["sentBytes"], 0, "{run}");
}

#[test]
fn tells_what_it_sent() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", true);
    let members = members_of(&place.sandbox.join("layout"), "/");
    place.write("x.cnb", tar(TarFormat::Ustar, &members));
    let run = place.push("x.cnb", "acme/x:1", &["--json", "--tag", "latest"]);
    run.ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let image = &report["images"][0];
    assert_eq!(image["digest"], digest, "{run}");
    assert_eq!(
        image["reference"],
        format!("{}@{digest}", place.name("acme/x")),
        "{run}"
    );
    assert_eq!(image["unchanged"], false, "{run}");
    let names = json!([place.name("acme/x:1"), place.name("acme/x:latest")]);
    assert_eq!(image["names"], names, "{run}");
    let mut told: Vec<(String, Value)> = ["blobs", "manifests"]
        .iter()
        .flat_map(|list| array(image, list))
        .map(|blob| {
            assert_eq!(blob["action"], "sent", "{run}");
            (text(blob, "digest").to_owned(), blob["size"].clone())
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let mut blobs: Vec<(String, Value)> = members
        .iter()
        .filter(|member| member.path.starts_with("/blobs/sha256/"))
        .map(|member| (sha256(&member.content), member.content.len().into()))
        .collect();
    blobs.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told, blobs, "{run}");
    assert_eq!(place.pushed("acme/x:latest").digest(), digest);
}

#[test]
fn a_plan_sends_nothing() {
    let Some(place) = place() else { return };
    layout_of_pack(&place.sandbox, "layout", true);
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    let run = place.push("x.cnb", "acme/x:1", &["--dry-run", "--json"]);
    run.ok();
    place.check_nothing_sent(&run);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["dryRun"], true, "{run}");
}

#[test]
fn without_a_name_it_needs_one() {
    let Some(place) = place() else { return };
    let digest = layout_of_pack(&place.sandbox, "layout", true);
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    // a tag alone is no full name
    two_layers(&place.sandbox.folder("tagged"));
    place.write(
        "tagged.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("tagged"), "/")),
    );
    for source in ["x.cnb", "tagged.cnb"] {
        let run = place.airpack(&["push", source, "--to", &place.name("mirror")]);
        run.failed(1).stderr_has(source);
        place.check_nothing_sent(&run);
    }
    place.check("x.cnb", "acme/x", &digest);
}

#[test]
fn of_several_images_needs_a_choice() {
    let Some(place) = place() else { return };
    let maker = LayoutMaker::new(&place.sandbox.folder("layout"));
    let images = ["one", "two"].map(|name| {
        let tar = tar_of(&[(name, name)]);
        maker.image_of(
            OCI_MANIFEST,
            OCI_CONFIG,
            "amd64",
            &[maker.blob(OCI_LAYER, &tar)],
            &[sha256(&tar)],
        )
    });
    maker.index_file(&index_file(&[
        tagged(images[0].clone(), "one"),
        tagged(images[1].clone(), "two"),
    ]));
    place.write(
        "x.cnb",
        tar(TarFormat::Ustar, &members_of(&place.sandbox.join("layout"), "/")),
    );
    let run = place.push("x.cnb", "acme/x:1", &[]);
    run.failed(1).stderr_has("one").stderr_has("two");
    place.check_nothing_sent(&run);
    for (tag, image) in ["one", "two"].iter().zip(&images) {
        place.check(&format!("x.cnb:{tag}"), &format!("acme/{tag}"), text(image, "digest"));
    }
}
