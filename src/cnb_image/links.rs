//! Follows symbolic links by their text, in a tree of files or in an image that is being planned.

use crate::archive::entry::parent;

/// Links that are followed one after the other before it counts as a loop, as in Linux.
const MAX_LINKS: usize = 40;

/// What stands at a path.
pub(super) enum Standing<'a> {
    /// A file or folder.
    Thing,
    /// A link with this text.
    Link(&'a [u8]),
    /// Nothing.
    Nothing,
}

/// Where a link leads in the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To a file or folder that is there, by its real path; empty for the root.
    Found(Vec<u8>),
    /// To nothing.
    Missing,
    /// Above the root.
    Outside,
    /// To this absolute path, which is one of the image and not of the source.
    Absolute(Vec<u8>),
    /// Round and round.
    Loop,
}

/// The path that `text` names in a link at `link`, by its text alone; `None` above the root.
pub(super) fn named_path(link: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = split(parent(link).unwrap_or_default()).collect();
    for part in split(text) {
        match part {
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

/// Follows the link at `link`, with `text`, until a thing is reached.
pub(super) fn follow<'a>(link: &[u8], text: &[u8], at: impl Fn(&[u8]) -> Standing<'a>) -> Destination {
    if text.starts_with(b"/") {
        return Destination::Absolute(text.to_vec());
    }
    let mut reached: Vec<u8> = parent(link).unwrap_or_default().to_vec();
    let mut todo: Vec<&[u8]> = split(text).collect();
    todo.reverse();
    let mut links = 1;
    while let Some(part) = todo.pop() {
        if part == b".." {
            if reached.is_empty() {
                return Destination::Outside;
            }
            reached = parent(&reached).unwrap_or_default().to_vec();
            continue;
        }
        let next = crate::archive::entry::join(&reached, part);
        match at(&next) {
            Standing::Nothing => {
                // a `..` behind what is missing can still lead out
                let rest = todo.iter().rev().copied().collect::<Vec<_>>().join(&b'/');
                return match named_path(&[&next[..], b"/x"].concat(), &rest) {
                    Some(_) => Destination::Missing,
                    None => Destination::Outside,
                };
            }
            Standing::Thing => reached = next,
            Standing::Link(text) => {
                links += 1;
                if links > MAX_LINKS {
                    return Destination::Loop;
                }
                if text.starts_with(b"/") {
                    let rest = todo.iter().rev().copied().collect::<Vec<_>>().join(&b'/');
                    return Destination::Absolute(crate::archive::entry::join(text, &rest));
                }
                let more: Vec<&[u8]> = split(text).collect();
                todo.extend(more.into_iter().rev());
            }
        }
    }
    Destination::Found(reached)
}

fn split(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_the_system_would_go() {
        let links: &[(&str, &str)] = &[
            ("a/l", "../b"),
            ("loop", "loop2"),
            ("loop2", "loop"),
            ("dir", "a/sub"),
            ("abs", "/etc"),
            ("self", "."),
        ];
        let things = ["a", "a/sub", "a/sub/f", "b"];
        let at = |path: &[u8]| {
            let path = std::str::from_utf8(path).unwrap();
            if let Some((_, text)) = links.iter().find(|(link, _)| *link == path) {
                Standing::Link(text.as_bytes())
            } else if things.contains(&path) {
                Standing::Thing
            } else {
                Standing::Nothing
            }
        };
        let check = |link: &str, text: &'static str, expected: Destination| {
            assert_eq!(
                follow(link.as_bytes(), text.as_bytes(), at),
                expected,
                "{link} -> {text}"
            );
        };
        let found = |path: &str| Destination::Found(path.as_bytes().to_vec());
        check("x", "b", found("b"));
        check("a/x", "l", found("b"));
        check("x", "dir/f", found("a/sub/f"));
        check("x", "dir/..", found("a"));
        check("x", "self/self/b", found("b"));
        check("x", ".", found(""));
        check("x", "loop", Destination::Loop);
        check("x", "none/y", Destination::Missing);
        check("x", "none/../../y", Destination::Outside);
        check("a/x", "../../b", Destination::Outside);
        check("x", "abs/passwd", Destination::Absolute(b"/etc/passwd".to_vec()));
        check("x", "/b", Destination::Absolute(b"/b".to_vec()));
    }
}
