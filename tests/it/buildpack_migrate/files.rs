//! Where files go.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{AMD64, ARM, ARM64, SCRIPT, elf, migrate, package, scripts};

const BOTH: [&str; 5] = ["-t", "linux/amd64", "-t", "linux/arm64", "--write"];

#[test]
fn modes_and_empty_folders_and_links_are_kept() {
    let sandbox = scripts("");
    sandbox.write_mode("hello/lib/secret", "x", 0o640);
    sandbox.folder("hello/lib/empty");
    fs::set_permissions(sandbox.join("hello/lib"), fs::Permissions::from_mode(0o750)).unwrap();
    sandbox.symlink("hello/bin/again", "build");
    sandbox.symlink("hello/lib/absolute", "/etc/passwd");
    sandbox.symlink("hello/lib/nowhere", "not-there");
    migrate(&sandbox, &BOTH).ok();
    for platform in ["linux/amd64", "linux/arm64"] {
        let path = |name: &str| sandbox.join("hello").join(platform).join(name);
        let mode = |name: &str| fs::symlink_metadata(path(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(
            (mode("lib/secret"), mode("lib"), mode("bin/build")),
            (0o640, 0o750, 0o755)
        );
        assert!(path("lib/empty").is_dir());
        let link = |name: &str| fs::read_link(path(name)).unwrap().display().to_string();
        assert_eq!(link("bin/again"), "build");
        assert_eq!(
            (link("lib/absolute"), link("lib/nowhere")),
            ("/etc/passwd".into(), "not-there".into())
        );
    }
    assert!(!sandbox.join("hello/bin").exists() && !sandbox.join("hello/lib").exists());
}

#[test]
fn a_link_goes_where_its_program_goes() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool-x", elf(AMD64));
    sandbox.executable("hello/bin/tool-y", elf(ARM64));
    sandbox.symlink("hello/bin/tool", "tool-x");
    migrate(&sandbox, &["--write"]).ok();
    assert!(sandbox.join("hello/linux/amd64/bin/tool").exists());
    assert!(!sandbox.join("hello/linux/arm64/bin/tool").is_symlink());
}

#[test]
fn a_program_that_is_called_by_its_name_keeps_it() {
    // a script chooses between them, so they stay where it looks
    let sandbox = scripts("");
    sandbox.executable("hello/bin/build-amd64", elf(AMD64));
    sandbox.executable("hello/bin/build-arm64", elf(ARM64));
    let run = migrate(&sandbox, &["--write"]);
    run.ok();
    assert!(sandbox.join("hello/linux/amd64/bin/build-amd64").exists());
    assert!(sandbox.join("hello/linux/arm64/bin/build-arm64").exists());
    assert_eq!(
        fs::read_to_string(sandbox.join("hello/linux/arm64/bin/build")).unwrap(),
        SCRIPT
    );
    assert!(!run.stderr.contains("missing"), "{}", run.stderr);
    package(&sandbox, "1");
}

#[test]
fn names_of_platforms_in_folders_and_suffixes_are_understood() {
    for (amd64, arm64) in [
        ("bin/x86_64/build", "bin/aarch64/build"),
        ("bin/linux/amd64/build", "bin/linux/arm64/build"),
        ("bin/build.amd64", "bin/build_aarch64"),
        ("bin/linux-amd64/build", "bin/linux-arm64/build"),
        ("bin/build", "bin/build-arm64"),
    ] {
        let sandbox = scripts("");
        fs::remove_file(sandbox.join("hello/bin/build")).unwrap();
        sandbox.executable(format!("hello/{amd64}"), elf(AMD64));
        sandbox.executable(format!("hello/{arm64}"), elf(ARM64));
        migrate(&sandbox, &["--write"]).ok();
        for (platform, machine) in [("amd64", AMD64), ("arm64", ARM64)] {
            let built = fs::read(sandbox.join(format!("hello/linux/{platform}/bin/build"))).unwrap();
            assert_eq!(built, elf(machine), "{amd64} {arm64}");
        }
        package(&sandbox, "1");
    }
}

#[test]
fn a_missing_program_is_named_and_no_refusal() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool", elf(AMD64));
    fs::remove_file(sandbox.join("hello/bin/build")).unwrap();
    let run = migrate(&sandbox, &BOTH);
    run.ok();
    assert!(
        run.stderr.contains("missing: linux/arm64 needs `linux/arm64/bin/tool`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("missing: linux/amd64 needs `linux/amd64/bin/build`"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("tool (missing)"), "{}", run.stdout);
    let json = migrate(&sandbox, &["--json"]);
    json.ok();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["isDone"], true);
    let missing: Vec<_> = json["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert_eq!(
        missing,
        ["linux/amd64/bin/build", "linux/arm64/bin/build", "linux/arm64/bin/tool"]
    );
    let again = migrate(&sandbox, &[]);
    again
        .ok()
        .stderr_has("missing: linux/arm64 needs `linux/arm64/bin/tool`")
        .stderr_has("nothing to change");
}

#[test]
fn a_program_for_no_target_stays_and_is_told() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool", elf(ARM));
    let run = migrate(&sandbox, &BOTH);
    run.ok();
    assert!(
        run.stderr
            .contains("`bin/tool` (ELF for arm) is for none of the targets"),
        "{}",
        run.stderr
    );
    assert!(sandbox.join("hello/bin/tool").exists() && !sandbox.join("hello/bin/build").exists());
}

#[test]
fn the_variant_is_that_of_the_only_target_or_of_the_path() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool", elf(ARM));
    migrate(&sandbox, &["-t", "linux/arm/v7", "-t", "linux/amd64", "--write"]).ok();
    assert!(sandbox.join("hello/linux/arm/v7/bin/tool").exists());
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool-armv6", elf(ARM));
    sandbox.executable("hello/bin/armhf/tool", elf(ARM));
    migrate(&sandbox, &["-t", "linux/arm/v7,linux/arm/v6", "--write"]).ok();
    assert!(sandbox.join("hello/linux/arm/v6/bin/tool-armv6").exists());
    assert!(sandbox.join("hello/linux/arm/v7/bin/armhf/tool").exists());
}

#[test]
fn a_folder_that_is_there_is_kept_and_the_rest_is_made() {
    let sandbox = scripts("");
    sandbox.executable("hello/linux/arm64/bin/build", "#!/bin/sh\necho arm\n");
    sandbox.executable("hello/linux/arm64/bin/detect", SCRIPT);
    migrate(&sandbox, &["-t", "linux/amd64,linux/arm64", "--write"]).ok();
    let read = |path: &str| fs::read_to_string(sandbox.join("hello").join(path)).unwrap();
    assert_eq!(read("linux/arm64/bin/build"), "#!/bin/sh\necho arm\n");
    assert_eq!(read("linux/amd64/bin/build"), SCRIPT);
    assert!(!sandbox.join("hello/bin").exists());
}

#[test]
fn what_is_shared_already_is_not_declared_twice() {
    let sandbox = scripts("");
    sandbox.executable("hello/bin/tool", elf(AMD64));
    sandbox.write("hello/lib/a", "a");
    sandbox.write("hello/airpack.toml", "# ours\nshared = [\n  \"lib\", # all of it\n]\n");
    migrate(&sandbox, &["-t", "linux/amd64,linux/arm64", "--share", "--write"]).ok();
    let text = fs::read_to_string(sandbox.join("hello/airpack.toml")).unwrap();
    assert!(
        text.starts_with("# ours\nshared = [\n  \"lib\", # all of it\n"),
        "{text}"
    );
    assert_eq!(text.matches("\"lib\"").count(), 1, "{text}");
    assert!(text.ends_with("  \"bin/build\",\n  \"bin/detect\",\n]\n"), "{text}");
}

#[test]
fn the_history_is_left_alone() {
    let sandbox = scripts("");
    sandbox.write("hello/.git/HEAD", "ref: x");
    sandbox.write("hello/.gitignore", "out.oci");
    migrate(&sandbox, &BOTH).ok();
    assert!(sandbox.join("hello/.git/HEAD").exists() && sandbox.join("hello/.gitignore").exists());
    assert!(!sandbox.join("hello/linux/amd64/.git").exists());
    assert_eq!(
        fs::read_to_string(sandbox.join("hello/airpack.toml")).unwrap(),
        "shared = [\".gitignore\"]\n"
    );
}

#[test]
fn a_folder_that_is_called_like_a_system_and_is_none() {
    let sandbox = scripts("");
    sandbox.write("hello/linux/config.txt", "mine\n");
    sandbox.write("hello/linux/more/of/it", "mine too\n");
    migrate(&sandbox, &BOTH).ok();
    for platform in ["linux/amd64", "linux/arm64"] {
        let root = sandbox.join("hello").join(platform);
        assert_eq!(fs::read_to_string(root.join("linux/config.txt")).unwrap(), "mine\n");
        assert_eq!(fs::read_to_string(root.join("linux/more/of/it")).unwrap(), "mine too\n");
        assert_eq!(fs::read_to_string(root.join("bin/build")).unwrap(), SCRIPT);
    }
    assert!(!sandbox.join("hello/linux/config.txt").exists() && !sandbox.join("hello/linux/more").exists());
    package(&sandbox, "1");
}

#[test]
fn an_empty_folder_that_is_called_like_a_system() {
    let sandbox = scripts("");
    sandbox.folder("hello/linux");
    migrate(&sandbox, &BOTH).ok();
    for platform in ["linux/amd64", "linux/arm64"] {
        let root = sandbox.join("hello").join(platform);
        assert_eq!(fs::read_to_string(root.join("bin/build")).unwrap(), SCRIPT);
        assert!(!root.join("linux").exists());
    }
}
