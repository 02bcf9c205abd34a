//! [`Target`]: what a buildpack runs on, as `[[targets]]` and `--target` say it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::document::{Located, Table};
use crate::error::{Error, Finding, Place, Result, Severity, did_you_mean};
use crate::go_names::{KNOWN_ARCH, KNOWN_OS, meant_arch, meant_os, meant_platform, usual_variant};

/// Images for it went from the Cloud Native Buildpacks by RFC 0133.
const UNSUPPORTED_OS: &str = "windows";

/// A target as written: a field that is not given is empty. The serialised form is the one in labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Target {
    /// `linux`, ...
    #[serde(default)]
    pub os: String,
    /// `amd64`, ...
    #[serde(default)]
    pub arch: String,
    /// `v7`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Distributions; any where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distros: Vec<Distro>,
    /// The platform root folder, where it is not the one found by the names (RFC 0128).
    #[serde(skip)]
    pub path: Option<String>,
}

/// A distribution of Linux.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Distro {
    /// `ubuntu`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `24.04`, ...; empty for any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// A part of a target that something can be wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The target as a whole.
    Whole,
    /// `os`.
    Os,
    /// `arch`.
    Arch,
    /// `variant`.
    Variant,
    /// The distribution at this position.
    Distro(usize),
    /// `path`.
    Path,
}

/// A target of a file, and where its parts stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTarget {
    /// The target.
    pub target: Target,
    place: Place,
    os: Option<Place>,
    arch: Option<Place>,
    variant: Option<Place>,
    path: Option<Place>,
    distros: Vec<Place>,
}

impl Distro {
    /// Whether two distributions are the same, as far as both say.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let equal = |own: &str, other: &str| own.is_empty() || other.is_empty() || own == other;
        equal(&self.name, &other.name) && equal(&self.version, &other.version)
    }
}

impl DeclaredTarget {
    /// Where a part stands; the whole where the part is not written.
    #[must_use]
    pub fn place(&self, part: Part) -> &Place {
        let written = match part {
            Part::Whole => None,
            Part::Os => self.os.as_ref(),
            Part::Arch => self.arch.as_ref(),
            Part::Variant => self.variant.as_ref(),
            Part::Distro(at) => self.distros.get(at),
            Part::Path => self.path.as_ref(),
        };
        written.unwrap_or(&self.place)
    }

    /// Reads an entry of `[[targets]]`; unknown keys are reported with `unknown_keys`.
    #[must_use]
    pub fn read(mut table: Table<'_>, unknown_keys: Severity) -> Self {
        let text =
            |found: &Option<Located<String>>| found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
        let mut distros = Vec::new();
        let mut distro_places = Vec::new();
        for mut distro in table.tables("distros") {
            let (name, version) = (distro.string("name"), distro.string("version"));
            distros.push(Distro {
                name: text(&name),
                version: text(&version),
            });
            distro_places.push(distro.place());
            distro.finish(unknown_keys);
        }
        let (os, arch, variant) = (table.string("os"), table.string("arch"), table.string("variant"));
        let path = table.string("path");
        let declared = Self {
            target: Target {
                os: text(&os),
                arch: text(&arch),
                variant: text(&variant),
                distros,
                path: path.as_ref().map(|path| path.value.clone()),
            },
            place: table.place(),
            os: os.map(|found| found.place),
            arch: arch.map(|found| found.place),
            variant: variant.map(|found| found.place),
            path: path.map(|found| found.place),
            distros: distro_places,
        };
        table.finish(unknown_keys);
        declared
    }

    /// What is wrong with the names, each fault at its place; see [`Target::check`].
    #[must_use]
    pub fn check(&self, allow_unknown: bool) -> Vec<Finding> {
        let faults = self.target.check(allow_unknown).into_iter();
        faults
            .map(|(part, finding)| finding.at(self.place(part).clone()))
            .collect()
    }
}

impl Target {
    /// What an image is for where no target says it.
    pub const DEFAULT_OS: &'static str = "linux";
    /// What an image is for where no target says it.
    pub const DEFAULT_ARCH: &'static str = "amd64";

    /// One target for each distribution.
    #[must_use]
    pub fn expand(&self) -> Vec<Self> {
        if self.distros.len() < 2 {
            return vec![self.clone()];
        }
        let single = |distro: &Distro| Self {
            distros: vec![distro.clone()],
            ..self.clone()
        };
        self.distros.iter().map(single).collect()
    }

    /// The folder names of this target as written, from the outside in (RFC 0128, platform root folder).
    #[must_use]
    pub fn folder_names(&self) -> Vec<String> {
        [&self.os, &self.arch, &self.variant]
            .into_iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .chain(self.distros.iter().map(ToString::to_string))
            .collect()
    }

    /// Whether both are written alike, apart from the folder.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        (&self.os, &self.arch, &self.variant, &self.distros) == (&other.os, &other.arch, &other.variant, &other.distros)
    }

    /// Whether all that `self` names, `other` names too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let covers = |own: &str, other: &str| own.is_empty() || own == other;
        let has = |own: &Distro| {
            let covered = |other: &Distro| covers(&own.name, &other.name) && covers(&own.version, &other.version);
            other.distros.iter().any(covered)
        };
        covers(&self.os, &other.os)
            && covers(&self.arch, &other.arch)
            && (self.variant.is_empty() || self.usual_variant() == other.usual_variant())
            && (self.distros.is_empty() || self.distros.iter().any(has))
    }

    /// Whether a module for `self` runs on what `other` says: nothing that both name differs (buildpack spec, targets).
    ///
    /// A distribution counts where both name one, and then one of them must be equal.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        let equal = |own: &str, other: &str| own.is_empty() || other.is_empty() || own == other;
        let same_distro = |own: &Distro| other.distros.iter().any(|other| own.same_as(other));
        equal(&self.os, &other.os)
            && equal(&self.arch, &other.arch)
            && equal(self.usual_variant(), other.usual_variant())
            && (self.distros.is_empty() || other.distros.is_empty() || self.distros.iter().any(same_distro))
    }

    /// With what it does not say itself taken from `other`, and its folder.
    #[must_use]
    pub fn completed_by(&self, other: &Self) -> Self {
        let or = |own: &String, other: &String| {
            if own.is_empty() { other.clone() } else { own.clone() }
        };
        Self {
            os: or(&self.os, &other.os),
            arch: or(&self.arch, &other.arch),
            variant: or(&self.variant, &other.variant),
            distros: if self.distros.is_empty() {
                other.distros.clone()
            } else {
                self.distros.clone()
            },
            path: other.path.clone(),
        }
    }

    /// Without its distributions, for people.
    #[must_use]
    pub fn platform_text(&self) -> String {
        Self {
            distros: Vec::new(),
            ..self.clone()
        }
        .to_string()
    }

    /// Whether no processor and no distribution is named.
    #[must_use]
    pub fn names_os_only(&self) -> bool {
        self.arch.is_empty() && self.variant.is_empty() && self.distros.is_empty()
    }

    /// Its variant: arm64 is arm64/v8, arm is arm/v7, where nothing is said.
    #[must_use]
    pub fn usual_variant(&self) -> &str {
        match self.variant.as_str() {
            "" => usual_variant(&self.arch).unwrap_or_default(),
            variant => variant,
        }
    }

    /// With os and architecture filled in where they are not given.
    #[must_use]
    pub fn with_defaults(&self) -> Self {
        let or = |text: &String, default: &str| {
            if text.is_empty() {
                default.to_owned()
            } else {
                text.clone()
            }
        };
        Self {
            os: or(&self.os, Self::DEFAULT_OS),
            arch: or(&self.arch, Self::DEFAULT_ARCH),
            ..self.clone()
        }
    }

    /// What is wrong with the names; `allow_unknown` lets operating systems and architectures pass that are not known.
    #[must_use]
    pub fn check(&self, allow_unknown: bool) -> Vec<(Part, Finding)> {
        let mut findings = Vec::new();
        if self.os == UNSUPPORTED_OS {
            let finding = Finding::error(format!("target `{self}` is for windows, which is not supported"))
                .hint("Windows images were removed from the Cloud Native Buildpacks by RFC 0133; name linux targets");
            findings.push((Part::Os, finding));
        }
        let unknown = |what: &str, name: &str, meant: Option<String>, known: &[&str]| {
            let mean = did_you_mean(meant);
            Finding::error(format!(
                "target `{self}` has the unknown {what} `{}`",
                name.escape_debug()
            ))
            .hint(format!(
                "{mean}known are {}; --allow-unknown-target takes any",
                known.join(", ")
            ))
        };
        // the one that is never supported is no way out
        let supported: Vec<&str> = KNOWN_OS.into_iter().filter(|name| *name != UNSUPPORTED_OS).collect();
        let meant_os = meant_platform(&self.os)
            .filter(|_| self.arch.is_empty())
            .or_else(|| meant_os(&self.os).map(ToOwned::to_owned));
        let meant_arch = meant_arch(&self.arch).map(ToOwned::to_owned);
        for (part, what, name, meant, known) in [
            (Part::Os, "os", &self.os, meant_os, &supported[..]),
            (Part::Arch, "arch", &self.arch, meant_arch, &KNOWN_ARCH[..]),
        ] {
            if !name.is_empty() && name != UNSUPPORTED_OS && !known.contains(&name.as_str()) {
                if !is_name(name) {
                    findings.push((part, bad_name(self, what, name)));
                } else if !allow_unknown {
                    findings.push((part, unknown(what, name, meant, known)));
                }
            }
        }
        let distros = self.distros.iter().enumerate().flat_map(|(at, distro)| {
            [
                (Part::Distro(at), "distro name", &distro.name),
                (Part::Distro(at), "distro version", &distro.version),
            ]
        });
        for (part, what, name) in [(Part::Variant, "variant", &self.variant)].into_iter().chain(distros) {
            if !name.is_empty() && !is_name(name) {
                findings.push((part, bad_name(self, what, name)));
            }
        }
        if !self.variant.is_empty() && self.arch.is_empty() {
            findings.push((
                Part::Variant,
                Finding::error(format!("target `{self}` has a variant without an arch")),
            ));
        }
        for (at, distro) in self.distros.iter().enumerate() {
            if distro.name.is_empty() {
                findings.push((
                    Part::Distro(at),
                    Finding::error(format!("target `{self}` has a distro without a name")),
                ));
            }
        }
        findings
    }
}

/// All texts that messages call targets by, each once.
#[must_use]
pub fn names_in_messages<'t>(targets: impl IntoIterator<Item = &'t Target>) -> Vec<String> {
    let singles = targets.into_iter().flat_map(Target::expand);
    let names = singles.flat_map(|target| {
        let whole = target.with_defaults();
        [
            target.to_string(),
            whole.to_string(),
            target.platform_text(),
            whole.platform_text(),
        ]
    });
    names
        .filter(|name| !name.is_empty())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The entry that `single`, a target with at most one distribution, comes from.
#[must_use]
pub fn declaration_of<'d>(declared: &'d [DeclaredTarget], single: &Target) -> Option<&'d DeclaredTarget> {
    declared
        .iter()
        .find(|declared| declared.target.expand().iter().any(|other| other.same_as(single)))
}

/// What can be a folder name and stand between `/`, `:`, `;` and `@`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !matches!(name, "." | "..")
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'~'))
}

fn bad_name(target: &Target, what: &str, name: &str) -> Finding {
    Finding::error(format!(
        "target `{target}` has the malformed {what} `{}`",
        name.escape_debug()
    ))
    .hint("letters, digits, `.`, `-`, `_`, `+` and `~` are allowed")
}

impl fmt::Display for Distro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.version.is_empty() {
            write!(f, "@{}", self.version)?;
        }
        Ok(())
    }
}

/// `[os][/arch][/variant][:name@version[;name@version]]`, pack's syntax of `--target`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        if !self.arch.is_empty() || !self.variant.is_empty() {
            write!(f, "/{}", self.arch)?;
        }
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        for (at, distro) in self.distros.iter().enumerate() {
            write!(f, "{}{distro}", if at == 0 { ':' } else { ';' })?;
        }
        Ok(())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::invalid(format!("`{}` is not a target: {why}", text.escape_debug()))
                .with_hint("give [os][/arch][/variant][:name@version[;name@version]], for example linux/arm64 or linux/amd64:ubuntu@24.04")
        };
        let (platform, distros) = match text.split_once(':') {
            Some((platform, distros)) => (platform, Some(distros)),
            None => (text, None),
        };
        let mut parts = platform.split('/');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (os, arch, variant) = (next(), next(), next());
        if parts.next().is_some() {
            return Err(bad("it has more than os, arch and variant"));
        }
        if platform.ends_with('/') {
            return Err(bad("it ends in `/`"));
        }
        if os.is_empty() && arch.is_empty() && distros.is_none() {
            return Err(bad("it is empty"));
        }
        let parse_distro = |text: &str| {
            let (name, version) = text.split_once('@').unwrap_or((text, ""));
            let malformed = name.is_empty() || version.contains('@') || text.ends_with('@');
            (!malformed)
                .then(|| Distro {
                    name: name.to_owned(),
                    version: version.to_owned(),
                })
                .ok_or_else(|| bad("a distro needs the form name@version"))
        };
        let distros = distros
            .map(|list| list.split(';').map(parse_distro).collect::<Result<_>>())
            .transpose()?
            .unwrap_or_default();
        Ok(Self {
            os,
            arch,
            variant,
            distros,
            path: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for text in [
            "linux",
            "linux/amd64",
            "linux/arm/v7",
            "/arm64",
            "linux/amd64:ubuntu@24.04",
            "linux/arm/v7:a@1;b@2",
            "linux:ubuntu",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "/",
            "linux/",
            "linux/arm/v7/x",
            "linux:",
            "linux:@1",
            "linux:a@1@2",
            "linux:a@",
            "linux:a@1;",
            "linux/amd64/",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_checked() {
        let faults = |text: &str, allow: bool| text.parse::<Target>().unwrap().check(allow).len();
        assert_eq!(faults("linux/amd64:ubuntu@24.04", false), 0);
        assert_eq!(faults("linux/zzz", false), 1);
        assert_eq!(faults("linux/zzz", true), 0);
        assert_eq!(faults("windows/amd64", true), 1);
        assert_eq!(faults("linux/a b", true), 1);
        assert_eq!(faults("linux/amd64:ubun tu@24.04", true), 1);
        let hint = |text: &str| text.parse::<Target>().unwrap().check(false)[0].1.hint.clone().unwrap();
        assert!(hint("linux/x86_64").contains("`amd64`"));
        assert!(hint("linux/amd46").contains("`amd64`"));
        assert!(hint("linux/AMD64").contains("`amd64`"));
        assert!(hint("linus/amd64").contains("`linux`"));
        assert!(hint("amd64").contains("`linux/amd64`"));
        assert!(hint("linux-arm64").contains("`linux/arm64`"));
        assert!(!hint("linus/amd64").contains("windows"));
    }

    #[test]
    fn what_fits_what() {
        let target = |text: &str| {
            if text.is_empty() {
                Target::default()
            } else {
                text.parse().unwrap()
            }
        };
        let check = |own: &str, other: &str, fits: bool, covers: bool| {
            assert_eq!(target(own).fits(&target(other)), fits, "{own} fits {other}");
            assert_eq!(target(own).covers(&target(other)), covers, "{own} covers {other}");
        };
        check("linux/amd64", "linux/amd64", true, true);
        check("linux", "linux/amd64", true, true);
        check("", "linux/amd64", true, true);
        check("linux/amd64", "linux", true, false);
        check("linux/amd64", "linux/arm64", false, false);
        check("linux/arm64/v8", "linux/arm64", true, true);
        check("linux/arm/v6", "linux/arm", false, false);
        check("linux/arm", "linux/arm/v7", true, true);
        check("linux/amd64:ubuntu@24.04", "linux/amd64", true, false);
        check("linux/amd64", "linux/amd64:ubuntu@24.04", true, true);
        check("linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04", false, false);
        check("linux/amd64:ubuntu", "linux/amd64:ubuntu@24.04", true, true);
        check(
            "linux/amd64:debian@12;ubuntu@24.04",
            "linux/amd64:ubuntu@24.04",
            true,
            true,
        );
    }
}
