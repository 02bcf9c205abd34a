//! Wrong usage, and help.

use super::sandbox;
use crate::support::Sandbox;
use crate::support::refused::REFERENCE;

#[test]
fn wrong() {
    let sandbox = sandbox();
    for args in [
        &[][..],
        &["buildpack"],
        &["buildpack", "package"],
        &["buildpack", "package", REFERENCE],
        &["buildpack", "package", "--layout", "out.oci"],
        &["buildpack", "package", REFERENCE, "second", "--layout", "out.oci"],
        &["buildpack", "package", REFERENCE, "--layout", "out.oci", "--nonsense"],
        &[
            "buildpack",
            "package",
            REFERENCE,
            "--layout",
            "out.oci",
            "--progress",
            "loud",
        ],
        &[
            "buildpack",
            "package",
            REFERENCE,
            "--layout",
            "out.oci",
            "--color",
            "blue",
        ],
        &[
            "buildpack",
            "package",
            REFERENCE,
            "--layout",
            "out.oci",
            "--threads",
            "many",
        ],
        &[
            "buildpack",
            "package",
            REFERENCE,
            "--layout",
            "out.oci",
            "--threads",
            "-1",
        ],
        &[
            "buildpack",
            "package",
            REFERENCE,
            "--layout",
            "out.oci",
            "--quiet",
            "-v",
        ],
        &["buildpack", "pack"],
        &["inspect"],
        &["nonsense"],
    ] {
        let run = sandbox.airpack(args);
        assert_eq!(run.code, 2, "{args:?}{run}");
        assert!(!run.stderr.is_empty(), "{args:?}{run}");
        assert_eq!(run.stdout, "", "{args:?}{run}");
        assert!(!sandbox.join("out.oci").exists(), "{args:?}{run}");
    }
}

#[test]
fn every_help_has_an_example() {
    let sandbox = Sandbox::new();
    for command in [&[][..], &["buildpack"], &["buildpack", "package"], &["inspect"]] {
        let run = sandbox.airpack(&[command, &["--help"]].concat());
        run.ok();
        assert_eq!(run.stderr, "", "{run}");
        let expected = match command {
            [] => "airpack ".to_owned(),
            _ => format!("airpack {} ", command.join(" ")),
        };
        let is_example = |line: &str| line.trim_start().trim_start_matches("$ ").starts_with(&expected);
        assert!(run.stdout.lines().any(is_example), "no example{run}");
    }
    let run = sandbox.airpack(&["buildpack", "package", "--help"]);
    for option in [
        "--path",
        "--config",
        "--layout",
        "--target",
        "--label",
        "--annotation",
        "--tag",
        "--compression",
        "--threads",
        "--allow-unknown-target",
        "--dry-run",
        "--strict",
        "--json",
        "--quiet",
        "-v",
        "--progress",
        "--color",
    ] {
        run.stdout_has(option);
    }
}

#[test]
fn version() {
    let run = Sandbox::new().airpack(&["--version"]);
    assert_eq!(run.ok().stdout, format!("airpack {}\n", env!("CARGO_PKG_VERSION")));
}
