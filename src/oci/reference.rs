//! [`ImageName`] and [`ImageReference`]: names of images, in the form that the whole field takes for the same.

use std::fmt;
use std::str::FromStr;

use super::digest::Digest;
use crate::error::{Error, Result};

/// Where names without a registry are looked for.
const DOCKER_HUB: &str = "docker.io";
/// The most that a registry takes of registry and repository together.
const MAX_LEN: usize = 255;

/// `registry/repository:tag`, normalised: `docker.io` and `library/` filled in, `latest` where there is no tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageName {
    registry: String,
    repository: String,
    tag: String,
}

impl ImageName {
    /// The host: `docker.io`, `localhost:5000`, ...
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the host: `library/ubuntu`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether `text` begins with the host of a registry: names without one are of Docker Hub, which is not what everybody means.
    #[must_use]
    pub fn names_registry(text: &str) -> bool {
        text.split_once('/').is_some_and(|(first, _)| is_host(first))
    }

    /// Whether `text` is a registry, or looks like one, with no repository behind it.
    #[must_use]
    pub fn is_bare_registry(text: &str) -> bool {
        let has_port = || {
            let port = text.rsplit_once(':').map(|(_, port)| port).unwrap_or_default();
            text.starts_with("localhost:") && port.bytes().all(|byte| byte.is_ascii_digit())
        };
        let host = text.split(':').next().unwrap_or_default();
        !text.contains(['/', '@']) && (host.contains('.') || host == "localhost" || text.starts_with('[') || has_port())
    }

    /// The same repository with another tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        format!("{}/{}:{tag}", self.registry, self.repository).parse()
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.registry, self.repository, self.tag)
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::invalid(format!("`{text}` is not the name of an image: {why}"));
        let example = "give [registry/]repository[:tag], for example docker.io/acme/hello:1.0";
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(bad(&format!("it has the scheme `{scheme}://`")).with_hint(format!("write `{rest}`")));
        }
        if is_path(text) {
            return Err(bad("it is a path").with_hint(example));
        }
        let lower = text.to_lowercase();
        let parsed = parse(text).map_err(|why| {
            let hint = if lower != text && parse(&lower).is_ok() {
                format!("write `{lower}`")
            } else {
                example.to_owned()
            };
            bad(why).with_hint(hint)
        })?;
        if parsed.digest.is_some() {
            return Err(bad("a digest follows from the content and can not be chosen").with_hint("name it by a tag"));
        }
        Ok(Self {
            registry: parsed.registry.to_owned(),
            repository: parsed.repository,
            tag: parsed.tag.unwrap_or("latest").to_owned(),
        })
    }
}

/// What to fetch: an image by its name, or by its digest, where the name may say no tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Registry and repository; the tag is `latest` where none is given.
    pub name: ImageName,
    /// Whether a tag is given, or implied since there is no digest.
    pub has_tag: bool,
    /// The digest.
    pub digest: Option<Digest>,
}

impl ImageReference {
    /// What a registry is asked for: the digest, else the tag.
    #[must_use]
    pub fn reference(&self) -> String {
        match &self.digest {
            Some(digest) => digest.to_string(),
            None => self.name.tag().to_owned(),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "{}/{}", name.registry, name.repository)?;
        if self.has_tag {
            write!(f, ":{}", name.tag)?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if !text.contains("://") => (name, Some(digest.parse()?)),
            _ => (text, None),
        };
        let last = name.rsplit('/').next().unwrap_or_default();
        Ok(Self {
            name: name.parse()?,
            has_tag: digest.is_none() || last.contains(':'),
            digest,
        })
    }
}

/// The parts of a name as written, but for what is filled in.
struct Parts<'a> {
    registry: &'a str,
    repository: String,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// The grammar of distribution's `reference` package: `[domain/]path[:tag][@digest]`.
fn parse(text: &str) -> Result<Parts<'_>, &'static str> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (domain, rest) = match rest.split_once('/') {
        Some((first, path)) if is_host(first) => (Some(first), path),
        _ => (None, rest),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if domain.is_some_and(|domain| !is_domain(domain)) {
        return Err("the registry is malformed");
    }
    if path.is_empty() {
        return Err("it has no repository");
    }
    if path.chars().any(char::is_uppercase) {
        return Err("the repository must be in lower case");
    }
    if !path.split('/').all(is_component) {
        return Err("the repository is malformed");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("the tag is malformed");
    }
    let registry = match domain {
        None | Some("index.docker.io") => DOCKER_HUB,
        Some(domain) => domain,
    };
    let repository = if registry == DOCKER_HUB && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    if registry.len() + 1 + repository.len() > MAX_LEN {
        return Err("it is longer than 255 characters");
    }
    Ok(Parts {
        registry,
        repository,
        tag,
        digest,
    })
}

/// What no tool takes for a name, and every shell for a path.
fn is_path(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    text.starts_with('/') || matches!(first, "." | ".." | "~") || (text.ends_with('/') && text.len() > 1)
}

/// What tells a host from the first part of a path, in all tools of the field.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// Labels of letters, digits and inner `-` with dots between them, or an IPv6 address in brackets; then maybe a port.
fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_inner)
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    };
    is_port && is_host
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = component.split(is_plain).filter(|between| !between.is_empty());
    component.starts_with(is_plain)
        && component.ends_with(is_plain)
        && separators
            .into_iter()
            .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<ImageName>().unwrap().to_string(), expected);
        check("ubuntu", "docker.io/library/ubuntu:latest");
        check("acme/hello", "docker.io/acme/hello:latest");
        check("index.docker.io/acme/hello:1", "docker.io/acme/hello:1");
        check("docker.io/ubuntu:24.04", "docker.io/library/ubuntu:24.04");
        check("localhost:5000/a/b/c:x", "localhost:5000/a/b/c:x");
        check("[::1]:5000/x", "[::1]:5000/x:latest");
        check("a.test/x--y__z.w_v:T_1.-", "a.test/x--y__z.w_v:T_1.-");
        check("registry.corp/builder", "registry.corp/builder:latest");
    }

    #[test]
    fn registries_are_told_from_repositories() {
        for bare in [
            "127.0.0.1:5000",
            "registry.corp",
            "localhost",
            "localhost:5000",
            "[::1]:5000",
        ] {
            assert!(
                ImageName::is_bare_registry(bare) && !ImageName::names_registry(bare),
                "{bare}"
            );
        }
        for name in ["registry.corp/x", "localhost/x:1", "127.0.0.1:5000/a/b"] {
            assert!(
                !ImageName::is_bare_registry(name) && ImageName::names_registry(name),
                "{name}"
            );
        }
        for short in ["ubuntu", "ubuntu:24.04", "acme/hello"] {
            assert!(
                !ImageName::is_bare_registry(short) && !ImageName::names_registry(short),
                "{short}"
            );
        }
    }

    #[test]
    fn bad_names_say_what_to_write() {
        let check = |text: &str, hint: &str| {
            let error = text.parse::<ImageName>().unwrap_err();
            assert!(
                error.hint().unwrap_or_default().contains(hint),
                "{text}: {error}, {:?}",
                error.hint()
            );
        };
        check("", "repository");
        check("docker.io/Acme/Hello:1.0", "docker.io/acme/hello:1.0");
        check("docker://acme/hello", "acme/hello");
        check("UPPER/x", "upper/x");
        check("-a.test/x", "repository");
        check("a.test:x/y", "repository");
        assert!(
            "./hello"
                .parse::<ImageName>()
                .unwrap_err()
                .to_string()
                .contains("it is a path")
        );
        for bad in [
            "a//b", "/a", "a/", "a__b___c", "a._b", "a-", ".a", "a:b:c", "a:.x", "a.test/", "ä/b",
        ] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
        }
        check("./hello", "repository");
        check("../hello:1", "repository");
        check("/srv/hello", "repository");
        check("a b", "repository");
        check("acme/hello:", "repository");
        check(&format!("acme/hello:{}", "t".repeat(129)), "repository");
        check(&format!("acme/hello@sha256:{}", "0".repeat(64)), "tag");
    }
}
