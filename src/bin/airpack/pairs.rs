//! `key=value` options in pack's syntax.

use std::str::FromStr;

/// What one `--label` gives: `a=1,b=2` is two, a value with commas goes in quotes, as in CSV.
///
/// These are the rules of pflag's `StringToString`, which pack uses: with a single `=` the whole is one pair, commas and all, and
/// quotes around it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl FromStr for Pairs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields = match text.matches('=').count() {
            0 => return Err(format!("`{text}` must be of the form key=value")),
            1 => vec![text.trim_matches('"').to_owned()],
            _ => fields(text)?,
        };
        let pair = |field: String| match field.split_once('=') {
            Some(("", _)) => Err(format!("`{field}` has no key")),
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!("`{field}` must be of the form key=value")),
        };
        fields.into_iter().map(pair).collect::<Result<_, _>>().map(Self)
    }
}

/// The fields of one line of CSV, by the rules of Go's `encoding/csv`: a field in quotes may hold commas and doubled quotes.
fn fields(text: &str) -> Result<Vec<String>, String> {
    let malformed = || format!("`{text}` is malformed: quotes go around a whole key=value");
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let after = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                if rest[..end].contains('"') {
                    return Err(malformed());
                }
                fields.push(rest[..end].to_owned());
                &rest[end..]
            }
            Some(quoted) => {
                let mut field = String::new();
                let mut quoted = quoted;
                loop {
                    let end = quoted.find('"').ok_or_else(malformed)?;
                    field.push_str(&quoted[..end]);
                    quoted = &quoted[end + 1..];
                    match quoted.strip_prefix('"') {
                        Some(more) => {
                            field.push('"');
                            quoted = more;
                        }
                        None => break,
                    }
                }
                fields.push(field);
                quoted
            }
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(malformed()),
        }
    }
}

/// One `key=value`, whatever is in the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair(pub(crate) String, pub(crate) String);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err(format!("`{text}` must be of the form key=value")),
        }
    }
}

/// All pairs of an option that was given several times; the last one wins.
pub(crate) fn merged<M: Extend<(String, String)> + Default>(given: Vec<Pairs>) -> M {
    let mut all = M::default();
    for pairs in given {
        all.extend(pairs.0);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_pack() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let expected = expected
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(text.parse::<Pairs>(), Ok(Pairs(expected)), "{text}");
        };
        check("a=1", &[("a", "1")]);
        check("a=1,2", &[("a", "1,2")]);
        check("a=1,b=2", &[("a", "1"), ("b", "2")]);
        check("a=b=c", &[("a", "b=c")]);
        check("\"a=1,2\",b=3", &[("a", "1,2"), ("b", "3")]);
        check("alpha=x <y> & \"z\"", &[("alpha", "x <y> & \"z")]);
        check("a=", &[("a", "")]);
        check("\"a=\"\"1\"\",2\",b=3", &[("a", "\"1\",2"), ("b", "3")]);
        for bad in ["", "a", "=1", "a=1,b=2,c", "a=1,b=\"2", "\"a=1\"x,b=2", "\"a=1,b=2"] {
            assert!(bad.parse::<Pairs>().is_err(), "{bad}");
        }
    }
}
