//! The order of a composite buildpack as a tree: groups, their members, and the groups of members that are composites themselves.

use std::collections::HashSet;

use airpack::cnb::labels::ModuleLayer;
use airpack::cnb::order::{Group, ModuleRef};
use airpack::cnb::target::Target;

use crate::output::one_line;
use crate::tree::Tree;

/// Composites in composites that are shown.
const MAX_DEPTH: usize = 32;

/// The tree. `find` gives what is known of a module, if it is there.
pub(crate) fn order_tree<'a>(order: &'a [Group], find: &dyn Fn(&ModuleRef) -> Option<&'a ModuleLayer>) -> Tree {
    let mut top = Tree::new("order");
    add_groups(&mut top, order, find, &mut HashSet::new(), 0);
    top
}

fn add_groups<'a>(
    tree: &mut Tree,
    order: &'a [Group],
    find: &dyn Fn(&ModuleRef) -> Option<&'a ModuleLayer>,
    shown: &mut HashSet<(&'a str, &'a str)>,
    depth: usize,
) {
    for (at, group) in order.iter().enumerate() {
        let mut branch = Tree::new(format!("group {}", at + 1));
        for entry in &group.group {
            let known = find(entry);
            let mut member = Tree::new(one_line(&described(entry, known)));
            if let Some(known) = known.filter(|known| known.is_composite()) {
                // each once: labels may say anything, even that a buildpack is made of itself
                if !shown.insert((&entry.id, &entry.version)) {
                    member.text += ", its groups as above";
                } else if depth == MAX_DEPTH {
                    member.line("and so on");
                } else {
                    add_groups(&mut member, &known.order, find, shown, depth + 1);
                }
            }
            branch.push(member);
        }
        tree.push(branch);
    }
}

fn described(entry: &ModuleRef, known: Option<&ModuleLayer>) -> String {
    let mut text = entry.to_string();
    if entry.optional {
        text += " (optional)";
    }
    if !entry.exec_env.is_empty() {
        text = format!("{text} only in {}", entry.exec_env.join(", "));
    }
    match known {
        None => text += ", which is not there",
        Some(known) => {
            if !known.targets.is_empty() {
                text = format!("{text} for {}", targets(&known.targets));
            }
            if !known.homepage.is_empty() {
                text = format!("{text} <{}>", known.homepage);
            }
        }
    }
    text
}

/// Targets in one line.
pub(crate) fn targets(targets: &[Target]) -> String {
    let one = |target: &Target| {
        if *target == Target::default() {
            "any".to_owned()
        } else {
            target.to_string()
        }
    };
    targets.iter().map(one).collect::<Vec<_>>().join(", ")
}
