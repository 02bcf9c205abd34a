//! What is printed where.

use serde_json::Value;

use super::{ARGS, package, sandbox, sandbox_with_warning};
use crate::support::Run;
use crate::support::layout_view::{LayoutView, array, text};
use crate::support::refused::refused;
use crate::support::tree::descriptor;

#[test]
fn is_the_digest_alone() {
    let sandbox = sandbox();
    let run = package(&sandbox, &[]);
    let layout = LayoutView::open(sandbox.join("out.oci"));
    assert_eq!(run.stdout, format!("{}\n", layout.digest("1.0")));
}

#[test]
fn as_json() {
    let sandbox = sandbox_with_warning();
    let run = package(&sandbox, &["--json"]);
    run.ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(run.stdout.ends_with("}\n"), "{run}");
    let layout = LayoutView::open(sandbox.join("out.oci"));
    let index = layout.image_index("1.0");
    assert_eq!(text(&report, "digest"), layout.digest("1.0"));
    assert!(text(&report, "layout").ends_with("out.oci"), "{report:#}");
    let images = array(&report, "images");
    assert_eq!(images.len(), 2);
    for (image, child) in images.iter().zip(&index.children) {
        assert_eq!(image["digest"], child.descriptor["digest"]);
        assert_eq!(image["platform"], child.descriptor["platform"], "{report:#}");
        assert_eq!(text(image, "target"), child.platform());
        let layers = array(image, "layers");
        assert_eq!(layers.len(), 1);
        assert_eq!(layers[0]["digest"], child.layers[0].descriptor["digest"], "{report:#}");
    }
    let warnings = array(&report, "warnings");
    assert_eq!(warnings.len(), 1, "{report:#}");
    assert!(warnings[0].to_string().contains("version"), "{report:#}");
}

#[test]
fn as_json_is_the_same_every_time() {
    let [first, second] = [sandbox(), sandbox()].map(|sandbox| package(&sandbox, &["--json"]));
    first.ok();
    assert_eq!(first.stdout, second.stdout);
    let report: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(array(&report, "warnings"), &[] as &[Value]);
}

#[test]
fn quiet_says_nothing_else() {
    for option in ["--quiet", "-q"] {
        let run = package(&sandbox(), &[option]);
        run.digest();
        assert_eq!(run.stderr, "", "{run}");
    }
}

#[test]
fn quiet_still_tells_errors() {
    let args = ["--path", "bp", "--quiet", "--target", "linux/riscv64"];
    refused(&sandbox(), &args).stderr_has("linux/riscv64");
}

#[test]
fn verbose_says_more() {
    let plain = package(&sandbox(), &["--progress", "none"]);
    let verbose = package(&sandbox(), &["--progress", "none", "-v"]);
    assert_eq!(plain.digest(), verbose.digest());
    assert!(verbose.stderr.len() > plain.stderr.len(), "{plain}{verbose}");
    verbose.stderr_has("linux/arm64");
}

#[test]
fn progress_in_plain_lines() {
    let run = package(&sandbox(), &["--progress", "plain"]);
    run.digest();
    assert!(!run.stderr.is_empty(), "{run}");
    assert!(run.stderr.ends_with('\n'), "{run}");
    run.stderr_lacks("\r").stderr_lacks("\u{1b}");
    run.stderr_has("linux/amd64").stderr_has("linux/arm64");
}

#[test]
fn no_progress() {
    let run = package(&sandbox(), &["--progress", "none"]);
    run.digest();
    run.stderr_lacks("\r").stderr_lacks("\u{1b}");
}

#[test]
fn progress_is_plain_without_a_terminal() {
    let auto = package(&sandbox(), &["--progress", "auto"]);
    auto.digest();
    auto.stderr_lacks("\r").stderr_lacks("\u{1b}");
}

#[test]
fn colour() {
    const ESCAPE: &str = "\u{1b}[";
    let with = |args: &[&str], variables: &[(&str, &str)]| {
        let sandbox = sandbox_with_warning();
        let mut command = sandbox.airpack_command(&[&ARGS[..], args].concat());
        command.envs(variables.iter().copied());
        let run = Run::of(&mut command);
        run.digest();
        run.stderr_has("warning");
        run
    };
    for (args, variables) in [
        (&[][..], &[][..]),
        (&["--color", "auto"], &[]),
        (&["--color", "never"], &[]),
        (&["--color=never"], &[("CLICOLOR_FORCE", "1")]),
        (&[], &[("NO_COLOR", "1")]),
        (&["--color", "auto"], &[("NO_COLOR", "1"), ("TERM", "xterm")]),
    ] {
        with(args, variables).stderr_lacks(ESCAPE);
    }
    with(&["--color", "always"], &[]).stderr_has(ESCAPE);
    // what is asked for on the command line is stronger than the environment
    with(&["--color", "always"], &[("NO_COLOR", "1")]).stderr_has(ESCAPE);
}

#[test]
fn colour_never_reaches_stdout() {
    for args in [&["--color", "always", "--json"][..], &["--color", "always"]] {
        let run = package(&sandbox(), args);
        run.ok();
        assert!(!run.stdout.contains('\u{1b}'), "{run}");
    }
}

#[test]
fn text_from_files_brings_no_escape_codes() {
    let sandbox = sandbox();
    let toml = descriptor(&["linux/amd64", "linux/arm64"])
        .replace("version = \"1.0.0\"", "version = \"1.0\"\n\"\\u001b[31mred\" = 1");
    sandbox.write("bp/buildpack.toml", toml);
    sandbox.symlink("bp/linux/amd64/\u{1b}[32mgreen", "not/there");
    for args in [&[][..], &["--dry-run"], &["--progress", "plain", "-v"]] {
        let run = package(&sandbox, args);
        run.ok();
        run.stderr_lacks("\u{1b}");
        assert!(!run.stdout.contains('\u{1b}'), "{run}");
    }
}
