//! Reads `/etc/os-release`, which says what distribution an image holds (os-release(5)).

use super::target::Distro;

/// The distribution by `ID` and `VERSION_ID`; `None` where neither is said.
#[must_use]
pub fn distro_of(text: &str) -> Option<Distro> {
    let value_of = |key: &str| {
        let line = text.lines().rfind(|line| {
            let name = line.trim_start().split_once('=').map(|(name, _)| name);
            name == Some(key)
        })?;
        Some(unquoted(line.split_once('=')?.1.trim()))
    };
    let distro = Distro {
        name: value_of("ID").unwrap_or_default(),
        version: value_of("VERSION_ID").unwrap_or_default(),
    };
    (!distro.name.is_empty() || !distro.version.is_empty()).then_some(distro)
}

/// Quotes as a shell has them; values hold nothing that would make more of them.
fn unquoted(text: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    match inner {
        Some(inner) if text.starts_with('"') => {
            let mut plain = String::new();
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                plain.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            plain
        }
        Some(inner) => inner.to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(name, version)| Distro {
                name: name.to_owned(),
                version: version.to_owned(),
            });
            assert_eq!(distro_of(text), expected, "{text}");
        };
        check(
            "NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n",
            Some(("debian", "12")),
        );
        check("ID='ubuntu'\nVERSION_ID=24.04", Some(("ubuntu", "24.04")));
        check("# ID=x\nID=alpine\nID_LIKE=y\n", Some(("alpine", "")));
        check("ID=\"a\\\"b\"\r\n", Some(("a\"b", "")));
        check("NAME=x\n", None);
        check("", None);
    }
}
