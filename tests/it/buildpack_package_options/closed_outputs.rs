//! Outputs that take nothing.

use std::fs::File;
use std::process::Stdio;

use super::{ARGS, sandbox, sandbox_with_warning};
use crate::support::layout_view::LayoutView;
use crate::support::refused::REFERENCE;
use crate::support::{Run, Sandbox};

const COMMANDS: [&[&str]; 6] = [
    &["--help"],
    &["buildpack", "package", "--help"],
    &["inspect", "in.oci"],
    &["inspect", "in.oci", "--json"],
    &["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "out.oci"],
    &[
        "buildpack",
        "package",
        REFERENCE,
        "--path",
        "bp",
        "--layout",
        "out.oci",
        "--dry-run",
    ],
];

fn sandbox_with_layout() -> Sandbox {
    let sandbox = sandbox();
    let args = ["buildpack", "package", REFERENCE, "--path", "bp", "--layout", "in.oci"];
    sandbox.airpack(&args).digest();
    sandbox
}

#[test]
fn stdout_that_nobody_reads() {
    let sandbox = sandbox_with_layout();
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.airpack_command(args);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let run = Run::from_output(format!("{args:?}"), output);
        run.stderr_lacks("panicked");
        // ended by itself, or by the signal that a closed pipe sends
        assert!(matches!(run.code, 0 | 1 | -13 | 141), "{run}");
    }
    LayoutView::open(sandbox.join("out.oci")).check_whole();
}

#[test]
fn stderr_that_nobody_reads() {
    let sandbox = sandbox_with_warning();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.airpack_command(&[&ARGS[..], &["-v"]].concat());
    let output = command.stderr(writer).stdout(Stdio::piped()).output().unwrap();
    let run = Run::from_output("with stderr closed".to_owned(), output);
    run.digest();
    LayoutView::open(sandbox.join("out.oci")).check_whole();
}

#[test]
fn stdout_on_a_full_disk() {
    let sandbox = sandbox_with_layout();
    for args in COMMANDS.into_iter().filter(|args| !args.contains(&"--help")) {
        let mut command = sandbox.airpack_command(args);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let run = Run::from_output(format!("{args:?}"), output);
        run.stderr_lacks("panicked");
        assert_ne!(run.code, 0, "what was asked for did not arrive{run}");
    }
}

#[test]
fn a_reader_that_stops_early() {
    let sandbox = sandbox_with_layout();
    let tool = env!("CARGO_BIN_EXE_airpack");
    for reader in ["true", "head -n 1 >/dev/null"] {
        let script = format!("\"$@\" | {reader}");
        let mut command = sandbox.command("sh");
        command.args(["-c", &script, "sh", tool, "inspect", "in.oci"]);
        Run::of(&mut command).ok().stderr_lacks("panicked");
    }
}
