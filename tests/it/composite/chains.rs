//! A fault that lies deeper is told with the references that lead there, and all faults are told at once.

use super::{CONFIG, refuse};
use crate::support::Sandbox;
use crate::support::composites::{BOTH, composite, dependency_line, head, leaf, line_of, one_and_two, package_toml};
use crate::support::refused::{points_at, points_into};

/// `outer` needs `middle`, which needs `inner`, which needs the leaves `one` and `two`.
fn three_deep() -> Sandbox {
    let sandbox = Sandbox::new();
    one_and_two(&sandbox);
    composite(
        &sandbox,
        "inner",
        "acme/inner@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0"]],
    );
    package_toml(&sandbox, "inner/package.toml", ".", &["../one", "../two"], &BOTH);
    composite(&sandbox, "middle", "acme/middle@1.0.0", &[&["acme/inner@1.0.0"]]);
    package_toml(&sandbox, "middle/package.toml", ".", &["../inner"], &BOTH);
    composite(&sandbox, "outer", "acme/outer@1.0.0", &[&["acme/middle@1.0.0"]]);
    package_toml(&sandbox, "outer/package.toml", ".", &["../middle"], &BOTH);
    sandbox
}

/// `outer` can not be packaged; the message has these texts and every reference down to `inner`.
#[track_caller]
fn check(sandbox: &Sandbox, says: &[&str]) -> crate::support::Run {
    let run = refuse(sandbox, "outer/package.toml", says);
    run.stderr_has("outer/package.toml")
        .stderr_has("middle")
        .stderr_has("inner");
    run
}

#[test]
fn a_folder_that_is_not_there() {
    let sandbox = three_deep();
    package_toml(&sandbox, "inner/package.toml", ".", &["../one", "../nothing"], &BOTH);
    let run = check(&sandbox, &["nothing"]);
    let line = dependency_line(1);
    points_into(&run, "inner/package.toml", line - 1..=line);
}

#[test]
fn a_platform_that_is_not_there() {
    let sandbox = three_deep();
    std::fs::remove_dir_all(sandbox.join("two/linux/arm64")).unwrap();
    check(&sandbox, &["two", "linux/arm64", "linux/amd64"]);
}

#[test]
fn an_entry_that_no_dependency_has() {
    let sandbox = three_deep();
    composite(
        &sandbox,
        "inner",
        "acme/inner@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0", "acme/none@1.0.0"]],
    );
    let run = check(&sandbox, &["acme/none@1.0.0"]);
    points_into(&run, "inner/buildpack.toml", 17..=19);
}

#[test]
fn an_entry_without_version() {
    let sandbox = three_deep();
    let toml = head("acme/inner@1.0.0") + "\n[[order]]\n[[order.group]]\nid = \"acme/one\"\n";
    sandbox.write("inner/buildpack.toml", &toml);
    let run = check(&sandbox, &["version"]);
    let line = line_of(&toml, "acme/one");
    points_into(&run, "inner/buildpack.toml", line - 1..=line);
}

#[test]
fn a_package_toml_that_is_no_toml() {
    let sandbox = three_deep();
    sandbox.write("inner/package.toml", "[buildpack]\nuri = \".\n");
    let run = check(&sandbox, &[]);
    points_at(&run, "inner/package.toml", 2);
}

#[test]
fn a_package_toml_with_unknown_keys() {
    let sandbox = three_deep();
    sandbox.write(
        "inner/package.toml",
        "[buildpack]\nuri = \".\"\n\n[[dependencies]]\nurl = \"../one\"\n",
    );
    let run = check(&sandbox, &["url"]);
    points_into(&run, "inner/package.toml", 4..=5);
}

#[test]
fn an_address_of_elsewhere() {
    for uri in [
        "urn:cnb:registry:acme/two@1.0.0",
        "https://acme.test/two.tgz",
        "docker://registry.test/acme/two:1",
    ] {
        let sandbox = three_deep();
        package_toml(&sandbox, "inner/package.toml", ".", &["../one", uri], &BOTH);
        let run = check(&sandbox, &[uri.trim_start_matches("docker://"), "hint: "]);
        let line = dependency_line(1);
        points_into(&run, "inner/package.toml", line - 1..=line);
    }
}

#[test]
fn a_leaf_with_faults_of_its_own() {
    let sandbox = three_deep();
    sandbox.write(
        "two/buildpack.toml",
        "api = \"0.10\"\n\n[buildpack]\nid = \"a c m e\"\nversion = \"1.0.0\"\n",
    );
    let run = check(&sandbox, &["a c m e"]);
    points_at(&run, "two/buildpack.toml", 4);
}

#[test]
fn a_cycle_below() {
    let sandbox = three_deep();
    composite(
        &sandbox,
        "inner",
        "acme/inner@1.0.0",
        &[&["acme/one@1.0.0", "acme/two@1.0.0", "acme/middle@1.0.0"]],
    );
    package_toml(
        &sandbox,
        "inner/package.toml",
        ".",
        &["../one", "../two", "../middle"],
        &BOTH,
    );
    check(&sandbox, &["acme/inner@1.0.0", "acme/middle@1.0.0"]);
}

#[test]
fn a_module_in_an_image() {
    let sandbox = three_deep();
    let args = ["--layout", "inner.oci", "-t", "linux/amd64", "--quiet"];
    let package = [
        "buildpack",
        "package",
        "registry.test/acme/inner:1",
        "--config",
        "inner/package.toml",
    ];
    sandbox.airpack(&[&package[..], &args].concat()).digest();
    package_toml(&sandbox, "middle/package.toml", ".", &["oci:../inner.oci:1"], &BOTH);
    let run = refuse(&sandbox, "outer/package.toml", &["inner.oci", "linux/arm64", "middle"]);
    points_into(&run, "middle/package.toml", 4..=5);
}

/// Faults of files that do not depend on each other.
#[test]
fn all_at_once() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "c", "d"] {
        leaf(&sandbox, name, &format!("acme/{name}@1.0.0"), &BOTH);
    }
    composite(
        &sandbox,
        "left",
        "acme/left@1.0.0",
        &[&["acme/a@1.0.0", "acme/b@1.0.0"]],
    );
    package_toml(&sandbox, "left/package.toml", ".", &["../a", "../missing-b"], &BOTH);
    composite(
        &sandbox,
        "right",
        "acme/right@1.0.0",
        &[&["acme/c@1.0.0", "acme/d@1.0.0"]],
    );
    package_toml(
        &sandbox,
        "right/package.toml",
        ".",
        &["urn:cnb:registry:acme/c@1.0.0", "../d"],
        &BOTH,
    );
    std::fs::remove_dir_all(sandbox.join("a/linux/arm64")).unwrap();
    sandbox.write(
        "d/buildpack.toml",
        "api = \"0.10\"\n\n[buildpack]\nid = \"acme/d\"\nversion = 5\n",
    );
    composite(
        &sandbox,
        "outer",
        "acme/outer@1.0.0",
        &[&["acme/left@1.0.0", "acme/right@1.0.0"]],
    );
    let dependencies = ["../left", "../right", "https://acme.test/more.cnb"];
    package_toml(&sandbox, CONFIG, "../outer", &dependencies, &BOTH);
    let run = refuse(
        &sandbox,
        CONFIG,
        &[
            "missing-b",
            "urn:cnb:registry:acme/c@1.0.0",
            "https://acme.test/more.cnb",
        ],
    );
    points_into(&run, "left/package.toml", 7..=8);
    points_into(&run, "right/package.toml", 4..=5);
    points_at(&run, "d/buildpack.toml", 5);
    super::points_at_dependency(&run, CONFIG, 2);
    let faults = run.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert!(faults >= 4, "{run}");
}

/// What several need is broken once, and told once.
#[test]
fn a_fault_that_several_lead_to() {
    let sandbox = Sandbox::new();
    one_and_two(&sandbox);
    sandbox.write(
        "two/buildpack.toml",
        "api = \"0.10\"\n\n[buildpack]\nid = \"acme/two\"\n",
    );
    for name in ["left", "right"] {
        composite(&sandbox, name, &format!("acme/{name}@1.0.0"), &[&["acme/two@1.0.0"]]);
        package_toml(&sandbox, &format!("{name}/package.toml"), ".", &["../two"], &BOTH);
    }
    composite(
        &sandbox,
        "outer",
        "acme/outer@1.0.0",
        &[&["acme/left@1.0.0", "acme/right@1.0.0"]],
    );
    package_toml(&sandbox, CONFIG, "../outer", &["../left", "../right"], &BOTH);
    let run = refuse(&sandbox, CONFIG, &["two/buildpack.toml", "version"]);
    run.stderr_has("left").stderr_has("right");
}

/// What could not be read is not missing as well: the way out that is told then would be a wrong one.
#[test]
fn a_fault_has_no_echo() {
    let sandbox = three_deep();
    let toml = head("acme/inner@1.0.0") + "\n[[order]]\n[[order.group]]\nid = \"acme/one\"\n";
    sandbox.write("inner/buildpack.toml", &toml);
    check_one_fault(&sandbox);
    let sandbox = three_deep();
    sandbox.write(
        "two/buildpack.toml",
        "api = \"0.10\"\n\n[buildpack]\nid = \"acme/two\"\n",
    );
    check_one_fault(&sandbox);
    let sandbox = three_deep();
    sandbox.write("two.cnb", "no archive\n");
    package_toml(&sandbox, "inner/package.toml", ".", &["../one", "../two.cnb"], &BOTH);
    check_one_fault(&sandbox);
}

#[track_caller]
fn check_one_fault(sandbox: &Sandbox) {
    let run = refuse(sandbox, "outer/package.toml", &[]);
    let faults = run.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    // the fault, and what failed in the end
    assert_eq!(faults, 2, "{run}");
}
