//! [`Platform`]: what an image in an index is for (OCI image index, `platform`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::go_names::{KNOWN_ARCH, KNOWN_OS, meant_arch, meant_os, meant_platform, usual_variant};

/// Operating system, processor, and what tells two of them apart. Fields that are not known here are kept.
///
/// A type of its own because the one of `oci-spec` writes `os_version` where the format has `os.version`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, ...
    #[serde(default)]
    pub architecture: String,
    /// `linux`, ...
    #[serde(default)]
    pub os: String,
    /// The version of a distribution, for images of the Cloud Native Buildpacks.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// `v7`, `v8`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// All other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Platform {
    /// How near an image for `self` comes to what somebody means who asks for `wanted`: 0 is exact, `None` is another platform.
    ///
    /// Os and architecture must be equal. arm64 is arm64/v8, and arm is arm/v7, where nothing nearer is there; who asks for no
    /// variant takes any in the end. The version of the system counts only where it is asked for.
    #[must_use]
    pub fn distance(&self, wanted: &Self) -> Option<u8> {
        let other_version = wanted.os_version.is_some() && self.os_version != wanted.os_version;
        if self.os != wanted.os || self.architecture != wanted.architecture || other_version {
            return None;
        }
        let usual = usual_variant(&self.architecture);
        let (own, asked) = (self.variant.as_deref(), wanted.variant.as_deref());
        if own == asked {
            Some(0)
        } else if own.or(usual) == asked.or(usual) {
            Some(1)
        } else {
            asked.is_none().then_some(2)
        }
    }

    /// Whether no machine could tell which of two images to take, one for `self` and one for `other`.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.with_variant() == other.with_variant()
    }

    /// The same with the variant that is implied, so that equal values mean [`is_same`](Self::is_same).
    #[must_use]
    pub fn with_variant(&self) -> Self {
        let usual = || usual_variant(&self.architecture).map(ToOwned::to_owned);
        Self {
            variant: self.variant.clone().or_else(usual),
            ..self.clone()
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, ":{version}")?;
        }
        Ok(())
    }
}

/// `os/architecture[/variant][:os.version]`, as it is displayed.
impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (names, os_version) = match text.split_once(':') {
            Some((names, version)) => (names, Some(version)),
            None => (text, None),
        };
        if let Some((_, version)) = os_version.and_then(|version| version.split_once('@')) {
            return Err(Error::invalid(format!(
                "`{text}` is not a platform: images are told apart by the version alone"
            ))
            .with_hint(format!("write `{names}:{version}`")));
        }
        let parts: Vec<&str> = names.split('/').collect();
        let bad = || {
            let mean = did_you_mean(meant_platform(text));
            Error::invalid(format!("`{text}` is not a platform")).with_hint(format!(
                "{mean}give os/architecture[/variant][:os.version], for example linux/arm64"
            ))
        };
        if parts.iter().any(|part| part.is_empty()) || os_version.is_some_and(str::is_empty) {
            return Err(bad());
        }
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(bad()),
        };
        Ok(Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: os_version.map(ToOwned::to_owned),
            variant: variant.map(ToOwned::to_owned),
            other: Map::new(),
        })
    }
}

/// The error for a platform that no image in `place` is for. `has` are those that there are, as they are to be told.
pub fn no_image_for(wanted: &Platform, place: impl fmt::Display, has: impl IntoIterator<Item = String>) -> Error {
    let has: Vec<String> = has.into_iter().collect();
    let hint = if has.is_empty() {
        "it has no image that says what it is for".to_owned()
    } else {
        let mean = did_you_mean(meant(wanted, &has));
        format!("{mean}it has {}", has.join(", "))
    };
    Error::new(ErrorKind::NotFound, format!("no image for {wanted} in {place}")).with_hint(hint)
}

/// What there is, where `wanted` is a slip of it. A platform that can be is no slip of another.
fn meant<'h>(wanted: &Platform, has: &'h [String]) -> Option<&'h String> {
    let (os, architecture) = (wanted.os.as_str(), wanted.architecture.as_str());
    let is_known = KNOWN_OS.contains(&os) && KNOWN_ARCH.contains(&architecture);
    let meant = format!("{}/{}", meant_os(os)?, meant_arch(architecture)?);
    let is_meant = |name: &&String| name.split([':', ' ']).next() == Some(&*meant);
    has.iter().find(is_meant).filter(|_| !is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for text in ["linux/amd64", "linux/arm/v7", "linux/arm64:24.04", "linux/arm/v6:12"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd64:"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_platform_is_none() {
        let hint = |wanted: &str| {
            let has = ["linux/amd64", "linux/arm64:24.04", "linux/arm/v7"].map(ToOwned::to_owned);
            let error = no_image_for(&wanted.parse().unwrap(), "x", has);
            error.hint().unwrap_or_default().to_owned()
        };
        assert!(hint("linux/amd46").starts_with("did you mean `linux/amd64`? it has linux/amd64, "));
        assert!(hint("linux/aarch64").starts_with("did you mean `linux/arm64:24.04`?"));
        assert!(hint("linux/armhf").starts_with("did you mean `linux/arm/v7`?"));
        assert!(hint("linus/x86_64").starts_with("did you mean `linux/amd64`?"));
        assert!(hint("linux/s390x").starts_with("it has "));
        assert!(hint("linux/s390").starts_with("it has "));
        let bad = |text: &str| {
            text.parse::<Platform>()
                .unwrap_err()
                .hint()
                .unwrap_or_default()
                .to_owned()
        };
        assert!(bad("amd64").starts_with("did you mean `linux/amd64`?"));
        assert!(bad("linux-arm64").starts_with("did you mean `linux/arm64`?"));
        assert!(bad("linux").starts_with("give "));
        assert_eq!(bad("linux/amd64:ubuntu@24.04"), "write `linux/amd64:24.04`");
    }

    #[test]
    fn the_usual_variant_is_implied() {
        let check = |has: &str, wanted: &str, expected: Option<u8>| {
            let distance = has.parse::<Platform>().unwrap().distance(&wanted.parse().unwrap());
            assert_eq!(distance, expected, "{has} for {wanted}");
        };
        check("linux/arm64", "linux/arm64", Some(0));
        check("linux/arm64", "linux/arm64/v8", Some(1));
        check("linux/arm64/v8", "linux/arm64", Some(1));
        check("linux/arm", "linux/arm/v7", Some(1));
        check("linux/arm/v6", "linux/arm", Some(2));
        check("linux/arm/v6", "linux/arm/v7", None);
        check("linux/amd64/v3", "linux/amd64", Some(2));
        check("linux/amd64", "linux/amd64/v3", None);
        check("linux/amd64", "linux/arm64", None);
        check("linux/amd64:22.04", "linux/amd64", Some(0));
        check("linux/amd64:22.04", "linux/amd64:24.04", None);
    }

    #[test]
    fn an_implied_variant_makes_no_other_platform() {
        let check = |one: &str, other: &str, expected: bool| {
            let is_same = one.parse::<Platform>().unwrap().is_same(&other.parse().unwrap());
            assert_eq!(is_same, expected, "{one} and {other}");
        };
        check("linux/arm64", "linux/arm64/v8", true);
        check("linux/arm", "linux/arm/v6", false);
        check("linux/amd64", "linux/amd64/v3", false);
        check("linux/amd64", "linux/amd64:24.04", false);
        check("linux/amd64:22.04", "linux/amd64:24.04", false);
    }

    #[test]
    fn the_dot_is_in_the_name_of_the_field_and_others_are_kept() {
        let text = r#"{"architecture":"amd64","os":"linux","os.features":["x"],"os.version":"22.04"}"#;
        let platform: Platform = serde_json::from_str(text).unwrap();
        assert_eq!(platform.os_version.as_deref(), Some("22.04"));
        assert_eq!(super::super::json::to_bytes(&platform), text.as_bytes());
    }
}
