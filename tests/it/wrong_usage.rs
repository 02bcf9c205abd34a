//! What is easily mistaken on the command line: it is said what was meant, the code is 2, and nothing is written.

use std::fs;

use crate::support::snapshot::Snapshot;
use crate::support::{Run, Sandbox, simple_buildpack};

const NAME: &str = "registry.test/acme/x:1.0";

/// A buildpack `bp`, and two layouts with it for one platform each.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    simple_buildpack(&sandbox, "bp", "acme/x", &["linux/amd64", "linux/arm64"]);
    for arch in ["amd64", "arm64"] {
        let layout = format!("{arch}.oci");
        let target = format!("linux/{arch}");
        let args = ["--path", "bp", "--layout", &layout, "--target", &target];
        sandbox
            .airpack(&[&["buildpack", "package", NAME][..], &args].concat())
            .ok();
    }
    sandbox
}

/// Runs, and nothing in the sandbox may change.
#[track_caller]
fn wrong(sandbox: &Sandbox, code: i32, args: &[&str]) -> Run {
    let before = Snapshot::content_of(sandbox.path());
    let run = sandbox.airpack(args);
    run.failed(code);
    before.assert_unchanged("wrong usage");
    run
}

#[test]
fn commands_by_other_names_and_at_other_places() {
    let sandbox = Sandbox::new();
    for (args, tip) in [
        (&["help", "layotu"][..], "'layout'"),
        (&["validate", "x"], "`airpack layout validate`"),
        (&["ls"], "`airpack layout ls`"),
        (
            &["package", "x"],
            "`airpack buildpack package`, `airpack extension package`",
        ),
        (&["layout", "list"], "`airpack layout ls`"),
        (&["-q", "layout", "list"], "`airpack layout ls`"),
        (&["layout", "delete", "x"], "`airpack layout rm`"),
        (&["layout", "mv", "x"], "`airpack layout tag`"),
        (&["layout", "check", "x"], "`airpack layout validate`"),
        (&["builder", "build"], "`airpack builder create`"),
    ] {
        let run = wrong(&sandbox, 2, args);
        assert!(
            run.stderr.contains("tip: ") && run.stderr.contains(tip),
            "{args:?}{run}"
        );
        assert_eq!(run.stdout, "");
    }
    wrong(&sandbox, 2, &["man", "layuot"]).stderr_has("did you mean `layout`?");
}

#[test]
fn flags_by_other_names() {
    let sandbox = Sandbox::new();
    for (args, tip) in [
        (&["buildpack", "package", NAME, "--output", "x"][..], "'--layout'"),
        (
            &["buildpack", "package", NAME, "--platform", "linux/amd64"],
            "'--target'",
        ),
        (&["inspect", "x", "--target", "linux/amd64"], "'--platform'"),
        (&["layout", "gc", "x", "--dry-run"], "without '--write'"),
        (&["inspect", "x", "--toml", "acme/x"], "--toml=acme/x"),
        (&["inspect", "x", "--files", "*.toml"], "--files=*.toml"),
    ] {
        let run = wrong(&sandbox, 2, args);
        assert!(
            run.stderr.contains("tip: ") && run.stderr.contains(tip),
            "{args:?}{run}"
        );
    }
    wrong(&sandbox, 2, &["compat"]).stderr_has("<LAYOUT... | --config FILE>");
    wrong(&sandbox, 2, &["pull", "--layout", "x"]).stderr_has("<NAME... | --config FILE>");
    wrong(&sandbox, 2, &["index", "annotate", "x"]).stderr_has("<KEY=VALUE... | --remove KEY>");
    wrong(
        &sandbox,
        2,
        &["buildpack", "package", NAME, "--layout", "x", "--threads", "0"],
    )
    .stderr_has("a number from 1 on");
}

#[test]
fn colour_is_for_all_words() {
    let sandbox = Sandbox::new();
    for flag in [&["--color", "always"][..], &["--color=always"]] {
        let run = wrong(&sandbox, 2, &[&["layout", "lst"], flag].concat());
        assert!(run.stderr.contains('\u{1b}'), "{run}");
    }
}

#[test]
fn an_index_needs_a_name() {
    let sandbox = sandbox();
    let run = wrong(
        &sandbox,
        2,
        &["index", "create", "amd64.oci", "arm64.oci", "--layout", "out.oci"],
    );
    run.stderr_has("`amd64.oci` is an image on disk")
        .stderr_has("docker.io/library/amd64.oci:latest");
    let run = wrong(
        &sandbox,
        2,
        &["index", "create", "amd64.oci:1.0", "arm64.oci", "--layout", "out.oci"],
    );
    run.stderr_has("`amd64.oci:1.0` is an image on disk");
    sandbox
        .airpack(&["index", "create", NAME, "amd64.oci", "arm64.oci", "--layout", "x"])
        .ok();
    // a layout may be called as its image is
    sandbox
        .airpack(&["index", "create", "x", "amd64.oci", "arm64.oci", "--layout", "x"])
        .ok();
}

#[test]
fn a_new_layout_is_no_image_of_one() {
    let sandbox = sandbox();
    for folder in ["out.oci:1.0", "oci:out.oci", "oci:out.oci:1.0"] {
        let run = wrong(
            &sandbox,
            2,
            &["buildpack", "package", NAME, "--path", "bp", "--layout", folder],
        );
        run.stderr_has(&format!("`{folder}`")).stderr_has("give `out.oci`");
    }
    // one that somebody made is what it is
    fs::create_dir(sandbox.join("a:b")).unwrap();
    sandbox
        .airpack(&["buildpack", "package", NAME, "--path", "bp", "--layout", "a:b"])
        .ok();
}

#[test]
fn what_is_about_whole_layouts() {
    let sandbox = sandbox();
    for command in ["ls", "gc"] {
        let run = wrong(&sandbox, 2, &["layout", command, "amd64.oci:1.0"]);
        run.stderr_has("`amd64.oci:1.0` is one image")
            .stderr_has("give `amd64.oci`");
    }
    sandbox.write("x.cnb", "");
    for args in [&["layout", "ls", "x.cnb"][..], &["layout", "rm", "x.cnb:1"]] {
        wrong(&sandbox, 1, args).stderr_has("airpack layout import");
    }
}

#[test]
fn platforms_that_are_slips() {
    let sandbox = sandbox();
    let mean = "did you mean `linux/amd64`?";
    for args in [
        &["inspect", "amd64.oci", "--platform", "linux/amd46"][..],
        &["inspect", "amd64.oci", "--platform", "linux/x86_64", "--raw"],
        &["inspect", "amd64.oci", "--platform", "linux/x86_64", "--toml"],
        &["diff", "amd64.oci", "amd64.oci", "--platform", "linux/x86-64"],
        &["layout", "copy", "amd64.oci", "copy.oci", "--platform", "linus/amd64"],
        &[
            "layout",
            "export",
            "amd64.oci",
            "--rootfs",
            "root",
            "--platform",
            "linux/AMD64",
        ],
        &["index", "remove", "amd64.oci:1.0", "linux/amd46"],
        &["index", "annotate", "amd64.oci:1.0", "a=b", "--platform", "linux/amd46"],
        &[
            "push",
            "amd64.oci",
            "127.0.0.1:1/acme/x:1.0",
            "--platform",
            "linux/amd46",
        ],
    ] {
        wrong(&sandbox, 1, args).stderr_has(mean);
    }
    // what is a platform is no slip of another
    let run = wrong(&sandbox, 1, &["inspect", "amd64.oci", "--platform", "linux/arm64"]);
    run.stderr_has("it has linux/amd64").stderr_lacks("did you mean");
    for text in ["amd64", "linux-amd64", "x86_64"] {
        wrong(&sandbox, 2, &["inspect", "amd64.oci", "--platform", text]).stderr_has(mean);
    }
    for text in ["amd64", "linux-amd64", "linux_x86_64"] {
        let args = ["--path", "bp", "--layout", "out.oci", "--target", text];
        let run = wrong(&sandbox, 1, &[&["buildpack", "package", NAME][..], &args].concat());
        run.stderr_has(mean);
    }
}

#[test]
fn modules_that_are_slips() {
    let sandbox = sandbox();
    let run = wrong(&sandbox, 1, &["inspect", "amd64.oci", "--toml=acme/xx"]);
    run.stderr_has("did you mean `acme/x`?");
}

#[test]
fn files_that_are_taken_for_each_other() {
    let sandbox = sandbox();
    sandbox.write("package.toml", "[buildpack]\nuri = \"bp\"\n");
    sandbox.write(
        "builder.toml",
        "[[buildpacks]]\nuri = \"bp\"\n[[order]]\n[[order.group]]\nid = \"acme/x\"\n",
    );
    let package = ["buildpack", "package", NAME, "--layout", "out.oci", "--config"];
    let builder = ["builder", "create", NAME, "--layout", "out.oci", "--config"];
    for (command, file, says) in [
        (
            &package,
            "bp/buildpack.toml",
            "this is a buildpack.toml, and no package.toml",
        ),
        (&package, "builder.toml", "this is a builder.toml, and no package.toml"),
        (
            &builder,
            "bp/buildpack.toml",
            "this is a buildpack.toml, and no builder.toml",
        ),
        (&builder, "package.toml", "this is a package.toml, and no builder.toml"),
    ] {
        let run = wrong(&sandbox, 1, &[&command[..], &[file]].concat());
        run.stderr_has(says).stderr_has(file).stderr_has("1 fault found");
    }
    for command in [&package, &builder] {
        wrong(&sandbox, 1, &[&command[..], &["bp"]].concat()).stderr_has("it is a folder, and a file is needed");
    }
}

#[test]
fn folders_that_are_not_there() {
    let sandbox = sandbox();
    sandbox.write("lifecycle.tgz", "");
    sandbox.write(
        "builder.toml",
        "[[buildpacks]]\nuri = \"bp\"\n[lifecycle]\nuri = \"lifecycle.tgz\"\n[build]\nimage = \"x\"\n",
    );
    let create = ["builder", "create", NAME, "--layout", "out.oci", "-c", "builder.toml"];
    for folder in ["nowhere", "lifecycle.tgz"] {
        let run = wrong(&sandbox, 1, &[&create[..], &["--lifecycle-dir", folder]].concat());
        run.stderr_has(folder).stderr_has("lifecycles");
        let run = wrong(
            &sandbox,
            1,
            &["compat", "-c", "builder.toml", "--lifecycle-dir", folder],
        );
        run.stderr_has(folder).stderr_has("lifecycles");
    }
    fs::create_dir(sandbox.join("empty")).unwrap();
    let run = wrong(&sandbox, 1, &["buildpack", "migrate", "empty"]);
    run.stderr_has("no buildpack.toml in `empty`").stderr_lacks("--path");
}

#[test]
fn a_removal_that_is_not_done_is_not_said_to_be() {
    let sandbox = sandbox();
    sandbox.airpack(&["index", "add", "amd64.oci:1.0", "arm64.oci"]).ok();
    let before = Snapshot::content_of(sandbox.path());
    let run = sandbox.airpack(&["index", "remove", "amd64.oci:1.0", "linux/arm64", "--dry-run"]);
    run.ok().stderr_has("would remove linux/arm64").stderr_lacks("removed");
    before.assert_unchanged("a dry run");
}

#[test]
fn a_file_that_is_no_archive_is_not_written_over() {
    let sandbox = sandbox();
    sandbox.write("notes.md", "mine\n");
    let target = ["--path", "bp", "-t", "linux/amd64"];
    for file in ["notes.md", "bp/buildpack.toml"] {
        let args = [&["buildpack", "package", file, "--format", "file"][..], &target].concat();
        wrong(&sandbox, 1, &args).stderr_has(&format!("`{file}` is there, and is no archive"));
        for form in ["--oci-archive", "--docker-archive"] {
            let args = [
                "layout",
                "export",
                "amd64.oci:1.0",
                form,
                file,
                "--platform",
                "linux/amd64",
            ];
            wrong(&sandbox, 1, &args).stderr_has(&format!("`{file}` is there, and is no archive"));
        }
    }
    // an archive takes the place of another, whatever it is called
    for _ in 0..2 {
        let args = [
            "layout",
            "export",
            "amd64.oci:1.0",
            "--oci-archive",
            "image",
            "--platform",
            "linux/amd64",
        ];
        sandbox.airpack(&args).ok();
    }
}

#[test]
fn what_is_copied_to_is_a_layout() {
    let sandbox = sandbox();
    for (destination, says) in [
        ("localhost:5000/acme/x:1.0", "airpack push"),
        ("registry.test/acme/x:1.0", "airpack push"),
        ("docker://registry.test/acme/x:1.0", "airpack push"),
        ("oci-archive:x.tar", "airpack layout export"),
        ("docker-archive:x.tar", "airpack layout export"),
        ("x.tar", "airpack layout export"),
    ] {
        let run = wrong(&sandbox, 2, &["layout", "copy", "amd64.oci:1.0", destination]);
        run.stderr_has(says).stderr_has(destination);
    }
}

#[test]
fn images_on_disk_are_no_names() {
    let sandbox = sandbox();
    wrong(&sandbox, 2, &["layout", "tag", "amd64.oci:1.0", "amd64.oci:3.0"]).stderr_has("give the tag alone, `3.0`");
    let import = [
        "layout",
        "import",
        "amd64.oci",
        "--layout",
        "x.oci",
        "--name",
        "arm64.oci:1",
    ];
    wrong(&sandbox, 2, &import).stderr_has("`arm64.oci:1` is an image on disk");
    wrong(&sandbox, 2, &["pull", "amd64.oci:1.0", "--layout", "x"]).stderr_has("airpack layout copy");
    // a layout may be called as its image is
    for _ in 0..2 {
        sandbox
            .airpack(&["layout", "import", "amd64.oci", "--layout", "same", "--name", "same:1"])
            .ok();
    }
    for tag in ["a b", "x:y:z", "Acme/Foo:1"] {
        wrong(&sandbox, 2, &["layout", "tag", "amd64.oci:1.0", tag]);
    }
    let run = wrong(&sandbox, 2, &["push", "127.0.0.1:1/acme/x:1.0", "amd64.oci:1.0"]);
    run.stderr_has("SOURCE comes first");
    let run = wrong(
        &sandbox,
        2,
        &["inspect", "amd64.oci", "--platform", "linux/amd64:ubuntu@24.04"],
    );
    run.stderr_has("write `linux/amd64:24.04`");
}

#[test]
fn an_index_with_two_names_asks_which_is_meant() {
    let sandbox = sandbox();
    sandbox.airpack(&["index", "add", "amd64.oci:1.0", "arm64.oci"]).ok();
    sandbox.airpack(&["layout", "tag", "amd64.oci:1.0", "stable"]).ok();
    let run = wrong(&sandbox, 1, &["index", "remove", "amd64.oci", "linux/arm64"]);
    run.stderr_has("by 2 names").stderr_has("stable");
    // several platforms with commas, as targets are given
    let both = ["index", "remove", "amd64.oci:stable", "linux/arm64,linux/s390x"];
    wrong(&sandbox, 1, &both).stderr_has("no image for linux/s390x");
    sandbox
        .airpack(&["index", "remove", "amd64.oci:stable", "linux/arm64"])
        .ok();
}

#[test]
fn the_same_image_twice() {
    let sandbox = sandbox();
    let run = wrong(
        &sandbox,
        1,
        &["index", "create", NAME, "amd64.oci", "amd64.oci", "--layout", "out.oci"],
    );
    run.stderr_has("`amd64.oci` is given twice");
}

#[test]
fn a_program_for_another_machine_is_told_of() {
    let sandbox = sandbox();
    fs::remove_dir_all(sandbox.join("bp/bin")).unwrap();
    for arch in ["amd64", "arm64"] {
        sandbox.executable(format!("bp/linux/{arch}/bin/detect"), "#!/bin/sh\n");
        // of amd64, in both folders
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(16, 0);
        program.extend([2, 0, 62, 0]);
        program.resize(64, 0);
        sandbox.executable(format!("bp/linux/{arch}/bin/build"), program);
    }
    let args = ["buildpack", "package", NAME, "--path", "bp", "--layout", "out.oci"];
    let run = wrong(&sandbox, 1, &[&args[..], &["--strict"]].concat());
    run.stderr_has("target `linux/arm64`: `bin/build` is ELF for amd64, not ELF for arm64")
        .stderr_has("1 fault found");
    sandbox.airpack(&args).ok().stderr_has("warning: target `linux/arm64`");
}

#[test]
fn printed_commands_can_be_run() {
    let sandbox = Sandbox::new();
    let run = sandbox.airpack(&["buildpack", "new", "acme/sp", "--path", "my dir/it's"]);
    run.ok().stderr_has("--path 'my dir/it'\\''s' ");
    let run = sandbox.airpack(&["buildpack", "new", "acme/-x", "--path=-x"]);
    run.ok().stderr_has("--path ./-x ");
}

#[test]
fn a_composite_is_packaged_with_its_file() {
    let sandbox = sandbox();
    sandbox.write("package.toml", "[buildpack]\nuri = \"bp\"\n");
    let run = wrong(&sandbox, 1, &["buildpack", "package", NAME, "--layout", "out.oci"]);
    run.stderr_has("give it as --config");
}
