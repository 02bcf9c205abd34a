//! [`Verdict`]: whether a component is there for a platform, and the rules by which it may not be.

use std::sync::Arc;

use serde::Serialize;

use super::lifecycle::LifecycleDescriptor;
use super::stack::{Stack, is_any};
use super::target::Target;

/// Items of a list that a reason shows.
const MAX_SHOWN: usize = 8;
/// Characters of a text of others that a reason shows.
const MAX_TEXT: usize = 100;

/// What is said of one component for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is there.
    pub status: Status,
    /// Why not; nothing where it is there.
    pub reason: Option<Arc<Reason>>,
}

/// Whether a component is there for a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It is.
    Yes,
    /// It is, and for any other architecture as well: it names none and has no programs, only scripts.
    Any,
    /// It is not.
    No,
    /// The component can not be found at all.
    NotFound,
}

/// Why a component is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Which rule says so.
    pub cause: Cause,
    /// In a few words.
    #[serde(skip)]
    pub short: String,
    /// In a sentence.
    pub text: String,
    /// The known way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The rules by which a component may not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Nothing of that name was found.
    NotFound,
    /// There is no image for such a platform.
    NoImage,
    /// There is an image, but the component is not in it.
    NotInImage,
    /// The source has no files for it, or faulty ones.
    NoFiles,
    /// The targets exclude it.
    Targets,
    /// It is for another distribution.
    Distro,
    /// The lifecycle does not speak the Buildpack API.
    Api,
    /// The stack of the build image is not supported (deprecated).
    Stack,
    /// A program is for another processor.
    Machine,
    /// `airpack.toml` leaves it out.
    LeftOut,
    /// Something that it is made of is not there.
    Members,
    /// It can not be read, or contradicts itself.
    Faulty,
}

impl Verdict {
    /// It is there.
    #[must_use]
    pub fn yes() -> Self {
        Self {
            status: Status::Yes,
            reason: None,
        }
    }

    /// It is there for any architecture.
    #[must_use]
    pub fn any() -> Self {
        Self {
            status: Status::Any,
            reason: None,
        }
    }

    /// It is not there.
    #[must_use]
    pub fn no(reason: impl Into<Arc<Reason>>) -> Self {
        let reason = reason.into();
        let status = match reason.cause {
            Cause::NotFound => Status::NotFound,
            _ => Status::No,
        };
        Self {
            status,
            reason: Some(reason),
        }
    }

    /// Whether the component is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self.status, Status::Yes | Status::Any)
    }

    /// Whether this is why it is not there.
    #[must_use]
    pub fn is_by(&self, cause: Cause) -> bool {
        self.reason.as_ref().is_some_and(|reason| reason.cause == cause)
    }
}

impl Reason {
    /// With its few words and its sentence.
    #[must_use]
    pub fn new(cause: Cause, short: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            cause,
            short: short.into(),
            text: text.into(),
            hint: None,
        }
    }

    /// The same with a way out.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }
}

/// A text of others, cut where it is longer than anything that makes sense.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The first of some things, for people.
#[must_use]
pub fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items = items.into_iter();
    let mut shown: Vec<String> = items
        .by_ref()
        .take(MAX_SHOWN)
        .map(|item| cut(&item.to_string()))
        .collect();
    if items.next().is_some() {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

/// Whether a lifecycle speaks the Buildpack API that a module is written for.
#[must_use]
pub fn speaks(lifecycle: &LifecycleDescriptor, api: &str) -> bool {
    api.parse().is_ok_and(|api| lifecycle.apis.buildpack.has(api))
}

/// Whether a module for `own` runs in an image that is `image`: a distribution that it wants, the image must say that it has.
#[must_use]
pub fn runs_in(own: &Target, image: &Target) -> bool {
    let without_distros = Target {
        distros: Vec::new(),
        ..own.clone()
    };
    let has_distro = |distro| own.distros.iter().any(|own| own.same_as(distro));
    without_distros.fits(image) && (own.distros.is_empty() || image.distros.first().is_some_and(has_distro))
}

/// What is wrong with a module's stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackFault<'s> {
    /// None of them is the one of the build image.
    Other(Vec<&'s str>),
    /// The build image has not these packages.
    Mixins(Vec<&'s str>),
}

/// Whether a module with these stacks runs in an image of the stack `id` with these packages (deprecated).
#[must_use]
pub fn stack_fault<'s>(stacks: &'s [Stack], id: &str, mixins: &[String]) -> Option<StackFault<'s>> {
    if stacks.is_empty() {
        return None;
    }
    let fitting: Vec<&Stack> = stacks.iter().filter(|stack| stack.id == id || is_any(stack)).collect();
    if fitting.is_empty() {
        return Some(StackFault::Other(
            stacks.iter().map(|stack| stack.id.as_str()).collect(),
        ));
    }
    let wanted = fitting.iter().flat_map(|stack| &stack.mixins);
    let missing: Vec<&str> = wanted
        .filter(|mixin| !mixin.starts_with("run:") && !mixins.contains(mixin))
        .map(String::as_str)
        .collect();
    (!missing.is_empty()).then_some(StackFault::Mixins(missing))
}

/// Why a module with these targets is not for a platform; nothing where it is. One without targets is for all.
///
/// `fits` tells how a target and the platform are compared.
#[must_use]
pub fn excluded(targets: &[Target], platform: &Target, fits: impl Fn(&Target, &Target) -> bool) -> Option<Reason> {
    if targets.is_empty() || targets.iter().any(|own| fits(own, platform)) {
        return None;
    }
    let plain = |target: &Target| Target {
        distros: Vec::new(),
        ..target.clone()
    };
    let same_platform = || targets.iter().filter(|own| plain(own).fits(&plain(platform)));
    let mut distros: Vec<String> = same_platform()
        .flat_map(|own| &own.distros)
        .map(ToString::to_string)
        .collect();
    distros.dedup();
    if let [distro, ..] = distros.as_slice() {
        let short = format!("for {}", cut(distro));
        let text = format!("its targets are for {}", listed(&distros));
        return Some(Reason::new(Cause::Distro, short, text));
    }
    let text = format!("its targets are {}", listed(targets));
    Some(Reason::new(Cause::Targets, "not in targets", text))
}

/// Why a module is not for a lifecycle; nothing where it is.
#[must_use]
pub fn unspoken(lifecycle: &LifecycleDescriptor, api: &str) -> Option<Reason> {
    (!speaks(lifecycle, api)).then(|| {
        let api = cut(api);
        let text = format!(
            "it is for Buildpack API {api}, which lifecycle {} does not have",
            cut(&lifecycle.version)
        );
        let has = listed(lifecycle.apis.buildpack.all());
        let hint = (!has.is_empty()).then(|| format!("the lifecycle has {has}"));
        Reason::new(Cause::Api, format!("API {api}"), text).with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cnb::lifecycle::{ApiSet, Apis};

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn targets_against_platforms() {
        let check = |targets: &str, platform: &str, expected: Option<(Cause, &str)>| {
            let targets: Vec<Target> = targets.split_whitespace().map(target).collect();
            let found = excluded(&targets, &target(platform), Target::fits);
            let found = found.as_ref().map(|reason| (reason.cause, reason.short.as_str()));
            assert_eq!(found, expected, "{targets:?} {platform}");
        };
        check("", "linux/amd64", None);
        check("linux", "linux/amd64", None);
        check("linux/arm64 linux/amd64", "linux/amd64", None);
        check("linux/arm64", "linux/amd64", Some((Cause::Targets, "not in targets")));
        check("linux/arm/v6", "linux/arm/v7", Some((Cause::Targets, "not in targets")));
        check("linux/amd64:ubuntu@24.04", "linux/amd64", None);
        check(
            "linux/amd64:ubuntu@24.04 linux/arm64",
            "linux/amd64:ubuntu@22.04",
            Some((Cause::Distro, "for ubuntu@24.04")),
        );
    }

    #[test]
    fn an_image_must_say_its_distribution() {
        let check = |own: &str, image: &str, expected: bool| {
            assert_eq!(runs_in(&target(own), &target(image)), expected, "{own} in {image}");
        };
        check("linux/amd64", "linux/amd64", true);
        check("linux/amd64:ubuntu@24.04", "linux/amd64", false);
        check("linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@24.04", true);
        check("linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04", false);
    }

    #[test]
    fn apis_against_a_lifecycle() {
        let set = ApiSet {
            deprecated: Some(vec!["0.7".to_owned()]),
            supported: Some(vec!["0.10".to_owned()]),
        };
        let apis = Apis {
            buildpack: set,
            ..Apis::default()
        };
        let lifecycle = LifecycleDescriptor::of_labels("0.20", apis);
        assert!(unspoken(&lifecycle, "0.7").is_none() && unspoken(&lifecycle, "0.10").is_none());
        let reason = unspoken(&lifecycle, "0.12").unwrap();
        assert_eq!((reason.cause, reason.short.as_str()), (Cause::Api, "API 0.12"));
        assert_eq!(reason.hint.as_deref(), Some("the lifecycle has 0.7, 0.10"));
        assert!(unspoken(&lifecycle, "").is_some());
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        assert_eq!(cut("a"), "a");
        assert_eq!(cut(&"ä".repeat(101)).chars().count(), 103);
        assert_eq!(listed(1..=9), "1, 2, 3, 4, 5, 6, 7, 8, ...");
    }
}
