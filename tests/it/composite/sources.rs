//! Dependencies from all that is a file: folders, archives, `.cnb`, layouts, oci-archives, docker-archives.
//!
//! All of them hold the same leaf, so all of them must give the same index, except for one that holds other bytes.

use std::path::Path;

use super::{CONFIG, FROM_FOLDERS, archive_layout, comp_with, images_of_two, package_into};
use crate::support::Sandbox;
use crate::support::buildpackage_maker::{BuildpackageMaker, cnb_of};
use crate::support::composed::Composed;
use crate::support::composites::{BOTH, COMP, comp_of_two, composite, package_toml, which};
use crate::support::layout_view::text;
use crate::support::skopeo::require_skopeo;
use crate::support::tar_maker::{TarFormat, gzip, members_of, tar, zip};

/// `comp` of `one`, named like this, and the folder `two` gives what it gives with two folders.
#[track_caller]
fn check(sandbox: Sandbox, one: &str) {
    comp_with(&sandbox, &[one, "../two"]);
    let found = Composed::config(sandbox, CONFIG);
    found.0.run.stderr_lacks("warning");
    assert_eq!(found.digest(), *FROM_FOLDERS, "{one}{}", found.0.run);
    for platform in BOTH {
        assert_eq!(
            found.which(platform, "acme/one@1.0.0"),
            which("acme/one@1.0.0", platform)
        );
        assert_eq!(
            found.which(platform, "acme/two@1.0.0"),
            which("acme/two@1.0.0", platform)
        );
    }
}

#[test]
fn a_folder_however_it_is_written() {
    let sandbox = comp_of_two();
    let absolute = sandbox.join("one").to_str().unwrap().to_owned();
    check(sandbox, &absolute);
    let sandbox = comp_of_two();
    let uri = format!("file://{}", sandbox.join("one").display());
    check(sandbox, &uri);
    for uri in ["../one/", "./../one", "../config/../one", "../comp/./../one"] {
        check(comp_of_two(), uri);
    }
}

#[test]
fn a_path_is_relative_to_package_toml_not_to_the_current_folder() {
    let sandbox = comp_of_two();
    // what would be found from the current folder is another buildpack
    sandbox.write("deps/one/buildpack.toml", "no TOML at all");
    std::fs::rename(sandbox.join("one"), sandbox.folder("config/deps").join("one")).unwrap();
    check(sandbox, "deps/one");
}

#[test]
fn a_folder_with_odd_letters() {
    let sandbox = comp_of_two();
    let odd = "ö ne:1@2#3%20";
    std::fs::rename(sandbox.join("one"), sandbox.join(odd)).unwrap();
    check(sandbox, &format!("../{odd}"));
}

#[test]
fn an_archive_with_platform_folders() {
    for (name, content) in [
        ("one.tar", as_tar as fn(&Path) -> Vec<u8>),
        ("one.tgz", as_tgz),
        ("one.tar.gz", as_tgz),
        ("one.zip", as_zip),
    ] {
        let sandbox = comp_of_two();
        sandbox.write(name, content(&sandbox.join("one")));
        std::fs::remove_dir_all(sandbox.join("one")).unwrap();
        check(sandbox, &format!("../{name}"));
    }
}

fn as_tar(folder: &Path) -> Vec<u8> {
    tar(TarFormat::Ustar, &with_modes(folder))
}

fn as_tgz(folder: &Path) -> Vec<u8> {
    gzip(&tar(TarFormat::Pax, &with_modes(folder)))
}

fn as_zip(folder: &Path) -> Vec<u8> {
    zip(&with_modes(folder))
}

/// The members of a leaf, whose executables are those in `bin`.
fn with_modes(folder: &Path) -> Vec<crate::support::tar_maker::Member> {
    let members = members_of(folder, "").into_iter();
    let is_executable = |path: &str| path.contains("/bin/");
    members
        .map(|member| {
            if is_executable(&member.path) {
                member.with_mode(0o755)
            } else {
                member
            }
        })
        .collect()
}

#[test]
fn the_composite_itself_from_an_archive() {
    let sandbox = comp_of_two();
    composite(&sandbox, "comp", "acme/comp@1.0.0", COMP);
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    sandbox.write("comp.tgz", as_tgz(&sandbox.join("comp")));
    package_toml(&sandbox, CONFIG, "../comp.tgz", &["../one", "../two"], &BOTH);
    assert_eq!(Composed::config(sandbox, CONFIG).digest(), *FROM_FOLDERS);
}

#[test]
fn an_inner_composite_from_an_archive_whose_modules_are_dependencies_too() {
    let sandbox = comp_of_two();
    std::fs::remove_file(sandbox.join("comp/package.toml")).unwrap();
    sandbox.write("comp.zip", as_zip(&sandbox.join("comp")));
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/comp@1.0.0"]]);
    let dependencies = ["../comp.zip", "../one", "../two"];
    package_toml(&sandbox, "outer/package.toml", ".", &dependencies, &BOTH);
    let found = Composed::config(sandbox, "outer/package.toml");
    let modules = [
        "acme/comp@1.0.0",
        "acme/one@1.0.0",
        "acme/outer@1.0.0",
        "acme/two@1.0.0",
    ];
    for platform in BOTH {
        assert_eq!(found.modules(platform), modules);
    }
}

#[test]
fn a_cnb_for_several_platforms() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    archive_layout(&sandbox, "one.oci", "one.cnb");
    check(sandbox, "../one.cnb");
}

#[test]
fn a_cnb_that_the_tool_has_written() {
    let sandbox = comp_of_two();
    let args = [
        "buildpack",
        "package",
        "one.cnb",
        "--path",
        "one",
        "--format",
        "file",
        "--single",
    ];
    sandbox.airpack(&args).ok();
    check(sandbox, "../one.cnb");
}

#[test]
fn a_cnb_for_one_platform() {
    let sandbox = comp_of_two();
    let args = [
        "buildpack",
        "package",
        "one.cnb",
        "--path",
        "one",
        "--format",
        "cnb",
        "-t",
        "linux/arm64",
    ];
    sandbox.airpack(&args).ok();
    comp_with(&sandbox, &["../one.cnb", "../two"]);
    let from_cnb = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/arm64"]);
    let sandbox = comp_of_two();
    comp_with(&sandbox, &["../one", "../two"]);
    let from_folders = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/arm64"]);
    assert_eq!(from_cnb.digest(), from_folders.digest());
}

/// The bytes of pack's layer are another compressor's, and stay; what is in it is the same.
#[test]
fn a_cnb_as_pack_writes_it() {
    for (compressed, with_platform) in [(false, true), (true, true), (true, false)] {
        let sandbox = comp_of_two();
        let mut image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &BOTH);
        if !with_platform {
            // a module that any architecture can run, in an image that names none
            image = BuildpackageMaker::leaf("acme/one@1.0.0", "linux/amd64", &[]);
            image.platform = serde_json::json!({ "os": "linux", "architecture": "" });
        }
        image.docker = true;
        image.compress = image.compress.filter(|_| compressed);
        sandbox.write("one.cnb", cnb_of(&image));
        comp_with(&sandbox, &["../one.cnb", "../two"]);
        let found = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/amd64"]);
        let layer = found.layer("linux/amd64", "acme/one@1.0.0");
        assert_eq!(layer.diff_id, image.diff_ids[0]);
        assert_eq!(
            found.which("linux/amd64", "acme/one@1.0.0"),
            which("acme/one@1.0.0", "linux/amd64")
        );
    }
}

#[test]
fn a_layout() {
    for uri in [
        "oci:../images.oci:1",
        "oci:../images.oci:registry.test/acme/one:1",
        "oci:../config/../images.oci:1",
    ] {
        let sandbox = comp_of_two();
        package_into(&sandbox, "images.oci", "registry.test/acme/one:1", "one", &[]);
        package_into(&sandbox, "images.oci", "registry.test/acme/two:2", "two", &[]);
        check(sandbox, uri);
    }
    // with one image in it, nobody has to say which
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    check(sandbox, "oci:../one.oci");
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    let absolute = format!("oci:{}:1", sandbox.join("one.oci").display());
    check(sandbox, &absolute);
}

#[test]
fn an_oci_archive() {
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    archive_layout(&sandbox, "one.oci", "one.tar");
    check(sandbox, "oci-archive:../one.tar");
    let sandbox = images_of_two();
    archive_layout(&sandbox, "images.oci", "images.tar");
    check(sandbox, "oci-archive:../images.tar:registry.test/acme/one:1");
}

#[test]
fn an_oci_archive_as_skopeo_writes_it() {
    let Some(skopeo) = require_skopeo() else { return };
    let sandbox = comp_of_two();
    package_into(&sandbox, "one.oci", "registry.test/acme/one:1", "one", &[]);
    skopeo.copy(&sandbox, "oci:one.oci:1", "oci-archive:one.tar:1");
    check(sandbox, "oci-archive:../one.tar");
}

/// It holds one platform and its layers uncompressed, which stay so.
#[test]
fn a_docker_archive_as_skopeo_writes_it() {
    let Some(skopeo) = require_skopeo() else { return };
    for (name, uri) in [
        ("one.tar:registry.test/acme/one:1", "docker-archive:../one.tar"),
        ("one.tar", "docker-archive:../one.tar"),
        (
            "one.tar:registry.test/acme/one:1",
            "docker-archive:../one.tar:registry.test/acme/one:1",
        ),
    ] {
        let sandbox = comp_of_two();
        package_into(
            &sandbox,
            "one.oci",
            "registry.test/acme/one:1",
            "one",
            &["-t", "linux/arm64"],
        );
        let to = format!("docker-archive:{name}");
        skopeo.run(&sandbox, &["--override-arch", "arm64", "copy", "oci:one.oci:1", &to]);
        comp_with(&sandbox, &[uri, "../two"]);
        let found = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/arm64"]);
        let sandbox = comp_of_two();
        comp_with(&sandbox, &["../one", "../two"]);
        let folders = Composed::of(sandbox, &["--config", CONFIG, "-t", "linux/arm64"]);
        let (image, expected) = (found.0.image("linux/arm64"), folders.0.image("linux/arm64"));
        assert_eq!(image.config, expected.config, "{uri}");
        let layer = found.layer("linux/arm64", "acme/one@1.0.0");
        assert_eq!(text(&layer.descriptor, "digest"), layer.diff_id, "{uri}");
        assert_eq!(
            text(&layer.descriptor, "mediaType"),
            crate::support::layout_maker::OCI_LAYER
        );
    }
}

#[test]
fn package_toml_in_the_composite_is_part_of_its_layer() {
    // so that two ways to name the same dependencies give two digests
    let inside = Composed::config(comp_of_two(), "comp/package.toml");
    assert_ne!(inside.digest(), *FROM_FOLDERS);
    let text = std::fs::read_to_string(inside.0.sandbox.join("comp/package.toml")).unwrap();
    assert_eq!(inside.file("linux/amd64", "acme/comp@1.0.0", "package.toml"), text);
}
