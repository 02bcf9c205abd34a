//! [`ModuleId`] and [`ModuleVersion`]: what a buildpack or extension is called.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Ids that name folders of the lifecycle's own (buildpack spec, `id`).
const RESERVED: [&str; 4] = ["app", "config", "generated", "sbom"];
/// The longest name of a file or folder.
const MAX_NAME: usize = 255;

/// The id of a buildpack or extension: letters, digits, `.`, `/`, `-` (buildpack spec).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(String);

impl ModuleId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as the name of a folder: `/` becomes `_`.
    #[must_use]
    pub fn folder(&self) -> String {
        self.0.replace('/', "_")
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModuleId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("id `{}` {why}", text.escape_debug()));
        if RESERVED.contains(&text) {
            return Err(bad("is reserved").with_hint(format!("{} can not be ids", RESERVED.join(", "))));
        }
        if let Some(c) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-')))
        {
            return Err(bad(&format!("has `{}` in it", c.escape_debug()))
                .with_hint("letters, digits, `.`, `/` and `-` are allowed"));
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(bad("has an empty, `.` or `..` part"));
        }
        if text.len() > MAX_NAME {
            return Err(bad(&format!("is longer than {MAX_NAME} bytes")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The version of a buildpack or extension: anything that can be a path segment, X.Y.Z by the spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleVersion(String);

impl ModuleVersion {
    /// The version.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is X.Y.Z, non-negative integers without leading zeros, as the buildpack spec wants it.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let is_number = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let parts: Vec<&str> = self.0.split('.').collect();
        parts.len() == 3 && parts.into_iter().all(is_number)
    }
}

impl fmt::Display for ModuleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModuleVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("version `{}` {why}", text.escape_debug()));
        if text.is_empty() || matches!(text, "." | "..") || text.contains('/') || text.chars().any(char::is_control) {
            return Err(bad("can not be the name of a folder"));
        }
        if text.len() > MAX_NAME {
            return Err(bad(&format!("is longer than {MAX_NAME} bytes")));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "acme/hello", "Io.Acme/x-1", "a/b/c", "apps", "..a"] {
            assert!(good.parse::<ModuleId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "app",
            "sbom",
            "config",
            "generated",
            "a b",
            "a_b",
            "a/../c",
            "..",
            ".",
            "/a",
            "a/",
            "a//b",
            "ä",
            "a\nb",
        ] {
            assert!(bad.parse::<ModuleId>().is_err(), "{bad}");
        }
        assert_eq!("a/b/c".parse::<ModuleId>().unwrap().folder(), "a_b_c");
    }

    #[test]
    fn versions() {
        for good in ["1.0.0", "0.0.10", "2.0.0-rc.1+b5", "1", "01.2.3", "x"] {
            assert!(good.parse::<ModuleVersion>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "1/2", "1\n2", "1\0"] {
            assert!(bad.parse::<ModuleVersion>().is_err(), "{bad}");
        }
        let canonical = |text: &str| text.parse::<ModuleVersion>().unwrap().is_canonical();
        assert!(canonical("1.0.0") && canonical("0.10.200"));
        assert!(!canonical("1.0") && !canonical("01.0.0") && !canonical("1.0.0-rc.1") && !canonical("1.0.0.0"));
    }
}
