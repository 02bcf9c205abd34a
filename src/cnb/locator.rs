//! [`Locator`]: what the `uri` of a dependency says, by its text alone.

use percent_encoding::percent_decode_str;

/// Where a module is, as a TOML file names it. Paths are relative to that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// A path, or the name of an image when no such path exists.
    Bare(String),
    /// A path.
    Path(String),
    /// The name of an image, from `docker://NAME` or `image = NAME`.
    Image(String),
    /// An image in a layout or archive: `oci:`, `oci-archive:` or `docker-archive:`, and what stands after it.
    Stored {
        /// Up to and with the colon.
        prefix: &'static str,
        /// `PATH[:TAG|@DIGEST]`.
        rest: String,
    },
    /// Something that only a network gives.
    Remote(Remote),
}

/// What can not be had on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// A name in the CNB registry: `urn:cnb:registry:NAME[@VERSION]`.
    Registry,
    /// A download: `http://`, `https://`.
    Download,
    /// A module of the builder, which only a build has: `urn:cnb:builder:NAME`, `from=builder:NAME`.
    Builder,
    /// Another scheme.
    Unknown,
}

/// What images on disk begin with.
pub const STORED: [&str; 3] = ["oci:", "oci-archive:", "docker-archive:"];

impl Locator {
    /// What `image` says: a name, with or without `docker://` before it.
    #[must_use]
    pub fn of_image(image: &str) -> Self {
        match image.strip_prefix("docker:/") {
            Some(name) => Self::Image(name.trim_start_matches('/').to_owned()),
            None => Self::Image(image.to_owned()),
        }
    }

    /// What the name of an image to build on says, which may be a place.
    #[must_use]
    pub fn of_base(image: &str) -> Self {
        match Self::of_uri(image) {
            stored @ Self::Stored { .. } => stored,
            _ => Self::of_image(image),
        }
    }

    /// What `uri` says.
    #[must_use]
    pub fn of_uri(uri: &str) -> Self {
        if let Some(name) = uri.strip_prefix("docker:/") {
            return Self::Image(name.trim_start_matches('/').to_owned());
        }
        for prefix in STORED {
            if let Some(rest) = uri.strip_prefix(prefix) {
                return Self::Stored {
                    prefix,
                    rest: rest.to_owned(),
                };
            }
        }
        if uri.starts_with("urn:cnb:registry:") {
            return Self::Remote(Remote::Registry);
        }
        if uri.starts_with("urn:cnb:builder") || uri.starts_with("from=builder") {
            return Self::Remote(Remote::Builder);
        }
        match uri.split_once(':') {
            Some(("http" | "https", rest)) if rest.starts_with("//") => Self::Remote(Remote::Download),
            Some(("file", rest)) => match rest.strip_prefix("//").filter(|path| path.starts_with('/')) {
                Some(path) => Self::Path(percent_decode_str(path).decode_utf8_lossy().into_owned()),
                None => Self::Remote(Remote::Unknown),
            },
            Some(("urn", _)) => Self::Remote(Remote::Unknown),
            Some((_, rest)) if rest.starts_with("//") => Self::Remote(Remote::Unknown),
            _ => Self::Bare(uri.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |uri: &str, expected: Locator| assert_eq!(Locator::of_uri(uri), expected, "{uri}");
        let stored = |prefix, rest: &str| Locator::Stored {
            prefix,
            rest: rest.to_owned(),
        };
        check("../one", Locator::Bare("../one".to_owned()));
        check("acme/one:1", Locator::Bare("acme/one:1".to_owned()));
        check("a b.cnb", Locator::Bare("a b.cnb".to_owned()));
        check("file:///a%20b", Locator::Path("/a b".to_owned()));
        check("file://host/a", Locator::Remote(Remote::Unknown));
        check("docker://acme/one:1", Locator::Image("acme/one:1".to_owned()));
        check("docker:/acme/one", Locator::Image("acme/one".to_owned()));
        check("oci:../out.oci:1", stored("oci:", "../out.oci:1"));
        check("oci-archive:x.tar", stored("oci-archive:", "x.tar"));
        check("docker-archive:x.tar", stored("docker-archive:", "x.tar"));
        check("urn:cnb:registry:a/b@1", Locator::Remote(Remote::Registry));
        check("urn:cnb:builder:a/b", Locator::Remote(Remote::Builder));
        check("from=builder:a/b", Locator::Remote(Remote::Builder));
        check("https://x.test/a.tgz", Locator::Remote(Remote::Download));
        check("ftp://x.test/a.tgz", Locator::Remote(Remote::Unknown));
    }
}
