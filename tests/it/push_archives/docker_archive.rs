//! docker-archive: what `docker save` writes, which has no manifests of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Place, Pushed, config_of, index_file, members_of, place, saved, small_docker_archive, two_layers, with};
use crate::support::Run;
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER, tar_of};
use crate::support::layout_view::{
    IMAGE_NAME, LayoutView, OCI_CONFIG, OCI_MANIFEST, REF_NAME, array, sha256, text, unpack,
};
use crate::support::tar_maker::{HARDLINK, Member, TarFormat, gzip, tar};

/// Pushes a source, whose manifest has to be an image of this config and these layers, uncompressed. The same push
/// gives the same digest again.
#[track_caller]
fn check(place: &Place, source: &str, repository: &str, config: &str, layers: &[&[u8]]) -> Pushed {
    let name = format!("{repository}:1");
    let run = place.push(source, &name, &[]);
    run.ok();
    let pushed = place.pushed(&name);
    let expected = format!("{}@{}\n", place.name(repository), pushed.digest());
    assert_eq!(run.stdout, expected, "stdout{run}");
    let manifest = pushed.manifest();
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(manifest["mediaType"], OCI_MANIFEST);
    assert_eq!(manifest["config"]["mediaType"], OCI_CONFIG);
    assert_eq!(
        text(&manifest["config"], "digest"),
        sha256(config.as_bytes()),
        "the config of {source}"
    );
    let found: Vec<String> = array(&manifest, "layers")
        .iter()
        .map(|layer| sha256(&unpack(&pushed.blob(text(layer, "digest")), text(layer, "mediaType"))))
        .collect();
    let expected: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
    assert_eq!(found, expected, "the layers of {source}");
    assert_eq!(place.push(source, &name, &[]).stdout, run.stdout);
    pushed
}

/// The members and then `manifest.json` with these entries.
fn listed(mut members: Vec<Member>, entries: &[Value]) -> Vec<u8> {
    members.push(Member::file("manifest.json", Value::from(entries).to_string()));
    tar(TarFormat::Ustar, &members)
}

#[test]
fn as_skopeo_writes_it() {
    let Some(place) = place() else { return };
    let image = two_layers(&place.sandbox.folder("layers.oci"));
    let layout = LayoutView::open(place.sandbox.join("layers.oci"));
    let config = layout.blob(text(&layout.json(text(&image, "digest"))["config"], "digest"));
    let config = String::from_utf8(config).unwrap();
    let layers = [tar_of(&[("plain", "plain\n")]), tar_of(&[("packed", "packed\n")])];
    let layers = layers.each_ref().map(Vec::as_slice);
    let copy = ["--insecure-policy", "copy", "oci:../layers.oci:1.0"];
    for to in [
        "docker-archive:named.tar:registry.test/acme/x:1.0",
        "docker-archive:unnamed.tar",
    ] {
        Run::of(place.command("skopeo").args(copy).arg(to)).ok();
    }
    let mut digests = BTreeSet::new();
    for (number, source) in [
        "named.tar",
        "docker-archive:named.tar",
        "named.tar:registry.test/acme/x:1.0",
        "docker-archive:named.tar:registry.test/acme/x:1.0",
        "unnamed.tar",
        "docker-archive:unnamed.tar",
    ]
    .into_iter()
    .enumerate()
    {
        let pushed = check(&place, source, &format!("acme/x{number}"), &config, &layers);
        digests.insert(pushed.digest());
    }
    assert_eq!(digests.len(), 1, "one image has one digest: {digests:?}");
    let run = place.airpack(&["push", "named.tar", "--to", &place.name("mirror")]);
    run.ok();
    let digest = place.pushed("mirror/acme/x:1.0").digest();
    assert_eq!(
        run.stdout,
        format!("{}@{digest}\n", place.name("mirror/acme/x")),
        "{run}"
    );
    let run = place.airpack(&["push", "unnamed.tar", "--to", &place.name("mirror")]);
    run.failed(1).stderr_has("unnamed.tar");
}

/// An archive of old versions of Docker: a folder for each layer, and one layer that is a link to another.
fn of_old_docker() -> (Vec<Member>, String, [Vec<u8>; 2]) {
    let (first, second) = (tar_of(&[("first", "1\n")]), tar_of(&[("second", "2\n")]));
    let ids = ["a", "b", "c"].map(|letter| letter.repeat(64));
    let config = config_of(&[&first, &second, &first]).to_string();
    let config_name = format!("{}.json", sha256(config.as_bytes()).trim_start_matches("sha256:"));
    let mut members = Vec::new();
    let link = Member::symlink(&format!("{}/layer.tar", ids[2]), &format!("../{}/layer.tar", ids[0]));
    let layers = [
        Member::file(&format!("{}/layer.tar", ids[0]), &first),
        Member::file(&format!("{}/layer.tar", ids[1]), &second),
        link,
    ];
    // the link stands before what it leads to
    for (id, layer) in ids.iter().zip(layers).rev() {
        members.push(Member::folder(&format!("{id}/")));
        members.push(Member::file(&format!("{id}/VERSION"), "1.0"));
        members.push(Member::file(
            &format!("{id}/json"),
            json!({ "id": id, "os": "linux" }).to_string(),
        ));
        members.push(layer);
    }
    members.push(Member::file(&config_name, &config));
    let entry = json!({
        "Config": config_name,
        "RepoTags": ["acme/old:1"],
        "Layers": ids.each_ref().map(|id| format!("{id}/layer.tar")),
    });
    members.push(Member::file("manifest.json", json!([entry]).to_string()));
    let repositories = json!({ "acme/old": { "1": ids[2] } });
    members.push(Member::file("repositories", repositories.to_string()));
    (members, config, [first, second])
}

#[test]
fn as_old_versions_of_docker_write_it() {
    let Some(place) = place() else { return };
    let (mut members, config, [first, second]) = of_old_docker();
    place.write("old.tar", tar(TarFormat::Ustar, &members));
    let layers: [&[u8]; 3] = [&first, &second, &first];
    let pushed = check(&place, "old.tar", "acme/old", &config, &layers);
    // the order of the members says nothing
    members.reverse();
    place.write("reversed.tar", tar(TarFormat::Gnu, &members));
    let reversed = check(&place, "reversed.tar:acme/old:1", "acme/reversed", &config, &layers);
    assert_eq!(reversed.digest(), pushed.digest());
}

#[test]
fn layers_that_are_hard_links() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("first", "1\n")]);
    let config = config_of(&[&layer, &layer]);
    let (mut members, entry) = saved(&config, &["acme/x:1"], &[("a/layer.tar", &layer)]);
    members.push(Member {
        target: "a/layer.tar".to_owned(),
        ..Member::new("b/layer.tar", HARDLINK)
    });
    let entry = with(entry, &json!({ "Layers": ["a/layer.tar", "b/layer.tar"] }));
    place.write("x.tar", listed(members, &[entry]));
    check(&place, "x.tar", "acme/x", &config.to_string(), &[&layer, &layer]);
}

#[test]
fn compressed_as_a_whole() {
    let Some(place) = place() else { return };
    let (members, config, [first, second]) = of_old_docker();
    let [plain, packed] = place.write_both("old.tar", &tar(TarFormat::Ustar, &members));
    let layers: [&[u8]; 3] = [&first, &second, &first];
    let from_plain = check(&place, &plain, "acme/plain", &config, &layers);
    let from_packed = check(&place, &packed, "acme/packed", &config, &layers);
    assert_eq!(from_plain.raw(), from_packed.raw());
    let source = format!("docker-archive:{packed}:acme/old:1");
    assert_eq!(
        check(&place, &source, "acme/named", &config, &layers).raw(),
        from_plain.raw()
    );
}

#[test]
fn layers_that_are_compressed_stay_so() {
    // crane and jib write them
    let Some(place) = place() else { return };
    let layer = tar_of(&[("packed", "packed\n")]);
    let packed = gzip(&layer);
    let config = config_of(&[&layer]);
    let (members, entry) = saved(&config, &["acme/x:1"], &[("0123.tar.gz", &packed)]);
    place.write("x.tar", listed(members, &[entry]));
    let pushed = check(&place, "x.tar", "acme/x", &config.to_string(), &[&layer]);
    let found = pushed.manifest()["layers"][0].clone();
    assert_eq!(text(&found, "digest"), sha256(&packed));
    assert_eq!(text(&found, "mediaType"), format!("{OCI_LAYER}+gzip"));
}

#[test]
fn two_images_need_a_choice() {
    let Some(place) = place() else { return };
    let (shared, one, two) = (
        tar_of(&[("shared", "s\n")]),
        tar_of(&[("one", "1\n")]),
        tar_of(&[("two", "2\n")]),
    );
    let (config_one, config_two) = (config_of(&[&shared, &one]), config_of(&[&shared, &two]));
    let (mut members, entry_one) = saved(
        &config_one,
        &["registry.test/acme/x:1.0"],
        &[("shared.tar", &shared), ("one.tar", &one)],
    );
    let (more, entry_two) = saved(&config_two, &["acme/y:latest"], &[("two.tar", &two)]);
    members.extend(more);
    let entry_two = with(entry_two, &json!({ "Layers": ["shared.tar", "two.tar"] }));
    let both = place.write_both("both.tar", &listed(members, &[entry_one, entry_two]));
    for name in &both {
        let run = place.push(name, "acme/x:1", &[]);
        run.failed(1)
            .stderr_has("registry.test/acme/x:1.0")
            .stderr_has("acme/y:latest");
        let run = place.push(&format!("{name}:acme/z:1"), "acme/x:1", &[]);
        run.failed(1).stderr_has(name).stderr_has("acme/z:1");
        place.check_nothing_sent(&run);
    }
    let (config_one, config_two) = (config_one.to_string(), config_two.to_string());
    for (number, (choice, config, layer)) in [
        ("registry.test/acme/x:1.0", &config_one, &one),
        ("acme/y:latest", &config_two, &two),
        ("acme/y", &config_two, &two),
        ("docker.io/acme/y:latest", &config_two, &two),
    ]
    .into_iter()
    .enumerate()
    {
        for (name, from) in both.iter().zip(["plain", "packed"]) {
            let repository = format!("{from}/x{number}");
            check(
                &place,
                &format!("{name}:{choice}"),
                &repository,
                config,
                &[&shared, layer],
            );
            let source = format!("docker-archive:{name}:{choice}");
            check(
                &place,
                &source,
                &format!("{repository}/again"),
                config,
                &[&shared, layer],
            );
        }
    }
    let run = place.airpack(&["push", "both.tar", "--to", &place.name("mirror")]);
    run.ok();
    assert_eq!(run.stdout.lines().count(), 2, "{run}");
    let config_digest = |pushed: Pushed| text(&pushed.manifest()["config"], "digest").to_owned();
    let (x, y) = (place.pushed("mirror/acme/x:1.0"), place.pushed("mirror/acme/y:latest"));
    assert_eq!(config_digest(x), sha256(config_one.as_bytes()));
    assert_eq!(config_digest(y), sha256(config_two.as_bytes()));
}

#[test]
fn one_image_with_two_names_or_none() {
    let Some(place) = place() else { return };
    let layer = tar_of(&[("file", "x\n")]);
    let config = config_of(&[&layer]);
    let tags = [json!(["acme/x:1", "acme/x:latest"]), json!([]), json!(null)];
    for (number, tags) in tags.into_iter().enumerate() {
        let (members, entry) = saved(&config, &[], &[("layer.tar", &layer)]);
        let entry = with(entry, &json!({ "RepoTags": tags }));
        place.write("x.tar", listed(members, &[entry]));
        check(
            &place,
            "x.tar",
            &format!("acme/x{number}"),
            &config.to_string(),
            &[&layer],
        );
    }
}

#[test]
fn an_image_without_layers() {
    let Some(place) = place() else { return };
    let mut config = config_of(&[]);
    for (number, rootfs) in [json!({ "type": "layers" }), json!({ "type": "layers", "diff_ids": [] })]
        .into_iter()
        .enumerate()
    {
        config["rootfs"] = rootfs;
        let (members, entry) = saved(&config, &["acme/x:1"], &[]);
        let entry = with(entry, &json!({ "Layers": null }));
        place.write("x.tar", listed(members, &[entry]));
        check(&place, "x.tar", &format!("acme/x{number}"), &config.to_string(), &[]);
    }
}

/// What `docker save` writes since version 25: a layout, and a `manifest.json` over the same blobs.
#[test]
fn as_new_versions_of_docker_write_it() {
    let Some(place) = place() else { return };
    let maker = LayoutMaker::new(&place.sandbox.folder("new.oci"));
    let layer = tar_of(&[("file", "new\n")]);
    let config = maker.json(OCI_CONFIG, &config_of(&[&layer]));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": [maker.blob(OCI_LAYER, &layer)],
        "annotations": { "only": "in the manifest of index.json" },
    });
    let image = maker.json(OCI_MANIFEST, &manifest);
    let digest = text(&image, "digest").to_owned();
    let annotations = json!({ IMAGE_NAME: "docker.io/acme/x:1.0", REF_NAME: "1.0" });
    maker.index_file(&index_file(&[with(image, &json!({ "annotations": annotations }))]));
    let blob = |descriptor: &Value| format!("blobs/{}", text(descriptor, "digest").replace(':', "/"));
    let entry = json!({
        "Config": blob(&config),
        "RepoTags": ["acme/x:1.0"],
        "Layers": [blob(&manifest["layers"][0])],
    });
    let mut members = members_of(&place.sandbox.join("new.oci"), "");
    members.push(Member::file("manifest.json", json!([entry]).to_string()));
    let repositories = json!({ "acme/x": { "1.0": "a".repeat(64) } });
    members.push(Member::file("repositories", repositories.to_string()));
    for order in ["as_listed", "reversed"] {
        for (name, from) in place
            .write_both("new.tar", &tar(TarFormat::Ustar, &members))
            .iter()
            .zip(["plain", "packed"])
        {
            for (number, source) in [
                name.clone(),
                format!("{name}:1.0"),
                format!("{name}:acme/x:1.0"),
                format!("docker-archive:{name}"),
                format!("docker-archive:{name}:docker.io/acme/x:1.0"),
                format!("oci-archive:{name}:1.0"),
            ]
            .into_iter()
            .enumerate()
            {
                let pushed = place.check(&source, &format!("{order}/{from}/x{number}"), &digest);
                assert_eq!(pushed.manifest(), manifest);
            }
        }
        members.reverse();
    }
}

#[test]
fn what_was_pushed_skopeo_saves_with_the_same_config() {
    let Some(place) = place() else { return };
    place.write("x.tar", tar(TarFormat::Ustar, &small_docker_archive()));
    place.push("x.tar", "acme/x:1", &[]).ok();
    let (from, to) = (
        format!("docker://{}", place.name("acme/x:1")),
        "docker-archive:back.tar:acme/x:1",
    );
    let copy = ["--insecure-policy", "copy", "--src-tls-verify=false", &from, to];
    Run::of(place.command("skopeo").args(copy)).ok();
    let pushed = place.pushed("acme/x:1");
    place.push("back.tar", "acme/back:1", &[]).ok();
    let back = place.pushed("acme/back:1");
    assert_eq!(back.manifest()["config"], pushed.manifest()["config"]);
    assert_eq!(back.digest(), pushed.digest());
}
