//! [`Order`]: the groups of buildpacks that are tried one after the other, as `[[order]]` and labels have it.

use serde::{Deserialize, Serialize};

use super::document::{Located, Table};
use super::id::{ModuleId, ModuleVersion};
use super::module::read_exec_env;
use crate::error::{Finding, Place, Severity};

/// Groups in the order in which they are tried.
pub type Order = Vec<Group>;

/// Buildpacks that are tried together. The serialised form is the one in labels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Group {
    /// Its members, in the order in which they run.
    #[serde(default)]
    pub group: Vec<ModuleRef>,
}

/// A buildpack in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModuleRef {
    /// Its id.
    pub id: String,
    /// Its version; a composite always says it, a builder may leave it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Environments in which it takes part.
    #[serde(rename = "exec-env", default, skip_serializing_if = "Vec::is_empty")]
    pub exec_env: Vec<String>,
    /// Whether the group does without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl std::fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)?;
        if !self.version.is_empty() {
            write!(f, "@{}", self.version)?;
        }
        Ok(())
    }
}

/// `[[order]]` of a composite buildpack, every entry with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredOrder {
    /// Where it begins.
    pub place: Place,
    /// The groups.
    pub groups: Order,
    places: Vec<Vec<Place>>,
}

/// What is left of an order when some buildpacks are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The groups that are left.
    pub groups: Order,
    /// What has gone, by position; empty when nothing has.
    pub removed: Vec<Removed>,
}

/// Something that has gone from an order; positions are those before anything has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A whole group, because of the entry at this position.
    Group {
        /// Its position.
        group: usize,
        /// What it could not do without; `None` when nothing was left of it.
        mandatory: Option<ModuleRef>,
    },
    /// An optional entry.
    Entry {
        /// The position of its group.
        group: usize,
        /// Its position there.
        entry: usize,
        /// What it is.
        module: ModuleRef,
    },
}

impl DeclaredOrder {
    /// Reads `[[order]]`; `None` where there is none. All entries need an id and a version (distribution spec).
    pub(super) fn read(root: &mut Table<'_>) -> Option<Self> {
        let place = root.any("order")?;
        let mut declared = Self {
            place,
            groups: Vec::new(),
            places: Vec::new(),
        };
        let tables = root.tables("order");
        if tables.is_empty() {
            root.report_at(
                Finding::error("`order` has no groups").hint("add [[order.group]] with an id and a version"),
                &declared.place,
            );
        }
        for mut table in tables {
            let mut group = Group::default();
            let mut places = Vec::new();
            let entries = table.tables("group");
            if entries.is_empty() {
                table.report(
                    Finding::error("this group has no buildpacks")
                        .hint("add [[order.group]] with an id and a version below it, or remove it"),
                );
            }
            for mut entry in entries {
                places.push(entry.place());
                let id = checked::<ModuleId>(entry.required_string("id"), &entry);
                if !id.is_empty() && !entry.has("version") {
                    entry.report(
                        Finding::error(format!("{id} in this order has no version"))
                            .hint("a composite says the version of each of its buildpacks: add version = \"X.Y.Z\""),
                    );
                }
                let version = if entry.has("version") {
                    checked::<ModuleVersion>(entry.required_string("version"), &entry)
                } else {
                    String::new()
                };
                let exec_env = read_exec_env(&mut entry);
                let optional = entry.bool("optional").unwrap_or_default();
                entry.finish(Severity::Warning);
                group.group.push(ModuleRef {
                    id,
                    version,
                    exec_env,
                    optional,
                });
            }
            table.finish(Severity::Warning);
            declared.groups.push(group);
            declared.places.push(places);
        }
        Some(declared)
    }

    /// Where the first entry for `module` stands.
    #[must_use]
    pub fn place_of(&self, module: &ModuleRef) -> &Place {
        let same = |other: &ModuleRef| (&other.id, &other.version) == (&module.id, &module.version);
        self.groups
            .iter()
            .zip(&self.places)
            .find_map(|(group, places)| group.group.iter().zip(places).find(|(entry, _)| same(entry)))
            .map_or(&self.place, |(_, place)| place)
    }
}

/// The text where it is a `T`; what is wrong with it is reported.
fn checked<T: std::str::FromStr<Err = crate::error::Error>>(
    found: Option<Located<String>>,
    table: &Table<'_>,
) -> String {
    let Some(found) = found else { return String::new() };
    if let Err(error) = found.value.parse::<T>() {
        let mut finding = Finding::error(error.to_string());
        finding.hint = error.hint().map(ToOwned::to_owned);
        table.report_at(finding, &found.place);
    }
    found.value
}

/// Takes out what `is_out` says. A group that loses a mandatory member goes with it, as one does of which nothing is left.
#[must_use]
pub fn prune(order: &[Group], is_out: impl Fn(&ModuleRef) -> bool) -> Pruned {
    let mut pruned = Pruned::default();
    for (at, group) in order.iter().enumerate() {
        let mandatory = group.group.iter().find(|entry| is_out(entry) && !entry.optional);
        let kept: Vec<ModuleRef> = group.group.iter().filter(|entry| !is_out(entry)).cloned().collect();
        if mandatory.is_some() || kept.is_empty() {
            pruned.removed.push(Removed::Group {
                group: at,
                mandatory: mandatory.cloned(),
            });
            continue;
        }
        let gone = group.group.iter().enumerate().filter(|(_, entry)| is_out(entry));
        pruned.removed.extend(gone.map(|(entry, module)| Removed::Entry {
            group: at,
            entry,
            module: module.clone(),
        }));
        pruned.groups.push(Group { group: kept });
    }
    pruned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Order {
        text.split(';')
            .map(|group| Group {
                group: group
                    .split(' ')
                    .map(|entry| ModuleRef {
                        id: entry.trim_end_matches('?').to_owned(),
                        version: "1".to_owned(),
                        optional: entry.ends_with('?'),
                        ..ModuleRef::default()
                    })
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn a_group_needs_its_mandatory_members() {
        let check = |before: &str, out: &str, after: Option<&str>, removed: usize| {
            let pruned = prune(&order(before), |entry| entry.id == out);
            assert_eq!(
                pruned.groups,
                after.map(order).unwrap_or_default(),
                "{before} without {out}"
            );
            assert_eq!(pruned.removed.len(), removed, "{before} without {out}");
        };
        check("a b", "c", Some("a b"), 0);
        check("a b?", "b", Some("a"), 1);
        check("a b?;b", "b", Some("a"), 2);
        check("a b;c", "b", Some("c"), 1);
        check("b?;c", "b", Some("c"), 1);
        check("b?", "b", None, 1);
        check("b? a b?", "b", Some("a"), 2);
    }
}
