//! [`AirpackConfig`]: `airpack.toml`, for what no other file of the field can say.

use std::path::Path;

use super::document::{Document, Located, Table};
use crate::error::{Finding, Findings, Severity};

/// What `airpack.toml` says. It lies beside the file it belongs to and never gets into an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AirpackConfig {
    /// Files and folders, relative to the file, that go into the image of every target.
    pub shared: Vec<Located<String>>,
}

impl AirpackConfig {
    /// Reads the text of `file`. `None` when there is an error among the findings; unknown keys are errors.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8]) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| Some(Self::read(root)))
    }

    fn read(root: &mut Table<'_>) -> Self {
        let shared = root.strings("shared");
        for path in &shared {
            let leads_out = path.value.starts_with('/') || path.value.split('/').any(|part| part == "..");
            if leads_out || path.value.trim_matches(['.', '/']).is_empty() {
                let finding = Finding::error(format!(
                    "shared path `{}` is not one below the buildpack's folder",
                    path.value
                ));
                root.report_at(
                    finding.hint("name files and folders relative to airpack.toml"),
                    &path.place,
                );
            }
        }
        root.finish_here(Severity::Error);
        Self { shared }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_paths_stay_inside() {
        let parse = |text: &str| AirpackConfig::parse(Path::new("a.toml"), text.as_bytes());
        assert_eq!(parse("shared = [\"lib\", \"bin/detect\"]").0.unwrap().shared.len(), 2);
        assert!(parse("").0.unwrap().shared.is_empty());
        for bad in [
            "shared = [\"../x\"]",
            "shared = [\"/x\"]",
            "shared = [\".\"]",
            "shared = [\"\"]",
            "shared = \"x\"",
            "share = []",
        ] {
            assert!(parse(bad).0.is_none(), "{bad}");
        }
    }
}
