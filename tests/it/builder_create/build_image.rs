//! The image that builds run in: it is found, has every platform, and says who builds.

use serde_json::json;

use super::package_into;
use crate::support::builder::{BUILD, BuilderInput, image_spec, platform_spec};
use crate::support::composites::BOTH;
use crate::support::refused::hints;
use crate::support::test_layout::make_layout;
use crate::support::tree::SCRIPT;

const LINE: &str = "registry.test/base/build:1";

/// A builder whose build image has this user is refused.
fn with_user(user: &str) -> BuilderInput {
    BuilderInput::new().configs(|config| config["User"] = user.into())
}

/// A builder whose build image has these variables.
fn with_env(env: &[&str]) -> BuilderInput {
    BuilderInput::new().configs(|config| config["Env"] = json!(env))
}

#[test]
fn the_user_is_not_root() {
    for user in ["", "0", "root", "0:0", "0:1002", "root:root", "root:1002"] {
        let says = [
            "the user of the build image is root",
            "linux/amd64",
            "linux/arm64",
            BUILD,
        ];
        with_user(user).refuse_at(LINE, &says);
    }
    let input = BuilderInput::new().configs(|config| {
        config.as_object_mut().unwrap().remove("User");
    });
    input.refuse_at(LINE, &["the user of the build image is root"]);
}

#[test]
fn the_user_of_one_platform_is_root() {
    let mut input = BuilderInput::new();
    input.config(1)["User"] = "root".into();
    let run = input.refuse_at(LINE, &["the user of the build image is root", "linux/arm64"]);
    // the other is sound
    let (_, after) = run.stderr.split_once("the user of the build image is root").unwrap();
    let line = after.lines().next().unwrap();
    assert!(!line.contains("linux/amd64"), "{run}");
}

#[test]
fn ids_that_are_missing() {
    for (env, missing) in [
        (&["PATH=/bin", "CNB_GROUP_ID=1002"][..], &["CNB_USER_ID"][..]),
        (&["PATH=/bin", "CNB_USER_ID=1001"], &["CNB_GROUP_ID"]),
        (&["PATH=/bin"], &["CNB_USER_ID", "CNB_GROUP_ID"]),
        (
            &["XCNB_USER_ID=1", "CNB_USER_IDX=1", "CNB_GROUP_ID=1002"],
            &["CNB_USER_ID"],
        ),
    ] {
        let says = [missing, &BOTH, &[BUILD]].concat();
        with_env(env).refuse_at(LINE, &says);
    }
}

#[test]
fn ids_that_are_no_numbers() {
    for value in ["", "x", "-1", "1.5", "0x3e9", "1001 ", "99999999999999999999"] {
        for (key, other) in [("CNB_USER_ID", "CNB_GROUP_ID"), ("CNB_GROUP_ID", "CNB_USER_ID")] {
            let input = with_env(&[&format!("{key}={value}"), &format!("{other}=1001")]);
            let run = input.refuse_at(LINE, &[key, "linux/amd64"]);
            if !value.is_empty() {
                run.stderr_has("is no number");
            }
        }
    }
}

#[test]
fn who_owns_the_folders() {
    // group and user are told apart, and large ones are written too
    let input = BuilderInput::new().configs(|config| {
        config["User"] = "70000:80000".into();
        config["Env"] = json!(["CNB_USER_ID=70000", "CNB_GROUP_ID=80000"]);
    });
    let built = input.created(&[]).without_warnings();
    for entry in &built.layer("linux/amd64", "folders").entries {
        let is_theirs = ["/workspace", "/layers"].contains(&entry.name().as_str());
        let expected = if is_theirs { (70000, 80000) } else { (0, 0) };
        assert_eq!((entry.uid, entry.gid), expected, "{}", entry.name());
    }
}

#[test]
fn a_user_that_differs_from_the_ids_is_a_warning() {
    for user in ["1001:7", "7:1002", "7"] {
        let built = with_user(user).created(&[]);
        let built = built.warned(&[user.split(':').next().unwrap(), "CNB_"]);
        assert_eq!(built.image("linux/amd64").config["config"]["User"], user);
    }
    with_user("1001:1002").created(&[]).without_warnings();
}

#[test]
fn the_last_of_variables_counts() {
    // as it does where a container is run
    let built = with_env(&["CNB_USER_ID=7", "CNB_GROUP_ID=1002", "CNB_USER_ID=1001"]).created(&[]);
    let workspace = built.without_warnings().layer("linux/amd64", "folders").entries[0].clone();
    assert_eq!((workspace.uid, workspace.gid), (1001, 1002));
}

#[test]
fn a_platform_that_it_does_not_have() {
    let mut input = BuilderInput::new();
    input.build = image_spec("build", &["amd64"]);
    let run = input.refuse_at(LINE, &[BUILD, "has no image for linux/arm64"]);
    hints(&run, "it has linux/amd64");
}

#[test]
fn all_platforms_that_it_has_are_listed() {
    let mut input = BuilderInput::new();
    input.build = image_spec("build", &["s390x", "ppc64le"]);
    let run = input.refuse_at(LINE, &["linux/amd64", "linux/arm64"]);
    hints(&run, "linux/s390x");
    run.stderr_has("linux/ppc64le");
}

#[test]
fn one_image_without_an_index() {
    let mut input = BuilderInput::amd64();
    input.build = image_spec("build", &["amd64"]);
    input.build["single"] = true.into();
    input.created(&[]).without_warnings();
    let mut input = BuilderInput::new();
    input.build = image_spec("build", &["amd64"]);
    input.build["single"] = true.into();
    let run = input.refuse_at(LINE, &["has no image for linux/arm64"]);
    hints(&run, "linux/amd64");
}

#[test]
fn a_variant_that_says_no_more_than_the_architecture() {
    // arm64 is arm64/v8, whichever is written; what the built image says is what its base says
    let mut input = BuilderInput::new();
    input.build["platforms"][1]["variant"] = "v8".into();
    input.run["platforms"][1]["variant"] = "v8".into();
    let built = input.created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64", "linux/arm64/v8"]);
}

#[test]
fn the_nearest_variant_is_taken() {
    let mut input = BuilderInput::new()
        .replace("arch = \"amd64\"", "arch = \"arm\"\nvariant = \"v7\"")
        .replace("\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n", "")
        .replace("uri = \"one\"", "uri = \"any\"")
        .replace("[[buildpacks]]\nuri = \"two\"\n", "")
        .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
    let toml = "api = \"0.10\"\n\n[buildpack]\nid = \"acme/one\"\nversion = \"1.0.0\"\n\n[[targets]]\nos = \"linux\"\n";
    input.sandbox.write("any/buildpack.toml", toml);
    for name in ["build", "detect"] {
        input.sandbox.executable(format!("any/bin/{name}"), SCRIPT);
    }
    let variant = |name: &str| {
        let mut platform = platform_spec(name, "arm");
        platform["variant"] = name.into();
        platform
    };
    input.build["platforms"] = json!([variant("v5"), variant("v7"), variant("v6")]);
    input.run["platforms"] = json!([variant("v5"), variant("v7"), variant("v6")]);
    input.lifecycles.clear();
    let scripts = crate::support::builder::Lifecycle::of_scripts("arm");
    input.sandbox.write("lifecycle.tgz", scripts.tgz());
    let built = input
        .replace("uri = \"lifecycle\"", "uri = \"lifecycle.tgz\"")
        .created(&[]);
    assert_eq!(built.0.index.platforms(), ["linux/arm/v7"]);
    assert_eq!(built.file("linux/arm/v7", "etc/what"), "v7 arm\n");
}

#[test]
fn a_name_that_is_nowhere() {
    let mut input = BuilderInput::new();
    input.from = vec!["run.oci".to_owned()];
    let run = input.refuse_at(LINE, &[BUILD]);
    // where it was looked for, and how it comes here
    run.stderr_has("run.oci");
    let pull = format!("airpack pull {BUILD} --layout base.oci --platform linux/amd64 --platform linux/arm64");
    hints(&run, &pull);
    input.from.clear();
    let run = input.refuse_at(LINE, &[BUILD]);
    hints(&run, "--from");
}

#[test]
fn a_name_that_is_bound() {
    let mut input = BuilderInput::new();
    input.from = vec![format!("{BUILD}=elsewhere.oci"), "run.oci".to_owned()];
    make_layout(
        &input.sandbox.join("elsewhere.oci"),
        Some("other.test/x:9"),
        &input.build,
    );
    assert_eq!(input.created(&[]).without_warnings().digest(), *super::FROM_FOLDERS);
}

#[test]
fn names_are_normalised() {
    let mut input = BuilderInput::new().replace(BUILD, "base");
    make_layout(
        &input.sandbox.join("hub.oci"),
        Some("docker.io/library/base:latest"),
        &input.build,
    );
    input.from = vec!["hub.oci".to_owned(), "run.oci".to_owned()];
    assert_eq!(input.created(&[]).without_warnings().digest(), *super::FROM_FOLDERS);
}

#[test]
fn a_place_instead_of_a_name() {
    // both with and without `docker://`, which is how other entries of the file say it
    for image in ["docker://registry.test/base/build:1", "oci:base.oci", "oci:base.oci:1"] {
        let run = BuilderInput::new().replace(BUILD, image).run_into("out.oci", &[]);
        if run.code == 0 {
            assert_eq!(run.digest(), *super::FROM_FOLDERS, "{image}");
        } else {
            run.failed(1).stderr_has(image);
        }
    }
}

#[test]
fn an_image_that_is_a_package() {
    // a buildpackage is no image to build in
    let mut input = BuilderInput::new();
    package_into(&input.sandbox, "buildpack", "one.oci", BUILD, &["--path", "one"]);
    input.from = vec!["one.oci".to_owned(), "run.oci".to_owned()];
    input.refuse_at(LINE, &[BUILD, "linux/amd64"]);
}

#[test]
fn blobs_that_are_not_what_they_say() {
    let input = BuilderInput::new();
    input.write();
    let layout = crate::support::layout_view::LayoutView::open(input.sandbox.join("base.oci"));
    let index = layout.image_index("1");
    for (what, digest) in [
        (
            "a layer",
            index.children[0].layers[0].descriptor["digest"].as_str().unwrap(),
        ),
        (
            "the config",
            index.children[1].manifest["config"]["digest"].as_str().unwrap(),
        ),
        ("a manifest", index.children[0].descriptor["digest"].as_str().unwrap()),
    ] {
        let path = layout.blob_path(digest);
        let sound = std::fs::read(&path).unwrap();
        let mut damaged = sound.clone();
        damaged[10] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let run = input.refused(&[]);
        assert!(
            run.stderr.contains(&digest[7..19]) || run.stderr.contains(BUILD),
            "{what}{run}"
        );
        std::fs::remove_file(&path).unwrap();
        input.refused(&[]);
        std::fs::write(&path, &sound).unwrap();
    }
    input.run_into("out.oci", &[]).ok();
}

#[test]
fn a_name_with_a_digest() {
    let input = BuilderInput::new();
    input.write();
    let digest = crate::support::layout_view::LayoutView::open(input.sandbox.join("base.oci"))
        .digest("1")
        .to_owned();
    for name in [
        format!("registry.test/base/build@{digest}"),
        format!("registry.test/base/build:1@{digest}"),
    ] {
        let toml = input.toml.replace(BUILD, &name);
        let built = BuilderInput {
            toml,
            ..BuilderInput::new()
        }
        .created(&[]);
        assert_eq!(built.without_warnings().digest(), *super::FROM_FOLDERS, "{name}");
    }
    let other = crate::support::layout_view::sha256(b"another");
    let name = format!("registry.test/base/build@{other}");
    BuilderInput::new().replace(BUILD, &name).refuse_at(&name, &[&other]);
}

#[test]
fn layouts_in_archives() {
    let mut input = BuilderInput::new();
    input.write();
    for (folder, file) in [("base.oci", "base.tar"), ("run.oci", "run.tar")] {
        let members = crate::support::tar_maker::members_of(&input.sandbox.join(folder), "");
        let tar = crate::support::tar_maker::tar(crate::support::tar_maker::TarFormat::Ustar, &members);
        input.sandbox.write(file, tar);
    }
    input.from = vec!["oci-archive:base.tar".to_owned(), "oci-archive:run.tar".to_owned()];
    assert_eq!(input.created(&[]).without_warnings().digest(), *super::FROM_FOLDERS);
}

#[test]
fn a_docker_archive() {
    let Some(skopeo) = crate::support::skopeo::require_skopeo() else {
        return;
    };
    let mut input = BuilderInput::amd64();
    input.write();
    let copy = [
        "--override-arch=amd64",
        "copy",
        "oci:base.oci:1",
        &format!("docker-archive:base.tar:{BUILD}"),
    ];
    skopeo.run(&input.sandbox, &copy);
    input.from = vec![format!("{BUILD}=docker-archive:base.tar"), "run.oci".to_owned()];
    let built = input.created(&[]);
    assert_eq!(built.file("linux/amd64", "etc/what"), "build amd64\n");
}

#[test]
fn the_target_names_a_variant() {
    // what is written keeps the form given
    let input = BuilderInput::new().replace("arch = \"arm64\"", "arch = \"arm64\"\nvariant = \"v8\"");
    let built = input.created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64", "linux/arm64/v8"]);
}
