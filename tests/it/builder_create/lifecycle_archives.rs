//! What of an archive gets into the layer of the lifecycle, and how.

use crate::support::builder::{BuilderInput, Built, CREATED_SECONDS, LIFECYCLE_TOML, Lifecycle, METADATA, elf};
use crate::support::layout_view::TarEntry;
use crate::support::tar_maker::{HARDLINK, Member, TarFormat, gzip, tar};

use serde_json::json;

/// A builder for amd64 of an archive with these members.
fn of_members(members: &[Member]) -> BuilderInput {
    let mut input = BuilderInput::amd64().replace("uri = \"lifecycle\"", "uri = \"lifecycle.tgz\"");
    input.lifecycles.clear();
    input
        .sandbox
        .write("lifecycle.tgz", gzip(&tar(TarFormat::Pax, members)));
    input
}

fn entries(built: &Built) -> &[TarEntry] {
    &built.layer("linux/amd64", "lifecycle").entries
}

fn names(built: &Built) -> Vec<String> {
    entries(built).iter().map(TarEntry::name).collect()
}

fn toml() -> Member {
    Member::file("lifecycle.toml", LIFECYCLE_TOML)
}

/// The programs that every lifecycle has.
const NAMES: [&str; 7] = [
    "analyzer", "builder", "creator", "detector", "exporter", "launcher", "restorer",
];

/// All of them but these, below a folder.
fn all_but(folder: &str, names: &[&str]) -> Vec<Member> {
    let rest = NAMES.iter().filter(|name| !names.contains(name));
    rest.map(|name| program(&format!("{folder}{name}"))).collect()
}

fn program(path: &str) -> Member {
    Member::file(path, elf("amd64")).with_mode(0o755)
}

#[test]
fn order_times_and_modes_are_kept() {
    let member = |name: &str, mode: u32, mtime: u64| Member {
        mtime,
        ..program(&format!("lifecycle/{name}")).with_mode(mode)
    };
    let members = [
        Member::folder("lifecycle/"),
        member("restorer", 0o755, 1),
        member("analyzer", 0o700, 1_700_000_000),
        toml(),
        member("zzz", 0o4755, 315_532_801),
        member("exporter", 0o755, 7),
        member("builder", 0o755, 6),
        member("creator", 0o755, 5),
        member("launcher", 0o755, 0),
        member("detector", 0o755, 5_000_000_000),
    ];
    let built = of_members(&members).created(&[]);
    let found: Vec<_> = entries(&built)
        .iter()
        .map(|entry| (entry.name(), entry.mode, entry.mtime))
        .collect();
    let entry = |name: &str, mode: u32, mtime: u64| (name.to_owned(), mode, mtime);
    assert_eq!(
        found,
        [
            entry("/cnb/lifecycle", 0o755, CREATED_SECONDS),
            entry("/cnb/lifecycle/restorer", 0o755, 1),
            entry("/cnb/lifecycle/analyzer", 0o700, 1_700_000_000),
            entry("/cnb/lifecycle/zzz", 0o4755, 315_532_801),
            entry("/cnb/lifecycle/exporter", 0o755, 7),
            entry("/cnb/lifecycle/builder", 0o755, 6),
            entry("/cnb/lifecycle/creator", 0o755, 5),
            entry("/cnb/lifecycle/launcher", 0o755, 0),
            entry("/cnb/lifecycle/detector", 0o755, 5_000_000_000),
            entry("/lifecycle", 0o644, CREATED_SECONDS),
        ]
    );
    let link = entries(&built).last().unwrap();
    assert_eq!(
        (link.kind.as_str(), link.linkname.as_deref()),
        ("symlink", Some(b"/cnb/lifecycle".as_slice()))
    );
}

#[test]
fn the_folder_may_have_any_name() {
    for front in ["lifecycle/", "./lifecycle/", "lifecycle-v0.20.1/"] {
        let front_of_toml = if front.starts_with("./") { "./" } else { "" };
        let mut members = vec![
            Member::folder(front),
            Member::file(&format!("{front_of_toml}lifecycle.toml"), LIFECYCLE_TOML),
        ];
        members.extend(all_but(front, &[]));
        let built = of_members(&members).created(&[]).without_warnings();
        assert_eq!(names(&built), all_names(), "{front}");
    }
}

/// What is in the layer of a lifecycle with those programs and nothing else.
fn all_names() -> Vec<String> {
    let programs = NAMES.map(|name| format!("/cnb/lifecycle/{name}"));
    [
        &["/cnb/lifecycle".to_owned()][..],
        &programs,
        &["/lifecycle".to_owned()],
    ]
    .concat()
}

#[test]
fn folders_need_no_entries() {
    let mut members = all_but("lifecycle/", &[]);
    members.push(toml());
    let built = of_members(&members).created(&[]);
    assert_eq!(names(&built), all_names());
}

#[test]
fn programs_that_are_missing() {
    for name in NAMES {
        let mut members = all_but("lifecycle/", &[name]);
        members.push(toml());
        of_members(&members).refuse(&["lifecycle.tgz", name, "linux/amd64"]);
    }
}

#[test]
fn lifecycle_toml_is_not_in_it() {
    let built = BuilderInput::new().created(&[]);
    for kind in ["linux/amd64", "linux/arm64"] {
        let layers = &built.image(kind).layers;
        let mut names = layers.iter().flat_map(|layer| &layer.entries).map(TarEntry::name);
        assert!(!names.any(|name| name.ends_with("lifecycle.toml")), "{kind}");
    }
}

#[test]
fn what_it_can_is_in_the_label() {
    let built = BuilderInput::new().created(&[]);
    let lifecycle = json!({
        "version": "0.20.1",
        "api": {"buildpack": "0.7", "platform": "0.7"},
        "apis": {
            "buildpack": {"deprecated": ["0.7"], "supported": ["0.7", "0.8", "0.9", "0.10", "0.11"]},
            "platform": {
                "deprecated": [],
                "supported": ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13"],
            },
        },
    });
    assert_eq!(built.json_label("linux/amd64", METADATA)["lifecycle"], lifecycle);
}

#[test]
fn the_earliest_api_is_the_smallest_number() {
    // 0.9 is before 0.10, and what is deprecated counts too
    let mut input = BuilderInput::new();
    for lifecycle in input.lifecycles.values_mut() {
        lifecycle.toml = "[lifecycle]\nversion = \"0.21.0\"\n\n[apis.buildpack]\nsupported = [\"0.10\", \"0.9\"]\n\n\
             [apis.platform]\ndeprecated = [\"0.11\", \"0.9\"]\nsupported = [\"0.13\", \"0.10\"]\n"
            .to_owned();
    }
    let built = input.created(&[]);
    let lifecycle = &built.json_label("linux/amd64", METADATA)["lifecycle"];
    assert_eq!(lifecycle["api"], json!({"buildpack": "0.9", "platform": "0.9"}));
    assert_eq!(lifecycle["version"], "0.21.0");
}

#[test]
fn each_target_has_the_label_of_its_own() {
    let mut input = BuilderInput::new();
    for (path, lifecycle) in &mut input.lifecycles {
        if path.contains("arm64") {
            lifecycle.toml = LIFECYCLE_TOML.replace("0.20.1", "0.20.2");
        }
    }
    let built = input.created(&[]);
    for (platform, version) in [("linux/amd64", "0.20.1"), ("linux/arm64", "0.20.2")] {
        assert_eq!(built.json_label(platform, METADATA)["lifecycle"]["version"], version);
    }
}

#[test]
fn symlinks_stay_as_they_are() {
    let built = BuilderInput::new().created(&[]).without_warnings();
    let all = entries(&built);
    let creator = all
        .iter()
        .find(|entry| entry.name() == "/cnb/lifecycle/creator")
        .unwrap();
    assert_eq!(
        (creator.kind.as_str(), creator.linkname.as_deref()),
        ("symlink", Some(b"lifecycle".as_slice()))
    );
}

#[test]
fn hard_links_lead_to_files_of_the_image() {
    let hard = |path: &str, target: &str| Member {
        target: target.to_owned(),
        ..Member::new(path, HARDLINK).with_mode(0o755)
    };
    let mut members = vec![toml(), Member::folder("lifecycle/"), program("lifecycle/lifecycle")];
    members.push(hard("lifecycle/creator", "lifecycle/lifecycle"));
    members.extend(all_but("lifecycle/", &["creator"]));
    let built = of_members(&members).created(&[]).without_warnings();
    let creator = entries(&built)
        .iter()
        .find(|entry| entry.name() == "/cnb/lifecycle/creator")
        .unwrap();
    if creator.kind == "hardlink" {
        let target = String::from_utf8(creator.linkname.clone().unwrap()).unwrap();
        assert_eq!(target.trim_start_matches('/'), "cnb/lifecycle/lifecycle");
        assert_eq!(creator.size, 0);
    } else {
        // or the file itself
        assert_eq!(
            (creator.kind.as_str(), creator.size),
            ("file", elf("amd64").len() as u64)
        );
    }
}

#[test]
fn hard_links_that_lead_elsewhere() {
    for target in ["lifecycle/nothing", "/etc/passwd", "../etc/passwd", "lifecycle/creator"] {
        let mut members = all_but("lifecycle/", &["creator"]);
        members.push(toml());
        members.push(Member {
            target: target.to_owned(),
            ..Member::new("lifecycle/creator", HARDLINK)
        });
        of_members(&members).refuse(&["lifecycle.tgz", "creator"]);
    }
}

#[test]
fn symlinks_that_lead_elsewhere() {
    // what they lead to is in the image, not here: at worst they dangle
    for target in ["/etc/passwd", "../../../etc/passwd"] {
        let mut members = all_but("lifecycle/", &["creator"]);
        members.extend([toml(), Member::symlink("lifecycle/creator", target)]);
        let input = of_members(&members);
        let run = input.run_into("out.oci", &[]);
        if run.code != 0 {
            run.failed(1).stderr_has("creator");
        }
    }
}

#[test]
fn names_that_lead_out() {
    for path in ["lifecycle/../../etc/x", "../lifecycle/x", "/etc/x", "lifecycle/.."] {
        let mut members = all_but("lifecycle/", &[]);
        members.extend([toml(), program(path)]);
        let input = of_members(&members);
        let run = input.run_into("out.oci", &[]);
        if run.code == 0 {
            let layout = crate::support::layout_view::LayoutView::open(input.sandbox.join("out.oci"));
            for layer in &layout.image_index("1.0").children[0].layers[1..] {
                for entry in &layer.entries {
                    let name = entry.name();
                    assert!(!name.contains("..") && !name.starts_with("/etc"), "{path} gave {name}");
                }
            }
        } else {
            run.failed(1).stderr_has("lifecycle.tgz");
        }
    }
}

#[test]
fn pipes_and_devices_have_no_place_in_it() {
    for kind in [b'6', b'3', b'4'] {
        let mut members = all_but("lifecycle/", &[]);
        members.extend([toml(), Member::new("lifecycle/pipe", kind)]);
        of_members(&members).refuse(&["lifecycle.tgz", "pipe"]);
    }
}

#[test]
fn whiteouts_have_no_place_in_it() {
    for name in [".wh.creator", ".wh..wh..opq"] {
        let mut members = all_but("lifecycle/", &[]);
        members.extend([toml(), Member::file(&format!("lifecycle/{name}"), "")]);
        let input = of_members(&members);
        let run = input.run_into("out.oci", &[]);
        if run.code == 0 {
            let layout = crate::support::layout_view::LayoutView::open(input.sandbox.join("out.oci"));
            let image = &layout.image_index("1.0").children[0];
            let mut entries = image.layers.iter().flat_map(|layer| &layer.entries);
            assert!(!entries.any(|entry| entry.name().contains("/.wh.")), "{name}");
        } else {
            run.failed(1).stderr_has("lifecycle.tgz");
        }
    }
}

#[test]
fn a_program_is_a_file() {
    let mut members = all_but("lifecycle/", &["creator"]);
    members.extend([toml(), Member::folder("lifecycle/creator/")]);
    of_members(&members).refuse(&["lifecycle.tgz", "creator"]);
}

#[test]
fn names_that_are_there_twice() {
    let mut members = all_but("lifecycle/", &[]);
    members.extend([toml(), program("lifecycle/creator")]);
    let run = of_members(&members).run_into("out.oci", &[]);
    assert!(run.code == 0 || run.stderr.contains("lifecycle.tgz"), "{run}");
    run.stderr_lacks("panicked");
}

#[test]
fn the_same_archive_gives_the_same_layer() {
    // whatever it is called and however it is compressed
    let one = BuilderInput::amd64().created(&[]);
    let input = BuilderInput::amd64().replace("uri = \"lifecycle\"", "uri = \"x.tar\"");
    input.sandbox.write("x.tar", Lifecycle::new("amd64").tar());
    let other = input.created(&[]);
    assert_eq!(one.digest(), other.digest());
}

#[test]
fn a_large_one() {
    let mut lifecycle = Lifecycle::new("amd64");
    let mut content = elf("amd64");
    content.extend((0..20_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]));
    let size = content.len() as u64;
    lifecycle
        .members
        .push(Member::file("lifecycle/large", content).with_mode(0o755));
    let built = of_members(&lifecycle.all()).created(&[]).without_warnings();
    let large = entries(&built)
        .iter()
        .find(|entry| entry.name() == "/cnb/lifecycle/large")
        .unwrap();
    assert_eq!(large.size, size);
}
