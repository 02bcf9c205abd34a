//! Whether programs run where they are packaged for.

use super::super::compat::programs::fault_of_source;
use super::super::module_source::{ModuleSource, TargetView};
use crate::cnb::target::Target;
use crate::error::{Finding, Findings, Place, Result};

/// Programs that do not run where the image is for: it can be built, but not used.
pub(super) fn warn_of_other_machine(
    source: &ModuleSource,
    view: &TargetView,
    target: &Target,
    findings: &mut Findings,
) -> Result<()> {
    let whole = target.with_defaults();
    if whole.os != Target::DEFAULT_OS {
        return Ok(());
    }
    if let Some(fault) = fault_of_source(source, view, &whole.arch)? {
        let file = source.tree.display(&view.choice.folder);
        findings.push(
            Finding::warning(format!("target `{target}`: {fault}"))
                .hint(format!("bring the program for {}", whole.platform_text()))
                .at(Place { file, excerpt: None }),
        );
    }
    Ok(())
}
