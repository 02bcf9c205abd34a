//! What words of the command line mean. What is wrong with them is wrong usage, and told of all of them at once.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use airpack::cnb::target::Target;
use airpack::error::{Error, Result};
use airpack::oci::library::From;
use airpack::oci::locate::{ImageLocation, Selector};
use airpack::oci::platform::Platform;
use airpack::oci::reference::ImageName;

pub(crate) fn location(text: &OsStr) -> Result<ImageLocation> {
    ImageLocation::parse(text).map_err(Error::as_usage)
}

pub(crate) fn locations(texts: &[OsString]) -> Result<Vec<ImageLocation>> {
    all("images", texts.iter().map(|text| ImageLocation::parse(text)))
}

pub(crate) fn sources(texts: &[OsString]) -> Result<Vec<From>> {
    all("sources", texts.iter().map(|text| From::parse(text)))
}

pub(crate) fn platform(text: Option<&str>) -> Result<Option<Platform>> {
    text.map(str::parse).transpose().map_err(Error::as_usage)
}

pub(crate) fn platforms(texts: &[String]) -> Result<Vec<Platform>> {
    all("platforms", texts.iter().map(|text| text.parse()))
}

/// Each `--target` holds one target or, as in pack, several with commas between them.
pub(crate) fn targets(lists: &[String]) -> Result<Vec<Target>> {
    let one = |list: &str, target: &str| {
        let parsed = target.parse::<Target>();
        match parsed {
            Err(error) if target != list => Err(error.context(format!("failed to read --target `{list}`"))),
            parsed => parsed,
        }
    };
    let each = lists
        .iter()
        .flat_map(|list| list.split(',').map(move |target| one(list, target)));
    all("targets", each)
}

/// `name`, and those that tags or whole names add to it.
pub(crate) fn names(name: &str, tags: &[String]) -> Result<Vec<ImageName>> {
    let main: ImageName = name.parse().map_err(Error::as_usage)?;
    let more = all("names", tags.iter().map(|tag| beside(&main, tag)))?;
    let mut names = vec![main];
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether `text` is that of a layout or an archive that is there, or of an image in one.
pub(crate) fn is_image_on_disk(text: &str) -> bool {
    ImageLocation::parse(OsStr::new(text)).is_ok_and(|found| {
        let path = &found.layout;
        path.is_file() || path.join("index.json").is_file()
    })
}

/// Whether `text` could be an image in this layout.
pub(crate) fn is_in_layout(text: &str, layout: &Path) -> bool {
    ImageLocation::parse(OsStr::new(text)).is_ok_and(|found| found.layout == layout)
}

/// An error where the name of an image is wanted, and `text` is `LAYOUT:TAG`.
pub(crate) fn check_name_is_no_image(text: &str) -> Result<()> {
    let tag = match ImageLocation::parse(OsStr::new(text)) {
        Ok(ImageLocation {
            selector: Some(Selector::Tag(tag)),
            ..
        }) if is_image_on_disk(text) => tag,
        _ => return Ok(()),
    };
    Err(
        Error::invalid(format!("`{text}` is an image on disk, where a name is expected"))
            .with_hint(format!(
                "give the tag alone, `{tag}`, or a whole name, as docker.io/acme/hello:{tag}"
            ))
            .as_usage(),
    )
}

/// A whole name, or a tag in the repository of `main`.
pub(crate) fn beside(main: &ImageName, tag: &str) -> Result<ImageName> {
    if tag.contains(['/', ':']) {
        return tag.parse();
    }
    main.with_tag(tag)
        .map_err(|error| error.context(format!("`{tag}` is not a tag")))
}

/// All values, or what is wrong with all of the words that are not understood.
pub(crate) fn all<T>(what: &str, values: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    Error::gather(what, values).map_err(Error::as_usage)
}
