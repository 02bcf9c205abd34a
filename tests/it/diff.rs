//! `airpack diff`: every kind of difference between two images, and none where there is none.

mod images;
mod layers;
mod layouts;
mod modules;

use serde_json::Value;

use super::support::Sandbox;

/// The report of `airpack diff` as JSON.
#[track_caller]
fn json(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = sandbox.airpack(&[&["diff", "--json"], args].concat());
    serde_json::from_str(&run.ok().stdout).unwrap()
}

/// What people get to read; the exit code with `--exit-code` is checked on the way.
#[track_caller]
fn text(sandbox: &Sandbox, args: &[&str], code: i32) -> String {
    let shown = sandbox.airpack(&[&["diff"], args].concat());
    let run = sandbox.airpack(&[&["diff", "--exit-code"], args].concat());
    assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
    assert_eq!(shown.ok().stdout, run.stdout);
    run.stdout
}

/// Each of these is in the text.
#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// None of these is.
#[track_caller]
fn lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "{part:?} in\n{text}");
    }
}
