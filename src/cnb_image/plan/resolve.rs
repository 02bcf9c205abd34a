//! Which modules a composite buildpack is made of for one target: all references followed, checked and pruned.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::super::dependency::{Content, Dependency, Opener, refusal};
use super::super::module_source::{ModuleSource, TargetView};
use super::super::packaged_image::{PackagedImage, PackagedModules};
use super::member::{Files, Member, MemberContent};
use crate::cnb::airpack_config::AirpackConfig;
use crate::cnb::labels::ModuleLayer;
use crate::cnb::order::{ModuleRef, Order, Removed, prune};
use crate::cnb::order_edit;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Finding, Findings, Place, Result, Severity};
use crate::progress::Progress;

/// Id and version.
type Key = (String, String);

/// What a composite is made of, the same for all targets.
pub(super) struct Composite<'a, 'o> {
    pub(super) main: &'a Arc<ModuleSource>,
    /// `airpack.toml` beside `buildpack.toml` and beside `package.toml`.
    pub(super) settings: &'a [AirpackConfig],
    pub(super) dependencies: &'a [Dependency],
    pub(super) opener: &'a mut Opener<'o>,
    /// All targets of the package.
    pub(super) targets: &'a [Target],
    pub(super) progress: &'a dyn Progress,
    /// What dependencies there were, for whichever target.
    pub(super) seen: BTreeSet<Key>,
}

/// What a target gets.
pub(super) struct Resolved {
    /// The dependencies that are needed, in the order in which they are listed.
    pub(super) members: Vec<Member>,
    /// The main module's order, without what is left out.
    pub(super) order: Order,
    /// `buildpack.toml` of the main module with that order; `None` where nothing is left out.
    pub(super) pruned: Option<String>,
    /// What was taken out of which composite's order.
    pub(super) removed: Vec<(String, Vec<Removed>)>,
    /// What is left out, as `id@version`.
    pub(super) left_out: Vec<String>,
}

impl Resolved {
    /// What a module gets that is no composite.
    pub(super) fn nothing() -> Self {
        Self {
            members: Vec::new(),
            order: Order::new(),
            pruned: None,
            removed: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// A dependency for one target.
struct Offer {
    dependency: Dependency,
    content: OfferContent,
    modules: Vec<Offered>,
}

enum OfferContent {
    Source {
        source: Arc<ModuleSource>,
        /// Of a composite, whose order may be another in each platform folder.
        view: Option<Box<TargetView>>,
    },
    Image {
        image: Arc<PackagedImage>,
        chosen: Box<Result<PackagedModules>>,
    },
}

/// A module that a dependency has.
struct Offered {
    key: Key,
    order: Order,
}

/// What is known for one target.
struct Round<'r> {
    target: &'r Target,
    main: &'r TargetView,
    main_key: &'r Key,
    offers: &'r [Offer],
    /// Which offer, and which of its modules, has a key.
    first: BTreeMap<&'r Key, (usize, usize)>,
    /// Those that offer what another does already.
    again: Vec<(usize, usize)>,
}

impl<'r> Round<'r> {
    fn offer_of(&self, key: &Key) -> Option<&'r Offer> {
        self.first.get(key).map(|(at, _)| &self.offers[*at])
    }
}

/// The orders of all modules, pruned or not, by key.
type Orders<'o> = BTreeMap<&'o Key, &'o Order>;

impl Composite<'_, '_> {
    /// All that `target` needs. `None` when `findings` tell why not. `main` is how it sees the main module.
    pub(super) fn resolve(
        &mut self,
        target: &Target,
        main: &TargetView,
        findings: &mut Findings,
    ) -> Result<Option<Resolved>> {
        let target = target.with_defaults();
        let main_key = key_of(self.main);
        let main_order = main
            .descriptor
            .order
            .as_ref()
            .map(|order| order.groups.clone())
            .unwrap_or_default();
        let offers = self.offers(&target, &main_key, findings)?;
        let before = findings.count(Severity::Error);
        let round = self.round(&target, main, &main_key, &offers, findings);
        let is_out = |key: &Key| self.is_out(key, &target);
        let whole: Orders<'_> = round
            .first
            .iter()
            .map(|(key, (at, number))| (*key, &offers[*at].modules[*number].order))
            .chain([(&main_key, &main_order)])
            .collect();
        self.check_use(&offers, &reachable(&whole, &main_key), findings);

        // what is left out goes from every order that mentions it
        let mut pruned_orders: BTreeMap<Key, Order> = BTreeMap::new();
        let mut removed: Vec<(Key, Vec<Removed>)> = Vec::new();
        for (key, order) in &whole {
            let pruned = prune(order, |entry| is_out(&key_of_ref(entry)));
            if !pruned.removed.is_empty() {
                removed.push(((*key).clone(), pruned.removed));
            }
            pruned_orders.insert((*key).clone(), pruned.groups);
        }
        let orders: Orders<'_> = pruned_orders.iter().collect();
        let needed = reachable(&orders, &main_key);
        removed.retain(|(key, _)| needed.contains(key) || *key == main_key);
        self.check_removed(&round, &removed, &orders, findings);
        self.check_present(&round, &orders, &needed, findings);
        check_cycles(&orders, &main_key, findings);
        if findings.count(Severity::Error) > before {
            return Ok(None);
        }
        let members = self.members(&round, &orders, &needed, &removed, findings)?;
        if findings.count(Severity::Error) == before {
            self.check_equal(&round, &needed, &members, findings)?;
        }
        if findings.count(Severity::Error) > before {
            return Ok(None);
        }
        let changes = changes_of(&removed, &main_key);
        let pruned = if changes.is_empty() {
            None
        } else {
            Some(pruned_text(self.main, main, changes)?)
        };
        Ok(Some(Resolved {
            members: members.into_values().collect(),
            order: orders.get(&main_key).map(|order| (*order).clone()).unwrap_or_default(),
            pruned,
            left_out: round
                .first
                .keys()
                .filter(|key| !needed.contains(**key))
                .map(|key| named(key))
                .collect(),
            removed: removed
                .into_iter()
                .map(|(key, changes)| (named(&key), changes))
                .collect(),
        }))
    }

    /// Sorts out who offers what.
    fn round<'r>(
        &mut self,
        target: &'r Target,
        main: &'r TargetView,
        main_key: &'r Key,
        offers: &'r [Offer],
        findings: &mut Findings,
    ) -> Round<'r> {
        let mut first: BTreeMap<&Key, (usize, usize)> = BTreeMap::new();
        let mut again: Vec<(usize, usize)> = Vec::new();
        for (at, offer) in offers.iter().enumerate() {
            for (number, module) in offer.modules.iter().enumerate() {
                if module.key == *main_key {
                    findings.push(
                        Finding::error(format!(
                            "`{}` is {}, which depends on it: {}",
                            offer.dependency.written,
                            named(main_key),
                            offer.dependency.way()
                        ))
                        .at(offer.dependency.place.clone()),
                    );
                    continue;
                }
                self.seen.insert(module.key.clone());
                if first.contains_key(&module.key) {
                    again.push((at, number));
                } else {
                    first.insert(&module.key, (at, number));
                }
            }
        }
        Round {
            target,
            main,
            main_key,
            offers,
            first,
            again,
        }
    }

    /// The modules that are needed, by offer; those that can not be had are left to `findings`.
    fn members(
        &self,
        round: &Round<'_>,
        orders: &Orders<'_>,
        needed: &BTreeSet<Key>,
        removed: &[(Key, Vec<Removed>)],
        findings: &mut Findings,
    ) -> Result<BTreeMap<(usize, usize), Member>> {
        let mut members = BTreeMap::new();
        let mut failed: HashSet<usize> = HashSet::new();
        for (key, (at, number)) in round.first.iter().filter(|(key, _)| needed.contains(**key)) {
            self.progress.check()?;
            if failed.contains(at) {
                continue;
            }
            let order = orders.get(key).map(|order| (*order).clone()).unwrap_or_default();
            let changes = changes_of(removed, key);
            match self.member(&round.offers[*at], *number, order, changes, round.target, findings)? {
                Some(member) => {
                    members.insert((*at, *number), member);
                }
                None => {
                    failed.insert(*at);
                }
            }
        }
        Ok(members)
    }

    /// The dependencies that are listed, and those of composites in folders for what is not among them.
    fn offers(&mut self, target: &Target, main_key: &Key, findings: &mut Findings) -> Result<Vec<Offer>> {
        let mut offers = Vec::new();
        for dependency in self.dependencies {
            offers.extend(self.offer(dependency, target, findings)?);
        }
        let mut followed = HashSet::from([self.main.tree.origin().to_owned()]);
        let mut at = 0;
        while at < offers.len() {
            let offer: &Offer = &offers[at];
            at += 1;
            let OfferContent::Source { source, view: Some(_) } = &offer.content else {
                continue;
            };
            let known: HashSet<&Key> = offers
                .iter()
                .flat_map(|offer| &offer.modules)
                .map(|module| &module.key)
                .collect();
            let is_missing = |entry: &ModuleRef| {
                let key = key_of_ref(entry);
                key != *main_key && !known.contains(&key) && !self.is_out(&key, target)
            };
            let has_missing = offer
                .modules
                .iter()
                .flat_map(|module| &module.order)
                .flat_map(|group| &group.group)
                .any(is_missing);
            if !has_missing || !followed.insert(source.tree.origin().to_owned()) {
                continue;
            }
            let (source, chain) = (Arc::clone(source), offer.dependency.chain.clone());
            for dependency in self.opener.open_below(&source, &chain, findings)? {
                offers.extend(self.offer(&dependency, target, findings)?);
            }
        }
        Ok(offers)
    }

    fn is_out(&self, key: &Key, target: &Target) -> bool {
        !self
            .settings
            .iter()
            .all(|settings| settings.includes(&key.0, &key.1, target))
    }

    /// `None` when `findings` tell why there is nothing to offer.
    fn offer(&mut self, dependency: &Dependency, target: &Target, findings: &mut Findings) -> Result<Option<Offer>> {
        let (content, modules) = match &dependency.content {
            Content::Source(source) => {
                let key = key_of(source);
                let mut view = None;
                if source.descriptor.order.is_some() && !self.is_out(&key, target) {
                    let Some(found) = self.view(source, target, findings)? else {
                        return Ok(None);
                    };
                    view = Some(Box::new(found));
                }
                let descriptor = view.as_ref().map_or(&source.descriptor, |view| &view.descriptor);
                let order = descriptor
                    .order
                    .as_ref()
                    .map(|order| order.groups.clone())
                    .unwrap_or_default();
                let content = OfferContent::Source {
                    source: Arc::clone(source),
                    view,
                };
                (content, vec![Offered { key, order }])
            }
            Content::Image(image) => {
                let chosen = image.for_target(target);
                let any = match &chosen {
                    Ok(modules) => Ok(modules.clone()),
                    Err(_) => image.any(),
                };
                let modules = match any {
                    Ok(modules) => modules.modules,
                    Err(error) => {
                        findings.push(about(dependency, &error));
                        return Ok(None);
                    }
                };
                let modules = modules
                    .into_iter()
                    .map(|module| Offered {
                        key: (module.id.to_string(), module.version.to_string()),
                        order: module.label.order,
                    })
                    .collect();
                let content = OfferContent::Image {
                    image: Arc::clone(image),
                    chosen: Box::new(chosen),
                };
                (content, modules)
            }
        };
        Ok(Some(Offer {
            dependency: dependency.clone(),
            content,
            modules,
        }))
    }

    /// How `target` sees a module that is not packaged yet.
    fn view(&self, source: &ModuleSource, target: &Target, findings: &mut Findings) -> Result<Option<TargetView>> {
        let own = source.target_for(target);
        let everybody: Vec<Target> = source
            .descriptor
            .written_targets()
            .flat_map(Target::expand)
            .chain(self.targets.iter().map(Target::with_defaults))
            .chain([own.clone()])
            .collect();
        source.view(&own, &everybody, findings)
    }

    /// Every dependency is in some order that leads here from the main module.
    fn check_use(&self, offers: &[Offer], mentioned: &BTreeSet<Key>, findings: &mut Findings) {
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
                        "{of}, which no order mentions that starts at {}",
                        self.main.descriptor.full_name()
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

    /// An order of an image can not be pruned, and none may be empty afterwards.
    fn check_removed(
        &self,
        round: &Round<'_>,
        removed: &[(Key, Vec<Removed>)],
        orders: &Orders<'_>,
        findings: &mut Findings,
    ) {
        for (key, _) in removed {
            let offer = round.offer_of(key);
            if let Some(offer) = offer
                && matches!(offer.content, OfferContent::Image { .. })
            {
                findings.push(
                    Finding::error(format!(
                        "`{}` is packaged with an order of {} that mentions what is left out for {}",
                        offer.dependency.written,
                        named(key),
                        round.target
                    ))
                    .at(offer.dependency.place.clone())
                    .hint("declare it in airpack.toml where that one is packaged, or leave out all of it"),
                );
            } else if orders.get(key).is_some_and(|order| order.is_empty()) {
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
    fn check_present(&self, round: &Round<'_>, orders: &Orders<'_>, needed: &BTreeSet<Key>, findings: &mut Findings) {
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

    /// `None` when `findings` tell why not.
    fn member(
        &self,
        offer: &Offer,
        number: usize,
        order: Order,
        changes: &[Removed],
        target: &Target,
        findings: &mut Findings,
    ) -> Result<Option<Member>> {
        let dependency = &offer.dependency;
        match &offer.content {
            OfferContent::Source { source, view } => {
                let view = view.as_deref().cloned();
                self.member_of_files(dependency, source, view, order, changes, target, findings)
            }
            OfferContent::Image { image, chosen } => match &**chosen {
                Ok(modules) => packaged_member(dependency, image, modules, number, findings),
                Err(error) => {
                    findings.push(about(dependency, error));
                    Ok(None)
                }
            },
        }
    }

    /// What is there twice must be the same.
    fn check_equal(
        &self,
        round: &Round<'_>,
        needed: &BTreeSet<Key>,
        members: &BTreeMap<(usize, usize), Member>,
        findings: &mut Findings,
    ) -> Result<()> {
        for (at, number) in &round.again {
            let (offer, module) = (&round.offers[*at], &round.offers[*at].modules[*number]);
            let Some(known) = round.first.get(&module.key).filter(|_| needed.contains(&module.key)) else {
                continue;
            };
            let other = &round.offers[known.0];
            if let (OfferContent::Source { source, .. }, OfferContent::Source { source: same, .. }) =
                (&offer.content, &other.content)
                && Arc::ptr_eq(source, same)
            {
                continue;
            }
            let own = self.member(offer, *number, module.order.clone(), &[], round.target, findings)?;
            let (Some(own), Some(member)) = (own, members.get(known)) else {
                continue;
            };
            if own.diff_id(self.progress)? != member.diff_id(self.progress)? {
                findings.push(
                    Finding::error(format!(
                        "{} is there twice with different content for {}: {} and {}",
                        named(&module.key),
                        round.target,
                        other.dependency.way(),
                        offer.dependency.way()
                    ))
                    .at(offer.dependency.place.clone())
                    .hint("give one of them another version, or remove one"),
                );
            }
        }
        Ok(())
    }

    /// A dependency that is not packaged yet. `None` when `findings` tell why not.
    #[expect(clippy::too_many_arguments, reason = "what makes a member")]
    fn member_of_files(
        &self,
        dependency: &Dependency,
        source: &Arc<ModuleSource>,
        view: Option<TargetView>,
        order: Order,
        changes: &[Removed],
        target: &Target,
        findings: &mut Findings,
    ) -> Result<Option<Member>> {
        let targets: Vec<&Target> = source.descriptor.written_targets().collect();
        if !targets.is_empty() && !targets.iter().any(|own| own.fits(target)) {
            let has: Vec<String> = targets.iter().map(ToString::to_string).collect();
            findings.push(
                Finding::error(format!(
                    "`{}` is {}, which is not for {target}{}",
                    dependency.written,
                    source.descriptor.full_name(),
                    by_way(dependency)
                ))
                .at(dependency.place.clone())
                .hint(format!(
                    "its targets are {}; airpack.toml can leave it out for others",
                    has.join(", ")
                )),
            );
            return Ok(None);
        }
        let view = match view {
            Some(view) => Some(view),
            None => self.view(source, target, findings)?,
        };
        let Some(view) = view else { return Ok(None) };
        let pruned = if changes.is_empty() {
            None
        } else {
            Some(pruned_text(source, &view, changes)?)
        };
        let mut label = ModuleLayer::of(&view.descriptor);
        label.order = order;
        Ok(Some(Member {
            id: source.descriptor.id.clone(),
            version: source.descriptor.version.clone(),
            label,
            chain: dependency.chain.clone(),
            content: MemberContent::Files(Box::new(Files {
                source: Arc::clone(source),
                choice: view.choice,
                files: view.files,
                pruned,
            })),
        }))
    }
}

/// A dependency that is packaged. `None` when `findings` tell why not.
fn packaged_member(
    dependency: &Dependency,
    image: &PackagedImage,
    modules: &PackagedModules,
    number: usize,
    findings: &mut Findings,
) -> Result<Option<Member>> {
    let module = &modules.modules[number];
    match image.layer(modules, module) {
        Ok(layer) => Ok(Some(Member {
            id: module.id.clone(),
            version: module.version.clone(),
            label: module.label.clone(),
            chain: dependency.chain.clone(),
            content: MemberContent::Packaged {
                layer,
                is_shared: modules.shares_layer(module),
            },
        })),
        Err(error) if error.kind() == ErrorKind::Stopped => Err(error),
        Err(error) => {
            findings.push(about(dependency, &error));
            Ok(None)
        }
    }
}

/// What has gone from the order of `key`.
fn changes_of<'c>(removed: &'c [(Key, Vec<Removed>)], key: &Key) -> &'c [Removed] {
    let found = removed.iter().find(|(own, _)| own == key);
    found.map(|(_, changes)| changes.as_slice()).unwrap_or_default()
}

fn about(dependency: &Dependency, error: &Error) -> Finding {
    refusal(
        &format!("dependency `{}`{}", dependency.written, by_way(dependency)),
        error,
    )
    .at(dependency.place.clone())
}

fn by_way(dependency: &Dependency) -> String {
    if dependency.chain.len() > 2 {
        format!(" (by way of {})", dependency.way())
    } else {
        String::new()
    }
}

fn key_of(source: &ModuleSource) -> Key {
    (source.descriptor.id.to_string(), source.descriptor.version.to_string())
}

fn key_of_ref(entry: &ModuleRef) -> Key {
    (entry.id.clone(), entry.version.clone())
}

fn named(key: &Key) -> String {
    format!("{}@{}", key.0, key.1)
}

fn order_place(source: &ModuleSource) -> Place {
    match &source.descriptor.order {
        Some(order) => order.place.clone(),
        None => Place {
            file: source.tree.display(source.descriptor.kind.file().as_bytes()),
            excerpt: None,
        },
    }
}

/// All that is mentioned by way of orders from `start` on, without `start` itself.
fn reachable(orders: &Orders<'_>, start: &Key) -> BTreeSet<Key> {
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
fn check_cycles(orders: &Orders<'_>, start: &Key, findings: &mut Findings) {
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
            let round: Vec<String> = way[at..]
                .iter()
                .map(|(key, _)| named(key))
                .chain([named(&next)])
                .collect();
            findings.push(Finding::error(format!(
                "orders lead round and round: {}",
                round.join(" -> ")
            )));
        } else if !done.contains(&next) && orders.contains_key(&next) {
            let rest = next_of(&next);
            way.push((next, rest));
        }
    }
}

/// The text of `buildpack.toml` as `view` has it, without what was removed from its order.
fn pruned_text(source: &ModuleSource, view: &TargetView, changes: &[Removed]) -> Result<String> {
    let name = source.descriptor.kind.file();
    let failed = |error: Error| {
        error.context(format!(
            "failed to prune the order of {}",
            source.descriptor.full_name()
        ))
    };
    let file = view
        .files
        .reach(name.as_bytes())
        .ok_or_else(|| failed(Error::invalid(format!("`{name}` is not in the layer"))))?;
    let text = source.read_text(&file.source)?;
    order_edit::without(&text, changes).map_err(failed)
}
