//! Files as pack writes them, as dependencies: leading `/`, Docker's media types, no platform, no annotations, and the
//! one manifest straight in `index.json`.

use std::fs;

use serde_json::json;

use crate::support::cnb_file::CnbFile;
use crate::support::composite::Composite;
use crate::support::images::{OCI_GZIP, index_of};
use crate::support::layout_maker::{LayoutMaker, OCI_LAYER};
use crate::support::layout_view::{IndexView, LayoutView, OCI_INDEX, OCI_MANIFEST, array, text};
use crate::support::pack_image::{Form, PackImage};
use crate::support::refused::{REFERENCE, points_into, refused};
use crate::support::tar_maker::{Member, TarFormat, gzip, members_of, tar};
use crate::support::{Sandbox, simple_buildpack};

const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";

/// A sandbox with the folder `one`, whose buildpack has these targets, and the composite `comp` for those others,
/// which takes it from `uri`.
fn sandbox(targets: &[&str], of_composite: &[&str], uri: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "one", "acme/one", targets);
    Composite {
        folder: "comp",
        id: "acme/comp",
        order: &[&["acme/one"]],
        uris: &[uri],
        targets: of_composite,
    }
    .write(&sandbox);
    sandbox
}

/// What pack makes of `one`.
fn image(sandbox: &Sandbox, targets: &[&str], architecture: &str) -> PackImage {
    PackImage::of(&sandbox.join("one"), "acme/one", targets, architecture)
}

#[track_caller]
fn package(sandbox: &Sandbox) -> IndexView {
    let args = ["buildpack", "package", REFERENCE, "--config", "comp/package.toml"];
    let run = sandbox.airpack(&[&args[..], &["--layout", "out.oci"]].concat());
    run.digest();
    run.stderr_lacks("warning");
    let layout = LayoutView::open(sandbox.join("out.oci"));
    layout.check_whole();
    layout.image_index("1.0")
}

/// The blob of `acme/one` in each image is this one, with the media type of OCI.
#[track_caller]
fn check_layers(index: &IndexView, digest: &str, media_type: &str) {
    for child in &index.children {
        let platform = child.platform();
        assert_eq!(child.manifest["mediaType"], OCI_MANIFEST, "{platform}");
        let layers = array(&child.manifest, "layers");
        let layer = layers.iter().find(|layer| text(layer, "digest") == digest);
        let layer = layer.unwrap_or_else(|| panic!("no {digest} for {platform}: {layers:#?}"));
        assert_eq!(text(layer, "mediaType"), media_type, "{platform}");
    }
}

#[test]
fn every_form_gives_the_labels_of_the_folder() {
    let forms = [true, false].into_iter().flat_map(|docker| {
        [true, false].into_iter().flat_map(move |compressed| {
            [true, false].into_iter().flat_map(move |platform| {
                ["/", "./", ""].map(|front| Form {
                    docker,
                    compressed,
                    platform,
                    front,
                })
            })
        })
    });
    // a folder of that name first: package.toml is in a layer, so it has to stay as it is
    let sandbox = sandbox(&[AMD64], &[AMD64], "../in/one.cnb");
    let image = image(&sandbox, &[AMD64], "amd64");
    sandbox.folder("in");
    fs::rename(sandbox.join("one"), sandbox.join("in/one.cnb")).unwrap();
    let expected = package(&sandbox);
    fs::rename(sandbox.join("in/one.cnb"), sandbox.join("one")).unwrap();
    for form in forms {
        fs::remove_dir_all(sandbox.join("out.oci")).unwrap();
        sandbox.write("in/one.cnb", image.cnb(form));
        let found = package(&sandbox);
        assert_eq!(found.platforms(), [AMD64], "{form:?}");
        assert_eq!(found.children[0].labels(), expected.children[0].labels(), "{form:?}");
        let media_type = if form.compressed { OCI_GZIP } else { OCI_LAYER };
        check_layers(&found, &image.layer_digests(form)[0], media_type);
    }
}

#[test]
fn every_dialect_of_tar() {
    let sandbox = sandbox(&[AMD64], &[AMD64], "../one.cnb");
    let image = image(&sandbox, &[AMD64], "amd64");
    let members = image.members(Form::OF_PACK);
    let files_only = members.iter().filter(|member| !member.content.is_empty());
    let backwards: Vec<Member> = files_only.rev().cloned().collect();
    for format in [TarFormat::Ustar, TarFormat::Gnu, TarFormat::Pax] {
        for members in [&members, &backwards] {
            sandbox.write("one.cnb", tar(format, members));
            let found = package(&sandbox);
            check_layers(&found, &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
        }
    }
}

#[test]
fn an_empty_architecture_is_any_where_the_buildpack_has_no_targets() {
    let sandbox = sandbox(&[], &[AMD64, ARM64], "../one.cnb");
    let image = image(&sandbox, &[], "");
    sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
    let found = package(&sandbox);
    assert_eq!(found.platforms(), [AMD64, ARM64]);
    check_layers(&found, &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
    for child in &found.children {
        // the new image says what it is for
        assert_eq!(
            child.config["architecture"],
            child.descriptor["platform"]["architecture"]
        );
    }
}

#[test]
fn an_image_whose_buildpack_has_no_targets_fits_any_architecture() {
    let sandbox = sandbox(&[], &[AMD64, ARM64], "../one.cnb");
    let image = image(&sandbox, &[], "amd64");
    sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
    let found = package(&sandbox);
    check_layers(&found, &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
}

#[test]
fn targets_that_name_only_an_os_fit_any_architecture() {
    let sandbox = sandbox(&["linux"], &[AMD64, ARM64], "../one.cnb");
    let image = image(&sandbox, &["linux"], "");
    sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
    check_layers(&package(&sandbox), &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
}

#[test]
fn the_platform_is_that_of_the_config() {
    // index.json has none
    for (architecture, is_right) in [("arm64", true), ("amd64", false), ("s390x", false)] {
        let sandbox = sandbox(&[AMD64, ARM64], &[ARM64], "../one.cnb");
        let image = image(&sandbox, &[AMD64, ARM64], architecture);
        sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
        if is_right {
            check_layers(&package(&sandbox), &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
        } else {
            let run = refused(&sandbox, &["--config", "comp/package.toml"]);
            run.stderr_has("one.cnb")
                .stderr_has(ARM64)
                .stderr_has(&format!("linux/{architecture}"));
            points_into(&run, "package.toml", 4..=5);
        }
    }
}

#[test]
fn several_manifests_straight_in_the_index_file() {
    let sandbox = sandbox(&[AMD64, ARM64], &[AMD64, ARM64], "../one.cnb");
    for platform in [true, false] {
        let form = Form {
            platform,
            ..Form::OF_PACK
        };
        let flat = Sandbox::new();
        let maker = LayoutMaker::new(flat.path());
        let entries = ["amd64", "arm64"].map(|architecture| {
            let image = image(&sandbox, &[AMD64, ARM64], architecture);
            image.write(&maker, form)
        });
        maker.index_file(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}));
        sandbox.write("one.cnb", tar(TarFormat::Ustar, &members_of(flat.path(), "/")));
        assert_eq!(package(&sandbox).platforms(), [AMD64, ARM64]);
    }
}

#[test]
fn a_nested_index_whose_images_have_no_platform() {
    let sandbox = sandbox(&[AMD64, ARM64], &[AMD64, ARM64], "../one.cnb");
    let nested = Sandbox::new();
    let maker = LayoutMaker::new(nested.path());
    let entries = ["amd64", "arm64"].map(|architecture| {
        let image = image(&sandbox, &[AMD64, ARM64], architecture);
        image.write(&maker, Form::OF_PACK)
    });
    let index = index_of(&maker, &entries);
    maker.index_file(&json!({"schemaVersion": 2, "manifests": [index]}));
    sandbox.write("one.cnb", tar(TarFormat::Ustar, &members_of(nested.path(), "/")));
    assert_eq!(package(&sandbox).platforms(), [AMD64, ARM64]);
}

#[test]
fn a_file_that_gzip_compressed_as_a_whole() {
    // no specification wants it, but people do it
    let sandbox = sandbox(&[AMD64], &[AMD64], "../one.cnb");
    let image = image(&sandbox, &[AMD64], "amd64");
    sandbox.write("one.cnb", gzip(&image.cnb(Form::OF_PACK)));
    check_layers(&package(&sandbox), &image.layer_digests(Form::OF_PACK)[0], OCI_GZIP);
}

#[test]
fn the_file_of_pack_is_a_source_of_a_file_of_ours() {
    let sandbox = sandbox(&[AMD64], &[AMD64], "../one.cnb");
    let image = image(&sandbox, &[AMD64], "amd64");
    sandbox.write("one.cnb", image.cnb(Form::OF_PACK));
    let args = ["buildpack", "package", "comp.cnb", "--config", "comp/package.toml"];
    let run = sandbox.airpack(&[&args[..], &["--format", "file"]].concat());
    assert_eq!(run.ok().stdout, "comp.cnb\n");
    let cnb = CnbFile::open(sandbox.join("comp.cnb"));
    let layers = cnb.flat_image().manifest["layers"].clone();
    let digest = &image.layer_digests(Form::OF_PACK)[0];
    let layer = layers
        .as_array()
        .unwrap()
        .iter()
        .find(|layer| text(layer, "digest") == digest);
    assert_eq!(text(layer.unwrap(), "mediaType"), OCI_GZIP);
}
