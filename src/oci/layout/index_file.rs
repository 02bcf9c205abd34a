//! [`IndexFile`]: `index.json`, the entry points of a layout.

use super::super::descriptor::{Annotations, Descriptor};
use super::super::digest::Digest;
use super::super::index::ImageIndex;
use super::super::json;
use super::super::reference::ImageName;
use crate::error::{Error, Result};

/// The annotation that names an entry within its layout: a tag, for most tools.
pub const REF_NAME: &str = oci_spec::image::ANNOTATION_REF_NAME;
/// The annotation that has the full name, read by containerd and by airpack.
pub(in crate::oci) const IMAGE_NAME: &str = "io.containerd.image.name";

/// What is in `index.json`. Entries of others are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    pub(super) index: ImageIndex,
}

/// What [`IndexFile::tag`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The `ref.name` of the entry.
    pub ref_name: String,
    /// What had this name before, if that was something else.
    pub replaced: Option<Digest>,
}

impl Default for IndexFile {
    fn default() -> Self {
        Self {
            index: ImageIndex::new(Vec::new(), Annotations::new()),
        }
    }
}

impl IndexFile {
    pub(in crate::oci) fn parse(text: &[u8]) -> Result<Self> {
        let index: ImageIndex = json::from_slice(text, "it")?;
        if index.schema_version != 2 {
            return Err(Error::damaged(format!(
                "its schemaVersion is {}, not 2",
                index.schema_version
            )));
        }
        Ok(Self { index })
    }

    /// One with these entries.
    pub(in crate::oci) fn of_entries(entries: Vec<Descriptor>) -> Self {
        Self {
            index: ImageIndex::new(entries, Annotations::new()),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        json::to_bytes(&self.index)
    }

    /// The entries, in their order.
    #[must_use]
    pub fn entries(&self) -> &[Descriptor] {
        &self.index.manifests
    }

    /// The full name that an entry carries, in whichever annotation.
    #[must_use]
    pub fn name_of(entry: &Descriptor) -> Option<ImageName> {
        let full = |text: &str| text.contains('/').then(|| text.parse().ok()).flatten();
        entry
            .annotation(IMAGE_NAME)
            .and_then(full)
            .or_else(|| entry.annotation(REF_NAME).and_then(full))
    }

    /// The text of the annotation for the full name, which may be one by digest.
    #[must_use]
    pub fn full_name_of(entry: &Descriptor) -> Option<&str> {
        entry.annotation(IMAGE_NAME)
    }

    /// Enters `target` under `name`: in place of what has that name, else under the first `ref.name` that is free.
    ///
    /// `ref.name` is the tag. Where another repository has that, it is `<image>-<tag>`, then the whole path in front. An
    /// entry with this tag that says of no repository to be its own counts as this name's.
    pub fn tag(&mut self, target: &Descriptor, name: &ImageName) -> Tagged {
        let is_known = self
            .index
            .manifests
            .iter()
            .any(|entry| Self::name_of(entry).as_ref() == Some(name));
        let is_same = |entry: &Descriptor| match Self::name_of(entry) {
            Some(other) => other == *name,
            None => !is_known && entry.annotation(REF_NAME) == Some(name.tag()),
        };
        let short = name.tag().to_owned();
        self.enter(target, &name.to_string(), is_same, Some(short), name, name.tag())
    }

    /// Enters `target` under `registry/repository@digest`, where no tag is known. `ref.name` is `<image>-<12 hex digits>`.
    pub fn enter_by_digest(&mut self, target: &Descriptor, name: &ImageName, digest: &Digest) -> Tagged {
        let full = format!("{}/{}@{digest}", name.registry(), name.repository());
        let is_same = |entry: &Descriptor| entry.annotation(IMAGE_NAME) == Some(&full);
        self.enter(target, &full, is_same, None, name, &digest.hex()[..12])
    }

    /// Lists something that has no name, unless it is listed.
    pub fn enter_unnamed(&mut self, target: &Descriptor) {
        if !self.index.manifests.iter().any(|entry| entry.digest == target.digest) {
            let mut entry = target.clone();
            // whoever says what is about an image does not name images here
            for name in [REF_NAME, IMAGE_NAME] {
                entry.annotations.remove(name);
            }
            self.index.manifests.push(entry);
            self.sort();
        }
    }

    /// Enters `target` under the names that `entry` has in another index; without a name where it has none.
    pub fn enter_as(&mut self, target: &Descriptor, entry: &Descriptor) {
        let mut own = Descriptor::new(&target.media_type, target.digest.clone(), target.size);
        for name in [REF_NAME, IMAGE_NAME] {
            if let Some(text) = entry.annotation(name) {
                own.annotations.insert(name.to_owned(), text.to_owned());
            }
        }
        self.index.manifests.push(own);
        self.sort();
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.index.manifests.clear();
    }

    /// `preferred` is the first choice of a `ref.name`; the next are made of the parts of `name`, and `suffix`.
    fn enter(
        &mut self,
        target: &Descriptor,
        full: &str,
        is_same: impl Fn(&Descriptor) -> bool,
        preferred: Option<String>,
        name: &ImageName,
        suffix: &str,
    ) -> Tagged {
        let before = self.index.manifests.iter().find(|entry| is_same(entry));
        let replaced = before
            .map(|entry| entry.digest.clone())
            .filter(|digest| *digest != target.digest);
        // an entry whose ref.name is a full name gets a short one
        let kept = before
            .and_then(|entry| entry.annotation(REF_NAME))
            .filter(|ref_name| !ref_name.contains('/'))
            .map(ToOwned::to_owned);
        self.index.manifests.retain(|entry| !is_same(entry));
        let ref_name = kept.unwrap_or_else(|| self.free_ref_name(preferred, name, suffix));

        let mut entry = Descriptor::new(&target.media_type, target.digest.clone(), target.size);
        entry.annotations.insert(REF_NAME.to_owned(), ref_name.clone());
        entry.annotations.insert(IMAGE_NAME.to_owned(), full.to_owned());
        self.index.manifests.push(entry);
        self.sort();
        Tagged { ref_name, replaced }
    }

    fn free_ref_name(&self, preferred: Option<String>, name: &ImageName, suffix: &str) -> String {
        let is_free = |ref_name: &String| {
            !self
                .index
                .manifests
                .iter()
                .any(|entry| entry.annotation(REF_NAME) == Some(ref_name))
        };
        let image = name.repository().rsplit('/').next().unwrap_or_default();
        let flat = |text: &str| text.replace(['/', ':'], "-");
        let path = flat(name.repository());
        let host = flat(name.registry());
        let longer = [
            format!("{image}-{suffix}"),
            format!("{path}-{suffix}"),
            format!("{host}-{path}-{suffix}"),
        ];
        preferred
            .into_iter()
            .chain(longer)
            .chain((2..=u32::MAX).map(|count| format!("{host}-{path}-{suffix}-{count}")))
            .find(is_free)
            .unwrap_or_default()
    }

    /// By name, then digest; what has no name comes last.
    pub(super) fn sort(&mut self) {
        self.index.manifests.sort_by(|a, b| {
            let key = |entry: &Descriptor| {
                let ref_name = entry.annotation(REF_NAME).map(ToOwned::to_owned);
                (ref_name.is_none(), ref_name, entry.digest.clone())
            };
            key(a).cmp(&key(b))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(content: &str) -> Descriptor {
        Descriptor::new(
            "application/vnd.oci.image.index.v1+json",
            Digest::of(content.as_bytes()),
            1,
        )
    }

    fn names(index: &IndexFile) -> Vec<&str> {
        index
            .entries()
            .iter()
            .map(|entry| entry.annotation(REF_NAME).unwrap_or("-"))
            .collect()
    }

    #[test]
    fn names_stay_unique_and_a_name_is_replaced() {
        let mut index = IndexFile::default();
        let mut tag = |name: &str, content: &str| {
            let tagged = index.tag(&descriptor(content), &name.parse().unwrap());
            (tagged.ref_name, tagged.replaced.is_some())
        };
        assert_eq!(tag("docker.io/acme/hello:1.0", "a"), ("1.0".to_owned(), false));
        assert_eq!(tag("docker.io/acme/other:1.0", "b"), ("other-1.0".to_owned(), false));
        assert_eq!(
            tag("docker.io/more/other:1.0", "c"),
            ("more-other-1.0".to_owned(), false)
        );
        assert_eq!(
            tag("ghcr.io/more/other:1.0", "d"),
            ("ghcr.io-more-other-1.0".to_owned(), false)
        );
        assert_eq!(tag("docker.io/acme/other:1.0", "e"), ("other-1.0".to_owned(), true));
        assert_eq!(tag("docker.io/acme/other:1.0", "e"), ("other-1.0".to_owned(), false));
        assert_eq!(
            names(&index),
            ["1.0", "ghcr.io-more-other-1.0", "more-other-1.0", "other-1.0"]
        );
    }

    #[test]
    fn entries_of_others_stay_as_they_are() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let untagged = format!(r#"{{"digest":"{digest}","mediaType":"m","size":5,"urls":["x"]}}"#);
        let full = format!(
            r#"{{"annotations":{{"org.opencontainers.image.ref.name":"reg.test/a/b:1","x":"y"}},"digest":"{digest}","mediaType":"m","size":5}}"#
        );
        let text = format!(r#"{{"annotations":{{"k":"v"}},"manifests":[{untagged},{full}],"schemaVersion":2}}"#);
        let mut index = IndexFile::parse(text.as_bytes()).unwrap();
        index.tag(&descriptor("a"), &"reg.test/new:7".parse().unwrap());
        let written = String::from_utf8(index.to_bytes()).unwrap();
        assert!(
            written.contains(&untagged) && written.contains(&full) && written.contains(r#""k":"v""#),
            "{written}"
        );

        index.tag(&descriptor("b"), &"reg.test/a/b:1".parse().unwrap());
        assert_eq!(names(&index), ["1", "7", "-"], "a full name in ref.name is that image");
    }
}
