//! What a composite buildpack's references must be: there, used, and not leading round and round (distribution spec, composites).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::dependency::by_way;
use super::super::module_source::ModuleSource;
use super::offers::{Composite, Key, Offer, OfferContent, Round, key_of, key_of_ref, named};
use crate::cnb::order::{Order, Removed};
use crate::error::{Finding, Findings, Place};

/// The orders of all modules, pruned or not, by key.
pub(super) type Orders<'o> = BTreeMap<&'o Key, &'o Order>;

impl Composite<'_, '_> {
    /// Whether something is not known because it could not be opened, which has been told of.
    fn is_incomplete(&self) -> bool {
        self.is_incomplete || self.opener.has_failed
    }

    /// Every dependency is in some order that leads here from the main module.
    pub(super) fn check_use(&self, offers: &[Offer], mentioned: &BTreeSet<Key>, findings: &mut Findings) {
        if self.is_incomplete() {
            return;
        }
        for offer in offers {
            for (number, module) in offer.modules.iter().enumerate() {
                if mentioned.contains(&module.key) || module.key == key_of(self.main) {
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
                        self.main.descriptor.full_name(),
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
                    None => order_place(self.main),
                };
                findings.push(
                    Finding::error(format!(
                        "nothing is left of the order of {} for {}: all of its groups need what is left out",
                        named(key),
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
        for key in needed.iter().chain([round.main_key]) {
            let Some(order) = orders.get(key) else { continue };
            let offer = round.offer_of(key);
            let declared = match offer.map(|offer| &offer.content) {
                None => round.main.descriptor.order.as_ref(),
                Some(OfferContent::Source { view: Some(view), .. }) => view.descriptor.order.as_ref(),
                Some(_) => None,
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
                    (None, None) => order_place(self.main),
                };
                let others: Vec<String> = round
                    .first
                    .keys()
                    .filter(|other| other.0 == wanted.0)
                    .map(|other| named(other))
                    .collect();
                let hint = if others.is_empty() {
                    "add [[dependencies]] with a uri for it to package.toml".to_owned()
                } else {
                    format!("there is {}", others.join(", "))
                };
                findings.push(
                    Finding::error(format!(
                        "{entry}, which the order of {}{way} mentions, is not among the dependencies",
                        named(key)
                    ))
                    .at(place)
                    .hint(hint),
                );
            }
        }
    }
}

pub(super) fn order_place(source: &ModuleSource) -> Place {
    match &source.descriptor.order {
        Some(order) => order.place.clone(),
        None => Place {
            file: source.tree.display(source.descriptor.kind.file().as_bytes()),
            excerpt: None,
        },
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
pub(super) fn check_cycles(round: &Round<'_>, orders: &Orders<'_>, findings: &mut Findings) {
    let start = round.main_key;
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
                .map(|(key, _)| named(key))
                .chain([named(&next)])
                .collect();
            let offer = round.offer_of(&next);
            let way = offer
                .map(|offer| format!(" ({})", offer.dependency.way()))
                .unwrap_or_default();
            findings.push(
                Finding::error(format!("orders lead round and round{way}: {}", names.join(" -> ")))
                    .at(match offer {
                        Some(offer) => Some(offer.dependency.place.clone()),
                        None => round.main.descriptor.order.as_ref().map(|order| order.place.clone()),
                    })
                    .hint("a composite can not be made of itself"),
            );
        } else if !done.contains(&next) && orders.contains_key(&next) {
            let rest = next_of(&next);
            way.push((next, rest));
        }
    }
}
