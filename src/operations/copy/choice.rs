//! Which images are copied, and what they are to be called.

use std::collections::HashMap;

use super::CopyRequest;
use crate::error::{Error, Result};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::graph::{children, referrer_of};
use crate::oci::layout::EntryName;
use crate::oci::locate::{called, is_list, the_only};
use crate::oci::store::ImageSource;

/// An image, and what it is to be called.
pub(super) struct Item {
    pub(super) entry: Descriptor,
    pub(super) names: Vec<EntryName>,
}

/// All entries of a source, or the images that are asked for.
pub(super) fn items(request: &CopyRequest, source: &dyn ImageSource) -> Result<Vec<Item>> {
    let index = source.index_file()?;
    let selected = request.source.select(source, &index, |entry| children(source, entry))?;
    if request.name.is_some() || !request.more_names.is_empty() {
        let entry = the_only(source, &selected, "")?;
        return Ok(vec![named_anew(request, entry)?]);
    }
    let is_whole = request.source.selector.is_none() && request.platforms.is_empty();
    let wanted: Vec<&Descriptor> = if is_whole {
        selected.iter().collect()
    } else {
        images(source, &selected)
    };
    let item = |entry: &Descriptor| Item {
        entry: entry.clone(),
        names: EntryName::of(entry).into_iter().collect(),
    };
    let items: Vec<Item> = wanted.into_iter().map(item).collect();
    if items.is_empty() {
        return Err(Error::invalid(format!("{} has no images", source.location())));
    }
    check_names(&items, source)?;
    Ok(items)
}

/// One image, with names that were given.
fn named_anew(request: &CopyRequest, entry: &Descriptor) -> Result<Item> {
    let mut names = match &request.name {
        Some(name) => vec![EntryName::new(name, entry).map_err(Error::as_usage)?],
        None => EntryName::of(entry).into_iter().collect(),
    };
    for name in &request.more_names {
        let name = EntryName::new(name, entry).map_err(Error::as_usage)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Item {
        entry: entry.clone(),
        names,
    })
}

/// The entries that are images by themselves: those with names; where none has one, those that are about no other.
fn images<'e>(source: &dyn ImageSource, entries: &'e [Descriptor]) -> Vec<&'e Descriptor> {
    let named: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| called(entry).is_some() && !is_list(entry))
        .collect();
    if !named.is_empty() || entries.len() == 1 {
        return if named.is_empty() {
            entries.iter().collect()
        } else {
            named
        };
    }
    let is_about = |entry: &Descriptor| {
        let bytes = source.read_manifest(entry);
        bytes
            .and_then(|bytes| referrer_of(&bytes, &entry.digest))
            .is_ok_and(|referrer| referrer.is_some())
    };
    entries.iter().filter(|entry| !is_about(entry)).collect()
}

/// One name can not be kept for two images.
fn check_names(items: &[Item], source: &dyn ImageSource) -> Result<()> {
    let mut owners: HashMap<String, &Digest> = HashMap::new();
    for item in items {
        for name in &item.names {
            let owner = owners.entry(name.to_string()).or_insert(&item.entry.digest);
            if **owner != item.entry.digest {
                return Err(
                    Error::invalid(format!("several images in {} are called `{name}`", source.location()))
                        .with_hint("`airpack layout import` puts the images of several platforms behind one index"),
                );
            }
        }
    }
    Ok(())
}
