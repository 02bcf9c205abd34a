use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroUsize;

use super::gzip::looks_incompressible;
use super::*;

const KINDS: [Compression; 5] = [
    Compression::Gzip(1),
    Compression::Gzip(2),
    Compression::Gzip(9),
    Compression::Zstd(3),
    Compression::None,
];

/// Bytes that do not compress, the same each time.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    (0..len)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[4]
        })
        .collect()
}

fn text(len: usize) -> Vec<u8> {
    (0..)
        .flat_map(|line: u32| format!("line {line} of {}\n", line.wrapping_mul(2_654_435_761)).into_bytes())
        .take(len)
        .collect()
}

fn packed(content: &[u8], compression: Compression, threads: usize, piece: usize) -> (Vec<u8>, Packed) {
    let mut out = Vec::new();
    let produce = |sink: &mut dyn Write| {
        for part in content.chunks(piece) {
            sink.write_all(part).unwrap();
        }
        Ok(())
    };
    let threads = NonZeroUsize::new(threads).unwrap();
    let packed = pack(&produce, content.len() as u64, compression, threads, &mut out).unwrap();
    (out, packed)
}

fn unpacked(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut content = Vec::new();
    match compression {
        // a reader of one member must see everything
        Compression::Gzip(_) => {
            let mut decoder = flate2::bufread::GzDecoder::new(bytes);
            decoder.read_to_end(&mut content).unwrap();
            assert!(decoder.into_inner().is_empty(), "one member, and nothing behind it");
        }
        Compression::Zstd(_) => content = ::zstd::decode_all(bytes).unwrap(),
        Compression::None => content = bytes.to_vec(),
    }
    content
}

fn contents() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"x".to_vec(),
        vec![0; 3 << 20],
        text((1 << 20) - 1),
        text(1 << 20),
        text((5 << 20) + 17),
        noise((2 << 20) + 5, 1),
        [text(1_500_000), noise(3_000_000, 2), text(100_000), noise(10, 3)].concat(),
    ]
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_write_sizes() {
    for content in contents() {
        for compression in KINDS {
            let (expected, first) = packed(&content, compression, 1, 1 << 16);
            assert!(unpacked(&expected, compression) == content, "{compression}");
            for (threads, piece) in [(2, 1 << 16), (3, 511), (8, 10 << 20)] {
                let (bytes, again) = packed(&content, compression, threads, piece);
                assert!(
                    bytes == expected,
                    "{compression} with {threads} threads, {} bytes",
                    content.len()
                );
                assert_eq!(again, first);
            }
        }
    }
}

#[test]
fn noise_is_stored_and_what_repeats_is_not() {
    assert!(looks_incompressible(&noise(1 << 20, 7)));
    assert!(!looks_incompressible(&text(1 << 20)));
    assert!(!looks_incompressible(&vec![0; 1 << 20]));
    assert!(
        !looks_incompressible(&noise(4096, 7).repeat(256)),
        "entropy alone would call this incompressible"
    );
    let mut half = noise(1 << 20, 7);
    half[..1 << 19].copy_from_slice(&text(1 << 19));
    assert!(!looks_incompressible(&half));

    let content = noise(10 << 20, 11);
    let (bytes, _) = packed(&content, Compression::Gzip(6), 2, 1 << 16);
    assert!(
        bytes.len() < content.len() + content.len() / 10_000 + 100,
        "stored blocks cost next to nothing"
    );
}

fn known(content: &[u8], compression: Compression, blobs: &[(&[u8], [u8; 32])]) -> Option<Known> {
    let candidates: Vec<Candidate> = blobs
        .iter()
        .map(|(bytes, digest)| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            Candidate {
                digest: *digest,
                file: file.into(),
            }
        })
        .collect();
    let produce = |sink: &mut dyn Write| {
        sink.write_all(content)
            .map_err(|cause| crate::error::from_io(cause, |_| Error::invalid("stop")))
    };
    find_known(&produce, content.len() as u64, compression, &candidates).unwrap()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    <sha2::Sha256 as sha2::Digest>::digest(bytes).into()
}

#[test]
fn a_blob_of_this_engine_is_known_again() {
    for content in contents() {
        for compression in KINDS {
            let (blob, packed) = packed(&content, compression, 2, 1 << 16);
            let found = known(
                &content,
                compression,
                &[(b"something else", sha256(b"something else")), (&blob, sha256(&blob))],
            );
            let expected = Known { candidate: 1, packed };
            assert_eq!(
                found,
                (!content.is_empty() || found.is_some()).then_some(expected),
                "{compression} {}",
                content.len()
            );
        }
    }
}

#[test]
fn no_claim_is_believed() {
    let content = text(3 << 20);
    let (blob, _) = packed(&content, Compression::Gzip(2), 2, 1 << 16);
    let check = |why: &str, forged: &[u8], digest: [u8; 32]| {
        assert_eq!(
            known(&content, Compression::Gzip(2), &[(forged, digest)]),
            None,
            "{why}"
        );
    };

    let (mut other_level, _) = packed(&content, Compression::Gzip(9), 2, 1 << 16);
    other_level[..Mark::GZIP_LEN].copy_from_slice(&blob[..Mark::GZIP_LEN]);
    check(
        "another level with this level's mark",
        &other_level,
        sha256(&other_level),
    );

    let mut changed = content.clone();
    *changed.last_mut().unwrap() ^= 1;
    let (other_content, _) = packed(&changed, Compression::Gzip(2), 2, 1 << 16);
    check(
        "other content of the same length",
        &other_content,
        sha256(&other_content),
    );

    check("a digest that is not the blob's", &blob, sha256(b"no"));
    let longer = [&blob[..], b"more"].concat();
    check("bytes behind the end", &longer, sha256(&longer));
    let shorter = &blob[..blob.len() - 4];
    check("a missing end", shorter, sha256(shorter));
}

#[test]
fn marks_are_read_back() {
    for compression in [Compression::Gzip(7), Compression::Zstd(11)] {
        let (blob, _) = packed(b"some content", compression, 1, 5);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&blob).unwrap();
        let mark = read_mark(&file.into(), compression).unwrap().unwrap();
        assert_eq!(mark.total, 12);
        assert_eq!(
            format!("{compression}").rsplit(':').next().unwrap(),
            mark.level.to_string()
        );
    }
    let mut foreign: File = tempfile::tempfile().unwrap();
    foreign
        .write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0])
        .unwrap();
    assert_eq!(read_mark(&foreign.into(), Compression::Gzip(2)).unwrap(), None);
}

#[test]
fn names_round_trip_and_bad_ones_are_refused() {
    for compression in KINDS {
        assert_eq!(compression.to_string().parse::<Compression>().unwrap(), compression);
    }
    for bad in ["", "gzip:0", "gzip:10", "gzip:", "zstd:20", "none:1", "lz4", "gzip:x"] {
        assert!(bad.parse::<Compression>().is_err(), "{bad}");
    }
}
