//! Faults in `buildpack.toml`.

use super::{check_descriptor, check_tree, with_descriptor};
use crate::support::refused::{hints, names_line, points_at, points_into, refused};
use crate::support::tar_maker::TarFormat;
use crate::support::tree::{HEAD, SCRIPT, descriptor, members, write_tree};
use crate::support::{Sandbox, tar_maker};

#[test]
fn missing() {
    let sandbox = Sandbox::new();
    write_tree(&sandbox, "bp", &[("bin/build", SCRIPT), ("bin/detect", SCRIPT)]);
    let members = members("", true, &[("bin/build", SCRIPT)]);
    sandbox.write("bp.tar", tar_maker::tar(TarFormat::Ustar, &members));
    sandbox.write("bp.zip", tar_maker::zip(&members));
    for path in ["bp", "bp.tar", "bp.zip"] {
        let run = refused(&sandbox, &["--path", path]);
        run.stderr_has("buildpack.toml").stderr_has(path);
    }
    hints(&refused(&sandbox, &["--path", "bp"]), "--path");
}

#[test]
fn missing_below_the_default_path() {
    let sandbox = Sandbox::new();
    let run = refused(&sandbox, &[]);
    run.stderr_has("buildpack.toml");
    hints(&run, "--path");
}

#[test]
fn a_path_that_is_not_there() {
    refused(&Sandbox::new(), &["--path", "nowhere/bp"]).stderr_has("nowhere/bp");
}

#[test]
fn a_folder_in_its_place() {
    let sandbox = Sandbox::new();
    sandbox.folder("bp/buildpack.toml");
    refused(&sandbox, &["--path", "bp"]).stderr_has("buildpack.toml");
}

#[test]
fn bad_toml() {
    check_descriptor("api = \"0.10\"\n\n[buildpack\nid = 1\n", Some(3), &[]);
    check_descriptor("api = \"0.10\n", Some(1), &[]);
    check_descriptor("api = \"0.10\"\napi = \"0.11\"\n", Some(2), &["api"]);
    check_descriptor(&format!("{HEAD}name = \n"), Some(6), &[]);
}

#[test]
fn not_utf8() {
    let sandbox = with_descriptor("");
    sandbox.write("bp/buildpack.toml", b"api = \"0.10\"\n# \xff\xfe\n");
    refused(&sandbox, &["--path", "bp"])
        .stderr_has("buildpack.toml")
        .stderr_has("UTF-8");
}

#[test]
fn api() {
    let with = |line: &str| format!("{line}\n[buildpack]\nid = \"acme/x\"\nversion = \"1.0.0\"\n");
    check_descriptor(&with(""), None, &["api"]);
    for bad in [
        "\"\"",
        "\"x\"",
        "\"0.10.1\"",
        "\"0.\"",
        "\".1\"",
        "\"-1.0\"",
        "\"v0.10\"",
        "\"0 .1\"",
    ] {
        check_descriptor(&with(&format!("api = {bad}")), Some(1), &["api"]);
    }
    for bad in ["0.10", "7", "true", "[\"0.10\"]"] {
        check_descriptor(&with(&format!("api = {bad}")), Some(1), &["api"]);
    }
}

#[test]
fn id() {
    let with = |line: &str| format!("api = \"0.10\"\n[buildpack]\n{line}\nversion = \"1.0.0\"\n");
    check_descriptor(&with(""), None, &["id"]);
    let bad = [
        "",
        "a b/../c",
        "acme_x",
        "acme/ö",
        "acme\\\\x",
        "acme:x",
        ".",
        "..",
        "acme/x\\n",
        "@",
    ];
    for bad in bad {
        check_descriptor(&with(&format!("id = \"{bad}\"")), Some(3), &["id"]);
    }
    for bad in ["5", "[\"acme/x\"]"] {
        check_descriptor(&with(&format!("id = {bad}")), Some(3), &["id"]);
    }
}

#[test]
fn reserved_id() {
    for reserved in ["app", "config", "generated", "sbom"] {
        let toml = format!("api = \"0.10\"\n[buildpack]\nid = \"{reserved}\"\nversion = \"1.0.0\"\n");
        check_descriptor(&toml, Some(3), &[reserved, "reserved"]);
    }
}

#[test]
fn version() {
    let with = |line: &str| format!("api = \"0.10\"\n[buildpack]\nid = \"acme/x\"\n{line}\n");
    check_descriptor(&with(""), None, &["version"]);
    for bad in ["\"\"", "\"1.0/0\"", "\"..\"", "\".\"", "\"1.0.0\\u0000\"", "1.0", "1"] {
        check_descriptor(&with(&format!("version = {bad}")), Some(4), &["version"]);
    }
}

#[test]
fn no_buildpack_table() {
    check_descriptor("api = \"0.10\"\n", None, &["[buildpack]"]);
    check_descriptor("api = \"0.10\"\nbuildpack = 3\n", Some(2), &["buildpack"]);
}

#[test]
fn wrong_types() {
    check_descriptor(&format!("{HEAD}name = 5\n"), Some(6), &["name"]);
    check_descriptor(&format!("{HEAD}keywords = \"a\"\n"), Some(6), &["keywords"]);
    check_descriptor(&format!("{HEAD}clear-env = \"yes\"\n"), Some(6), &["clear-env"]);
    check_descriptor(&format!("{HEAD}\n[targets]\nos = \"linux\"\n"), Some(7), &["targets"]);
    check_descriptor(&format!("{HEAD}\n[[targets]]\nos = 5\n"), Some(8), &["os"]);
    check_descriptor(
        &format!("{HEAD}\n[[targets]]\nos = \"linux\"\ndistros = \"ubuntu\"\n"),
        Some(9),
        &["distros"],
    );
}

#[test]
fn unknown_arch_or_os() {
    for (os, arch, line, wrong) in [
        ("linux", "zzz", 9, "zzz"),
        ("linux", "arm46", 9, "arm46"),
        ("linux", "AMD64", 9, "AMD64"),
        ("linux", "x86_64", 9, "x86_64"),
        ("linuxx", "amd64", 8, "linuxx"),
        ("Linux", "amd64", 8, "Linux"),
    ] {
        let toml = descriptor(&[&format!("{os}/{arch}")]);
        let known: &[&str] = if line == 9 { &["amd64", "arm64"] } else { &["linux"] };
        check_descriptor(&toml, Some(line), &[wrong]);
        check_descriptor(&toml, None, known);
        let run = refused(&with_descriptor(&toml), &["--path", "bp"]);
        hints(&run, "--allow-unknown-target");
    }
}

#[test]
fn unknown_arch_or_os_on_the_command_line() {
    let sandbox = with_descriptor(HEAD);
    for (target, wrong) in [("linux/zzz", "zzz"), ("linuxx/amd64", "linuxx")] {
        let run = refused(&sandbox, &["--path", "bp", "--target", target]);
        run.stderr_has(wrong).stderr_has("linux");
        hints(&run, "--allow-unknown-target");
    }
}

#[test]
fn duplicate_target() {
    let distro = "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n";
    let one = format!("\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n{distro}");
    for (toml, again, target) in [
        (descriptor(&["linux/amd64", "linux/amd64"]), 11..=13, "linux/amd64"),
        (
            descriptor(&["linux/arm/v7", "linux/arm64", "linux/arm/v7"]),
            16..=19,
            "linux/arm/v7",
        ),
        (format!("{HEAD}{one}{distro}"), 7..=15, "ubuntu@24.04"),
        (format!("{HEAD}{one}{one}"), 14..=19, "ubuntu@24.04"),
    ] {
        let run = refused(&with_descriptor(&toml), &["--path", "bp"]);
        run.stderr_has(target);
        points_into(&run, "buildpack.toml", again);
    }
}

#[test]
fn duplicate_target_on_the_command_line() {
    let sandbox = with_descriptor(HEAD);
    for args in [
        &["-t", "linux/amd64", "-t", "linux/amd64"][..],
        &["--target", "linux/amd64,linux/arm64,linux/amd64"],
        &["-t", "linux/arm64,linux/amd64", "-t", "linux/amd64"],
    ] {
        let run = refused(&sandbox, &[&["--path", "bp"], args].concat());
        run.stderr_has("linux/amd64");
    }
    let args = ["--path", "bp", "-t", "linux/amd64:ubuntu@24.04;ubuntu@24.04"];
    refused(&sandbox, &args).stderr_has("ubuntu@24.04");
}

#[test]
fn windows() {
    check_descriptor(&descriptor(&["windows/amd64"]), Some(8), &["windows", "not supported"]);
    let both = descriptor(&["linux/amd64", "windows/amd64"]);
    check_descriptor(&both, Some(12), &["windows", "not supported"]);
    let sandbox = with_descriptor(HEAD);
    let run = refused(&sandbox, &["--path", "bp", "--target", "windows/amd64"]);
    run.stderr_has("windows").stderr_has("not supported");
}

#[test]
fn windows_is_not_allowed_by_the_flag_for_the_unknown() {
    let sandbox = with_descriptor(HEAD);
    let args = ["--path", "bp", "--target", "windows/amd64", "--allow-unknown-target"];
    refused(&sandbox, &args)
        .stderr_has("windows")
        .stderr_has("not supported");
}

#[test]
fn windows_executables_without_targets() {
    for name in ["bin/build.bat", "bin/build.exe"] {
        let tree = [("buildpack.toml", HEAD), (name, "@echo off\n")];
        check_tree(&tree, &[], &["windows", "not supported", name]);
    }
}

#[test]
fn all_faults_of_a_file_at_once() {
    let toml = "api = \"x\"\n\n[buildpack]\nid = \"a b/../c\"\nversion = \"1/2\"\nname = 7\n\n\
        [[targets]]\nos = \"linux\"\narch = \"zzz\"\n\n[[targets]]\nos = \"windows\"\narch = \"amd64\"\n";
    let run = refused(&with_descriptor(toml), &["--path", "bp"]);
    for line in [1, 4, 5, 6, 10, 13] {
        points_at(&run, "buildpack.toml", line);
    }
    for text in ["api", "a b/../c", "1/2", "name", "zzz", "windows"] {
        run.stderr_has(text);
    }
}

#[test]
fn missing_keys_come_with_the_other_faults() {
    let toml = "[buildpack]\nname = \"x\"\n\n[[targets]]\nos = \"linux\"\narch = \"zzz\"\n";
    let run = refused(&with_descriptor(toml), &["--path", "bp"]);
    points_at(&run, "buildpack.toml", 6);
    run.stderr_has("`api`")
        .stderr_has("id`")
        .stderr_has("version`")
        .stderr_has("zzz");
}

#[test]
fn warnings_come_with_the_faults() {
    let toml = "api = \"0.10\"\n\n[buildpack]\nid = \"a b\"\nversion = \"1.0\"\nwhat = 1\n";
    let run = refused(&with_descriptor(toml), &["--path", "bp"]);
    points_at(&run, "buildpack.toml", 4);
    names_line(&run, "buildpack.toml", 5);
    names_line(&run, "buildpack.toml", 6);
    run.stderr_has("warning: ");
}
