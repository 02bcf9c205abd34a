//! Which modules a composite buildpack is made of for one target: all references followed, checked and pruned.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::super::dependency::{Dependency, append_with_way, by_way};
use super::super::module_source::{ModuleSource, TargetView};
use super::super::packaged_image::{PackagedImage, PackagedModule, PackagedModules};
use super::checks::{Orders, check_cycles, reachable};
use super::machine::warn_of_other_machine;
use super::member::{Files, Member, MemberContent};
use super::offers::{Composite, Key, Offer, OfferContent, Round, about, key_of_ref, named};
use crate::cnb::labels::ModuleLayer;
use crate::cnb::module::{ModuleDescriptor, ModuleKind};
use crate::cnb::order::{Order, Removed, prune};
use crate::cnb::order_edit;
use crate::cnb::paths::BUILDPACK_TOML;
use crate::cnb::target::Target;
use crate::error::{Error, ErrorKind, Finding, Findings, Result, Severity};
use crate::progress::Progress;

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

impl Composite<'_, '_> {
    /// All that `target` needs. `None` when `findings` tell why not. `main` is how it sees the main module, `source`.
    pub(super) fn resolve(
        &mut self,
        target: &Target,
        source: &ModuleSource,
        main: &TargetView,
        findings: &mut Findings,
    ) -> Result<Option<Resolved>> {
        let target = target.with_defaults();
        let main_key = self.root.key.clone();
        let main_order = main
            .descriptor
            .order
            .as_ref()
            .map(|order| order.groups.clone())
            .unwrap_or_default();
        let offers = self.offers(&target, findings)?;
        let before = findings.count(Severity::Error);
        let round = self.round(&target, main.descriptor.order.as_ref(), &offers, findings);
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
            let pruned = prune(order, |entry| {
                let entry = key_of_ref(entry);
                is_out(&entry) || Self::leaves_out(&round, key, &entry)
            });
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
        check_cycles(self.root, &round, &orders, findings);
        if findings.count(Severity::Error) > before {
            return Ok(None);
        }
        let members = self.members(&round, &orders, &needed, &removed, findings)?;
        if findings.count(Severity::Error) == before {
            self.check_equal(&round, &orders, &needed, &removed, &members, findings)?;
        }
        if findings.count(Severity::Error) > before {
            return Ok(None);
        }
        let changes = changes_of(&removed, &main_key);
        let pruned = if changes.is_empty() {
            None
        } else {
            Some(pruned_text(source, main, changes)?)
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

    /// The modules that are needed, by offer; those that can not be had are left to `findings`.
    pub(super) fn members(
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
                Ok(modules) => packaged_member(
                    dependency,
                    image,
                    modules,
                    number,
                    (order, changes),
                    self.progress,
                    findings,
                ),
                Err(error) => {
                    findings.push(about(dependency, error));
                    Ok(None)
                }
            },
        }
    }

    /// What is there twice must be the same.
    pub(super) fn check_equal(
        &self,
        round: &Round<'_>,
        orders: &Orders<'_>,
        needed: &BTreeSet<Key>,
        removed: &[(Key, Vec<Removed>)],
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
            let order = orders
                .get(&module.key)
                .map(|order| (*order).clone())
                .unwrap_or_default();
            let changes = changes_of(removed, &module.key);
            let own = self.member(offer, *number, order, changes, round.target, findings)?;
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
                    by_way(&dependency.chain)
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
            None => self.view(dependency, source, target, findings)?,
        };
        let Some(view) = view else { return Ok(None) };
        let mut about_it = Findings::default();
        warn_of_other_machine(source, &view, target, &mut about_it)?;
        append_with_way(findings, &about_it, &dependency.chain);
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
            place: Some(dependency.place.clone()),
            content: MemberContent::Files(Box::new(Files {
                source: Arc::clone(source),
                choice: view.choice,
                files: view.files,
                pruned,
                descriptor: view.descriptor,
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
    (order, changes): (Order, &[Removed]),
    progress: &dyn Progress,
    findings: &mut Findings,
) -> Result<Option<Member>> {
    let module = &modules.modules[number];
    let looked = image.layer(modules, module, progress).and_then(|layer| {
        let pruned = match changes {
            [] => None,
            changes => {
                let text = layer.descriptor_of(&module.id, &module.version)?;
                check_order(text, module)?;
                Some(order_edit::without(text, changes)?)
            }
        };
        Ok((layer, pruned))
    });
    let (layer, pruned) = match looked {
        Ok(looked) => looked,
        Err(error) if error.kind() == ErrorKind::Stopped => return Err(error),
        Err(error) => {
            findings.push(about(dependency, &error));
            return Ok(None);
        }
    };
    let mut label = module.label.clone();
    label.order = order;
    Ok(Some(Member {
        id: module.id.clone(),
        version: module.version.clone(),
        label,
        chain: dependency.chain.clone(),
        place: Some(dependency.place.clone()),
        content: MemberContent::Packaged {
            layer,
            is_shared: modules.shares_layer(module),
            pruned,
        },
    }))
}

/// What is pruned is the order in the file, and that must be the one in the label.
fn check_order(text: &str, module: &PackagedModule) -> Result<()> {
    let file = Path::new(BUILDPACK_TOML);
    let (found, _) = ModuleDescriptor::parse(ModuleKind::Buildpack, file, text.as_bytes(), true);
    let groups = found.and_then(|found| found.order).map(|order| order.groups);
    if groups.as_ref() == Some(&module.label.order) {
        return Ok(());
    }
    Err(Error::damaged(format!(
        "the order of {}@{} in its {BUILDPACK_TOML} is another than in its image's label",
        module.id, module.version
    )))
}

/// What has gone from the order of `key`.
fn changes_of<'c>(removed: &'c [(Key, Vec<Removed>)], key: &Key) -> &'c [Removed] {
    let found = removed.iter().find(|(own, _)| own == key);
    found.map(|(_, changes)| changes.as_slice()).unwrap_or_default()
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
