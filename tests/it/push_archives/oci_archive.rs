//! oci-archive: a tar of a layout, as skopeo, podman and buildah write it.

use serde_json::{Value, json};

use super::{Place, archive_of, index_file, place, tagged, two_layers, two_platforms, with};
use crate::support::Run;
use crate::support::layout_maker::LayoutMaker;
use crate::support::layout_view::{IMAGE_NAME, LayoutView, REF_NAME, array, text};
use crate::support::tar_maker::gzip;

#[track_caller]
fn skopeo(place: &Place, args: &[&str]) {
    Run::of(place.command("skopeo").arg("--insecure-policy").args(args)).ok();
}

/// A layout `two.oci` of one index, tagged 1.0; gives its descriptor.
fn layout_of_two_platforms(place: &Place) -> Value {
    let maker = LayoutMaker::new(&place.sandbox.folder("two.oci"));
    let index = two_platforms(&maker);
    maker.index_file(&index_file(&[tagged(index.clone(), "1.0")]));
    index
}

#[test]
fn as_skopeo_writes_it() {
    let Some(place) = place() else { return };
    let index = layout_of_two_platforms(&place);
    let copy = ["copy", "--all", "--preserve-digests", "oci:../two.oci:1.0"];
    skopeo(&place, &[&copy[..], &["oci-archive:tagged.tar:1.0"]].concat());
    skopeo(&place, &[&copy[..], &["oci-archive:untagged.tar"]].concat());
    let layout = LayoutView::open(place.sandbox.join("two.oci"));
    let sources = [
        "tagged.tar",
        "tagged.tar:1.0",
        "oci-archive:tagged.tar",
        "oci-archive:tagged.tar:1.0",
        "untagged.tar",
        "oci-archive:untagged.tar",
    ];
    for (number, source) in sources.into_iter().enumerate() {
        let pushed = place.check(source, &format!("acme/x{number}"), text(&index, "digest"));
        assert_eq!(pushed.raw(), layout.blob(text(&index, "digest")));
        for child in array(&pushed.manifest(), "manifests") {
            let digest = text(child, "digest");
            assert_eq!(pushed.blob(digest), layout.blob(digest));
        }
    }
}

#[test]
fn what_skopeo_compressed_on_the_way() {
    let Some(place) = place() else { return };
    layout_of_two_platforms(&place);
    skopeo(
        &place,
        &["copy", "--all", "oci:../two.oci:1.0", "oci-archive:x.tar:1.0"],
    );
    // its own digests count, whatever they are
    skopeo(&place, &["copy", "--all", "oci-archive:x.tar:1.0", "oci:../copied:1.0"]);
    let copied = LayoutView::open(place.sandbox.join("copied"));
    let pushed = place.check("x.tar", "acme/x", copied.digest("1.0"));
    assert_eq!(array(&pushed.manifest(), "manifests").len(), 2);
}

#[test]
fn one_of_its_images_by_digest() {
    let Some(place) = place() else { return };
    let index = layout_of_two_platforms(&place);
    place.write("x.tar", archive_of(&place.sandbox.join("two.oci")));
    let digest = text(&index, "digest");
    place.check(&format!("x.tar@{digest}"), "acme/index", digest);
    let layout = LayoutView::open(place.sandbox.join("two.oci"));
    for (number, child) in array(&layout.json(digest), "manifests").iter().enumerate() {
        let digest = text(child, "digest");
        let pushed = place.check(
            &format!("oci-archive:x.tar@{digest}"),
            &format!("acme/child{number}"),
            digest,
        );
        assert_eq!(pushed.raw(), layout.blob(digest));
    }
}

#[test]
fn a_tag_that_it_lacks() {
    let Some(place) = place() else { return };
    layout_of_two_platforms(&place);
    for name in place.write_both("x.tar", &archive_of(&place.sandbox.join("two.oci"))) {
        for source in [format!("{name}:2.0"), format!("oci-archive:{name}:2.0")] {
            let run = place.push(&source, "acme/x:1", &[]);
            run.failed(1).stderr_has(&name).stderr_has("2.0").stderr_has("1.0");
            place.check_nothing_sent(&run);
        }
    }
}

#[test]
fn compressed_as_a_whole() {
    let Some(place) = place() else { return };
    let index = layout_of_two_platforms(&place);
    place.write("x.tar.gz", gzip(&archive_of(&place.sandbox.join("two.oci"))));
    place.check("x.tar.gz", "acme/x", text(&index, "digest"));
    place.check("oci-archive:x.tar.gz:1.0", "acme/y", text(&index, "digest"));
}

#[test]
fn some_of_its_platforms() {
    let Some(place) = place() else { return };
    let index = layout_of_two_platforms(&place);
    place.write("x.tar", archive_of(&place.sandbox.join("two.oci")));
    let run = place.push("x.tar", "acme/x:1", &["--platform", "linux/arm64"]);
    run.ok();
    let pushed = place.pushed("acme/x:1");
    assert_ne!(pushed.digest(), text(&index, "digest"));
    let expected = format!("{}@{}\n", place.name("acme/x"), pushed.digest());
    assert_eq!(run.stdout, expected, "{run}");
    let layout = LayoutView::open(place.sandbox.join("two.oci"));
    let whole = layout.json(text(&index, "digest"));
    assert_eq!(array(&pushed.manifest(), "manifests"), &array(&whole, "manifests")[1..]);
    assert!(!run.stderr.is_empty(), "a new index is worth a word{run}");
}

#[test]
fn a_platform_that_it_lacks() {
    let Some(place) = place() else { return };
    layout_of_two_platforms(&place);
    place.write("x.tar", archive_of(&place.sandbox.join("two.oci")));
    let run = place.push("x.tar", "acme/x:1", &["--platform", "linux/s390x"]);
    run.failed(1);
    for platform in ["linux/s390x", "linux/amd64", "linux/arm64"] {
        run.stderr_has(platform);
    }
    place.check_nothing_sent(&run);
}

#[test]
fn everything_in_it_below_a_prefix() {
    let Some(place) = place() else { return };
    let maker = LayoutMaker::new(&place.sandbox.folder("names.oci"));
    let named = |name: &str, file: &str| {
        let image = maker.image("amd64", &[(file, "x")]);
        let tag = name.rsplit_once(':').unwrap().1;
        with(image, &json!({ "annotations": { IMAGE_NAME: name, REF_NAME: tag } }))
    };
    let images = [
        ("team/one:1.0", named("registry.test/team/one:1.0", "one")),
        ("team/two:2.0", named("other.test:5000/team/two:2.0", "two")),
    ];
    maker.index_file(&index_file(&images.each_ref().map(|(_, entry)| entry.clone())));
    place.write("x.tar", archive_of(&place.sandbox.join("names.oci")));
    let run = place.airpack(&["push", "x.tar", "--to", &place.name("mirror")]);
    run.ok();
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    lines.sort_unstable();
    let expected = images.each_ref().map(|(name, entry)| {
        let repository = name.split(':').next().unwrap();
        format!(
            "{}@{}",
            place.name(&format!("mirror/{repository}")),
            text(entry, "digest")
        )
    });
    assert_eq!(lines, expected, "{run}");
    for (name, entry) in &images {
        let digest = place.pushed(&format!("mirror/{name}")).digest();
        assert_eq!(digest, text(entry, "digest"), "{name}");
    }
}

#[test]
fn two_images_that_would_get_one_name() {
    let Some(place) = place() else { return };
    let maker = LayoutMaker::new(&place.sandbox.folder("names.oci"));
    let names = ["registry.test/team/x:1.0", "other.test/team/x:1.0"];
    let entries = names.map(|name| {
        let tag = name.split('.').next().unwrap();
        let annotations = json!({ "annotations": { IMAGE_NAME: name, REF_NAME: tag } });
        with(maker.image("amd64", &[(tag, "x")]), &annotations)
    });
    maker.index_file(&index_file(&entries));
    place.write("x.tar", archive_of(&place.sandbox.join("names.oci")));
    let run = place.airpack(&["push", "x.tar", "--to", &place.name("mirror")]);
    run.failed(1);
    for name in names {
        run.stderr_has(name);
    }
    place.check_nothing_sent(&run);
}

#[test]
fn what_a_layout_and_its_archive_push_is_the_same() {
    let Some(place) = place() else { return };
    let image = two_layers(&place.sandbox.folder("layers.oci"));
    place.write("x.tar", archive_of(&place.sandbox.join("layers.oci")));
    let digest = text(&image, "digest");
    let blobs = |source: &str, repository: &str| {
        let run = place.push(source, &format!("{repository}:1"), &["--json"]);
        run.ok();
        assert_eq!(place.pushed(&format!("{repository}:1")).digest(), digest);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let mut blobs: Vec<String> = array(&report["images"][0], "blobs")
            .iter()
            .map(Value::to_string)
            .collect();
        blobs.sort();
        blobs
    };
    let (from_archive, from_layout) = (
        blobs("x.tar", "acme/archive"),
        blobs("../layers.oci:1.0", "acme/layout"),
    );
    assert_eq!(from_archive.len(), 3);
    assert_eq!(from_archive, from_layout);
}
