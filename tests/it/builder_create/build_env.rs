//! `[[build.env]]`: a file for each variable, sorted by name.

use crate::support::builder::{BuilderInput, CREATED_SECONDS};
use crate::support::composites::BOTH;
use crate::support::layout_view::{TarEntry, sha256};

/// A builder with these variables, each the lines of its table.
fn with(variables: &[&str]) -> BuilderInput {
    let tables = variables.iter().map(|lines| format!("[[build.env]]\n{lines}\n\n"));
    BuilderInput::new().append(&tables.collect::<String>())
}

/// Names below `/cnb/build-config/env` and contents, as the layer has them.
#[track_caller]
fn check(variables: &[&str], expected: &[(&str, &str)]) {
    let built = with(variables).created(&[]);
    for platform in BOTH {
        let entries = &built.layer(platform, "env").entries;
        let names: Vec<_> = entries.iter().map(TarEntry::name).collect();
        let wanted: Vec<_> = expected
            .iter()
            .map(|(name, _)| format!("/cnb/build-config/env/{name}"))
            .collect();
        assert_eq!(names, wanted, "{variables:?}");
        for (entry, (name, content)) in entries.iter().zip(expected) {
            let found = format!("sha256:{}", entry.sha256.as_ref().unwrap());
            assert_eq!(found, sha256(content.as_bytes()), "{name}");
            let header = (entry.mode, entry.uid, entry.gid, entry.mtime);
            assert_eq!(header, (0o644, 0, 0, CREATED_SECONDS), "{name}");
        }
    }
}

#[test]
fn files_are_sorted_by_name() {
    check(
        &[
            "name = \"B\"\nvalue = \"1\"",
            "name = \"A\"\nvalue = \"2\"\nsuffix = \"prepend\"\ndelim = \":\"",
            "name = \"a\"\nvalue = \"3\"",
            "name = \"A_B\"\nvalue = \"4\"",
            "name = \"A\"\nvalue = \"5\"\nsuffix = \"default\"",
        ],
        &[
            ("A.default", "5"),
            ("A.delim", ":"),
            ("A.prepend", "2"),
            ("A_B", "4"),
            ("B", "1"),
            ("a", "3"),
        ],
    );
}

#[test]
fn every_suffix() {
    for (suffix, files) in [
        ("", &["A", "A.delim"][..]),
        ("append", &["A.append", "A.delim"]),
        ("default", &["A.default", "A.delim"]),
        ("override", &["A.delim", "A.override"]),
        ("prepend", &["A.delim", "A.prepend"]),
    ] {
        let table = format!("name = \"A\"\nvalue = \"v\"\nsuffix = \"{suffix}\"\ndelim = \", \"");
        let expected: Vec<_> = files
            .iter()
            .map(|name| (*name, if name.ends_with("delim") { ", " } else { "v" }))
            .collect();
        check(&[&table], &expected);
    }
}

#[test]
fn values_are_written_as_they_are() {
    check(
        &[
            "name = \"A\"\nvalue = \"  a\\nb\\t<&> é \\\" \\u0000\"",
            "name = \"B\"\nvalue = '''\nx\n'''",
        ],
        &[("A", "  a\nb\t<&> é \" \0"), ("B", "x\n")],
    );
}

#[test]
fn an_empty_value() {
    let built = with(&["name = \"A\"\nvalue = \"\""]).created(&[]);
    assert_eq!(built.layer("linux/amd64", "env").entries[0].size, 0);
}

#[test]
fn one_said_twice() {
    // what is said last counts, as in pack
    let variables = ["name = \"A\"\nvalue = \"1\"", "name = \"A\"\nvalue = \"2\""];
    let built = with(&variables).created(&[]).warned(&["`A`", "twice"]);
    assert_eq!(built.file("linux/amd64", "/cnb/build-config/env/A"), "2");
}

#[test]
fn a_delimiter_may_stand_with_either() {
    check(
        &[
            "name = \"A\"\nvalue = \"1\"\nsuffix = \"append\"",
            "name = \"A\"\nvalue = \"2\"\nsuffix = \"prepend\"\ndelim = \":\"",
        ],
        &[("A.append", "1"), ("A.delim", ":"), ("A.prepend", "2")],
    );
}

#[test]
fn a_suffix_without_a_delimiter() {
    for suffix in ["append", "prepend"] {
        let input = with(&[&format!("name = \"A\"\nvalue = \"1\"\nsuffix = \"{suffix}\"")]);
        input.refuse(&["needs a `delim`", "builder.toml"]);
    }
    check(
        &["name = \"A\"\nvalue = \"1\"\nsuffix = \"override\""],
        &[("A.override", "1")],
    );
}

#[test]
fn the_layer_is_the_same_in_whatever_order_they_are_said() {
    let variables = [
        "name = \"A\"\nvalue = \"1\"",
        "name = \"B\"\nvalue = \"2\"",
        "name = \"C\"\nvalue = \"3\"",
        "name = \"D\"\nvalue = \"4\"",
    ];
    let mut reversed = variables;
    reversed.reverse();
    assert_eq!(
        with(&variables).created(&[]).digest(),
        with(&reversed).created(&[]).digest()
    );
}
