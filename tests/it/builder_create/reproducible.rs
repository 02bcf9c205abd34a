//! The same input gives the same bytes, whatever the machine, the user and the moment are.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::builder::BuilderInput;
use crate::support::composites::{BOTH, COMP, composite};
use crate::support::layout_view::LayoutView;
use crate::support::refused::REFERENCE;
use crate::support::test_tree::set_mtime;
use crate::support::tools::require_root;
use crate::support::{Run, copy_airpack, set_mode};

/// A builder with everything that could come in an order of its own: variables, modules, labels, groups.
fn full() -> BuilderInput {
    let names = ["D", "B", "A", "Z", "M", "C"];
    let env = names.map(|name| {
        format!("[[build.env]]\nname = \"BP_{name}\"\nvalue = \"{name}\"\nsuffix = \"append\"\ndelim = \":\"\n\n")
    });
    let input = BuilderInput::new()
        .extension()
        .buildpack("uri = \"comp\"")
        .append(&env.concat())
        .append("[[system.pre.buildpacks]]\nid = \"acme/one\"\n");
    let order: &[&[&str]] = &[&["acme/one@1.0.0", "acme/two@2.0.0"], COMP[1]];
    composite(&input.sandbox, "comp", "acme/comp@1.0.0", order);
    input
}

const ARGUMENTS: [&str; 16] = [
    "--config",
    "builder.toml",
    "--from",
    "base.oci",
    "--from",
    "run.oci",
    "--label",
    "z=1",
    "--label",
    "a=2",
    "--annotation",
    "y=1",
    "--annotation",
    "b=2",
    "--flatten",
    "acme/two@2.0.0,acme/one@1.0.0",
];

/// The tool, to write to `out`.
fn command(input: &BuilderInput) -> Command {
    let own = ["builder", "create", REFERENCE, "--layout", "out"];
    input.sandbox.airpack_command(&[&own[..], &ARGUMENTS].concat())
}

/// Runs it; gives the digest and the blobs, and takes the layout away.
#[track_caller]
fn result(input: &BuilderInput, command: &mut Command) -> (String, BTreeSet<String>) {
    let digest = Run::of(command).digest().to_owned();
    let out = input.sandbox.join("out");
    let layout = LayoutView::open(&out);
    layout.check_whole();
    let blobs = layout.blob_names();
    fs::remove_dir_all(out).unwrap();
    (digest, blobs)
}

/// The files that a builder is made of, but for layouts.
const SOURCES: [&str; 6] = [
    "builder.toml",
    "one/linux/amd64/bin/build",
    "one/buildpack.toml",
    "two/linux/arm64/which",
    "ext/bin/generate",
    "lifecycle/lifecycle-v0.20.1+linux.arm64.tgz",
];

#[test]
fn twenty_runs_in_different_conditions_give_one_digest() {
    let input = full();
    input.write();
    let expected = result(&input, &mut command(&input));
    let mut runs = 1;
    let mut check = |input: &BuilderInput, command: &mut Command, what: &str| {
        runs += 1;
        assert_eq!(result(input, command), expected, "{what}");
    };
    for umask in ["000", "027", "077"] {
        let mut shell = input.sandbox.command("sh");
        let script = format!("umask {umask}; exec \"$@\"");
        let own = ["builder", "create", REFERENCE, "--layout", "out"];
        shell
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_airpack")])
            .args(own)
            .args(ARGUMENTS);
        // the modes of the layout are not those of the umask either
        check(&input, &mut shell, umask);
    }
    for (key, value) in [
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LANG", "ja_JP.EUC-JP"),
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", "America/St_Johns"),
        ("RUST_LOG", "trace"),
        ("DOCKER_DEFAULT_PLATFORM", "linux/s390x"),
    ] {
        check(&input, command(&input).env(key, value), &format!("{key}={value}"));
    }
    let elsewhere = input.sandbox.folder("elsewhere");
    check(&input, command(&input).env("TMPDIR", &elsewhere), "TMPDIR");
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0, "something stays in TMPDIR");
    for threads in ["1", "2", "3", "8"] {
        check(
            &input,
            command(&input).args(["--threads", threads]),
            &format!("{threads} threads"),
        );
    }
    for seconds in [0, 1, 4_000_000_000] {
        for name in SOURCES {
            set_mtime(&input.sandbox.join(name), seconds);
        }
        check(&input, &mut command(&input), &format!("files of {seconds}"));
    }
    for (plain, executable) in [(0o600, 0o700), (0o666, 0o777)] {
        for name in SOURCES {
            let mode = if name.contains("bin/") { executable } else { plain };
            set_mode(&input.sandbox.join(name), mode);
        }
        check(&input, &mut command(&input), &format!("modes {plain:o}"));
    }
    assert!(runs >= 20, "only {runs} runs");
}

#[test]
fn the_order_in_which_files_were_made_does_not_matter() {
    let input = full();
    input.write();
    let expected = result(&input, &mut command(&input));
    let again = full();
    // the same files, the last ones first
    let mut names = Vec::new();
    let mut folders = vec![again.sandbox.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path);
            }
        }
    }
    names.sort();
    for path in names.iter().rev() {
        let (content, permissions) = (fs::read(path).unwrap(), fs::metadata(path).unwrap().permissions());
        fs::remove_file(path).unwrap();
        let aside = path.with_extension("aside");
        fs::write(&aside, content).unwrap();
        fs::rename(&aside, path).unwrap();
        fs::set_permissions(path, permissions).unwrap();
    }
    again.write();
    assert_eq!(result(&again, &mut command(&again)), expected);
}

#[test]
fn the_current_folder_and_the_place_of_files_do_not_matter() {
    let expected = {
        let input = full();
        input.write();
        result(&input, &mut command(&input)).0
    };
    let input = full();
    input.write();
    input.sandbox.folder("some/where");
    let (config, base, run) = ("../../builder.toml", "../../base.oci", "../../run.oci");
    let args: Vec<_> = ARGUMENTS
        .iter()
        .map(|arg| match *arg {
            "builder.toml" => config,
            "base.oci" => base,
            "run.oci" => run,
            other => other,
        })
        .collect();
    let own = ["builder", "create", REFERENCE, "--layout", "../../out"];
    let mut tool = input.sandbox.airpack_command(&[&own[..], &args].concat());
    tool.current_dir(input.sandbox.join("some/where"));
    assert_eq!(result(&input, &mut tool).0, expected);
    // absolute paths
    let absolute = |name: &str| input.sandbox.join(name).to_str().unwrap().to_owned();
    let paths: Vec<String> = ARGUMENTS
        .iter()
        .map(|arg| match *arg {
            "builder.toml" | "base.oci" | "run.oci" => absolute(arg),
            other => other.to_owned(),
        })
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let own = ["builder", "create", REFERENCE, "--layout", "out"];
    let mut tool = input.sandbox.airpack_command(&[&own[..], &paths].concat());
    assert_eq!(result(&input, &mut tool).0, expected);
}

#[test]
fn the_user_does_not_matter() {
    use std::os::unix::process::CommandExt;

    if !require_root() {
        return;
    }
    let input = full();
    input.write();
    let expected = result(&input, &mut command(&input)).0;
    let tool = input.sandbox.join("airpack");
    copy_airpack(&tool);
    set_mode(&tool, 0o755);
    set_mode(&input.sandbox.folder("theirs"), 0o777);
    let own = ["builder", "create", REFERENCE, "--layout", "theirs/out"];
    let mut command = input.sandbox.command(tool.to_str().unwrap());
    command.args(own).args(ARGUMENTS).uid(65534).gid(65534);
    assert_eq!(Run::of(&mut command).digest(), expected);
}

#[test]
fn what_is_in_the_layout_already_does_not_matter() {
    let input = full();
    input.write();
    let (expected, blobs) = result(&input, &mut command(&input));
    // the base, and a builder of other options
    let out = input.sandbox.join("out");
    let copied = input
        .sandbox
        .command("cp")
        .args(["-a", "base.oci", "out"])
        .status()
        .unwrap();
    assert!(copied.success());
    let other = input.run_into("out", &["--compression", "gzip:1", "--tag", "other"]);
    other.ok();
    assert_eq!(Run::of(&mut command(&input)).digest(), expected);
    let layout = LayoutView::open(&out);
    layout.check_whole_with_leftovers();
    assert!(layout.blob_names().is_superset(&blobs));
}

#[test]
fn order_of_flags_does_not_matter() {
    let input = full();
    input.write();
    let expected = result(&input, &mut command(&input)).0;
    let own = ["builder", "create", REFERENCE, "--layout", "out"];
    let swapped = [
        "--annotation",
        "b=2",
        "--flatten",
        "acme/one@1.0.0,acme/two@2.0.0",
        "--label",
        "a=2",
        "--label",
        "z=1",
        "--annotation",
        "y=1",
        "--from",
        "run.oci",
        "--from",
        "base.oci",
        "-c",
        "builder.toml",
    ];
    let mut tool = input.sandbox.airpack_command(&[&own[..], &swapped].concat());
    assert_eq!(result(&input, &mut tool).0, expected);
}

#[test]
fn many_runs_at_once_into_one_layout() {
    let input = full();
    input.write();
    let expected = result(&input, &mut command(&input)).0;
    let children: Vec<_> = (0..4)
        .map(|number| {
            let name = format!("registry.test/acme/x:{number}");
            let own = ["builder", "create", &name, "--layout", "out"];
            let mut tool = input.sandbox.airpack_command(&[&own[..], &ARGUMENTS].concat());
            tool.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), expected);
    }
    let layout = LayoutView::open(input.sandbox.join("out"));
    layout.check_whole();
    assert_eq!(layout.tags(), ["0", "1", "2", "3"]);
    assert_eq!(layout.image_index("2").platforms(), BOTH);
}
