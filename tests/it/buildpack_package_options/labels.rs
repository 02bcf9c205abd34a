//! `--label`.

use super::{package, sandbox};
use crate::support::packaged::Packaged;
use crate::support::refused::refused;
use crate::support::tree::descriptor;

/// These values of `--label` give these labels in every image, beside those of the specification.
#[track_caller]
fn check(values: &[&str], expected: &[(&str, &str)]) {
    let args: Vec<_> = values.iter().flat_map(|value| ["--label", value]).collect();
    let packaged = Packaged::path(sandbox(), "bp", &args).without_warnings();
    for image in &packaged.index.children {
        let mut labels = image.labels();
        labels.retain(|name, _| !name.starts_with("io.buildpacks."));
        let found: Vec<_> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, expected, "{values:?}");
    }
}

#[test]
fn as_pack_reads_them() {
    check(&["a=1"], &[("a", "1")]);
    check(&["b=2", "a=1"], &[("a", "1"), ("b", "2")]);
    check(&["a="], &[("a", "")]);
    // with one `=` it is one label, commas and all, without the quotes around it
    check(&["a=1,2,3"], &[("a", "1,2,3")]);
    check(&["a=1,b"], &[("a", "1,b")]);
    check(&["\"a=1\""], &[("a", "1")]);
    check(&["a=x <y> & \"z\""], &[("a", "x <y> & \"z")]);
    check(&["a=\"\"quoted\"\""], &[("a", "\"\"quoted")]);
    // with more it is a line of CSV
    check(&["a=1,b=2"], &[("a", "1"), ("b", "2")]);
    check(&["a=b=c"], &[("a", "b=c")]);
    check(&["\"a=1,2\",b=3"], &[("a", "1,2"), ("b", "3")]);
    check(&["\"a=say \"\"hi\"\"=\",b=3"], &[("a", "say \"hi\"="), ("b", "3")]);
    check(&["a=1,b=2,a=3"], &[("a", "3"), ("b", "2")]);
    // the last of one name wins
    check(&["a=1", "a=2"], &[("a", "2")]);
    check(&["a= spaces ", " b =x"], &[(" b ", "x"), ("a", " spaces ")]);
}

#[test]
fn short_option() {
    let packaged = Packaged::path(sandbox(), "bp", &["-l", "a=1"]);
    assert_eq!(packaged.image("linux/arm64").labels()["a"], "1");
}

#[test]
fn wrong_ones() {
    for value in ["novalue", "", "a=1,b=2,c", "a=1,b=\"2"] {
        let sandbox = sandbox();
        let run = package(&sandbox, &["--label", value]);
        run.failed(2).stderr_has("--label");
        assert!(!sandbox.join("out.oci").exists());
    }
}

#[test]
fn exec_env_in_both_spellings() {
    for spelling in [
        "exec-env = [\"production\", \"test\"]\n",
        "[[buildpack.exec-env]]\nname = \"production\"\n[[buildpack.exec-env]]\nname = \"test\"\n",
    ] {
        let sandbox = sandbox();
        let toml = descriptor(&["linux/amd64", "linux/arm64"])
            .replace("version = \"1.0.0\"\n", &format!("version = \"1.0.0\"\n{spelling}"));
        sandbox.write("bp/buildpack.toml", toml);
        let packaged = Packaged::path(sandbox, "bp", &[]);
        let label = &packaged.image("linux/amd64").labels()["io.buildpacks.buildpackage.metadata"];
        assert!(label.contains(r#""exec-env":["production","test"]"#), "{label}");
    }
}

#[test]
fn those_of_the_specification_can_not_be_set() {
    for name in ["io.buildpacks.buildpackage.metadata", "io.buildpacks.buildpack.layers"] {
        let run = refused(&sandbox(), &["--path", "bp", "--label", &format!("{name}=x")]);
        run.stderr_has(name);
    }
}
