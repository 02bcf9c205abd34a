//! [`Stack`]: what a module ran on before there were targets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// An entry of `[[stacks]]` (deprecated), as labels have it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The stack's id, `*` for any.
    pub id: String,
    /// Packages that must be in the stack's images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixins: Vec<String>,
}

/// The id that stands for all stacks.
const ANY: &str = "*";

impl Stack {
    /// What a module that lists no stacks counts as.
    #[must_use]
    pub fn any() -> Self {
        Self {
            id: ANY.to_owned(),
            mixins: Vec::new(),
        }
    }
}

/// Whether an entry stands for all stacks.
#[must_use]
pub fn is_any(stack: &Stack) -> bool {
    stack.id == ANY
}

/// What a module with these stacks supports.
#[must_use]
pub fn supported(listed: &[Stack]) -> Vec<Stack> {
    if listed.is_empty() {
        vec![Stack::any()]
    } else {
        listed.to_vec()
    }
}

/// What both support: the stacks of one that the other has too, with the mixins of both, sorted; `*` gives way to the other list.
#[must_use]
pub fn common(one: &[Stack], other: &[Stack]) -> Vec<Stack> {
    let any_of = |stacks: &[Stack]| stacks.iter().find(|stack| stack.id == ANY).cloned();
    let with = |stacks: &[Stack], mixins: &[String]| -> Vec<Stack> {
        if mixins.is_empty() {
            return stacks.to_vec();
        }
        stacks.iter().map(|stack| united(stack, mixins)).collect()
    };
    match (any_of(one), any_of(other)) {
        (_, Some(any)) => with(one, &any.mixins),
        (Some(any), None) => with(other, &any.mixins),
        (None, None) => one
            .iter()
            .filter_map(|stack| {
                let same = other.iter().find(|other| other.id == stack.id)?;
                Some(united(stack, &same.mixins))
            })
            .collect(),
    }
}

fn united(stack: &Stack, mixins: &[String]) -> Stack {
    let all: BTreeSet<&String> = stack.mixins.iter().chain(mixins).collect();
    Stack {
        id: stack.id.clone(),
        mixins: all.into_iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_modules_support() {
        let stacks = |text: &str| -> Vec<Stack> {
            let stack = |text: &str| {
                let (id, mixins) = text.split_once(':').unwrap_or((text, ""));
                let mixins = mixins.split(',').filter(|mixin| !mixin.is_empty());
                Stack {
                    id: id.to_owned(),
                    mixins: mixins.map(ToOwned::to_owned).collect(),
                }
            };
            text.split_whitespace().map(stack).collect()
        };
        let check = |one: &str, other: &str, expected: &str| {
            assert_eq!(
                common(&stacks(one), &stacks(other)),
                stacks(expected),
                "{one} and {other}"
            );
        };
        check("a:z,a b", "a:b", "a:a,b,z");
        check("a b", "b a", "a b");
        check("*", "a:z,a b", "a:z,a b");
        check("a:z,a b", "*", "a:z,a b");
        check("*:x", "a:y", "a:x,y");
        check("*", "*", "*");
        check("a", "b", "");
    }
}
