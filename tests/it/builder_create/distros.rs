//! Targets with distributions: an image for each, on the base of that distribution.

use serde_json::{Value, json};

use crate::support::builder::{BUILD, BuilderInput, RUN, platform_spec};
use crate::support::composites::{rooted_leaf, targets_toml};

const NAME: &str = "io.buildpacks.base.distro.name";
const VERSION: &str = "io.buildpacks.base.distro.version";
const BOTH_TABLES: &str =
    "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n";

/// How an image says which distribution it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Labels,
    File,
    /// As Debian and its kin have it: `/etc/os-release` is a link.
    Link,
    /// A lower layer is of another distribution.
    UpperLayer,
    Nothing,
}

const WAYS: [By; 4] = [By::Labels, By::File, By::Link, By::UpperLayer];

fn os_release(name: &str, version: &str) -> String {
    format!("NAME=\"x y\"\nID={name}\nID_LIKE=other\nVERSION_ID=\"{version}\"\n")
}

/// An image of this distribution.
fn image(what: &str, architecture: &str, distro: &str, by: By) -> Value {
    let (name, version) = distro.split_once('@').unwrap();
    let mut spec = platform_spec(&format!("{what} {distro}"), architecture);
    let text = os_release(name, version);
    let file = |path: &str, text: &str| json!({"path": path, "type": "file", "text": text});
    let what = spec["layers"][0][2].clone();
    spec["layers"] = match by {
        By::Labels => {
            spec["config"]["Labels"] = json!({NAME: name, VERSION: version});
            json!([[what]])
        }
        By::File => json!([[file("etc/os-release", &text), what]]),
        By::Link => json!([[
            {"path": "etc/os-release", "type": "symlink", "target": "../usr/lib/os-release"},
            file("usr/lib/os-release", &text),
            what,
        ]]),
        By::UpperLayer => json!([
            [file("etc/os-release", &os_release("other", "1"))],
            [file("./etc/os-release", &text), what],
            [file("etc/more", "more\n")],
        ]),
        By::Nothing => json!([[what]]),
    };
    spec
}

/// Images of all of these.
fn images(what: &str, all: &[(&str, &str)], by: By) -> Value {
    let platforms = all
        .iter()
        .map(|(architecture, distro)| image(what, architecture, distro, by));
    json!({ "platforms": platforms.collect::<Vec<_>>() })
}

const NOBLE: &str = "ubuntu@24.04";
const JAMMY: &str = "ubuntu@22.04";
const FOUR: [(&str, &str); 4] = [("amd64", JAMMY), ("arm64", NOBLE), ("amd64", NOBLE), ("arm64", JAMMY)];

/// A builder for these targets, `linux/amd64:ubuntu@24.04`.
fn with(targets: &[&str], by: By) -> BuilderInput {
    let mut input = BuilderInput::new().replace(BOTH_TABLES, &targets_toml(targets));
    input.build = images("build", &FOUR, by);
    input.run = images("run", &FOUR, by);
    input
}

#[test]
fn each_gets_the_base_of_its_own() {
    let targets = [
        "linux/amd64:ubuntu@24.04",
        "linux/amd64:ubuntu@22.04",
        "linux/arm64:ubuntu@24.04",
        "linux/arm64:ubuntu@22.04",
    ];
    for by in WAYS {
        let built = with(&targets, by).created(&[]).without_warnings();
        let platforms = [
            "linux/amd64:24.04",
            "linux/amd64:22.04",
            "linux/arm64:24.04",
            "linux/arm64:22.04",
        ];
        assert_eq!(built.0.index.platforms(), platforms, "{by:?}");
        for (target, image) in targets.iter().zip(&built.0.index.children) {
            let (platform, distro) = target.split_once(':').unwrap();
            let architecture = platform.rsplit('/').next().unwrap();
            let what = crate::support::builder::file(&built.0.layout, image, "etc/what");
            assert_eq!(what, format!("build {distro} {architecture}\n"), "{by:?}");
            let (name, version) = distro.split_once('@').unwrap();
            let annotations = &image.descriptor["annotations"];
            assert_eq!(
                (&annotations[NAME], &annotations[VERSION]),
                (&json!(name), &json!(version)),
                "{by:?}"
            );
            assert_eq!(image.config["os.version"], version);
        }
    }
}

#[test]
fn several_in_one_target() {
    let table = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n\n\
                 [[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n";
    let mut input = BuilderInput::new().replace(BOTH_TABLES, table);
    input.build = images("build", &FOUR, By::File);
    input.run = images("run", &FOUR, By::File);
    let built = input.created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64:24.04", "linux/amd64:22.04"]);
    let by_flag = with(&[], By::File)
        .created(&["-t", "linux/amd64:ubuntu@24.04;ubuntu@22.04"])
        .without_warnings();
    assert_eq!(by_flag.digest(), built.digest());
}

#[test]
fn a_distribution_that_the_base_does_not_have() {
    for by in WAYS {
        let input = with(&["linux/amd64:debian@12"], by);
        // what it has
        input.refuse(&[BUILD, "debian", "linux/amd64", "ubuntu"]);
    }
}

#[test]
fn a_distribution_for_one_architecture_only() {
    let mut input = with(&["linux/amd64:ubuntu@22.04", "linux/arm64:ubuntu@22.04"], By::File);
    input.build = images("build", &FOUR[..3], By::File);
    input.refuse(&[BUILD, "linux/arm64", "22.04"]);
}

#[test]
fn a_base_that_says_nothing_of_itself() {
    // one for the platform: it may be the right one
    let mut input = with(&["linux/amd64:ubuntu@24.04"], By::File);
    input.build = images("build", &[("amd64", NOBLE)], By::Nothing);
    let run = input.run_into("out.oci", &[]);
    run.stderr_has(BUILD).stderr_has("ubuntu");
    // which of two, nobody can say
    let input = with(&["linux/amd64:ubuntu@24.04"], By::Nothing);
    input.refuse(&[BUILD, "ubuntu"]);
}

#[test]
fn a_run_image_of_another_distribution() {
    let mut input = with(&["linux/amd64:ubuntu@24.04"], By::File);
    input.run = images("run", &[("amd64", JAMMY)], By::File);
    input.refuse(&[RUN, "linux/amd64", "24.04"]);
}

#[test]
fn labels_come_before_files() {
    let mut input = with(&["linux/amd64:ubuntu@24.04"], By::File);
    for platform in input.build["platforms"].as_array_mut().unwrap() {
        // /etc/os-release says the other one
        let is_noble = platform["layers"][0][0]["text"].as_str().unwrap().contains("24.04");
        platform["config"]["Labels"] = json!({NAME: "ubuntu", VERSION: if is_noble { "22.04" } else { "24.04" }});
    }
    let built = input.created(&[]);
    assert_eq!(
        built.file("linux/amd64:24.04", "etc/what"),
        "build ubuntu@22.04 amd64\n"
    );
}

#[test]
fn without_a_distribution_in_the_target_one_base_has_to_be_there() {
    // which of two is meant, the target does not say
    let input = with(&["linux/amd64"], By::File);
    let run = input.run_into("out.oci", &[]);
    assert!(run.code == 1 || run.stderr.contains("warning: "), "{run}");
    // of one it is no question
    let mut input = with(&["linux/amd64"], By::File);
    input.build = images("build", &[("amd64", NOBLE)], By::File);
    input.run = images("run", &[("amd64", NOBLE)], By::File);
    let built = input.created(&[]).without_warnings();
    assert_eq!(built.0.index.platforms(), ["linux/amd64"]);
    assert!(built.0.index.children[0].descriptor["annotations"][NAME].is_null());
}

/// A builder for Noble and Jammy with a buildpack whose targets are these.
fn with_module(targets: &[&str]) -> BuilderInput {
    let input = with(&["linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04"], By::File)
        .replace("uri = \"one\"", "uri = \"some\"");
    rooted_leaf(&input.sandbox, "some", "acme/one@1.0.0", &targets_toml(targets));
    input
}

#[test]
fn a_module_that_names_distributions() {
    with_module(&["linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04"])
        .created(&[])
        .without_warnings();
    with_module(&["linux/amd64"]).created(&[]);
    // an empty name or version is any
    let input = with_module(&["linux/amd64"]);
    let toml = std::fs::read_to_string(input.sandbox.join("some/buildpack.toml")).unwrap();
    let toml = toml + "\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"\"\n";
    input.sandbox.write("some/buildpack.toml", toml);
    input.created(&[]);
}

#[test]
fn a_module_for_another_distribution() {
    for targets in [
        &["linux/amd64:ubuntu@24.04"][..],
        &["linux/amd64:ubuntu@24.04", "linux/arm64"],
    ] {
        with_module(targets).refuse(&["acme/one@1.0.0", "linux/amd64", "22.04"]);
    }
    with_module(&["linux/amd64:debian@12"]).refuse(&["acme/one@1.0.0", "24.04", "22.04"]);
}

#[test]
fn a_module_that_names_distributions_on_a_base_that_names_none() {
    let mut input = with_module(&["linux/amd64:ubuntu@24.04"]);
    input.toml = input.toml.replace(
        &targets_toml(&["linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04"]),
        &targets_toml(&["linux/amd64"]),
    );
    input.build = images("build", &[("amd64", NOBLE)], By::Nothing);
    input.run = images("run", &[("amd64", NOBLE)], By::Nothing);
    input.refuse(&["acme/one@1.0.0", "linux/amd64"]);
}

#[test]
fn a_module_that_names_distributions_on_a_target_that_names_none() {
    // what counts is the distribution of the image
    for (targets, fits) in [
        (&["linux/amd64:ubuntu@24.04"][..], true),
        (&["linux/amd64:ubuntu@22.04"], false),
    ] {
        let mut input = BuilderInput::amd64().replace("uri = \"one\"", "uri = \"some\"");
        rooted_leaf(&input.sandbox, "some", "acme/one@1.0.0", &targets_toml(targets));
        input.build = images("build", &[("amd64", NOBLE)], By::Link);
        input.run = images("run", &[("amd64", NOBLE)], By::Link);
        if fits {
            input.created(&[]);
        } else {
            input.refuse(&["acme/one@1.0.0", "linux/amd64"]);
        }
    }
}

#[test]
fn folders_for_each_distribution() {
    let targets = ["linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04"];
    let input = with(&targets, By::File).replace("uri = \"one\"", "uri = \"some\"");
    crate::support::composites::leaf(&input.sandbox, "some", "acme/one@1.0.0", &targets);
    let built = input.created(&[]).without_warnings();
    for (target, platform) in targets.iter().zip(["linux/amd64:24.04", "linux/amd64:22.04"]) {
        let which = built.file(platform, "/cnb/buildpacks/acme_one/1.0.0/which");
        assert_eq!(which, format!("acme/one@1.0.0 for {target}\n"));
    }
}

#[test]
fn two_distributions_of_one_version_are_hard_to_tell_apart() {
    let all = [("amd64", "ubuntu@12"), ("amd64", "debian@12")];
    let mut input = with(&["linux/amd64:ubuntu@12", "linux/amd64:debian@12"], By::File);
    input.build = images("build", &all, By::File);
    input.run = images("run", &all, By::File);
    let built = input.created(&[]).warned(&["linux/amd64", "12"]);
    let names: Vec<_> = built
        .0
        .index
        .children
        .iter()
        .map(|child| child.descriptor["annotations"][NAME].clone())
        .collect();
    assert_eq!(names, ["ubuntu", "debian"]);
}

#[test]
fn the_same_distribution_twice() {
    let input = with(&["linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@24.04"], By::File);
    input.refuse(&["is there twice"]);
}

#[test]
fn an_os_release_that_was_taken_away() {
    // by a whiteout in a layer above: then the image says nothing
    let mut input = with(&["linux/amd64:ubuntu@24.04"], By::File);
    input.build = images("build", &[("amd64", NOBLE)], By::File);
    for platform in input.build["platforms"].as_array_mut().unwrap() {
        let whiteout = json!([{"path": "etc/.wh.os-release", "type": "file", "text": ""}]);
        platform["layers"].as_array_mut().unwrap().push(whiteout);
    }
    let run = input.run_into("out.oci", &[]);
    run.stderr_has(BUILD).stderr_has("ubuntu");
}

#[test]
fn an_os_release_that_leads_nowhere() {
    let link = |path: &str, target: &str| json!({"path": path, "type": "symlink", "target": target});
    for entries in [
        json!([link("etc/os-release", "os-release")]),
        json!([
            link("etc/os-release", "../usr/lib/os-release"),
            link("usr/lib/os-release", "/etc/os-release"),
        ]),
        json!([link("etc/os-release", "/nothing")]),
        json!([link("etc/os-release", "../../../../../proc/version")]),
        json!([{"path": "etc/os-release", "type": "dir"}]),
        json!([{"path": "etc/os-release", "type": "fifo"}]),
        json!([{"path": "etc/os-release", "type": "file", "base64": "SUQ9//79Cg=="}]),
        json!([{"path": "etc/os-release", "type": "file", "repeat": ["ID=", 3_000_000]}]),
    ] {
        // the image says nothing of itself, or nothing that could be meant
        let mut input = with(&["linux/amd64:ubuntu@24.04"], By::File);
        input.build = images("build", &[("amd64", NOBLE)], By::Nothing);
        let layers = input.build["platforms"][0]["layers"].as_array_mut().unwrap();
        layers.push(entries.clone());
        let run = input.run_into("out.oci", &[]);
        run.stderr_has(BUILD).stderr_lacks("panicked");
    }
}
