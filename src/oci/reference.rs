//! [`ImageName`]: the name of an image, in the form that the whole field takes for the same.

use std::fmt;
use std::str::FromStr;

use oci_spec::distribution::Reference;

use crate::error::{Error, Result};

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
        let reference: Reference = text.parse().map_err(|cause: oci_spec::distribution::ParseError| {
            let lower = text.to_lowercase();
            let hint = match lower.parse::<Reference>() {
                Ok(_) if lower != text => format!("write `{lower}`"),
                _ => example.to_owned(),
            };
            bad(&cause.to_string()).with_hint(hint)
        })?;
        if reference.digest().is_some() {
            return Err(bad("a digest follows from the content and can not be chosen").with_hint("name it by a tag"));
        }
        Ok(Self {
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            tag: reference.tag().unwrap_or("latest").to_owned(),
        })
    }
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
        check("registry.corp/builder", "registry.corp/builder:latest");
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
        check("a b", "repository");
        check("acme/hello:", "repository");
        check(&format!("acme/hello:{}", "t".repeat(129)), "repository");
        check(&format!("acme/hello@sha256:{}", "0".repeat(64)), "tag");
    }
}
