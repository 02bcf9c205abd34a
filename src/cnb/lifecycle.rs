//! [`LifecycleDescriptor`]: `lifecycle.toml`, which says what a lifecycle can do.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::api::ApiVersion;
use super::document::{Document, Table};
use crate::error::{Finding, Findings};

/// A lifecycle by its version and the APIs that it speaks. The serialised form is the one in labels of builders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LifecycleDescriptor {
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The earliest API of each kind that it speaks.
    #[serde(default)]
    pub api: EarliestApis,
    /// All that it speaks.
    #[serde(default)]
    pub apis: Apis,
}

/// What platforms of old looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EarliestApis {
    /// Of the Buildpack API.
    #[serde(default)]
    pub buildpack: String,
    /// Of the Platform API.
    #[serde(default)]
    pub platform: String,
}

/// The APIs of a lifecycle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Apis {
    /// Towards buildpacks and extensions.
    #[serde(default)]
    pub buildpack: ApiSet,
    /// Towards platforms.
    #[serde(default)]
    pub platform: ApiSet,
}

/// Versions of an API, as written; `None` is `null` in labels, as Go writes a list that was not there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiSet {
    /// Still spoken, but not for long.
    #[serde(default)]
    pub deprecated: Option<Vec<String>>,
    /// Spoken.
    #[serde(default)]
    pub supported: Option<Vec<String>>,
}

impl ApiSet {
    /// All versions, each once, the earliest first; what is no version is left out.
    #[must_use]
    pub fn all(&self) -> Vec<ApiVersion> {
        let written = self.deprecated.iter().chain(&self.supported).flatten();
        let mut all: Vec<ApiVersion> = written.filter_map(|text| text.parse().ok()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether a version is spoken.
    #[must_use]
    pub fn has(&self, api: ApiVersion) -> bool {
        self.all().contains(&api)
    }

    fn earliest(&self) -> String {
        self.all().first().map(ToString::to_string).unwrap_or_default()
    }

    /// The versions for people.
    #[must_use]
    pub fn shown(&self) -> String {
        let all: Vec<String> = self.all().iter().map(ToString::to_string).collect();
        all.join(", ")
    }
}

impl LifecycleDescriptor {
    /// Reads the text of `file`. `None` when there is an error among the findings.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8]) -> (Option<Self>, Findings) {
        Document::read(file, text, Self::read)
    }

    /// Of what labels of an image say: its version, and its APIs.
    #[must_use]
    pub fn of_labels(version: &str, apis: Apis) -> Self {
        Self {
            version: version.to_owned(),
            api: EarliestApis {
                buildpack: apis.buildpack.earliest(),
                platform: apis.platform.earliest(),
            },
            apis,
        }
    }

    fn read(root: &mut Table<'_>) -> Option<Self> {
        let version = match root.table("lifecycle") {
            Some(mut table) => table.required_string("version"),
            None => {
                root.report(Finding::error("`[lifecycle]` is missing").hint("it says the version of the lifecycle"));
                None
            }
        };
        let mut apis = Apis::default();
        if let Some(mut table) = root.table("apis") {
            for (name, set) in [("buildpack", &mut apis.buildpack), ("platform", &mut apis.platform)] {
                if let Some(mut table) = table.table(name) {
                    set.deprecated = read_versions(&mut table, "deprecated");
                    set.supported = read_versions(&mut table, "supported");
                }
            }
        }
        // one version of each, as lifecycles before 0.9 said it
        if let Some(mut table) = root.table("api") {
            for (name, set) in [("buildpack", &mut apis.buildpack), ("platform", &mut apis.platform)] {
                let single = table.string(name);
                if set.supported.is_none() && set.deprecated.is_none() {
                    set.supported = single.map(|single| vec![single.value]);
                }
            }
        }
        for (name, set) in [("buildpack", &apis.buildpack), ("platform", &apis.platform)] {
            if set.all().is_empty() {
                root.report(
                    Finding::error(format!("it supports no version of the {name} API"))
                        .hint(format!("[apis.{name}] lists them in `supported`")),
                );
            }
        }
        Some(Self::of_labels(&version?.value, apis))
    }
}

fn read_versions(table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let is_there = table.any(key).is_some();
    let mut versions = Vec::new();
    for written in table.strings(key) {
        match written.value.parse::<ApiVersion>() {
            Ok(version) => versions.push(version.to_string()),
            Err(error) => {
                table.report_at(Finding::error(error.to_string()), &written.place);
            }
        }
    }
    is_there.then_some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<LifecycleDescriptor>, Vec<String>) {
        let (found, findings) = LifecycleDescriptor::parse(Path::new("l.toml"), text.as_bytes());
        (found, findings.iter().map(|finding| finding.message.clone()).collect())
    }

    #[test]
    fn the_earliest_api_counts_deprecated_ones() {
        let (found, faults) = parse(
            "[lifecycle]\nversion = \"0.20.1\"\n[apis.buildpack]\ndeprecated = [\"0.7\"]\nsupported = [\"0.10\", \"0.9\"]\n[apis.platform]\nsupported = [\"0.13\"]\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        let found = found.unwrap();
        assert_eq!(found.api.buildpack, "0.7");
        assert_eq!(found.apis.buildpack.shown(), "0.7, 0.9, 0.10");
        assert_eq!(found.api.platform, "0.13");
        assert_eq!(found.apis.platform.deprecated, None);
    }

    #[test]
    fn faults() {
        for (text, fault) in [
            ("", "`[lifecycle]` is missing"),
            ("[lifecycle]\n", "`lifecycle.version` is missing"),
            (
                "[lifecycle]\nversion = \"1\"\n",
                "it supports no version of the buildpack API",
            ),
            (
                "[lifecycle]\nversion = \"1\"\n[apis.buildpack]\nsupported = [\"x\"]\n",
                "`x` is not a version of an API: it needs the form `<major>.<minor>`",
            ),
        ] {
            let (found, faults) = parse(text);
            assert!(found.is_none(), "{text}");
            assert!(faults.iter().any(|found| found == fault), "{text}: {faults:?}");
        }
    }
}
