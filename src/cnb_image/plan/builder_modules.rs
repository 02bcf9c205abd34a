//! Which modules of one kind a builder has for one target: all that it lists, and what those bring.

use std::collections::{BTreeMap, BTreeSet};

use super::builder_order::Available;
use super::checks::{Orders, check_cycles, reachable};
use super::member::Member;
use super::offers::{Composite, Key, Offer, Round, key_of_ref, named};
use crate::cnb::builder_config::ModuleEntry;
use crate::cnb::document::Located;
use crate::cnb::labels::ModuleLayers;
use crate::cnb::module::ModuleKind;
use crate::cnb::order::{Group, ModuleRef, Order, Removed, prune};
use crate::cnb::target::Target;
use crate::error::{Finding, Findings, Result, Severity};

/// The modules of one kind for a target.
pub(super) struct Modules<'t> {
    /// In the order in which they are listed, each followed by what its image brings; none where something is wrong with them.
    pub(super) members: Vec<Member>,
    /// What orders may name.
    pub(super) available: Available<'t>,
    /// What the image below has, and this one must not.
    pub(super) dropped: BTreeSet<Key>,
    /// What was taken out of which composite's order.
    pub(super) removed: Vec<(String, Vec<Removed>)>,
    /// Whether nothing is wrong with them.
    pub(super) is_whole: bool,
}

impl Composite<'_, '_> {
    /// All that is listed for `target`, which has an os and an architecture. `base` is what the image below has already.
    pub(super) fn modules<'t>(
        &mut self,
        kind: ModuleKind,
        target: &'t Target,
        entries: &[Located<ModuleEntry>],
        base: &ModuleLayers,
        findings: &mut Findings,
    ) -> Result<Modules<'t>> {
        let before = findings.count(Severity::Error);
        let offers = self.offers(target, findings)?;
        check_entries(entries, &offers, findings);
        let round = self.round(target, None, &offers, findings);
        let below: BTreeMap<Key, Order> = base
            .iter()
            .flat_map(|(id, versions)| versions.iter().map(move |(version, label)| (id, version, label)))
            .map(|(id, version, label)| ((id.clone(), version.clone()), label.order.clone()))
            .collect();
        self.seen.extend(below.keys().cloned());
        let is_out = |key: &Key| self.is_out(key, target);
        let dropped: BTreeSet<Key> = below.keys().filter(|key| is_out(key)).cloned().collect();
        let kept: BTreeMap<Key, Order> = below
            .into_iter()
            .filter(|(key, _)| !round.first.contains_key(key) && !is_out(key))
            .collect();
        check_kept(&kept, &dropped, target, findings);
        let mut pruned_orders: BTreeMap<Key, Order> = kept.clone();
        let mut removed: Vec<(Key, Vec<Removed>)> = Vec::new();
        for (key, (at, number)) in &round.first {
            let pruned = prune(&offers[*at].modules[*number].order, |entry| {
                let entry = key_of_ref(entry);
                is_out(&entry) || Self::leaves_out(&round, key, &entry)
            });
            if !pruned.removed.is_empty() {
                removed.push(((*key).clone(), pruned.removed));
            }
            pruned_orders.insert((*key).clone(), pruned.groups);
        }
        let needed = needed(&round, &pruned_orders, &is_out);
        removed.retain(|(key, _)| needed.contains(key));
        // whatever is there may take part, so that no order may lead round and round
        let everything = vec![Group {
            group: needed.iter().map(reference).collect(),
        }];
        pruned_orders.insert(self.root.key.clone(), everything);
        let orders: Orders<'_> = pruned_orders.iter().collect();
        self.check_removed(&round, &removed, &orders, findings);
        self.check_present(&round, &orders, &needed, findings);
        check_cycles(self.root, &round, &orders, findings);
        let mut members = BTreeMap::new();
        if findings.count(Severity::Error) == before {
            members = self.members(&round, &orders, &needed, &removed, findings)?;
        }
        if findings.count(Severity::Error) == before {
            self.check_equal(&round, &orders, &needed, &removed, &members, findings)?;
        }
        let left_out = round.first.keys().filter(|key| !needed.contains(**key));
        Ok(Modules {
            available: Available {
                kind,
                target,
                left_out: left_out
                    .map(|key| (*key).clone())
                    .chain(dropped.iter().cloned())
                    .collect(),
                modules: needed.into_iter().chain(kept.into_keys()).collect(),
                is_complete: !self.is_incomplete(),
            },
            dropped,
            members: members.into_values().collect(),
            removed: removed
                .into_iter()
                .map(|(key, changes)| (named(&key), changes))
                .collect(),
            is_whole: !self.is_incomplete() && findings.count(Severity::Error) == before,
        })
    }
}

/// What stays of the image below can not do without what goes.
fn check_kept(kept: &BTreeMap<Key, Order>, dropped: &BTreeSet<Key>, target: &Target, findings: &mut Findings) {
    for (composite, order) in kept {
        let entries = order.iter().flat_map(|group| &group.group);
        for entry in entries.filter(|entry| dropped.contains(&key_of_ref(entry))) {
            findings.push(
                Finding::error(format!(
                    "{} of the build image mentions {entry}, which is left out for {target}",
                    named(composite)
                ))
                .hint("leave the composite out as well, or list it again"),
            );
        }
    }
}

/// All that is listed and not left out, with what comes in the same images, and what composites bring by their own files.
fn needed(round: &Round<'_>, orders: &BTreeMap<Key, Order>, is_out: &dyn Fn(&Key) -> bool) -> BTreeSet<Key> {
    let orders: Orders<'_> = orders.iter().collect();
    let mut needed = BTreeSet::new();
    let listed = round.offers.iter().filter(|offer| offer.file == 0);
    for offer in listed {
        // what is left out goes with all that came for it
        if offer.modules.first().is_some_and(|main| is_out(&main.key)) {
            continue;
        }
        for module in offer.modules.iter().filter(|module| !is_out(&module.key)) {
            needed.extend(reachable(&orders, &module.key));
            needed.insert(module.key.clone());
        }
    }
    needed.retain(|key| round.first.contains_key(key) && !is_out(key));
    needed
}

fn reference(key: &Key) -> ModuleRef {
    ModuleRef {
        id: key.0.clone(),
        version: key.1.clone(),
        ..ModuleRef::default()
    }
}

/// An entry that says id or version says what is there.
fn check_entries(entries: &[Located<ModuleEntry>], offers: &[Offer], findings: &mut Findings) {
    for entry in entries {
        let of_entry = |offer: &&Offer| offer.dependency.place == entry.place && offer.file == 0;
        let Some(main) = offers.iter().find(of_entry).and_then(|offer| offer.modules.first()) else {
            continue;
        };
        let (id, version) = &main.key;
        for (what, said, found) in [("id", &entry.value.id, id), ("version", &entry.value.version, version)] {
            let Some(said) = said.as_ref().filter(|said| said.value != *found) else {
                continue;
            };
            findings.push(
                Finding::error(format!(
                    "`{}` is {}, but its entry says {what} `{}`",
                    entry.value.written,
                    named(&main.key),
                    said.value
                ))
                .at(said.place.clone())
                .hint(format!("say {what} = \"{found}\", or name another uri")),
            );
        }
    }
}
