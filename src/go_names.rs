//! The names that Go has for operating systems and architectures, which the OCI image spec (config, `os` and `architecture`) refers
//! to; other names people have for them, and what a wrong one is most likely a slip of.

use crate::error::nearest;

/// Operating systems.
pub const KNOWN_OS: [&str; 16] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];
/// Architectures.
pub const KNOWN_ARCH: [&str; 18] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv",
    "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
];
/// Other names of known architectures, with a variant where they mean one.
const ALIASES: [(&str, &str); 8] = [
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armhf", "arm/v7"),
    ("armv7", "arm/v7"),
    ("i386", "386"),
    ("x86", "386"),
];

/// All names of an architecture that files and folders may have in theirs.
pub fn names_of_arch(arch: &str) -> impl Iterator<Item = &str> {
    let aliases = ALIASES.iter().filter(move |(_, known)| *known == arch);
    std::iter::once(arch).chain(aliases.map(|(alias, _)| *alias))
}

/// Whether `name` is a known operating system or architecture.
#[must_use]
pub fn is_known_name(name: &str) -> bool {
    KNOWN_OS.contains(&name) || KNOWN_ARCH.contains(&name)
}

/// The variant that an architecture has where none is said.
#[must_use]
pub fn usual_variant(arch: &str) -> Option<&'static str> {
    match arch {
        "arm64" => Some("v8"),
        "arm" => Some("v7"),
        _ => None,
    }
}

/// The operating system that `name` is, or is most likely a slip of.
#[must_use]
pub fn meant_os(name: &str) -> Option<&'static str> {
    nearest(&name.to_lowercase(), KNOWN_OS)
}

/// The architecture that `name` is, is another name of, or is most likely a slip of; some other names imply a variant.
#[must_use]
pub fn meant_arch(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    arch_of(&lower).or_else(|| nearest(&lower, KNOWN_ARCH))
}

/// The architecture with this name, or with this other name.
fn arch_of(name: &str) -> Option<&'static str> {
    let known = KNOWN_ARCH.iter().find(|known| **known == name).copied();
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == name);
    known.or_else(|| alias().map(|(_, known)| *known))
}

/// The `os/architecture` that somebody means who wrote `name` where an operating system comes first: an architecture alone, or both
/// with another separator.
#[must_use]
pub fn meant_platform(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if let Some(arch) = arch_of(&lower) {
        return Some(format!("linux/{arch}"));
    }
    let (os, arch) = lower.split_once(['-', '_', '.', ','])?;
    Some(format!(
        "{}/{}",
        KNOWN_OS.iter().find(|known| **known == os)?,
        arch_of(arch)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        assert_eq!(meant_arch("x86_64"), Some("amd64"));
        assert_eq!(meant_arch("AMD64"), Some("amd64"));
        assert_eq!(meant_arch("arm46"), Some("arm64"));
        assert_eq!(meant_arch("armhf"), Some("arm/v7"));
        assert_eq!(meant_arch("zzz"), None);
        assert_eq!(meant_os("Linus"), Some("linux"));
        let platform = |name: &str| meant_platform(name);
        assert_eq!(platform("amd64").as_deref(), Some("linux/amd64"));
        assert_eq!(platform("aarch64").as_deref(), Some("linux/arm64"));
        assert_eq!(platform("linux-x86_64").as_deref(), Some("linux/amd64"));
        assert_eq!(platform("linux_arm64").as_deref(), Some("linux/arm64"));
        assert_eq!(platform("linux"), None);
        assert_eq!(platform("lambda-amd64"), None);
    }
}
