//! [`AirpackConfig`]: `airpack.toml`, for what no other file of the field can say.

use std::path::Path;

use super::document::{Document, Located, Table};
use super::paths::AIRPACK_TOML;
use crate::error::{Finding, Findings, Severity};

/// What `airpack.toml` says. It lies beside the file it belongs to and never gets into an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AirpackConfig {
    /// Files and folders, relative to the file, that go into the image of every target: `lib/x`, without `.` or `..`.
    pub shared: Vec<Located<String>>,
}

impl AirpackConfig {
    /// Reads the text of `file`. `None` when there is an error among the findings; unknown keys are errors.
    #[must_use]
    pub fn parse(file: &Path, text: &[u8]) -> (Option<Self>, Findings) {
        Document::read(file, text, |root| Some(Self::read(root)))
    }

    fn read(root: &mut Table<'_>) -> Self {
        let mut shared = Vec::new();
        for path in root.strings("shared") {
            let refusal = match clean_path(&path.value) {
                Some(clean) if clean == AIRPACK_TOML => {
                    "`airpack.toml` is for airpack alone and never in an image".to_owned()
                }
                Some(clean) => {
                    shared.push(Located { value: clean, ..path });
                    continue;
                }
                None => format!("shared path `{}` is not one below the buildpack's folder", path.value),
            };
            let finding = Finding::error(refusal).hint("name files and folders relative to airpack.toml");
            root.report_at(finding, &path.place);
        }
        root.finish_here(Severity::Error);
        Self { shared }
    }
}

/// Without `.`, doubled or trailing `/`; `None` where nothing is left or it leads out.
fn clean_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let leads_out = path.starts_with('/') || parts.contains(&"..");
    (!leads_out && !parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_paths_stay_inside() {
        let parse = |text: &str| AirpackConfig::parse(Path::new("a.toml"), text.as_bytes());
        assert_eq!(parse("shared = [\"lib\", \"bin/detect\"]").0.unwrap().shared.len(), 2);
        assert_eq!(
            parse("shared = [\"./bin//detect/\"]").0.unwrap().shared[0].value,
            "bin/detect"
        );
        assert!(parse("").0.unwrap().shared.is_empty());
        for bad in [
            "shared = [\"../x\"]",
            "shared = [\"/x\"]",
            "shared = [\".\"]",
            "shared = [\"\"]",
            "shared = [\"./airpack.toml\"]",
            "shared = \"x\"",
            "share = []",
        ] {
            assert!(parse(bad).0.is_none(), "{bad}");
        }
    }
}
