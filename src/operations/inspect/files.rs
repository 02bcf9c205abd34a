//! The files in the layers of what was inspected, those whose path fits a pattern.

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use super::{Content, EntryView, InspectReport, LayerView, Node};
use crate::error::{Error, Result};
use crate::oci::digest::Digest;
use crate::oci::layout::REF_NAME;
use crate::oci::platform::Platform;

/// An entry of a layer, and where it is.
#[derive(Debug, Clone, Serialize)]
pub struct FileView {
    /// The image's manifest.
    pub image: Digest,
    /// The name of the entry of `index.json` that it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// What the image is for.
    pub platform: Platform,
    /// Which of its layers: the lowest is 1.
    pub layer: usize,
    /// The modules in the layer, as `id@version`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryView,
}

/// Which paths are meant: `*` and `?` stand for what has no `/` in it, `**` for anything.
#[derive(Debug, Clone)]
pub struct PathPattern {
    matcher: GlobMatcher,
    /// A pattern without `/` is about the last part of a path.
    is_name: bool,
}

impl PathPattern {
    /// Reads a pattern; a `/` in front of it changes nothing.
    pub fn parse(text: &str) -> Result<Self> {
        let pattern = text.trim_start_matches('/');
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob.map_err(|cause| {
            Error::invalid(format!("`{text}` is no pattern for paths: {}", cause.kind()))
                .with_hint("`*` and `?` stand for anything but `/`, `**` for all, [abc] and {a,b} for one of some")
        })?;
        Ok(Self {
            matcher: glob.compile_matcher(),
            is_name: !text.contains('/') && !text.contains("**"),
        })
    }

    fn fits(&self, path: &str) -> bool {
        let path = path.trim_start_matches("./").trim_matches('/');
        let path = if self.is_name {
            path.rsplit('/').next().unwrap_or_default()
        } else {
            path
        };
        self.matcher.is_match(path)
    }
}

/// In the order of images, layers and entries; all, without a pattern.
#[must_use]
pub fn list(report: &InspectReport, pattern: Option<&PathPattern>) -> Vec<FileView> {
    let mut files = Vec::new();
    for entry in &report.entries {
        let ref_name = entry.annotations.get(REF_NAME).map(String::as_str);
        add(entry, ref_name, pattern, &mut files);
    }
    files
}

fn add(node: &Node, ref_name: Option<&str>, pattern: Option<&PathPattern>, files: &mut Vec<FileView>) {
    match &node.content {
        Content::Index { manifests, .. } => manifests.iter().for_each(|child| add(child, ref_name, pattern, files)),
        Content::Image(image) => {
            let platform = node.platform.as_ref().unwrap_or(&image.config_platform);
            let of_layer = |(at, layer): (usize, &LayerView)| {
                let fitting = layer.entries.iter().flatten();
                let fitting = fitting.filter(|entry| pattern.is_none_or(|pattern| pattern.fits(&entry.name)));
                fitting
                    .map(|entry| FileView {
                        image: node.digest.clone(),
                        ref_name: ref_name.map(ToOwned::to_owned),
                        platform: platform.clone(),
                        layer: at + 1,
                        modules: layer.modules.clone(),
                        entry: entry.clone(),
                    })
                    .collect::<Vec<_>>()
            };
            files.extend(image.layers.iter().enumerate().flat_map(of_layer));
        }
        Content::Other => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, path: &str, expected: bool| {
            let pattern = PathPattern::parse(pattern).unwrap();
            assert_eq!(pattern.fits(path), expected, "{pattern:?} {path}");
        };
        check("build", "/cnb/buildpacks/a/1/bin/build", true);
        check("*.toml", "/cnb/buildpacks/a/1/buildpack.toml", true);
        check("/cnb/*/*/1/bin/*", "/cnb/buildpacks/a/1/bin/build", true);
        check("/cnb/*/bin/*", "/cnb/buildpacks/a/1/bin/build", false);
        check("cnb/**/build", "/cnb/buildpacks/a/1/bin/build", true);
        check("**/bin/*", "cnb/buildpacks/a/1/bin/build", true);
        check("/cnb", "./cnb/", true);
        assert!(PathPattern::parse("a[").is_err());
    }
}
