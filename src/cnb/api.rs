//! [`ApiVersion`]: `<major>[.<minor>]` of the Buildpack API or the Platform API.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A version of the Buildpack API; `7` is 7.0 (buildpack spec, `api`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// The part before the dot.
    pub major: u32,
    /// The part after it, 0 where there is none.
    pub minor: u32,
}

impl ApiVersion {
    /// The first that knows `[[targets]]` (buildpack spec).
    pub const TARGETS: Self = Self { major: 0, minor: 10 };
    /// The first that is known.
    pub const FIRST: Self = Self { major: 0, minor: 2 };
    /// The last that is known.
    pub const LAST: Self = Self { major: 0, minor: 12 };

    /// Whether some released lifecycle has this version.
    #[must_use]
    pub fn is_known(self) -> bool {
        (Self::FIRST..=Self::LAST).contains(&self)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse().ok())
                .flatten()
        };
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        match (number(major), number(minor)) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(Error::invalid(format!(
                "`{text}` is not a version of an API: it needs the form `<major>.<minor>`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<ApiVersion>().unwrap().to_string(), expected);
        check("0.10", "0.10");
        check("7", "7.0");
        check("1.2", "1.2");
        for bad in [
            "",
            ".",
            "1.",
            ".1",
            "v0.1",
            "0.1.2",
            "a",
            "-1",
            "+1",
            "0.+1",
            "99999999999",
        ] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
        assert!("0.10".parse::<ApiVersion>().unwrap() > "0.9".parse::<ApiVersion>().unwrap());
    }
}
