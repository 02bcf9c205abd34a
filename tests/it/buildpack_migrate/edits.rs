//! What becomes of the text of `buildpack.toml`.

use std::fs;

use super::{AMD64, ARM64, elf, migrate, scripts};
use crate::support::Sandbox;

fn toml(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.join("hello/buildpack.toml")).unwrap()
}

const HEAD: &str = "api = \"0.10\"\n\n[buildpack]\nid = \"acme/hello\"\nversion = \"1.0.0\"\n";

#[test]
fn stacks_that_are_known_become_targets() {
    for (stacks, targets) in [
        ("io.buildpacks.stacks.bionic", "linux/amd64:ubuntu@18.04"),
        ("io.buildpacks.stacks.jammy.tiny", "linux/amd64:ubuntu@22.04"),
        ("heroku-24", "linux/amd64:ubuntu@24.04"),
        ("*", "linux"),
        ("io.buildpacks.samples.stacks.alpine", "linux/amd64:alpine"),
    ] {
        let sandbox = scripts(&format!("\n[[stacks]]\nid = \"{stacks}\"\n"));
        let run = migrate(&sandbox, &["--json"]);
        run.ok();
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(json["targets"], serde_json::json!([targets]), "{stacks}");
        assert_eq!(json["written"], false);
    }
}

#[test]
fn the_targets_that_are_asked_for_win() {
    let rest = "\n[[targets]] # the first\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"s390x\" # old\n\n# end\n[metadata]\nx = 1\n";
    let sandbox = scripts(rest);
    let run = migrate(&sandbox, &["-t", "linux/amd64", "-t", "linux/arm64", "--write"]);
    run.ok();
    assert!(
        run.stderr.contains("linux/s390x is no target any more"),
        "{}",
        run.stderr
    );
    assert_eq!(
        toml(&sandbox),
        format!(
            "{HEAD}\n[[targets]] # the first\nos = \"linux\"\narch = \"amd64\"\n\n# end\n[metadata]\nx = 1\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"
        )
    );
}

#[test]
fn targets_in_one_line_stay_in_one_line() {
    let sandbox = scripts("");
    let text = format!("targets = [{{ os = \"linux\", arch = \"amd64\" }}] # here\n{HEAD}");
    sandbox.write("hello/buildpack.toml", &text);
    migrate(&sandbox, &["-t", "linux/amd64,linux/arm64:debian@12", "--write"]).ok();
    let first = toml(&sandbox).lines().next().unwrap().to_owned();
    assert_eq!(
        first,
        "targets = [{ os = \"linux\", arch = \"amd64\" }, { os = \"linux\", arch = \"arm64\", distros = [{ name = \"debian\", version = \"12\" }] }] # here"
    );
    let sandbox = scripts("");
    sandbox.write("hello/buildpack.toml", format!("targets = []\n{HEAD}"));
    migrate(&sandbox, &["-t", "linux/amd64", "--write"]).ok();
    assert_eq!(
        toml(&sandbox),
        format!("targets = [{{ os = \"linux\", arch = \"amd64\" }}]\n{HEAD}")
    );
}

#[test]
fn a_file_without_a_last_newline_gets_one() {
    let sandbox = scripts("# end");
    migrate(&sandbox, &["-t", "linux/amd64", "--write"]).ok();
    assert_eq!(
        toml(&sandbox),
        format!("{HEAD}# end\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n")
    );
}

#[test]
fn a_target_that_programs_show_is_added_to_those_there() {
    let sandbox = scripts("\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n");
    sandbox.executable("hello/bin/tool", elf(AMD64));
    sandbox.executable("hello/bin/other", elf(ARM64));
    migrate(&sandbox, &["--write"]).ok();
    assert!(toml(&sandbox).ends_with("\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"));
}

#[test]
fn scripts_for_several_targets_that_are_written_need_nothing() {
    let sandbox =
        scripts("\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n");
    let run = migrate(&sandbox, &["--write"]);
    run.ok();
    assert!(run.stderr.contains("nothing to do"), "{}", run.stderr);
}

#[test]
fn advice_goes_with_stacks_and_an_old_api() {
    let sandbox = scripts("\n[[stacks]]\nid = \"*\"\n");
    sandbox.write("hello/buildpack.toml", toml(&sandbox).replace("0.10", "0.7"));
    sandbox.write("hello/bin/detect", "x");
    let run = migrate(&sandbox, &["--write"]);
    run.ok();
    for advice in [
        "api 0.7 does not know targets",
        "[[stacks]] is deprecated and stays",
        "chmod +x",
    ] {
        assert!(run.stderr.contains(advice), "{advice}: {}", run.stderr);
    }
    assert!(toml(&sandbox).contains("[[stacks]]\nid = \"*\"\n") && toml(&sandbox).contains("api = \"0.7\""));
}
