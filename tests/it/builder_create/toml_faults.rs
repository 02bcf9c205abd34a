//! Faults of `builder.toml` itself: each with its line, all at once.

use crate::support::builder::BuilderInput;
use crate::support::refused::{hints, points_at, points_into};

/// With this put in the place of a text in `builder.toml`, nothing is made. The fault is in the line that has `part`.
#[track_caller]
fn check(from: &str, to: &str, part: &str, says: &[&str]) {
    let input = BuilderInput::new().replace(from, to);
    let run = input.refuse(says);
    input.points_at(&run, part);
}

/// The same with tables at the end.
#[track_caller]
fn check_appended(toml: &str, part: &str, says: &[&str]) {
    let input = BuilderInput::new().append(toml);
    let run = input.refuse(says);
    input.points_at(&run, part);
}

#[test]
fn no_toml() {
    check(
        "description = \"a builder\"",
        "description = \"a builder",
        "description",
        &[],
    );
    let input = BuilderInput::new().replace("[build]\n", "[build\n");
    let line = input.toml.lines().position(|line| line == "[build").unwrap();
    points_into(&input.refuse(&[]), "builder.toml", line + 1..=line + 2);
    // a table that is there already
    let input = BuilderInput::new().append("[build]\n");
    let run = input.refuse(&["build"]);
    points_at(&run, "builder.toml", input.toml.lines().count());
}

#[test]
fn no_utf8() {
    let input = BuilderInput::new();
    input.write();
    input
        .sandbox
        .write("builder.toml", b"description = \"\xff\"\n".as_slice());
    let args = ["--config", "builder.toml", "--from", "base.oci"];
    crate::support::builder::refused_builder(&input.sandbox, &args).stderr_has("builder.toml");
}

#[test]
fn keys_that_are_not_known() {
    check("description =", "descripton =", "descripton", &["descripton"]);
    check("uri = \"two\"", "uri = \"two\"\npath = \"two\"", "path =", &["path"]);
    check("[[order]]\n", "[[order]]\nname = \"x\"\n", "name =", &["name"]);
    check("optional = true", "opt = true", "opt =", &["opt"]);
    check("[build]\n", "[build]\nbase = \"x\"\n", "base =", &["base"]);
    check("[run]\n", "[run]\nimage = \"x\"\n", "image = \"x\"", &["image"]);
    check(
        "[[run.images]]\n",
        "[[run.images]]\nmirror = \"x\"\n",
        "mirror =",
        &["mirror"],
    );
    check("[lifecycle]\n", "[lifecycle]\nurl = \"x\"\n", "url =", &["url"]);
    check("arch = \"amd64\"", "arch = \"amd64\"\nabi = \"x\"", "abi =", &["abi"]);
    check_appended("[builder]\nname = \"x\"\n", "[builder]", &["builder"]);
    check_appended(
        "[system]\n[[system.before.buildpacks]]\nid = \"acme/one\"\n",
        "before",
        &["before"],
    );
    check_appended(
        "[[build.env]]\nname = \"A\"\nvalue = \"1\"\ndelimiter = \":\"\n",
        "delimiter",
        &["delimiter"],
    );
    check_appended("[[extensions]]\nuri = \"ext\"\nkind = \"x\"\n", "kind =", &["kind"]);
    check_appended(
        "[[order-extensions]]\n[[order-extensions.group]]\nid = \"acme/ext\"\nwhen = \"x\"\n",
        "when =",
        &["when"],
    );
}

#[test]
fn a_key_that_is_nearly_known() {
    let input = BuilderInput::new().replace(
        "image = \"registry.test/base/run:1\"",
        "image = \"registry.test/base/run:1\"\nmirors = [\"mirror.test/base/run:1\"]",
    );
    let run = input.refuse_at("mirors", &["mirors"]);
    hints(&run, "mirrors");
}

#[test]
fn values_of_another_type() {
    check("\"a builder\"", "5", "description", &["description"]);
    check("uri = \"one\"", "uri = [\"one\"]", "uri = [", &["uri"]);
    check("optional = true", "optional = \"yes\"", "optional", &["optional"]);
    check("version = \"1.0.0\"", "version = 1", "version = 1", &["version"]);
    check("[[order]]\n", "[order]\n", "[order]", &["order"]);
    check("[build]\n", "[[build]]\n", "[[build]]", &["build"]);
    check(
        "image = \"registry.test/base/run:1\"",
        "image = \"registry.test/base/run:1\"\nmirrors = \"mirror.test/base/run:1\"",
        "mirrors",
        &["mirrors"],
    );
    check_appended("[[build.env]]\nname = \"A\"\nvalue = 1\n", "value = 1", &["value"]);
}

#[test]
fn a_buildpack_needs_one_place() {
    let input = BuilderInput::new().replace("uri = \"two\"", "version = \"2.0.0\"");
    input.refuse_at("version = \"2.0.0\"", &["uri"]);
}

#[test]
fn a_buildpack_has_no_two_places() {
    let both = "uri = \"two\"\nimage = \"registry.test/acme/two:1\"";
    check("uri = \"two\"", both, "registry.test/acme/two:1", &["uri", "image"]);
}

#[test]
fn an_entry_of_an_order_needs_an_id() {
    check("id = \"acme/two\"\n", "version = \"2.0.0\"\n", "2.0.0", &["id"]);
}

#[test]
fn no_build_image() {
    let input = BuilderInput::new().replace("image = \"registry.test/base/build:1\"\n", "");
    input.refuse(&["builder.toml", "no build image is named"]);
    let input = BuilderInput::new().replace("[build]\nimage = \"registry.test/base/build:1\"\n", "");
    input.refuse(&["builder.toml", "no build image is named"]);
}

#[test]
fn a_name_that_is_none() {
    let name = "registry.test/base/BUILD:1";
    check("registry.test/base/build:1", name, name, &[name]);
    let name = "registry.test/base/run:a b";
    check("registry.test/base/run:1", name, name, &[name]);
    let input = BuilderInput::new().replace(
        "image = \"registry.test/base/run:1\"",
        "image = \"registry.test/base/run:1\"\nmirrors = [\"mirror.test//run\"]",
    );
    input.refuse_at("mirror.test//run", &["mirror.test//run"]);
}

#[test]
fn lifecycle_by_uri_and_by_version() {
    check(
        "uri = \"lifecycle\"\n",
        "uri = \"lifecycle\"\nversion = \"0.20.1\"\n",
        "0.20.1",
        &["uri", "version"],
    );
}

#[test]
fn variables_that_can_not_be() {
    for (entry, part, says) in [
        ("name = \"A\"\nvalue = \"1\"\nsuffix = \"after\"", "after", "suffix"),
        (
            "name = \"A\"\nvalue = \"1\"\nsuffix = \"append\"",
            "name = \"A\"",
            "needs a `delim`",
        ),
        (
            "name = \"A\"\nvalue = \"1\"\nsuffix = \"prepend\"",
            "name = \"A\"",
            "needs a `delim`",
        ),
        ("value = \"1\"", "value =", "name"),
        ("name = \"\"\nvalue = \"1\"", "name = \"\"", "name"),
        ("name = \"A/B\"\nvalue = \"1\"", "A/B", "A/B"),
        ("name = \"../../etc/x\"\nvalue = \"1\"", "../../etc/x", "../../etc/x"),
        ("name = \"A=B\"\nvalue = \"1\"", "A=B", "A=B"),
    ] {
        let input = BuilderInput::new().append(&format!("[[build.env]]\n{entry}\n"));
        let run = input.refuse(&[says]);
        let line = input.line(part);
        points_into(&run, "builder.toml", line - 2..=line + 2);
    }
}

#[test]
fn exec_env_of_a_variable_has_no_effect() {
    let env = "[[build.env]]\nname = \"A\"\nvalue = \"1\"\nexec-env = [\"test\"]\n";
    let built = BuilderInput::new().append(env).created(&[]);
    let built = built.warned(&["exec-env"]);
    assert_eq!(built.file("linux/amd64", "/cnb/build-config/env/A"), "1");
}

#[test]
fn no_order_is_a_warning() {
    let input = BuilderInput::new();
    let (before, rest) = input.toml.split_once("[[order]]\n").unwrap();
    let (_, after) = rest.split_once("[build]").unwrap();
    let toml = format!("{before}[build]{after}");
    let built = BuilderInput { toml, ..input }.created(&[]).warned(&["no order"]);
    let order = built.label("linux/amd64", crate::support::builder::ORDER);
    assert!(order == "null" || order == "[]", "{order}");
}

#[test]
fn a_group_with_nothing_in_it() {
    let input = BuilderInput::new().replace("[build]\n", "[[order]]\n\n[build]\n");
    let line = input.toml.lines().position(|line| line == "[build]").unwrap() - 1;
    let run = input.refuse(&["group"]);
    points_into(&run, "builder.toml", line..=line + 1);
}

#[test]
fn all_faults_of_the_file_at_once() {
    let input = BuilderInput::new()
        .replace("description =", "descripton =")
        .replace("uri = \"two\"", "uri = 2")
        .replace("optional = true", "optional = \"yes\"")
        .replace("arch = \"arm64\"", "arch = \"zzz\"")
        .append("[[build.env]]\nname = \"A\"\nvalue = \"1\"\nsuffix = \"append\"\n")
        .append("[[build.env]]\nname = \"B\"\nvalue = \"1\"\nsuffix = \"after\"\n");
    let run = input.refuse(&["descripton", "uri", "optional", "zzz", "needs a `delim`", "after"]);
    for part in ["descripton", "uri = 2", "\"yes\"", "zzz", "after"] {
        input.points_at(&run, part);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let input = BuilderInput::new();
    input.write();
    for file in ["nothing.toml", "one"] {
        let args = ["--config", file, "--from", "base.oci"];
        crate::support::builder::refused_builder(&input.sandbox, &args).stderr_has(file);
    }
}
