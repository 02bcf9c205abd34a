//! The only place that writes JSON: the same value gives the same bytes, everywhere.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::{CharEscape, Formatter};

use crate::error::{Error, Result};

/// Documents of a layout: no spaces, the keys of every object sorted.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one writer")]
pub fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    // `Value` keeps objects sorted as long as serde_json's `preserve_order` is off; a test holds that
    let tree = serde_json::to_value(value).expect("types of the library serialise");
    serde_json::to_vec(&tree).expect("a JSON tree serialises")
}

/// Output for programs: sorted like [`to_bytes`], indented by two spaces, a newline at the end.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one writer")]
pub fn to_pretty<T: Serialize>(value: &T) -> String {
    let tree = serde_json::to_value(value).expect("types of the library serialise");
    let mut text = serde_json::to_string_pretty(&tree).expect("a JSON tree serialises");
    text.push('\n');
    text
}

/// Values of labels: no spaces, keys in the order of the type, and the escapes of Go's `encoding/json`.
#[must_use]
pub fn to_label<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, GoFormatter);
    value
        .serialize(&mut serializer)
        .expect("types of the library serialise");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// The word that stands for a value of a type with names only.
#[must_use]
pub fn to_word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A typed value from JSON that came from outside; the error names `what`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|cause| Error::damaged(format!("{what} is not the JSON it should be")).with_source(cause))
}

/// For fields where Go programs write `null` for an empty list or map.
pub(super) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A path as text; what is not UTF-8 in it is replaced.
pub(crate) fn displayed<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The same for what may not be there.
#[expect(clippy::ref_option, reason = "how serde calls it")]
pub(crate) fn displayed_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => displayed(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// Go escapes what could end a script element, and two separators that JavaScript took for line ends.
struct GoFormatter;

impl GoFormatter {
    fn escape_of(c: char) -> Option<&'static str> {
        match c {
            '<' => Some("\\u003c"),
            '>' => Some("\\u003e"),
            '&' => Some("\\u0026"),
            '\u{2028}' => Some("\\u2028"),
            '\u{2029}' => Some("\\u2029"),
            _ => None,
        }
    }
}

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| Self::escape_of(c).is_some()) {
            writer.write_all(&rest.as_bytes()[..at])?;
            writer.write_all(Self::escape_of(c).unwrap_or_default().as_bytes())?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let text = match escape {
            CharEscape::Quote => "\\\"",
            CharEscape::ReverseSolidus => "\\\\",
            CharEscape::Solidus => "\\/",
            CharEscape::Backspace => "\\b",
            CharEscape::FormFeed => "\\f",
            CharEscape::LineFeed => "\\n",
            CharEscape::CarriageReturn => "\\r",
            CharEscape::Tab => "\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
        };
        writer.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_in_documents_and_kept_in_labels() {
        #[derive(Serialize)]
        struct Pair {
            z: u8,
            a: u8,
        }
        let pair = Pair { z: 1, a: 2 };
        assert_eq!(to_bytes(&pair), br#"{"a":2,"z":1}"#);
        assert_eq!(to_label(&pair), r#"{"z":1,"a":2}"#);
    }

    #[test]
    fn labels_are_escaped_as_in_go() {
        let check = |text: &str, expected: &str| assert_eq!(to_label(&text), format!("\"{expected}\""), "{text:?}");
        check("<a> & b", "\\u003ca\\u003e \\u0026 b");
        check("\u{2028}\u{2029}é📦", "\\u2028\\u2029é📦");
        check("\"\\/\n\r\t\u{8}\u{c}", "\\\"\\\\/\\n\\r\\t\\b\\f");
        check("\u{1}\u{1f}\u{7f}", "\\u0001\\u001f\u{7f}");
    }
}
