//! Archives that are damaged, malicious or none.

use std::fs;
use std::io::Write as _;

use super::{noise, with_file_size_limit};
use crate::support::refused::{REFERENCE, hints, refused, refused_with};
use crate::support::tar_maker::{FIFO, HARDLINK, Member, TarFormat};
use crate::support::tree::{SCRIPT, descriptor, members};
use crate::support::{Run, Sandbox, tar_maker};

/// An archive of a sound buildpack and one member more, as a tar and, where that can hold it, as a zip.
#[track_caller]
fn check(member: &Member, zip_too: bool, says: &[&str]) {
    let toml = descriptor(&["linux/amd64"]);
    let sound = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("bin/detect", SCRIPT),
    ];
    let members = [members("", true, &sound), vec![member.clone()]].concat();
    let sandbox = Sandbox::new();
    sandbox.write("bp.tar", tar_maker::tar(TarFormat::Ustar, &members));
    sandbox.write("bp.tgz", tar_maker::gzip(&tar_maker::tar(TarFormat::Gnu, &members)));
    let mut paths = vec!["bp.tar", "bp.tgz"];
    if zip_too {
        sandbox.write("bp.zip", tar_maker::zip(&members));
        paths.push("bp.zip");
    }
    for path in paths {
        let run = refused(&sandbox, &["--path", path]);
        run.stderr_has(path);
        for text in says {
            run.stderr_has(text);
        }
    }
}

#[test]
fn entries_out_of_the_archive() {
    for name in ["../evil", "bin/../../evil", "bin/../evil", "..", "/etc/evil", "//evil"] {
        check(&Member::file(name, "x"), true, &[name]);
    }
    check(&Member::folder("../evil/"), true, &["../evil"]);
}

#[test]
fn links_out_of_the_archive() {
    check(&Member::symlink("../evil", "x"), true, &["../evil"]);
    for target in ["../outside", "/etc/passwd", "bin/../../outside"] {
        let link = Member {
            target: target.to_owned(),
            ..Member::new("hard", HARDLINK)
        };
        check(&link, false, &["hard", target]);
    }
}

#[test]
fn a_hard_link_to_nothing() {
    let link = Member {
        target: "not/there".to_owned(),
        ..Member::new("hard", HARDLINK)
    };
    check(&link, false, &["hard", "not/there"]);
    let link = Member {
        target: "hard".to_owned(),
        ..Member::new("hard", HARDLINK)
    };
    check(&link, false, &["hard"]);
}

#[test]
fn an_entry_below_what_is_no_folder() {
    let toml = descriptor(&["linux/amd64"]);
    for door in ["-> /etc", "-> bin", "a file\n"] {
        let tree = [
            ("buildpack.toml", toml.as_str()),
            ("bin/build", SCRIPT),
            ("door", door),
            ("door/passwd", "evil\n"),
        ];
        let sandbox = Sandbox::new();
        let members = members("", false, &tree);
        sandbox.write("bp.tar", tar_maker::tar(TarFormat::Ustar, &members));
        sandbox.write("bp.zip", tar_maker::zip(&members));
        for path in ["bp.tar", "bp.zip"] {
            refused(&sandbox, &["--path", path]).stderr_has("door/passwd");
        }
    }
}

#[test]
fn devices_and_pipes() {
    check(&Member::new("device", b'3'), false, &["device"]);
    check(&Member::new("device", b'4'), false, &["device"]);
    check(&Member::new("pipe", FIFO), false, &["pipe"]);
}

#[test]
fn not_an_archive() {
    let sandbox = Sandbox::new();
    for name in ["bp.tar", "bp.tgz", "bp.tar.gz", "bp.zip"] {
        for content in [&b""[..], b"not an archive", &[0xff; 2000]] {
            sandbox.write(name, content);
            refused(&sandbox, &["--path", name]).stderr_has(name);
        }
    }
    sandbox.write("bp.txt", "not an archive");
    let run = refused(&sandbox, &["--path", "bp.txt"]);
    run.stderr_has("bp.txt").stderr_has("tar").stderr_has("zip");
}

#[test]
fn cut_off() {
    let toml = descriptor(&["linux/amd64"]);
    let noise = hex::encode(noise(40_000));
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("data", noise.as_str()),
    ];
    let members = members("", true, &tree);
    let tar = tar_maker::tar(TarFormat::Ustar, &members);
    let sandbox = Sandbox::new();
    for (name, whole) in [
        ("bp.tar", tar.clone()),
        ("bp.tgz", tar_maker::gzip(&tar)),
        ("bp.zip", tar_maker::zip(&members)),
    ] {
        // in the header of an entry, in its content, in a checksum at the end
        for kept in [100, 600, whole.len() / 2, whole.len() - 4] {
            if name == "bp.tar" && kept == whole.len() - 4 {
                continue; // only padding is lost
            }
            sandbox.write(name, &whole[..kept]);
            refused(&sandbox, &["--path", name]).stderr_has(name);
        }
    }
}

#[test]
fn damaged() {
    let toml = descriptor(&["linux/amd64"]);
    let noise = hex::encode(noise(40_000));
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("data", noise.as_str()),
    ];
    let members = members("", true, &tree);
    let sandbox = Sandbox::new();
    for (name, mut bytes) in [
        ("bp.tgz", tar_maker::gzip(&tar_maker::tar(TarFormat::Ustar, &members))),
        ("bp.zip", tar_maker::zip(&members)),
    ] {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        sandbox.write(name, bytes);
        refused(&sandbox, &["--path", name]).stderr_has(name);
    }
}

#[test]
fn a_size_that_is_a_lie() {
    let mut header = tar::Header::new_ustar();
    header.set_path("data").unwrap();
    header.set_mode(0o644);
    header.set_size(8_000_000_000);
    header.set_cksum();
    let toml = descriptor(&["linux/amd64"]);
    let sound = [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)];
    let mut tar = tar_maker::tar(TarFormat::Ustar, &members("", true, &sound));
    tar.truncate(tar.len() - 1024);
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(&[b'x'; 1024]);
    let sandbox = Sandbox::new();
    sandbox.write("bp.tar", &tar);
    sandbox.write("bp.tgz", tar_maker::gzip(&tar));
    for path in ["bp.tar", "bp.tgz"] {
        limited(&sandbox, &["--path", path]).stderr_has(path);
    }
}

#[test]
fn a_sparse_file_of_terabytes() {
    let mut header = tar::Header::new_gnu();
    header.set_path("data").unwrap();
    header.set_mode(0o644);
    header.set_size(0);
    header.set_entry_type(tar::EntryType::GNUSparse);
    let gnu = header.as_gnu_mut().unwrap();
    let real_size = 8_000_000_000_u64;
    gnu.realsize.copy_from_slice(format!("{real_size:011o}\0").as_bytes());
    gnu.sparse[0]
        .offset
        .copy_from_slice(format!("{real_size:011o}\0").as_bytes());
    gnu.sparse[0]
        .numbytes
        .copy_from_slice(format!("{:011o}\0", 0).as_bytes());
    header.set_cksum();
    let toml = descriptor(&["linux/amd64"]);
    let sound = [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)];
    let mut tar = tar_maker::tar(TarFormat::Gnu, &members("", true, &sound));
    tar.truncate(tar.len() - 1024);
    tar.extend_from_slice(header.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    let sandbox = Sandbox::new();
    sandbox.write("bp.tar", tar);
    limited(&sandbox, &["--path", "bp.tar"])
        .stderr_has("bp.tar")
        .stderr_has("sparse");
}

#[test]
fn a_bomb_in_a_tgz() {
    let toml = descriptor(&["linux/amd64"]);
    let sound = [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)];
    let mut tar = tar_maker::tar(TarFormat::Ustar, &members("", true, &sound));
    tar.truncate(tar.len() - 1024);
    let mut header = tar::Header::new_ustar();
    header.set_path("zeros").unwrap();
    header.set_mode(0o644);
    header.set_size(3 << 30);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    let sandbox = Sandbox::new();
    let file = fs::File::create(sandbox.join("bomb.tar.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::new(6));
    encoder.write_all(&tar).unwrap();
    write_zeros(&mut encoder, (3 << 30) + 1024);
    encoder.finish().unwrap();
    limited(&sandbox, &["--path", "bomb.tar.gz"]).stderr_has("bomb.tar.gz");
}

#[test]
fn a_bomb_in_a_zip() {
    let sandbox = Sandbox::new();
    let file = fs::File::create(sandbox.join("bomb.zip")).unwrap();
    let mut writer = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    let toml = descriptor(&["linux/amd64"]);
    for (name, content) in [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)] {
        writer.start_file(name, options).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.start_file("zeros", options).unwrap();
    write_zeros(&mut writer, 3 << 30);
    writer.finish().unwrap();
    limited(&sandbox, &["--path", "bomb.zip"])
        .stderr_has("bomb.zip")
        .stderr_has("zeros");
}

#[test]
fn a_bomb_of_overlapping_entries_in_a_zip() {
    let toml = descriptor(&["linux/amd64"]);
    let zeros = "\0".repeat(20 << 20);
    let tree = [
        ("buildpack.toml", toml.as_str()),
        ("bin/build", SCRIPT),
        ("zeros-0000", zeros.as_str()),
    ];
    let zip = tar_maker::zip(&members("", false, &tree));
    // the list of contents names the same bytes a thousand times
    let end = zip.len() - 22;
    let number = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap());
    let start = number(end + 16) as usize;
    let name = zip[start..end]
        .windows(10)
        .rposition(|part| part == b"zeros-0000")
        .unwrap();
    let entry = &zip[start + name - 46..end];
    let mut bomb = zip[..end].to_vec();
    for count in 1..1000 {
        let mut more = entry.to_vec();
        more[46..56].copy_from_slice(format!("zeros-{count:04}").as_bytes());
        bomb.extend_from_slice(&more);
    }
    let length = u32::try_from(bomb.len() - start).unwrap();
    let entries = u16::try_from(tree.len() + 999).unwrap();
    let list = bomb.len();
    bomb.extend_from_slice(&zip[end..]);
    bomb[list + 8..list + 10].copy_from_slice(&entries.to_le_bytes());
    bomb[list + 10..list + 12].copy_from_slice(&entries.to_le_bytes());
    bomb[list + 12..list + 16].copy_from_slice(&length.to_le_bytes());
    let sandbox = Sandbox::new();
    sandbox.write("bomb.zip", bomb);
    limited(&sandbox, &["--path", "bomb.zip"])
        .stderr_has("bomb.zip")
        .stderr_has("zeros-");
}

#[test]
fn a_buildpack_in_a_folder_of_the_archive() {
    let toml = descriptor(&["linux/amd64"]);
    let tree = [("buildpack.toml", toml.as_str()), ("bin/build", SCRIPT)];
    let tar = tar_maker::tar(TarFormat::Ustar, &members("hello-1.0/", true, &tree));
    let sandbox = Sandbox::new();
    sandbox.write("bp.tar", tar);
    let run = refused(&sandbox, &["--path", "bp.tar"]);
    run.stderr_has("buildpack.toml");
    hints(&run, "hello-1.0");
}

fn write_zeros(out: &mut impl std::io::Write, count: u64) {
    let mut zeros = std::io::Read::take(std::io::repeat(0), count);
    std::io::copy(&mut std::io::BufReader::with_capacity(1 << 20, &mut zeros), out).unwrap();
}

/// Refused with files limited to 64 MB, and not because of that.
#[track_caller]
fn limited(sandbox: &Sandbox, args: &[&str]) -> Run {
    let run = refused_with(REFERENCE, args, sandbox, &|args| {
        with_file_size_limit(sandbox, 64 << 20, args)
    });
    run.stderr_lacks("os error").stderr_lacks("File too large");
    run
}
