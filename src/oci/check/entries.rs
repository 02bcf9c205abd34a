//! `index.json`, read as far as it can be, and the names in it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::super::descriptor::{Descriptor, media_type};
use super::super::digest::Digest;
use super::super::layout::{IndexFile, REF_NAME};
use super::super::locate::called;
use super::fault::{Code, Fault, Faults};
use super::walk::{Walk, told};
use crate::error::Result;

/// The entries that can be read; `None` where there is no list of them.
pub(super) fn read(walk: &mut Walk<'_>, text: Result<Vec<u8>>, root: &Path) -> Option<Vec<Descriptor>> {
    let file = root.join("index.json");
    let mut wrong = |why: String| {
        let message = format!("`{}` {why}", file.display());
        walk.faults.push(Fault::error(Code::IndexJson, message));
    };
    let value: Value = match text {
        Err(error) => {
            wrong(format!("can not be read: {}", told(&error)));
            return None;
        }
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(value) => value,
            Err(cause) => {
                wrong(format!("is no JSON: {cause}"));
                return None;
            }
        },
    };
    if value["schemaVersion"] != 2 {
        wrong(format!("has schemaVersion {}, not 2", value["schemaVersion"]));
    }
    if let Some(said) = value["mediaType"].as_str().filter(|said| *said != media_type::INDEX) {
        wrong(format!("has the media type `{said}`"));
    }
    let list = match &value["manifests"] {
        Value::Array(list) => list,
        // as Go writes an empty one
        Value::Null if value.is_object() && value.get("manifests").is_some() => return Some(Vec::new()),
        _ => {
            wrong("has no list `manifests`".to_owned());
            return None;
        }
    };
    let entries = list
        .iter()
        .enumerate()
        .filter_map(|(at, item)| walk.descriptor(item, &[format!("entry {} of index.json", at + 1)]));
    Some(entries.collect())
}

/// What an entry is called where it is told of.
pub(super) fn shown_name(entry: &Descriptor, at: usize) -> String {
    let name = entry.annotation(REF_NAME).map(ToOwned::to_owned);
    name.or_else(|| called(entry))
        .unwrap_or_else(|| format!("entry {} of index.json", at + 1))
}

/// A name means one image, and has the form that the OCI gives it.
pub(super) fn check_names(entries: &[Descriptor], faults: &mut Faults) {
    let mut by_name: BTreeMap<String, Vec<&Digest>> = BTreeMap::new();
    for entry in entries {
        let ref_name = entry.annotation(REF_NAME);
        if let Some(name) = ref_name.filter(|name| !is_ref_name(name)) {
            let message = format!("`{name}` is no name for an image in a layout");
            faults.push(
                Fault::warning(Code::RefName, message)
                    .about(&entry.digest)
                    .hint("letters and digits, with one of `-._:@+/` or `--` between them"),
            );
        }
        let full = IndexFile::full_name_of(entry).map(ToOwned::to_owned);
        let names = ref_name
            .map(ToOwned::to_owned)
            .into_iter()
            .chain(full.filter(|full| ref_name != Some(full)));
        for name in names {
            by_name.entry(name).or_default().push(&entry.digest);
        }
    }
    for (name, digests) in by_name.into_iter().filter(|(_, digests)| digests.len() > 1) {
        let is_one = digests.windows(2).all(|pair| pair[0] == pair[1]);
        let list: Vec<String> = digests.iter().map(ToString::to_string).collect();
        if is_one {
            let message = format!("`{name}` is listed {} times for {}", digests.len(), list[0]);
            faults.push(Fault::warning(Code::RefName, message).about(digests[0]));
        } else {
            let message = format!("several images are called `{name}`: {}", list.join(", "));
            faults.push(Fault::error(Code::RefName, message).hint("tools differ on which of them they take"));
        }
    }
}

/// The grammar of `org.opencontainers.image.ref.name` (OCI image spec, annotations).
fn is_ref_name(name: &str) -> bool {
    name.split('/').all(is_component)
}

fn is_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_separator = |byte: u8| b"-._:@+".contains(&byte);
    let is_pair_allowed = |pair: &[u8]| !(is_separator(pair[0]) && is_separator(pair[1])) || pair == b"--";
    ends_well(bytes.first())
        && ends_well(bytes.last())
        && bytes
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || is_separator(byte))
        && bytes.windows(2).all(is_pair_allowed)
        && !component.contains("---")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_grammar_of_the_spec() {
        for good in ["1.0", "latest", "docker.io/acme/hello:1.0", "a--b", "v1+x", "a@b"] {
            assert!(is_ref_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a..b", "a---b", "a b", "/a", "a/", "é"] {
            assert!(!is_ref_name(bad), "{bad}");
        }
    }
}
