//! What a composite buildpack's references must be: there, used, and not leading round and round (distribution spec, composites).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::dependency::by_way;
use super::offers::{Composite, Key, Offer, OfferContent, Root, Round, key_of_ref, named};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::order::{Order, Removed};
use crate::cnb::target::Target;
use crate::error::{Finding, Findings};

/// The orders of all modules, pruned or not, by key.
pub(super) type Orders<'o> = BTreeMap<&'o Key, &'o Order>;

impl Composite<'_, '_> {
    /// Whether something is not known because it could not be opened, which has been told of.
    pub(super) fn is_incomplete(&self) -> bool {
        self.is_incomplete || self.opener.has_failed
    }

    fn among(&self) -> &'static str {
        match self.root.origin {
            Some(_) => "among the dependencies",
            None => "in the builder",
        }
    }

    fn hint_to_add(&self) -> &'static str {
        match self.root.origin {
            Some(_) => "add [[dependencies]] with a uri for it to package.toml",
            None => "add [[buildpacks]] with a uri for it",
        }
    }

    /// Every dependency is in some order that leads here from the main module.
    pub(super) fn check_use(&self, offers: &[Offer], mentioned: &BTreeSet<Key>, findings: &mut Findings) {
        if self.is_incomplete() {
            return;
        }
        for offer in offers {
            for (number, module) in offer.modules.iter().enumerate() {
                if mentioned.contains(&module.key) || module.key == self.root.key {
                    continue;
                }
                let name = named(&module.key);
                let of = match number {
                    0 => format!("`{}` is {name}", offer.dependency.written),
                    _ => format!("`{}` brings {name}", offer.dependency.written),
                };
                findings.push(
                    Finding::error(format!(
                        "{of}, which no order mentions that starts at {}{}",
                        self.root.name,
                        by_way(&offer.dependency.chain)
                    ))
                    .at(offer.dependency.place.clone())
                    .hint("remove the dependency, or add the buildpack to an [[order.group]]"),
                );
                // the rest of it is there for this one
                if number == 0 {
                    break;
                }
            }
        }
    }

    /// No order may be empty afterwards.
    pub(super) fn check_removed(
        &self,
        round: &Round<'_>,
        removed: &[(Key, Vec<Removed>)],
        orders: &Orders<'_>,
        findings: &mut Findings,
    ) {
        for (key, _) in removed {
            let offer = round.offer_of(key);
            if orders.get(key).is_some_and(|order| order.is_empty()) {
                let place = match offer {
                    Some(offer) => offer.dependency.place.clone(),
                    None => self.root.place.clone(),
                };
                findings.push(
                    Finding::error(format!(
                        "nothing is left of the order of {} for {}: all of its groups need what is left out",
                        self.root.name_of(key),
                        round.target
                    ))
                    .at(place)
                    .hint("remove the target, or add a group that does without"),
                );
            }
        }
    }

    /// Every entry of an order is among the dependencies.
    pub(super) fn check_present(
        &self,
        round: &Round<'_>,
        orders: &Orders<'_>,
        needed: &BTreeSet<Key>,
        findings: &mut Findings,
    ) {
        if self.is_incomplete() {
            return;
        }
        for key in needed.iter().chain([&self.root.key]) {
            let Some(order) = orders.get(key) else { continue };
            let offer = round.offer_of(key);
            let declared = match offer.map(|offer| &offer.content) {
                None if *key == self.root.key => round.declared,
                Some(OfferContent::Source { view: Some(view), .. }) => view.descriptor.order.as_ref(),
                _ => None,
            };
            for entry in order.iter().flat_map(|group| &group.group) {
                let wanted = key_of_ref(entry);
                if orders.contains_key(&wanted) {
                    continue;
                }
                let way = offer
                    .map(|offer| format!(" ({})", offer.dependency.way()))
                    .unwrap_or_default();
                let place = match (declared, offer) {
                    (Some(order), _) => order.place_of(entry).clone(),
                    (None, Some(offer)) => offer.dependency.place.clone(),
                    (None, None) => self.root.place.clone(),
                };
                let others: Vec<String> = round
                    .first
                    .keys()
                    .filter(|other| other.0 == wanted.0)
                    .map(|other| named(other))
                    .collect();
                let hint = if others.is_empty() {
                    self.hint_to_add().to_owned()
                } else {
                    format!("there is {}", others.join(", "))
                };
                findings.push(
                    Finding::error(format!(
                        "{entry}, which the order of {}{way} mentions, is not {}",
                        self.root.name_of(key),
                        self.among()
                    ))
                    .at(place)
                    .hint(hint),
                );
            }
        }
    }
}

/// All that is mentioned by way of orders from `start` on, without `start` itself.
pub(super) fn reachable(orders: &Orders<'_>, start: &Key) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let mut todo = vec![start.clone()];
    while let Some(key) = todo.pop() {
        let Some(order) = orders.get(&key) else { continue };
        for entry in order.iter().flat_map(|group| &group.group) {
            let next = key_of_ref(entry);
            if next != *start && orders.contains_key(&next) && found.insert(next.clone()) {
                todo.push(next);
            }
        }
    }
    found
}

/// No order leads back to itself.
pub(super) fn check_cycles(root: &Root, round: &Round<'_>, orders: &Orders<'_>, findings: &mut Findings) {
    let start = &root.key;
    // entries of the way from `start`, each with what is still to be followed; recursion would be as deep as an image wants
    let next_of = |key: &Key| -> Vec<Key> {
        let entries = orders.get(key).into_iter().flat_map(|order| order.iter());
        entries.flat_map(|group| &group.group).map(key_of_ref).rev().collect()
    };
    let mut done: HashSet<Key> = HashSet::new();
    let mut way: Vec<(Key, Vec<Key>)> = vec![(start.clone(), next_of(start))];
    while let Some((_, rest)) = way.last_mut() {
        let Some(next) = rest.pop() else {
            if let Some((key, _)) = way.pop() {
                done.insert(key);
            }
            continue;
        };
        if let Some(at) = way.iter().position(|(key, _)| *key == next) {
            let names: Vec<String> = way[at..]
                .iter()
                .map(|(key, _)| root.name_of(key))
                .chain([root.name_of(&next)])
                .collect();
            let offer = round.offer_of(&next);
            let way = offer
                .map(|offer| format!(" ({})", offer.dependency.way()))
                .unwrap_or_default();
            findings.push(
                Finding::error(format!("orders lead round and round{way}: {}", names.join(" -> ")))
                    .at(match offer {
                        Some(offer) => Some(offer.dependency.place.clone()),
                        None => Some(root.place.clone()),
                    })
                    .hint("a composite can not be made of itself"),
            );
        } else if !done.contains(&next) && orders.contains_key(&next) {
            let rest = next_of(&next);
            way.push((next, rest));
        }
    }
}

/// What is declared to be left out is there.
pub(super) fn check_left_out(
    settings: &[AirpackConfig],
    seen: &BTreeSet<(String, String)>,
    targets: &[Target],
    (whole, part): (&str, &str),
    findings: &mut Findings,
) {
    for only in settings.iter().flat_map(|settings| &settings.modules) {
        let is_there = seen.iter().any(|(id, version)| only.value.is_about(id, version));
        if is_there
            && !targets
                .iter()
                .any(|target| only.value.includes(&target.with_defaults()))
        {
            findings.push(
                Finding::warning(format!(
                    "`{}` is left out for every target of this {whole}",
                    only.value.id
                ))
                .at(only.place.clone())
                .hint("its `targets` are none of those that are packaged"),
            );
        }
        // with other faults, what is there is not known for sure
        if !is_there && !seen.is_empty() {
            let version = only
                .value
                .version
                .as_ref()
                .map(|version| format!("@{version}"))
                .unwrap_or_default();
            let has: Vec<String> = seen.iter().map(|(id, version)| format!("{id}@{version}")).collect();
            findings.push(
                Finding::error(format!("no {part} is `{}{version}`", only.value.id))
                    .at(only.place.clone())
                    .hint(format!("there is {}", has.join(", "))),
            );
        }
    }
}
