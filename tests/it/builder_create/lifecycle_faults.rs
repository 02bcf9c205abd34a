//! A lifecycle that is not there, not one, or for another machine.

use crate::support::builder::{BuilderInput, LIFECYCLE_TOML, Lifecycle, elf, released};
use crate::support::refused::hints;
use crate::support::tar_maker::Member;

const FILE: &str = "lifecycle-v0.20.1+linux.arm64.tgz";

/// A builder with another lifecycle for arm64.
fn with_arm64(lifecycle: Lifecycle) -> BuilderInput {
    let mut input = BuilderInput::new();
    input.lifecycles.insert(released("arm64"), lifecycle);
    input
}

/// The same with one thing changed.
fn changed(change: impl FnOnce(&mut Lifecycle)) -> BuilderInput {
    let mut lifecycle = Lifecycle::new("arm64");
    change(&mut lifecycle);
    with_arm64(lifecycle)
}

#[test]
fn none_is_named() {
    let input = BuilderInput::new().replace("[lifecycle]\nuri = \"lifecycle\"\n", "");
    let run = input.refuse(&["no lifecycle is named"]);
    hints(&run, "lifecycle");
    let input = BuilderInput::new().replace("uri = \"lifecycle\"\n", "");
    input.refuse(&["no lifecycle is named"]);
}

#[test]
fn none_for_a_target() {
    let mut input = BuilderInput::new();
    input.lifecycles.remove(&released("arm64"));
    let run = input.refuse_at("uri = \"lifecycle\"", &["linux/arm64", "linux.arm64.tgz"]);
    // what there is, and what was looked for
    run.stderr_has("lifecycle-v0.20.1+linux.x86-64.tgz");
    input.created(&["-t", "linux/amd64"]).without_warnings();
}

#[test]
fn none_for_a_target_by_flags() {
    let input = BuilderInput::new().replace("[lifecycle]\nuri = \"lifecycle\"\n", "");
    let flag = format!("linux/amd64={}", released("amd64"));
    input
        .refused(&["--lifecycle", &flag])
        .stderr_has("no lifecycle for linux/arm64");
}

#[test]
fn a_place_where_nothing_is() {
    for uri in ["nothing", "nothing.tgz", "lifecycle/nothing-*.tgz", "empty"] {
        let input = BuilderInput::new().replace("uri = \"lifecycle\"", &format!("uri = \"{uri}\""));
        input.sandbox.folder("empty");
        input.refuse_at(&format!("uri = \"{uri}\""), &[uri]);
    }
    BuilderInput::new()
        .refused(&["--lifecycle", "nothing.tgz"])
        .stderr_has("nothing.tgz");
    BuilderInput::new()
        .replace("uri = \"lifecycle\"", "version = \"0.20.1\"")
        .refused(&["--lifecycle-dir", "nothing"])
        .stderr_has("nothing");
}

#[test]
fn an_address_is_not_fetched() {
    let uri = "https://registry.test/lifecycle.tgz";
    let input = BuilderInput::new().replace("uri = \"lifecycle\"", &format!("uri = \"{uri}\""));
    input.refuse_at(uri, &[uri]);
}

#[test]
fn several_for_one_target() {
    // which of two versions is meant, nobody can say
    let mut other = Lifecycle::new("arm64");
    other.toml = LIFECYCLE_TOML.replace("0.20.1", "0.20.2");
    let mut input = BuilderInput::new();
    input
        .lifecycles
        .insert("lifecycle/lifecycle-v0.20.2+linux.arm64.tgz".to_owned(), other);
    input.refuse(&[FILE, "lifecycle-v0.20.2+linux.arm64.tgz", "linux/arm64"]);
}

#[test]
fn without_lifecycle_toml() {
    changed(|lifecycle| lifecycle.toml.clear()).refuse(&["lifecycle.toml", FILE, "linux/arm64"]);
    // in a folder below it is none
    let deep = changed(|lifecycle| {
        lifecycle.toml.clear();
        lifecycle
            .members
            .push(Member::file("lifecycle/x/lifecycle.toml", LIFECYCLE_TOML));
    });
    deep.refuse(&["lifecycle.toml", FILE]);
    // of a folder that was unpacked
    let input = BuilderInput::amd64().replace("uri = \"lifecycle\"", "uri = \"unpacked\"");
    let mut lifecycle = Lifecycle::new("amd64");
    lifecycle.toml.clear();
    lifecycle.unpack(&input.sandbox, "unpacked");
    input.refuse(&["unpacked"]);
}

#[test]
fn with_a_lifecycle_toml_that_is_none() {
    for (toml, says) in [
        ("[lifecycle\n", "lifecycle.toml"),
        ("[lifecycle]\n", "version"),
        ("version = \"0.20.1\"\n", "lifecycle"),
        ("[lifecycle]\nversion = 5\n", "version"),
        ("[lifecycle]\nversion = \"0.20.1\"\n", "API"),
        (
            "[lifecycle]\nversion = \"0.20.1\"\n[apis.buildpack]\nsupported = [\"0.10\"]\n",
            "platform",
        ),
        (
            "[lifecycle]\nversion = \"0.20.1\"\n[apis.buildpack]\nsupported = [\"zero\"]\n[apis.platform]\nsupported = [\"0.13\"]\n",
            "zero",
        ),
    ] {
        changed(|lifecycle| toml.clone_into(&mut lifecycle.toml)).refuse(&[says, FILE, "lifecycle.toml"]);
    }
}

#[test]
fn an_archive_that_is_none() {
    let input = BuilderInput::new();
    input.write();
    let sound = std::fs::read(input.sandbox.join(released("arm64"))).unwrap();
    for content in [
        b"".to_vec(),
        b"no archive".to_vec(),
        sound[..sound.len() / 2].to_vec(),
        {
            let mut damaged = sound.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0xff;
            damaged
        },
    ] {
        let mut input = BuilderInput::new();
        input.lifecycles.remove(&released("arm64"));
        input.sandbox.write(released("arm64"), &content);
        input.refuse(&[FILE]);
    }
}

#[test]
fn an_archive_without_programs() {
    let input = changed(|lifecycle| lifecycle.members.clear());
    input.refuse(&[FILE]);
    let input = changed(|lifecycle| lifecycle.members.truncate(1));
    input.refuse(&[FILE]);
}

#[test]
fn programs_for_another_machine() {
    let run = with_arm64(Lifecycle::new("amd64")).refuse(&[FILE, "amd64", "arm64", "linux/arm64"]);
    // one fault, not one for each program
    assert!(run.stderr.matches(FILE).count() <= 6, "{run}");
    with_arm64(Lifecycle::new("s390x")).refuse(&[FILE, "s390x", "arm64"]);
}

#[test]
fn one_program_for_another_machine() {
    let input = changed(|lifecycle| {
        let extender = lifecycle
            .members
            .iter_mut()
            .find(|member| member.path.ends_with("extender"));
        extender.unwrap().content = elf("amd64");
    });
    input.refuse(&[FILE, "extender", "amd64", "arm64"]);
}

#[test]
fn a_machine_that_nobody_knows() {
    let input = changed(|lifecycle| {
        let extender = lifecycle
            .members
            .iter_mut()
            .find(|member| member.path.ends_with("extender"));
        let content = &mut extender.unwrap().content;
        content[18] = 0x77;
        content[19] = 0x77;
    });
    // it is for no machine of the target's, whatever it is
    let run = input.run_into("out.oci", &[]);
    run.stderr_has("extender");
}

#[test]
fn scripts_can_not_be_judged() {
    let mut input = BuilderInput::new();
    for lifecycle in input.lifecycles.values_mut() {
        *lifecycle = Lifecycle::of_scripts("any");
    }
    let built = input.created(&[]).warned(&["ELF file"]);
    // one warning, not one for each script
    let told = built.0.run.stderr.matches("ELF file").count();
    assert!((1..=2).contains(&told), "{}", built.0.run);
}

#[test]
fn scripts_among_programs_are_no_matter() {
    // an sbom is no program either
    let input = changed(|lifecycle| {
        lifecycle
            .members
            .push(Member::file("lifecycle/script", "#!/bin/sh\n").with_mode(0o755));
    });
    let built = input.created(&[]);
    built.0.run.stderr_lacks("error");
}

#[test]
fn scripts_are_an_error_where_warnings_are() {
    with_arm64(Lifecycle::of_scripts("any"))
        .refused(&["--strict"])
        .stderr_has("ELF file");
}

#[test]
fn the_name_says_another_machine_than_the_programs() {
    // what counts is the programs
    let mut input = BuilderInput::new();
    input.lifecycles.insert(released("amd64"), Lifecycle::new("arm64"));
    input.lifecycles.insert(released("arm64"), Lifecycle::new("amd64"));
    input.refuse(&["lifecycle-v0.20.1+linux.x86-64.tgz", FILE, "linux/amd64", "linux/arm64"]);
}
