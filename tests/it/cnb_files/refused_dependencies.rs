//! Files that can not be dependencies: the fault names the file and its entry in `package.toml`, and nothing is written.

use serde_json::json;

use crate::support::composite::Composite;
use crate::support::layout_maker::tar_of;
use crate::support::layout_view::sha256;
use crate::support::pack_image::{Form, LAYERS_LABEL, METADATA_LABEL, PackImage, layer_of};
use crate::support::refused::{points_into, refused};
use crate::support::tar_maker::{FOLDER, Member, TarFormat, tar};
use crate::support::{Sandbox, simple_buildpack};

const BLOCK: usize = 512;

/// A sandbox with the buildpacks `one` and `other`, and the composite `comp`, which takes `acme/one` from `one.cnb`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["one", "other"] {
        simple_buildpack(&sandbox, name, &format!("acme/{name}"), &["linux/amd64"]);
    }
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one"]],
        uris: &["../one.cnb"],
        targets: &["linux/amd64"],
    }
    .write(&sandbox);
    sandbox
}

/// What pack makes of `one`.
fn image(sandbox: &Sandbox) -> PackImage {
    PackImage::of(&sandbox.join("one"), "acme/one", &["linux/amd64"], "amd64")
}

/// With these bytes as `one.cnb` nothing is packaged.
#[track_caller]
fn check(sandbox: &Sandbox, cnb: &[u8], says: &[&str]) {
    sandbox.write("one.cnb", cnb);
    let run = refused(sandbox, &["--config", "comp/package.toml"]);
    run.stderr_has("one.cnb");
    points_into(&run, "package.toml", 4..=5);
    for text in says {
        run.stderr_has(text);
    }
}

/// The same with an image that was changed.
#[track_caller]
fn check_image(change: impl Fn(&Sandbox, &mut PackImage), says: &[&str]) {
    let sandbox = sandbox();
    let mut image = image(&sandbox);
    change(&sandbox, &mut image);
    for form in [
        Form::OF_PACK,
        Form {
            compressed: false,
            ..Form::OF_PACK
        },
    ] {
        check(&sandbox, &image.cnb(form), says);
    }
}

#[test]
fn missing() {
    let sandbox = sandbox();
    let run = refused(&sandbox, &["--config", "comp/package.toml"]);
    run.stderr_has("one.cnb");
    points_into(&run, "package.toml", 4..=5);
}

#[test]
fn no_archive_at_all() {
    let sandbox = sandbox();
    for content in [&b""[..], b"not a tar", &[0; 4 * BLOCK], &[b'x'; 4 * BLOCK]] {
        check(&sandbox, content, &[]);
    }
    check(&sandbox, &tar(TarFormat::Ustar, &[]), &[]);
    check(&sandbox, &tar_of(&[("buildpack", "is not in there")]), &[]);
}

#[test]
fn truncated() {
    let sandbox = sandbox();
    let members = image(&sandbox).members(Form::OF_PACK);
    let whole = tar(TarFormat::Ustar, &members);
    let mut at = 0;
    for member in &members {
        // in its header, in its content, and before the next one
        let end = at + BLOCK + member.content.len().next_multiple_of(BLOCK);
        for cut in [at + 100, at + BLOCK + member.content.len() / 2] {
            check(&sandbox, &whole[..cut], &[]);
        }
        if end < whole.len() - 2 * BLOCK {
            check(&sandbox, &whole[..end], &[]);
        }
        at = end;
    }
}

#[test]
fn a_blob_that_does_not_match_its_digest() {
    let sandbox = sandbox();
    let members = image(&sandbox).members(Form::OF_PACK);
    let mut count = 0;
    for at in 0..members.len() {
        let Some((_, hex)) = members[at].path.rsplit_once("sha256/") else {
            continue;
        };
        count += 1;
        let mut members = members.clone();
        let content = &mut members[at].content;
        let middle = content.len() / 2;
        content[middle] ^= 1;
        check(&sandbox, &tar(TarFormat::Ustar, &members), &[hex]);
    }
    assert_eq!(count, 3, "manifest, config and layer");
}

#[test]
fn a_blob_that_is_not_there() {
    let sandbox = sandbox();
    let members = image(&sandbox).members(Form::OF_PACK);
    for gone in members.iter().filter(|member| member.path.contains("sha256/")) {
        let hex = gone.path.rsplit('/').next().unwrap();
        let members: Vec<_> = members
            .iter()
            .filter(|other| other.path != gone.path)
            .cloned()
            .collect();
        check(&sandbox, &tar(TarFormat::Ustar, &members), &[hex]);
    }
}

#[test]
fn two_points_in_the_name_of_a_member() {
    let sandbox = sandbox();
    for name in ["../evil", "/../evil", "blobs/../../evil", "blobs/sha256/../../../evil"] {
        let mut members = image(&sandbox).members(Form::OF_PACK);
        members.push(Member::file(name, "evil\n"));
        check(&sandbox, &tar(TarFormat::Ustar, &members), &["evil"]);
    }
}

#[test]
fn two_points_in_the_paths_of_a_layer() {
    for name in [
        "/cnb/buildpacks/acme_one/1.0.0/../../../../etc/evil",
        "/../evil",
        "../evil",
    ] {
        let change = |_: &Sandbox, image: &mut PackImage| {
            let whole = &image.layers[0];
            let mut layer = whole[..whole.len() - 2 * BLOCK].to_vec();
            layer.extend(tar(TarFormat::Ustar, &[Member::file(name, "evil\n")]));
            relabel(image, &layer);
        };
        check_image(change, &["evil"]);
    }
}

/// Puts this layer in the place of the only one, in the labels too.
fn relabel(image: &mut PackImage, layer: &[u8]) {
    let labels = image.labels.to_string();
    let labels = labels.replace(&sha256(&image.layers[0]), &sha256(layer));
    image.labels = serde_json::from_str(&labels).unwrap();
    image.layers = vec![layer.to_vec()];
}

#[test]
fn another_module_than_the_order_asks_for() {
    let sandbox = sandbox();
    let image = PackImage::of(&sandbox.join("other"), "acme/other", &["linux/amd64"], "amd64");
    sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
    let run = refused(&sandbox, &["--config", "comp/package.toml"]);
    // the one is missing, and the other is of no use
    run.stderr_has("acme/one@1.0.0").stderr_has("acme/other@1.0.0");
}

#[test]
fn a_layer_of_another_module_than_the_label_says() {
    let change = |sandbox: &Sandbox, image: &mut PackImage| {
        relabel(image, &layer_of(&sandbox.join("other"), "acme/other"));
    };
    check_image(change, &["acme_one", "acme_other"]);
}

#[test]
fn a_label_that_names_a_layer_which_is_not_there() {
    let other = sha256(b"no layer");
    check_image(
        |_, image| {
            let labels = image.labels.to_string().replace(&sha256(&image.layers[0]), &other);
            image.labels = serde_json::from_str(&labels).unwrap();
        },
        &[&other],
    );
}

#[test]
fn no_buildpackage() {
    check_image(|_, image| image.labels = json!({}), &[]);
    check_image(|_, image| image.labels = json!({"some.label": "x"}), &[]);
}

#[test]
fn labels_that_are_not_what_they_should_be() {
    for label in [LAYERS_LABEL, METADATA_LABEL] {
        for content in ["", "not JSON", "7", "[]"] {
            check_image(|_, image| image.labels[label] = content.into(), &[label]);
        }
        for content in ["{}", "{\"acme/one\":7}", "{\"id\":{}}"] {
            check_image(|_, image| image.labels[label] = content.into(), &[]);
        }
    }
}

#[test]
fn a_composite_label_whose_members_have_no_layers() {
    check_image(
        |_, image| {
            let order = json!([{"group": [{"id": "acme/lost", "version": "1.0.0"}]}]);
            let module = json!({"api": "0.10", "layerDiffID": sha256(&image.layers[0]), "order": order});
            image.labels[LAYERS_LABEL] = json!({"acme/one": {"1.0.0": module}}).to_string().into();
        },
        &["acme/lost"],
    );
}

#[test]
fn all_at_once() {
    let sandbox = sandbox();
    sandbox.write("one.cnb", "not a tar");
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one", "acme/other"]],
        uris: &["../one.cnb", "../two.cnb", "../three.cnb"],
        targets: &["linux/amd64"],
    }
    .write(&sandbox);
    let whole = image(&sandbox).members(Form::OF_PACK);
    let folders: Vec<_> = whole.into_iter().filter(|member| member.kind == FOLDER).collect();
    sandbox.write("three.cnb", tar(TarFormat::Ustar, &folders));
    let run = refused(&sandbox, &["--config", "comp/package.toml"]);
    for (name, line) in [("one.cnb", 5), ("two.cnb", 8), ("three.cnb", 11)] {
        run.stderr_has(name);
        points_into(&run, "package.toml", line - 1..=line);
    }
}
