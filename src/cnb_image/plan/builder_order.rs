//! What the references in a builder's orders mean for one target: each is one module, or left out.

use std::collections::BTreeSet;

use super::offers::{Key, named};
use crate::cnb::builder_config::WrittenOrder;
use crate::cnb::builder_labels::SystemBuildpacks;
use crate::cnb::module::ModuleKind;
use crate::cnb::order::{Group, ModuleRef, Order, Removed, prune};
use crate::cnb::target::Target;
use crate::error::{Finding, Findings, Place};

/// What modules there are for a target.
pub(super) struct Available<'a> {
    pub(super) kind: ModuleKind,
    pub(super) target: &'a Target,
    pub(super) modules: BTreeSet<Key>,
    /// Those that are left out.
    pub(super) left_out: BTreeSet<Key>,
    /// Whether that is all: what could not be opened may be what a reference means.
    pub(super) is_complete: bool,
}

/// An order for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResolvedOrder {
    /// As it is written, for the label.
    pub(super) written: Order,
    /// With all versions.
    pub(super) resolved: Order,
    /// What was taken out.
    pub(super) removed: Vec<Removed>,
}

/// What a reference means.
enum Meaning {
    Module(Key),
    LeftOut,
    Fault(Box<Finding>),
}

impl Available<'_> {
    /// The order, as far as its modules are not left out; what means nothing is left to `findings`.
    pub(super) fn order(&self, order: &WrittenOrder, findings: &mut Findings) -> ResolvedOrder {
        for (group, places) in order.groups.iter().zip(&order.places) {
            for (entry, place) in group.group.iter().zip(places) {
                self.tell(entry, place, findings);
            }
        }
        let is_out = |entry: &ModuleRef| matches!(self.meaning(entry), Meaning::LeftOut);
        // an extension is optional wherever it stands
        let is_optional = self.kind == ModuleKind::Extension;
        let mut groups = order.groups.clone();
        for entry in groups.iter_mut().flat_map(|group| &mut group.group) {
            entry.optional |= is_optional;
        }
        let mut pruned = prune(&groups, is_out);
        for entry in pruned.groups.iter_mut().flat_map(|group| &mut group.group) {
            entry.optional &= !is_optional;
        }
        if pruned.groups.is_empty() && !order.groups.is_empty() && !is_optional && self.is_complete {
            let place = order.places.first().and_then(|places| places.first()).cloned();
            findings.push(
                Finding::error(format!(
                    "nothing is left of the order of {}s for {}: all of its groups need what is left out",
                    self.kind.name(),
                    self.target
                ))
                .at(place)
                .hint("remove the target, or add a group that does without"),
            );
        }
        let resolved = pruned.groups.iter().map(|group| Group {
            group: group.group.iter().map(|entry| self.with_version(entry)).collect(),
        });
        ResolvedOrder {
            resolved: resolved.collect(),
            written: pruned.groups,
            removed: pruned.removed,
        }
    }

    /// Buildpacks of `[system]`, as written and with all versions; those that are left out are not there.
    pub(super) fn system(
        &self,
        list: &SystemBuildpacks,
        places: &[Place],
        findings: &mut Findings,
    ) -> (SystemBuildpacks, SystemBuildpacks) {
        for (entry, place) in list.buildpacks.iter().zip(places) {
            self.tell(entry, place, findings);
        }
        let is_in = |entry: &&ModuleRef| !matches!(self.meaning(entry), Meaning::LeftOut);
        let written: Vec<ModuleRef> = list.buildpacks.iter().filter(is_in).cloned().collect();
        let resolved = written.iter().map(|entry| self.with_version(entry)).collect();
        (
            SystemBuildpacks { buildpacks: written },
            SystemBuildpacks { buildpacks: resolved },
        )
    }

    fn tell(&self, entry: &ModuleRef, place: &Place, findings: &mut Findings) {
        if let Meaning::Fault(finding) = self.meaning(entry)
            && !entry.id.is_empty()
        {
            findings.push(finding.at(place.clone()));
        }
    }

    fn with_version(&self, entry: &ModuleRef) -> ModuleRef {
        match self.meaning(entry) {
            Meaning::Module((_, version)) => ModuleRef {
                version,
                ..entry.clone()
            },
            _ => entry.clone(),
        }
    }

    fn meaning(&self, entry: &ModuleRef) -> Meaning {
        let fits = |key: &&Key| key.0 == entry.id && (entry.version.is_empty() || key.1 == entry.version);
        let found: Vec<&Key> = self.modules.iter().filter(fits).collect();
        match found.as_slice() {
            [one] => Meaning::Module((*one).clone()),
            [] if self.left_out.iter().any(|key| fits(&key)) => Meaning::LeftOut,
            [] if !self.is_complete => Meaning::LeftOut,
            [] => Meaning::Fault(Box::new(self.nothing(entry))),
            several => {
                let versions: Vec<&str> = several.iter().map(|key| key.1.as_str()).collect();
                Meaning::Fault(Box::new(
                    Finding::error(format!(
                        "there are several versions of `{}` for {}: {}",
                        entry.id,
                        self.target,
                        versions.join(", ")
                    ))
                    .hint("say which with version"),
                ))
            }
        }
    }

    fn nothing(&self, entry: &ModuleRef) -> Finding {
        let kind = self.kind.name();
        let same_id: Vec<String> = self.modules.iter().filter(|key| key.0 == entry.id).map(named).collect();
        let all: Vec<String> = self.modules.iter().map(named).collect();
        let hint = match (same_id.is_empty(), all.is_empty()) {
            (false, _) => format!("there is {}", same_id.join(", ")),
            (true, false) => format!("add [[{kind}s]] for it; there is {}", all.join(", ")),
            (true, true) => format!("add [[{kind}s]] for it"),
        };
        Finding::error(format!("no {kind} is `{entry}` for {}", self.target)).hint(hint)
    }
}
