//! [`Url`]: an address over HTTP, and what `Location` headers make of it.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An absolute address. Displayed without its query, which may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// Host, and maybe a port.
    pub(super) authority: String,
    /// Path and query, from the first `/` on.
    target: String,
}

impl Url {
    pub(super) fn new(scheme: Scheme, authority: &str, target: &str) -> Self {
        Self {
            scheme,
            authority: without_default_port(scheme, authority),
            target: target.to_owned(),
        }
    }

    /// An absolute address; an error for anything but HTTP, and for one with a user in it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let (scheme, rest) = if lower.starts_with("https://") {
            (Scheme::Https, &text[8..])
        } else if lower.starts_with("http://") {
            (Scheme::Http, &text[7..])
        } else {
            return Err(malformed(text, "it is neither http nor https"));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.is_empty() || authority.contains('@') {
            return Err(malformed(text, "it has no plain host"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed(text, "it has characters that no address has"));
        }
        let target = target.split('#').next().unwrap_or_default();
        let target = match target.strip_prefix('/') {
            Some(_) => target.to_owned(),
            None => format!("/{target}"),
        };
        Ok(Self {
            scheme,
            authority: without_default_port(scheme, &authority.to_ascii_lowercase()),
            target,
        })
    }

    /// What `location` means in an answer from here (RFC 3986, section 5.2).
    pub(super) fn join(&self, location: &str) -> Result<Self> {
        let path = self.target.split('?').next().unwrap_or_default();
        let text = if location.contains("://") && !location.starts_with(['/', '?']) {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{}://{rest}", self.scheme.name())
        } else {
            let origin = format!("{}://{}", self.scheme.name(), self.authority);
            match location.as_bytes().first() {
                Some(b'/') => format!("{origin}{location}"),
                Some(b'?') => format!("{origin}{path}{location}"),
                _ => {
                    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
                    format!("{origin}{folder}{location}")
                }
            }
        };
        let mut joined = Self::parse(&text)?;
        // registries behind a proxy that speaks TLS for them often do not know that it does
        if self.scheme == Scheme::Https && joined.authority == self.authority {
            joined.scheme = Scheme::Https;
        }
        Ok(joined)
    }

    /// The same address with one more parameter, which is encoded.
    pub(super) fn with_parameter(&self, name: &str, value: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        Self {
            target: format!("{}{separator}{name}={value}", self.target),
            ..self.clone()
        }
    }

    /// Whether credentials for one may be given to the other.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority == other.authority
    }

    /// With the query, for the wire only.
    pub(super) fn on_the_wire(&self) -> String {
        format!("{}://{}{}", self.scheme.name(), self.authority, self.target)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme.name(), self.authority)
    }
}

/// `host:443` and `host` are one over HTTPS.
fn without_default_port(scheme: Scheme, authority: &str) -> String {
    let port = match scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    authority.strip_suffix(port).unwrap_or(authority).to_owned()
}

fn malformed(text: &str, why: &str) -> Error {
    let shown = text.split('?').next().unwrap_or_default();
    // a user and password may stand before an `@`
    let shown = shown.rsplit('@').next().unwrap_or_default();
    Error::new(ErrorKind::Network, format!("`{shown}` is no address to go to: {why}"))
}

/// The host of `host:port`, without the brackets of an IPv6 address.
pub(super) fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether a host is this machine, whatever the name service says.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = host_of(authority);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined_as_in_rfc_3986() {
        let base = Url::parse("https://r.test:5000/v2/a/blobs/uploads/?_state=x").unwrap();
        let check = |location: &str, expected: &str| {
            assert_eq!(base.join(location).unwrap().on_the_wire(), expected, "{location}");
        };
        check("/v2/x?y=1", "https://r.test:5000/v2/x?y=1");
        check("id?y=1", "https://r.test:5000/v2/a/blobs/uploads/id?y=1");
        check("?y=1", "https://r.test:5000/v2/a/blobs/uploads/?y=1");
        check("//other.test/x", "https://other.test/x");
        check("HTTP://other.test", "http://other.test/");
        check("http://r.test:5000/x", "https://r.test:5000/x");
        check("https://other.test:443/x", "https://other.test/x");
        check("http://other.test:80/x", "http://other.test/x");
        check("http://other.test:443/x", "http://other.test:443/x");
        check("/x?u=http://y/", "https://r.test:5000/x?u=http://y/");
        for bad in [
            "file:///etc/passwd",
            "ftp://x/",
            "http://",
            "http://u:p@x/",
            "/a b",
            "gopher://x",
        ] {
            assert!(base.join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn queries_are_not_displayed_and_hosts_are_told_apart() {
        let url = Url::parse("http://a.test/x")
            .unwrap()
            .with_parameter("digest", "sha256:0");
        assert_eq!(url.on_the_wire(), "http://a.test/x?digest=sha256%3A0");
        assert_eq!(url.to_string(), "http://a.test/x");
        for loopback in ["localhost", "LOCALHOST:5000", "127.0.0.1:80", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(loopback), "{loopback}");
        }
        for other in ["localhost.evil.test", "128.0.0.1", "registry.corp:5000", "[::2]:1"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
