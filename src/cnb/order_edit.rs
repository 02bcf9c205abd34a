//! Takes entries out of `[[order]]` in the text of a `buildpack.toml`; everything else in it stays as it is.

use toml_edit::{Item, Value};

use super::order::Removed;
use super::target_edit::{ends_as_windows, parse, with_ends};
use crate::error::{Error, Result};

/// The text without what was removed.
pub fn without(text: &str, removed: &[Removed]) -> Result<String> {
    let unexpected = || Error::invalid("`order` is not a list of groups");
    let mut document = parse(text)?;
    let order = document.get_mut("order").ok_or_else(unexpected)?;
    // from the end, so that positions before it stay right
    for one in removed.iter().rev() {
        match one {
            Removed::Group { group, .. } => remove(order, *group).ok_or_else(unexpected)?,
            Removed::Entry { group, entry, .. } => {
                remove_entry(order, *group, *entry).ok_or_else(unexpected)?;
            }
        }
    }
    Ok(with_ends(&document.to_string(), ends_as_windows(text)))
}

fn remove_entry(order: &mut Item, group: usize, entry: usize) -> Option<()> {
    match order {
        Item::ArrayOfTables(tables) => remove(tables.get_mut(group)?.get_mut("group")?, entry),
        Item::Value(Value::Array(groups)) => {
            let members = groups.get_mut(group)?.as_inline_table_mut()?.get_mut("group")?;
            members
                .as_array_mut()
                .filter(|members| entry < members.len())?
                .remove(entry);
            Some(())
        }
        _ => None,
    }
}

/// Takes one out of a list of tables, however it is written.
fn remove(list: &mut Item, at: usize) -> Option<()> {
    match list {
        Item::ArrayOfTables(tables) if at < tables.len() => {
            tables.remove(at);
        }
        Item::Value(Value::Array(items)) if at < items.len() => {
            items.remove(at);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::order::ModuleRef;
    use super::*;

    #[test]
    fn the_rest_of_the_text_stays() {
        let entry = |group, entry| Removed::Entry {
            group,
            entry,
            module: ModuleRef::default(),
        };
        let group = |group| Removed::Group { group, mandatory: None };
        let check = |text: &str, removed: &[Removed], expected: &str| {
            assert_eq!(without(text, removed).unwrap(), expected, "{text}");
        };
        let text = "# top\napi = '0.10' # api\n\n[[order]]\n[[order.group]]\nid = \"a\" # a\n[[order.group]]\nid = \"b\"\n\n[[order]] # two\n[[order.group]]\nid = \"b\"\n\n# more\n[metadata]\nx = { y = 1 }\n";
        check(
            text,
            &[entry(0, 1), group(1)],
            "# top\napi = '0.10' # api\n\n[[order]]\n[[order.group]]\nid = \"a\" # a\n\n# more\n[metadata]\nx = { y = 1 }\n",
        );
        check(
            "order = [{group = [{id = \"a\"}, {id = \"b\"}]}, {group = [{id = \"b\"}]}]\n",
            &[entry(0, 1), group(1)],
            "order = [{group = [{id = \"a\"}]}]\n",
        );
        check(
            "[[order]]\ngroup = [{id = \"a\"}, {id = \"b\"}]\n",
            &[entry(0, 0)],
            "[[order]]\ngroup = [ {id = \"b\"}]\n",
        );
        assert!(without("order = 1", &[group(0)]).is_err());
        assert!(without("[[order]]\n", &[group(1)]).is_err());
    }
}
