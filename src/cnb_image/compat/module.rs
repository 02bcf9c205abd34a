//! What is said of one module for one platform, by its label and its programs.

use super::programs::{Program, misfit};
use crate::cnb::compat::{Cause, Reason, StackFault, Verdict, cut, excluded, listed, runs_in, stack_fault, unspoken};
use crate::cnb::labels::ModuleLayer;
use crate::cnb::lifecycle::LifecycleDescriptor;
use crate::cnb::module::ModuleKind;
use crate::cnb::target::Target;

/// What modules run on, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Ground {
    /// The image of the builder, or what it is built on.
    pub(super) image: Option<Target>,
    /// Its lifecycle.
    pub(super) lifecycle: Option<LifecycleDescriptor>,
    /// Its stack, and the packages in it (deprecated).
    pub(super) stack: Option<(String, Vec<String>)>,
}

impl Ground {
    /// Why a module does not run on this for `column`; nothing where it does.
    pub(super) fn refuses(&self, kind: ModuleKind, label: &ModuleLayer, column: &Target) -> Option<Reason> {
        if let Some(reason) = self.lifecycle.as_ref().and_then(|own| unspoken(own, &label.api)) {
            return Some(reason);
        }
        if label.is_composite() {
            return None;
        }
        let by_targets = || match &self.image {
            Some(image) => excluded(&label.targets, image, runs_in),
            None => excluded(&label.targets, column, Target::fits),
        };
        by_targets().or_else(|| self.refuses_stacks(kind, label))
    }

    fn refuses_stacks(&self, kind: ModuleKind, label: &ModuleLayer) -> Option<Reason> {
        let (id, mixins) = self.stack.as_ref().filter(|_| kind == ModuleKind::Buildpack)?;
        let text = match stack_fault(&label.stacks, id, mixins)? {
            StackFault::Other(has) => {
                format!("it is for the stacks {}, not for `{}`", listed(has), cut(id))
            }
            StackFault::Mixins(missing) => format!("it needs mixins that are not there: {}", listed(missing)),
        };
        Some(Reason::new(Cause::Stack, "other stack", text))
    }
}

/// What is said of a module that is there, and that what it runs on does not refuse.
pub(super) fn there(label: &ModuleLayer, programs: &[Program], column: &Target) -> Verdict {
    if let Some(verdict) = misfit(programs, &column.arch) {
        return verdict;
    }
    let names_none = label.targets.iter().all(|target| target.arch.is_empty());
    if names_none && programs.is_empty() && !label.is_composite() {
        Verdict::any()
    } else {
        Verdict::yes()
    }
}
