//! Where a lifecycle is found: for each target its own, whatever names it.

use super::FROM_FOLDERS;
use crate::support::builder::{BuilderInput, Built, LIFECYCLE_TOML, Lifecycle, elf, released};
use crate::support::composites::BOTH;
use crate::support::refused::{hints, points_at};
use crate::support::tar_maker::Member;
use serde_json::{Value, json};

const URI: &str = "[lifecycle]\nuri = \"lifecycle\"\n";

/// The text `elf` ends in is what tells the programs of two machines apart.
#[track_caller]
fn check_machines(built: &Built) {
    for (platform, architecture) in BOTH.iter().zip(["amd64", "arm64"]) {
        let layer = built.layer(platform, "lifecycle");
        let program = layer
            .entries
            .iter()
            .find(|entry| entry.name() == "/cnb/lifecycle/lifecycle");
        let expected = crate::support::layout_view::sha256(&elf(architecture));
        assert_eq!(
            format!("sha256:{}", program.unwrap().sha256.as_ref().unwrap()),
            expected,
            "{platform}"
        );
    }
}

/// A builder whose `[lifecycle]` says this, with the two archives at these places.
fn with(lifecycle: &str, amd64: &str, arm64: &str) -> BuilderInput {
    let mut input = BuilderInput::new().replace(URI, lifecycle);
    input.lifecycles = [(amd64, "amd64"), (arm64, "arm64")]
        .iter()
        .map(|(path, architecture)| ((*path).to_owned(), Lifecycle::new(architecture)))
        .collect();
    input
}

/// What came of it is what comes of a folder of released files.
#[track_caller]
fn check(input: BuilderInput, args: &[&str]) {
    let built = input.created(args).without_warnings();
    check_machines(&built);
    assert_eq!(built.digest(), *FROM_FOLDERS, "{args:?}");
}

#[test]
fn a_folder_of_released_files() {
    check(BuilderInput::new(), &[]);
    check(
        BuilderInput::new().replace("uri = \"lifecycle\"", "uri = \"./lifecycle/\""),
        &[],
    );
}

#[test]
fn a_pattern() {
    for pattern in [
        "lifecycle/lifecycle-v*.tgz",
        "lifecycle/lifecycle-v0.20.1+linux.*.tgz",
        "lifecycle/*",
    ] {
        check(
            BuilderInput::new().replace("uri = \"lifecycle\"", &format!("uri = \"{pattern}\"")),
            &[],
        );
    }
    check(
        BuilderInput::new().replace(URI, ""),
        &["--lifecycle", "lifecycle/lifecycle-v*.tgz"],
    );
}

#[test]
fn a_pattern_among_other_files() {
    let input = BuilderInput::new().replace(
        "uri = \"lifecycle\"",
        "uri = \"lifecycle/lifecycle-v0.20.1+linux.*.tgz\"",
    );
    input
        .sandbox
        .write("lifecycle/lifecycle-v0.20.1+linux.x86-64.tgz.sha256", "x\n");
    input
        .sandbox
        .write("lifecycle/lifecycle-v0.20.1+windows.x86-64.tgz", "x\n");
    input.sandbox.write(
        "lifecycle/lifecycle-v0.20.1+linux.s390x.tgz",
        Lifecycle::new("s390x").tgz(),
    );
    check(input, &[]);
    // neither do they matter in a folder
    let input = BuilderInput::new();
    input
        .sandbox
        .write("lifecycle/lifecycle-v0.20.1+linux.x86-64.tgz.sha256", "x\n");
    input
        .sandbox
        .write("lifecycle/lifecycle-v0.20.1+windows.x86-64.tgz", "x\n");
    input.sandbox.write(
        "lifecycle/lifecycle-v0.20.1+linux.s390x.tgz",
        Lifecycle::new("s390x").tgz(),
    );
    input.sandbox.write("lifecycle/README", "x\n");
    check(input, &[]);
}

#[test]
fn all_names_of_architectures() {
    for architecture in ["ppc64le", "s390x"] {
        let target = format!("linux/{architecture}");
        let mut input = BuilderInput::new()
            .replace("uri = \"one\"", "uri = \"any\"")
            .replace("[[buildpacks]]\nuri = \"two\"\n", "")
            .replace("[[order.group]]\nid = \"acme/two\"\noptional = true\n", "");
        crate::support::composites::rooted_leaf(&input.sandbox, "any", "acme/one@1.0.0", "");
        input.build = crate::support::builder::image_spec("build", &[architecture]);
        input.run = crate::support::builder::image_spec("run", &[architecture]);
        input
            .lifecycles
            .insert(released(architecture), Lifecycle::new(architecture));
        let built = input.created(&["-t", &target]).without_warnings();
        let layer = built.layer(&target, "lifecycle");
        let program = layer
            .entries
            .iter()
            .find(|entry| entry.name() == "/cnb/lifecycle/lifecycle");
        assert_eq!(program.unwrap().size, elf(architecture).len() as u64);
    }
}

#[test]
fn flags_for_each_platform() {
    let input = with("", "a.tgz", "b.tgz");
    check(
        input,
        &["--lifecycle", "linux/amd64=a.tgz", "--lifecycle", "linux/arm64=b.tgz"],
    );
    // the variant that is meant anyway
    let input = with("", "a.tgz", "b.tgz");
    check(
        input,
        &[
            "--lifecycle",
            "linux/amd64=a.tgz",
            "--lifecycle",
            "linux/arm64/v8=b.tgz",
        ],
    );
}

#[test]
fn a_flag_for_one_platform_and_one_for_the_rest() {
    for args in [
        &["--lifecycle", "linux/arm64=b.tgz", "--lifecycle", "a.tgz"][..],
        &["--lifecycle", "a.tgz", "--lifecycle", "linux/arm64=b.tgz"],
    ] {
        check(with("", "a.tgz", "b.tgz"), args);
    }
}

#[test]
fn a_flag_for_one_platform_and_the_file_for_the_rest() {
    let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
    check(input, &["--lifecycle", "linux/arm64=b.tgz"]);
}

#[test]
fn flags_that_can_not_be_meant() {
    // another file would be taken in its place, without a word
    for flag in ["linux/amd46=a.tgz", "linux/zzz=a.tgz", "./x=a.tgz"] {
        let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
        let run = input.run_into("out.oci", &["-t", "linux/amd64", "--lifecycle", flag]);
        run.failed(run.code.max(1)).stderr_has(flag.split('=').next().unwrap());
    }
    let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
    let twice = [
        "-t",
        "linux/amd64",
        "--lifecycle",
        "linux/amd64=a.tgz",
        "--lifecycle",
        "linux/amd64=b.tgz",
    ];
    input.refused(&twice).stderr_has("linux/amd64");
}

#[test]
fn a_table_in_airpack_toml() {
    let table = "[lifecycle]\n\"linux/amd64\" = \"a.tgz\"\n\"linux/arm64\" = \"b.tgz\"\n";
    let input = with("", "a.tgz", "b.tgz");
    input.sandbox.write("airpack.toml", table);
    check(input, &[]);
    // one platform there, the other in builder.toml
    let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
    input
        .sandbox
        .write("airpack.toml", "[lifecycle]\n\"linux/arm64\" = \"b.tgz\"\n");
    check(input, &[]);
}

#[test]
fn flags_come_before_airpack_toml_and_that_before_builder_toml() {
    // what does not count is of the wrong machine, or not there
    let input = with("[lifecycle]\nuri = \"nothing.tgz\"\n", "a.tgz", "b.tgz");
    input.sandbox.write(
        "airpack.toml",
        "[lifecycle]\n\"linux/amd64\" = \"b.tgz\"\n\"linux/arm64\" = \"a.tgz\"\n",
    );
    check(
        input,
        &["--lifecycle", "linux/amd64=a.tgz", "--lifecycle", "linux/arm64=b.tgz"],
    );
    let input = with("[lifecycle]\nuri = \"nothing.tgz\"\n", "a.tgz", "b.tgz");
    input.sandbox.write(
        "airpack.toml",
        "[lifecycle]\n\"linux/amd64\" = \"a.tgz\"\n\"linux/arm64\" = \"b.tgz\"\n",
    );
    check(input, &[]);
}

#[test]
fn faults_of_the_table() {
    for (table, line, says) in [
        ("[lifecycle]\n\"linux/zzz\" = \"a.tgz\"\n", 2, "zzz"),
        ("[lifecycle]\n\"linux/amd64\" = 5\n", 2, "linux/amd64"),
        ("[lifecycle]\n\"linux/amd64\" = \"nothing.tgz\"\n", 2, "nothing.tgz"),
    ] {
        let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
        input.sandbox.write("airpack.toml", table);
        let run = input.refused(&["-t", "linux/amd64"]);
        run.stderr_has(says);
        points_at(&run, "airpack.toml", line);
    }
}

#[test]
fn a_folder_that_is_relative_to_what_names_it() {
    // `uri` to builder.toml, `--lifecycle` to the current folder
    let input = BuilderInput::new();
    input.write();
    let sandbox = &input.sandbox;
    sandbox.folder("work");
    let run = |args: &[&str]| {
        let own = [
            "builder",
            "create",
            crate::support::refused::REFERENCE,
            "--config",
            "../builder.toml",
            "--layout",
            "../out.oci",
            "--from",
            "../base.oci",
            "--from",
            "../run.oci",
        ];
        let mut command = sandbox.airpack_command(&[&own[..], args].concat());
        command.current_dir(sandbox.join("work"));
        crate::support::Run::of(&mut command)
    };
    assert_eq!(run(&[]).digest(), *FROM_FOLDERS);
    assert_eq!(run(&["--lifecycle", "../lifecycle"]).digest(), *FROM_FOLDERS);
    run(&["--lifecycle", "lifecycle"]).failed(1).stderr_has("lifecycle");
    let absolute = sandbox.join("lifecycle");
    assert_eq!(
        run(&["--lifecycle", absolute.to_str().unwrap()]).digest(),
        *FROM_FOLDERS
    );
    let toml = input.toml.replace(
        "uri = \"lifecycle\"",
        &format!("uri = \"file://{}\"", absolute.display()),
    );
    sandbox.write("builder.toml", toml);
    assert_eq!(run(&[]).digest(), *FROM_FOLDERS);
}

#[test]
fn a_version() {
    let version = "[lifecycle]\nversion = \"0.20.1\"\n";
    check(
        BuilderInput::new().replace(URI, version),
        &["--lifecycle-dir", "lifecycle"],
    );
    // other versions beside it do not matter
    let mut input = BuilderInput::new().replace(URI, version);
    for (name, architecture) in [("x86-64", "amd64"), ("arm64", "arm64")] {
        let mut other = Lifecycle::new(architecture);
        other.toml = LIFECYCLE_TOML.replace("0.20.1", "0.20.10");
        input
            .lifecycles
            .insert(format!("lifecycle/lifecycle-v0.20.10+linux.{name}.tgz"), other);
    }
    check(input, &["--lifecycle-dir", "lifecycle"]);
}

#[test]
fn a_folder_beside_a_uri_is_not_looked_at_and_that_is_told() {
    let built = BuilderInput::new().created(&["--lifecycle-dir", "lifecycle"]);
    assert_eq!(built.digest(), *FROM_FOLDERS);
    let run = BuilderInput::new().refused(&["--lifecycle-dir", "lifecycle", "--strict"]);
    run.stderr_has("--lifecycle-dir `lifecycle` is not looked at");
}

/// What is wrong for each target alike is told once.
#[test]
fn a_pattern_that_nothing_fits() {
    let input = BuilderInput::new().replace("uri = \"lifecycle\"", "uri = \"lifecycle/lifcycle-v*.tgz\"");
    let run = input.refused(&[]);
    run.stderr_has("for linux/amd64, linux/arm64: no file `lifcycle-v*.tgz`")
        .stderr_has("hint: it has lifecycle-v")
        .stderr_has("1 fault found");
}

#[test]
fn a_version_is_never_downloaded() {
    let input = BuilderInput::new().replace(URI, "[lifecycle]\nversion = \"0.20.2\"\n");
    let run = input.refused(&["--lifecycle-dir", "lifecycle"]);
    for name in [
        "lifecycle-v0.20.2+linux.x86-64.tgz",
        "lifecycle-v0.20.2+linux.arm64.tgz",
    ] {
        run.stderr_has(name);
    }
    input.points_at(&run, "0.20.2");
    let run = input.refused(&[]);
    input.points_at(&run, "0.20.2");
    hints(&run, "--lifecycle-dir");
    run.stderr_has("0.20.2");
}

#[test]
fn a_version_for_one_target_only() {
    let mut input = BuilderInput::new().replace(URI, "[lifecycle]\nversion = \"0.20.1\"\n");
    input.lifecycles.remove(&released("arm64"));
    let run = input.refused(&["--lifecycle-dir", "lifecycle"]);
    run.stderr_has("lifecycle-v0.20.1+linux.arm64.tgz")
        .stderr_has("linux/arm64");
}

#[test]
fn a_folder_that_was_unpacked() {
    for (target, architecture) in BOTH.iter().zip(["amd64", "arm64"]) {
        let input = BuilderInput::new().replace("uri = \"lifecycle\"", "uri = \"unpacked\"");
        Lifecycle::new(architecture).unpack(&input.sandbox, "unpacked");
        let built = input.created(&["-t", target]).without_warnings();
        let expected = BuilderInput::new().created(&["-t", target]);
        let entries = |built: &Built| -> Vec<String> {
            let layer = built.layer(target, "lifecycle");
            let of_files = layer.entries.iter().filter(|entry| entry.kind != "dir");
            let mut shown: Vec<_> = of_files
                .map(|entry| {
                    // a link has no mode of its own on disk
                    let mode = if entry.kind == "symlink" { 0 } else { entry.mode };
                    let leads_to = entry.linkname.as_ref().map(|name| String::from_utf8_lossy(name));
                    format!("{} {} {mode:o} {} {leads_to:?}", entry.name(), entry.kind, entry.size)
                })
                .collect();
            shown.sort();
            shown
        };
        assert_eq!(entries(&built), entries(&expected), "{target}");
    }
}

#[test]
fn a_folder_that_was_unpacked_is_for_one_machine() {
    let input = BuilderInput::new().replace("uri = \"lifecycle\"", "uri = \"unpacked\"");
    Lifecycle::new("amd64").unpack(&input.sandbox, "unpacked");
    input.refuse(&["unpacked", "amd64", "arm64", "linux/arm64"]);
}

#[test]
fn times_of_a_folder_do_not_matter() {
    let mut digests = std::collections::BTreeSet::new();
    for seconds in [0, 1_700_000_000] {
        let input = BuilderInput::amd64().replace("uri = \"lifecycle\"", "uri = \"unpacked\"");
        Lifecycle::new("amd64").unpack(&input.sandbox, "unpacked");
        for name in [
            "lifecycle/lifecycle",
            "lifecycle/creator",
            "lifecycle",
            "lifecycle.toml",
        ] {
            crate::support::test_tree::set_mtime(&input.sandbox.join("unpacked").join(name), seconds);
        }
        digests.insert(input.created(&[]).digest().to_owned());
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[test]
fn an_archive_that_is_not_compressed() {
    let input = with("", "a.tgz", "b.tgz");
    input.sandbox.write("a.tar", Lifecycle::new("amd64").tar());
    input.sandbox.write("b.tar", Lifecycle::new("arm64").tar());
    check(
        input,
        &["--lifecycle", "linux/amd64=a.tar", "--lifecycle", "linux/arm64=b.tar"],
    );
}

#[test]
fn one_archive_for_all_is_for_one_machine() {
    let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
    input.refuse(&["a.tgz", "amd64", "arm64", "linux/arm64"]);
    // it is for that one
    let input = with("[lifecycle]\nuri = \"a.tgz\"\n", "a.tgz", "b.tgz");
    input.created(&["-t", "linux/amd64"]).without_warnings();
}

/// An image of a lifecycle for each architecture, as the released one is: `/cnb/lifecycle` in its last layer, and what it
/// can in labels or in `lifecycle.toml`.
fn image(architectures: &[&str], has_toml: bool, has_labels: bool) -> Value {
    let platforms = architectures.iter().map(|architecture| {
        let mut entries = vec![json!({"path": "/cnb", "type": "dir"})];
        if has_toml {
            entries.push(json!({"path": "/cnb/lifecycle.toml", "type": "file", "text": LIFECYCLE_TOML}));
        }
        let entry = |member: &Member| {
            let path = format!("/cnb/{}", member.path.trim_end_matches('/'));
            if member.path.ends_with('/') {
                json!({"path": path, "type": "dir", "mtime": 1_600_000_000})
            } else if member.target.is_empty() {
                let text = String::from_utf8_lossy(&member.content).into_owned();
                json!({"path": path, "type": "file", "mode": "0755", "text": text})
            } else {
                json!({"path": path, "type": "symlink", "target": member.target})
            }
        };
        entries.extend(Lifecycle::of_scripts(architecture).members.iter().map(entry));
        let mut labels = json!({});
        if has_labels {
            let apis = json!({
                "buildpack": {"deprecated": ["0.7"], "supported": ["0.7", "0.8", "0.9", "0.10", "0.11"]},
                "platform": {"deprecated": [], "supported": ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13"]},
            });
            labels = json!({
                "io.buildpacks.lifecycle.version": "0.20.1",
                "io.buildpacks.lifecycle.apis": apis.to_string(),
            });
        }
        json!({
            "os": "linux",
            "architecture": architecture,
            "config": {"Labels": labels},
            "layers": [[{"path": "etc/other", "type": "file", "text": "other\n"}], entries],
        })
    });
    json!({ "platforms": platforms.collect::<Vec<_>>() })
}

const NAME: &str = "registry.test/base/lifecycle:1";

/// A builder whose lifecycle is named so, with this image.
fn with_image(uri: &str, image: &Value) -> BuilderInput {
    let mut input = BuilderInput::new().replace("uri = \"lifecycle\"", &format!("uri = \"{uri}\""));
    input.lifecycles.clear();
    let folder = input.sandbox.join("lifecycle.oci");
    crate::support::test_layout::make_layout(&folder, Some(NAME), image);
    input.from.push("lifecycle.oci".to_owned());
    input
}

#[track_caller]
fn check_image(built: &Built) {
    for (platform, architecture) in BOTH.iter().zip(["amd64", "arm64"]) {
        let script = built.file(platform, "/cnb/lifecycle/detector");
        assert_eq!(script, format!("#!/bin/sh\necho detector {architecture}\n"));
        // nothing else of the image
        let names: Vec<_> = built.layers(platform);
        assert!(!names.contains(&"etc/other".to_owned()), "{names:?}");
        let metadata = built.json_label(platform, crate::support::builder::METADATA);
        assert_eq!(metadata["lifecycle"]["version"], "0.20.1");
        assert_eq!(
            metadata["lifecycle"]["api"],
            json!({"buildpack": "0.7", "platform": "0.7"})
        );
    }
}

#[test]
fn an_image_by_name() {
    let both = ["amd64", "arm64"];
    for (has_toml, has_labels) in [(true, true), (true, false), (false, true)] {
        let input = with_image(&format!("docker://{NAME}"), &image(&both, has_toml, has_labels));
        let built = input.created(&[]).warned(&["ELF file"]);
        check_image(&built);
    }
}

#[test]
fn an_image_at_a_place() {
    let image = image(&["amd64", "arm64"], true, true);
    let named = with_image(&format!("docker://{NAME}"), &image).created(&[]);
    for uri in ["oci:lifecycle.oci", "oci:lifecycle.oci:1"] {
        let built = with_image(uri, &image).created(&[]);
        check_image(&built);
        assert_eq!(built.digest(), named.digest(), "{uri}");
    }
    // and by a flag
    let input = with_image("nothing", &image);
    let built = input.created(&["--lifecycle", &format!("docker://{NAME}")]);
    assert_eq!(built.digest(), named.digest());
    let input = with_image("nothing", &image);
    let built = input.created(&["--lifecycle", "oci:lifecycle.oci"]);
    assert_eq!(built.digest(), named.digest());
}

#[test]
fn an_image_in_an_archive() {
    let image = image(&["amd64", "arm64"], true, true);
    let named = with_image(&format!("docker://{NAME}"), &image).created(&[]);
    let input = with_image("oci-archive:lifecycle.tar", &image);
    let tar = crate::support::tar_maker::tar(
        crate::support::tar_maker::TarFormat::Ustar,
        &crate::support::tar_maker::members_of(&input.sandbox.join("lifecycle.oci"), ""),
    );
    input.sandbox.write("lifecycle.tar", tar);
    let built = input.created(&[]);
    check_image(&built);
    assert_eq!(built.digest(), named.digest());
}

#[test]
fn an_image_without_the_platform() {
    let run = with_image(&format!("docker://{NAME}"), &image(&["amd64"], true, true)).refuse(&["linux/arm64", NAME]);
    run.stderr_has("linux/amd64");
}

#[test]
fn an_image_that_is_not_found() {
    let mut input = with_image(&format!("docker://{NAME}"), &image(&["amd64", "arm64"], true, true));
    input.from.pop();
    let run = input.refuse_at(NAME, &[NAME]);
    hints(&run, &format!("airpack pull {NAME}"));
}

#[test]
fn an_image_that_is_no_lifecycle() {
    let mut no_lifecycle = image(&["amd64", "arm64"], true, true);
    for platform in no_lifecycle["platforms"].as_array_mut().unwrap() {
        platform["layers"].as_array_mut().unwrap().pop();
    }
    with_image(&format!("docker://{NAME}"), &no_lifecycle).refuse(&[NAME]);
    let says_nothing = image(&["amd64", "arm64"], false, false);
    with_image(&format!("docker://{NAME}"), &says_nothing).refuse(&[NAME, "lifecycle.toml"]);
}
