//! [`Executable`]: what processor a program is for, told from its first bytes (ELF, Mach-O, PE).

use std::fmt;

/// Bytes from the begin of a file that are needed to tell.
pub const HEAD_LEN: usize = 1024;

/// The architectures that are told apart, in Go's names.
const KNOWN: [&str; 17] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv",
    "riscv64", "s390", "s390x", "sparc", "sparc64",
];

/// A program for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Executable {
    /// Its form.
    pub format: Format,
    /// The architectures it can run on, in Go's names; empty for one that is not known here.
    pub architectures: &'static [&'static str],
    /// The number that the file has for its processor.
    pub machine: u32,
}

/// Forms of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Linux and most others.
    Elf,
    /// macOS.
    MachO,
    /// Windows.
    Pe,
}

impl Executable {
    /// Of the first [`HEAD_LEN`] bytes of a file; `None` for what is no program of these forms, as a script is.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        elf(head).or_else(|| mach_o(head)).or_else(|| pe(head))
    }

    /// Whether it runs on an architecture, by Go's name; `None` where neither of the two is known here.
    #[must_use]
    pub fn runs_on(&self, architecture: &str) -> Option<bool> {
        let is_known = !self.architectures.is_empty() || KNOWN.contains(&architecture);
        is_known.then(|| self.architectures.contains(&architecture))
    }

    /// Whether Linux on an architecture runs it, likewise.
    #[must_use]
    pub fn runs_on_linux(&self, architecture: &str) -> Option<bool> {
        let runs = self.runs_on(architecture)?;
        Some(runs && self.format == Format::Elf)
    }
}

impl fmt::Display for Executable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            Format::Elf => "ELF",
            Format::MachO => "Mach-O",
            Format::Pe => "PE",
        };
        match self.architectures.first() {
            Some(architecture) => write!(f, "{format} for {architecture}"),
            None => write!(f, "{format} for machine {:#x}", self.machine),
        }
    }
}

/// The gABI's header: class in byte 4, byte order in byte 5, `e_machine` in bytes 18 and 19.
fn elf(head: &[u8]) -> Option<Executable> {
    if !head.starts_with(b"\x7fELF") || head.len() < 20 {
        return None;
    }
    let is_big = head[5] == 2;
    let bytes = [head[18], head[19]];
    let machine = if is_big {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    };
    let is_64 = head[4] == 2;
    let architectures: &[&str] = match (machine, is_64, is_big) {
        (3, ..) => &["386"],
        (62, ..) => &["amd64"],
        (40, ..) => &["arm"],
        (183, ..) => &["arm64"],
        (21, _, false) => &["ppc64le"],
        (21, _, true) => &["ppc64"],
        (22, true, _) => &["s390x"],
        (22, false, _) => &["s390"],
        (243, true, _) => &["riscv64"],
        (243, false, _) => &["riscv"],
        (258, ..) => &["loong64"],
        (8, true, false) => &["mips64le"],
        (8, true, true) => &["mips64"],
        (8, false, false) => &["mipsle"],
        (8, false, true) => &["mips"],
        (2, ..) => &["sparc"],
        (43, ..) => &["sparc64"],
        _ => &[],
    };
    Some(Executable {
        format: Format::Elf,
        architectures,
        machine: machine.into(),
    })
}

/// One processor, or several in one file; what is told of the latter is the first of them, and all that Apple ever joined.
fn mach_o(head: &[u8]) -> Option<Executable> {
    let word = |at: usize| -> Option<[u8; 4]> { head.get(at..at + 4)?.try_into().ok() };
    let machine = match word(0)? {
        [0xcf | 0xce, 0xfa, 0xed, 0xfe] => u32::from_le_bytes(word(4)?),
        [0xfe, 0xed, 0xfa, 0xcf | 0xce] => u32::from_be_bytes(word(4)?),
        // Java classes begin alike, with a version in the place of the count
        [0xca, 0xfe, 0xba, 0xbe] if (1..20).contains(&u32::from_be_bytes(word(4)?)) => {
            return Some(Executable {
                format: Format::MachO,
                architectures: &["amd64", "arm64"],
                machine: u32::from_be_bytes(word(8)?),
            });
        }
        _ => return None,
    };
    let architectures: &[&str] = match machine {
        0x0100_0007 => &["amd64"],
        0x0100_000c => &["arm64"],
        7 => &["386"],
        12 => &["arm"],
        _ => &[],
    };
    Some(Executable {
        format: Format::MachO,
        architectures,
        machine,
    })
}

/// The offset of the PE header stands at 0x3c; the machine follows its signature.
fn pe(head: &[u8]) -> Option<Executable> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let at = usize::try_from(u32::from_le_bytes(head.get(0x3c..0x40)?.try_into().ok()?)).ok()?;
    let rest = head.get(at..)?.strip_prefix(b"PE\0\0")?;
    let machine = u16::from_le_bytes(rest.get(..2)?.try_into().ok()?);
    let architectures: &[&str] = match machine {
        0x8664 => &["amd64"],
        0xaa64 => &["arm64"],
        0x014c => &["386"],
        0x01c0 | 0x01c4 => &["arm"],
        _ => &[],
    };
    Some(Executable {
        format: Format::Pe,
        architectures,
        machine: machine.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf_head(class: u8, order: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
        head[18..20].copy_from_slice(&machine);
        head
    }

    #[test]
    fn machines_of_elf_files() {
        let check = |class, order, machine, expected: &str| {
            let found = Executable::of(&elf_head(class, order, machine)).unwrap();
            assert_eq!(found.to_string(), expected);
        };
        check(2, 1, [62, 0], "ELF for amd64");
        check(2, 1, [183, 0], "ELF for arm64");
        check(2, 2, [0, 22], "ELF for s390x");
        check(2, 1, [21, 0], "ELF for ppc64le");
        check(2, 2, [0, 21], "ELF for ppc64");
        check(2, 1, [0xff, 0x7f], "ELF for machine 0x7fff");
        let known = Executable::of(&elf_head(2, 1, [62, 0])).unwrap();
        assert_eq!(known.runs_on("amd64"), Some(true));
        assert_eq!(known.runs_on("arm64"), Some(false));
        let unknown = Executable::of(&elf_head(2, 1, [9, 9])).unwrap();
        assert_eq!(unknown.runs_on("amd64"), Some(false));
        assert_eq!(unknown.runs_on("newarch"), None);
    }

    #[test]
    fn other_forms() {
        let mut pe = vec![0; 128];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x40;
        pe[0x40..0x46].copy_from_slice(b"PE\0\0\x64\x86");
        assert_eq!(Executable::of(&pe).unwrap().to_string(), "PE for amd64");
        assert_eq!(
            Executable::of(b"\xcf\xfa\xed\xfe\x0c\0\0\x01").unwrap().to_string(),
            "Mach-O for arm64"
        );
        for none in [
            &b"#!/bin/sh\n"[..],
            b"",
            b"\x7fELF",
            b"MZ",
            b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10",
        ] {
            assert_eq!(Executable::of(none), None, "{none:?}");
        }
    }
}
