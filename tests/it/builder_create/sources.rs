//! Where buildpacks come from: whatever names them, the builder is the same.

use super::{FROM_FOLDERS, package_into, package_one_and_two};
use crate::support::builder::{BuilderInput, METADATA, ONE, TWO};
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of, layout_of};
use crate::support::composites::{BOTH, head, rooted_leaf};
use crate::support::layout_view::LayoutView;
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{TarFormat, gzip, members_of, tar, zip};
use crate::support::test_layout::make_layout;

use serde_json::json;

/// A builder whose first buildpack is named so, with `one` and `two` packaged into `images.oci`.
fn with(entry: &str) -> BuilderInput {
    let mut input = BuilderInput::new().replace("uri = \"one\"", entry);
    package_one_and_two(&input.sandbox);
    input.from.push("images.oci".to_owned());
    input
}

/// The same builder comes of this.
#[track_caller]
fn check(input: BuilderInput) {
    let toml = input.toml.clone();
    let built = input.created(&[]).without_warnings();
    assert_eq!(built.digest(), *FROM_FOLDERS, "{toml}");
}

#[test]
fn folders() {
    for uri in ["./one", "one/", "two/../one"] {
        check(BuilderInput::new().replace("uri = \"one\"", &format!("uri = \"{uri}\"")));
    }
    let input = BuilderInput::new();
    let absolute = input.sandbox.join("one");
    let absolute = absolute.to_str().unwrap();
    for uri in [absolute.to_owned(), format!("file://{absolute}")] {
        let input = BuilderInput {
            toml: input.toml.replace("uri = \"one\"", &format!("uri = \"{uri}\"")),
            sandbox: crate::support::Sandbox::new(),
            ..BuilderInput::new()
        };
        crate::support::composites::leaf(&input.sandbox, "two", TWO, &BOTH);
        check(input);
    }
}

#[test]
fn a_path_is_relative_to_builder_toml() {
    let input = BuilderInput::new();
    input.write();
    input.sandbox.write("config/builder.toml", {
        let toml = input.toml.replace("uri = \"", "uri = \"../");
        assert!(toml.contains("../lifecycle"));
        toml
    });
    let args = [
        "builder",
        "create",
        crate::support::refused::REFERENCE,
        "--config",
        "config/builder.toml",
        "--layout",
        "out.oci",
        "--from",
        "base.oci",
        "--from",
        "run.oci",
    ];
    assert_eq!(input.sandbox.airpack(&args).digest(), *FROM_FOLDERS);
}

#[test]
fn a_platform_folder_is_taken_for_each_target() {
    let built = BuilderInput::new().created(&[]);
    for platform in BOTH {
        let which = built.file(platform, "/cnb/buildpacks/acme_one/1.0.0/which");
        assert_eq!(which, format!("acme/one@1.0.0 for {platform}\n"));
        let layer = built.layer(platform, "acme_one@1.0.0");
        assert!(!layer.entries.iter().any(|entry| entry.name().contains("linux")));
    }
}

#[test]
fn a_folder_for_any_target() {
    let input = BuilderInput::new().replace("uri = \"one\"", "uri = \"any\"");
    rooted_leaf(&input.sandbox, "any", ONE, "");
    let built = input.created(&[]).without_warnings();
    let [amd64, arm64] = BOTH.map(|platform| built.layer(platform, "acme_one@1.0.0").descriptor.clone());
    assert_eq!(amd64, arm64);
}

#[test]
fn archives() {
    for name in ["one.tgz", "one.tar.gz", "one.tar", "one.zip"] {
        let input = BuilderInput::new().replace("uri = \"one\"", &format!("uri = \"{name}\""));
        let members = members_of(&input.sandbox.join("one"), "");
        let mut members = members;
        for member in &mut members {
            if member.path.contains("bin/") {
                member.mode = 0o755;
            }
        }
        let bytes = match name {
            "one.zip" => zip(&members),
            "one.tar" => tar(TarFormat::Ustar, &members),
            _ => gzip(&tar(TarFormat::Ustar, &members)),
        };
        input.sandbox.write(name, bytes);
        std::fs::remove_dir_all(input.sandbox.join("one")).unwrap();
        check(input);
    }
}

#[test]
fn names_of_images() {
    check(with("uri = \"docker://registry.test/acme/one:1\""));
    check(with("image = \"registry.test/acme/one:1\""));
    check(
        with("uri = \"docker://registry.test/acme/one:1\"")
            .replace("uri = \"two\"", "image = \"registry.test/acme/two:1\""),
    );
}

#[test]
fn a_name_with_a_digest() {
    let input = with("");
    let digest = LayoutView::open(input.sandbox.join("images.oci"))
        .entries()
        .iter()
        .find(|entry| entry["annotations"]["io.containerd.image.name"] == "registry.test/acme/one:1")
        .unwrap()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let input = input.replace(
        "[[buildpacks]]\n\n",
        &format!("[[buildpacks]]\nimage = \"registry.test/acme/one@{digest}\"\n\n"),
    );
    check(input);
}

#[test]
fn a_name_that_is_bound() {
    let mut input = BuilderInput::new().replace("uri = \"one\"", "image = \"registry.test/acme/one:1\"");
    package_into(
        &input.sandbox,
        "buildpack",
        "elsewhere.oci",
        "other.test/x:9",
        &["--path", "one"],
    );
    input.from.push("registry.test/acme/one:1=elsewhere.oci".to_owned());
    check(input);
}

#[test]
fn places() {
    for uri in [
        "oci:one.oci",
        "oci:one.oci:1",
        "oci:./one.oci",
        "oci:images.oci:registry.test/acme/one:1",
        "one.oci",
    ] {
        let input = with(&format!("uri = \"{uri}\""));
        package_into(
            &input.sandbox,
            "buildpack",
            "one.oci",
            "registry.test/acme/one:1",
            &["--path", "one"],
        );
        check(input);
    }
}

#[test]
fn files() {
    let input = BuilderInput::new().replace("uri = \"one\"", "uri = \"one.cnb\"");
    let args = [
        "buildpack",
        "package",
        "one.cnb",
        "--path",
        "one",
        "--format",
        "file",
        "--single",
        "--quiet",
    ];
    input.sandbox.airpack(&args).ok();
    check(input);
    let input = with("uri = \"oci-archive:one.tar\"");
    package_into(
        &input.sandbox,
        "buildpack",
        "one.oci",
        "registry.test/acme/one:1",
        &["--path", "one"],
    );
    let bytes = tar(TarFormat::Ustar, &members_of(&input.sandbox.join("one.oci"), ""));
    input.sandbox.write("one.tar", bytes);
    check(input);
}

#[test]
fn a_file_for_one_platform() {
    let input = BuilderInput::new().replace("uri = \"one\"", "uri = \"one-linux-amd64.cnb\"");
    let args = [
        "buildpack",
        "package",
        "one.cnb",
        "--path",
        "one",
        "--format",
        "file",
        "--quiet",
    ];
    input.sandbox.airpack(&args).ok();
    let expected = BuilderInput::amd64().created(&[]);
    input.refuse(&["one-linux-amd64.cnb", "linux/arm64", "linux/amd64"]);
    let built = input.created(&["-t", "linux/amd64"]).without_warnings();
    assert_eq!(built.digest(), expected.digest());
}

#[test]
fn what_pack_has_written() {
    // other compressors give other blobs: the layers in them are the same
    let expected = BuilderInput::amd64().created(&[]);
    let diff_ids = |built: &crate::support::builder::Built| -> Vec<String> {
        let layers = &built.image("linux/amd64").layers;
        layers.iter().map(|layer| layer.diff_id.clone()).collect()
    };
    for docker in [true, false] {
        let mut image = BuildpackageMaker::leaf(ONE, "linux/amd64", &BOTH);
        image.docker = docker;
        let input = BuilderInput::amd64().replace("uri = \"one\"", "uri = \"one.cnb\"");
        input.sandbox.write("one.cnb", cnb_of(&image));
        let built = input.created(&[]);
        assert_eq!(diff_ids(&built), diff_ids(&expected), "docker: {docker}");
        assert_eq!(
            built.label("linux/amd64", METADATA),
            expected.label("linux/amd64", METADATA)
        );
        let layers = crate::support::builder::LAYERS;
        assert_eq!(
            built.json_label("linux/amd64", layers),
            expected.json_label("linux/amd64", layers)
        );
    }
}

#[test]
fn layers_are_taken_as_they_are() {
    let images = BOTH.map(|target| BuildpackageMaker::leaf(ONE, target, &BOTH));
    let input = BuilderInput::new().replace("uri = \"one\"", "uri = \"oci:one.oci\"");
    layout_of(&input.sandbox, "one.oci", &images);
    let given = LayoutView::open(input.sandbox.join("one.oci")).image_index("1");
    let built = input.created(&[]);
    for (platform, given) in BOTH.iter().zip(&given.children) {
        let layer = built.layer(platform, "acme_one@1.0.0");
        assert_eq!(layer.descriptor["digest"], given.layers[0].descriptor["digest"]);
    }
}

#[test]
fn a_docker_archive() {
    let Some(skopeo) = require_skopeo() else { return };
    let input = BuilderInput::amd64().replace("uri = \"one\"", "uri = \"docker-archive:one.tar\"");
    package_into(
        &input.sandbox,
        "buildpack",
        "one.oci",
        "registry.test/acme/one:1",
        &["--path", "one"],
    );
    let copy = [
        "--override-arch=amd64",
        "copy",
        "oci:one.oci:1",
        "docker-archive:one.tar:registry.test/acme/one:1",
    ];
    skopeo.run(&input.sandbox, &copy);
    let built = input.created(&[]);
    assert_eq!(built.modules("linux/amd64"), [ONE, TWO]);
}

#[test]
fn images_in_the_layout_that_is_written_to() {
    let input = BuilderInput::new().replace("uri = \"one\"", "image = \"registry.test/acme/one:1\"");
    package_into(
        &input.sandbox,
        "buildpack",
        "out.oci",
        "registry.test/acme/one:1",
        &["--path", "one"],
    );
    assert_eq!(input.run_into("out.oci", &[]).digest(), *FROM_FOLDERS);
    let layout = LayoutView::open(input.sandbox.join("out.oci"));
    layout.check_whole();
    assert_eq!(layout.tags().len(), 2);
}

#[test]
fn what_is_told_of_a_module_from_an_image() {
    let describe = "name = \"One\"\ndescription = \"the first\"\nhomepage = \"https://acme.test/one\"\nkeywords = [\"k\"]\n\
                    [[buildpack.licenses]]\ntype = \"MIT\"\n";
    let toml = head(ONE)
        + describe
        + "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";
    let write = |input: &BuilderInput| input.sandbox.write("one/buildpack.toml", &toml);
    let folder = BuilderInput::new();
    write(&folder);
    let built = folder.created(&[]);
    let expected = json!({
        "id": "acme/one",
        "name": "One",
        "version": "1.0.0",
        "description": "the first",
        "homepage": "https://acme.test/one",
        "keywords": ["k"],
        "licenses": [{"Type": "MIT", "URI": ""}],
    });
    assert_eq!(built.json_label("linux/amd64", METADATA)["buildpacks"][0], expected);
    let mut image = BuilderInput::new().replace("uri = \"one\"", "image = \"registry.test/acme/one:1\"");
    write(&image);
    package_one_and_two(&image.sandbox);
    image.from.push("images.oci".to_owned());
    let built = image.created(&[]);
    let expected = json!({"id": "acme/one", "name": "One", "version": "1.0.0", "homepage": "https://acme.test/one"});
    assert_eq!(built.json_label("linux/amd64", METADATA)["buildpacks"][0], expected);
}

#[test]
fn a_module_whose_targets_name_no_machine_fits_from_an_image_of_any() {
    // its image is for amd64, as every image has to be for something; its label says that it is for any
    let input = BuilderInput::new().replace("uri = \"one\"", "uri = \"oci:any.oci\"");
    rooted_leaf(&input.sandbox, "any", ONE, "");
    package_into(
        &input.sandbox,
        "buildpack",
        "any.oci",
        "registry.test/acme/any:1",
        &["--path", "any"],
    );
    let built = input.created(&[]);
    for platform in BOTH {
        assert_eq!(
            built.file(platform, "/cnb/buildpacks/acme_one/1.0.0/which"),
            "acme/one@1.0.0 for any\n"
        );
    }
}

#[test]
fn an_image_with_other_things_beside_it() {
    // the name decides, not what else is in the layout
    let mut input = with("image = \"registry.test/acme/one:1\"");
    let other = crate::support::builder::image_spec("other", &["amd64"]);
    make_layout(
        &input.sandbox.join("other.oci"),
        Some("registry.test/acme/one:2"),
        &other,
    );
    input.from.insert(0, "other.oci".to_owned());
    check(input);
}
