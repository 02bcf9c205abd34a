//! [`Programs`]: which programs the folders of modules and of a lifecycle have, told from the layers of images.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use super::super::lifecycle_source::head_of;
use super::super::module_source::{ModuleSource, TargetView};
use crate::archive::entry::{EntryKind, relative_path};
use crate::archive::executable::{Executable, HEAD_LEN};
use crate::archive::file_tree::NodeKind;
use crate::archive::limit::Limited;
use crate::archive::tar_read::TarReader;
use crate::cnb::compat::{Cause, Reason, Verdict, cut};
use crate::cnb::paths::EXECUTABLES;
use crate::error::{Error, Result, from_io};
use crate::go_names::names_of_arch;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::{DiffId, Digest};
use crate::oci::layer::{LayerContent, is_layer};
use crate::oci::store::BlobSource;
use crate::progress::Progress;

/// A program that is no script: where it is below its module, and what it is.
pub(super) type Program = (String, Executable);
/// The programs of a layer, by the folder of the module or of the lifecycle, without a `/` in front.
type InLayer = BTreeMap<Vec<u8>, Vec<Program>>;

/// Layers that were looked through, each once.
#[derive(Default)]
pub(super) struct Programs {
    layers: HashMap<(Digest, DiffId), Result<Arc<InLayer>, Reason>>,
}

impl Programs {
    /// The programs in a folder of a layer; `None` where the layer has no such folder.
    pub(super) fn of(
        &mut self,
        source: &dyn BlobSource,
        (layer, diff_id): (&Descriptor, &DiffId),
        folder: &str,
        progress: &dyn Progress,
    ) -> Result<Result<Option<Vec<Program>>, Reason>> {
        let key = (layer.digest.clone(), diff_id.clone());
        if !self.layers.contains_key(&key) {
            let read = read_layer(source, layer, diff_id, progress).map(Arc::new);
            let read = read.map_err(|error| error.context(format!("failed to read layer {}", layer.digest)));
            self.layers.insert(key.clone(), super::or_reason(read)?);
        }
        let folder = folder.trim_start_matches('/').as_bytes();
        Ok(match &self.layers[&key] {
            Ok(known) => Ok(known.get(folder).cloned()),
            Err(reason) => Err(reason.clone()),
        })
    }
}

/// Reads a whole layer, which must unpack to `diff_id`.
fn read_layer(
    source: &dyn BlobSource,
    layer: &Descriptor,
    diff_id: &DiffId,
    progress: &dyn Progress,
) -> Result<InLayer> {
    if !is_layer(&layer.media_type) {
        return Err(Error::invalid(format!(
            "its media type `{}` is that of no layer",
            cut(&layer.media_type)
        )));
    }
    let mut step = progress.step(&layer.digest.short(), layer.size);
    let mut content = LayerContent::open(source, layer)?;
    let mut found = InLayer::new();
    let mut limited = Limited::new(&mut content, layer.size);
    let mut tar = TarReader::new(&mut limited);
    while let Some(entry) = tar.next_entry()? {
        progress.check()?;
        let entry = entry.entry;
        let path = entry.path.strip_prefix(b"/").unwrap_or(&entry.path);
        let Ok(Some(path)) = relative_path(path) else { continue };
        let Some((folder, rest)) = split(&path) else { continue };
        let programs = found.entry(folder.to_vec()).or_default();
        if let (EntryKind::File { .. }, Some(name)) = (&entry.kind, rest)
            && let Some(executable) = Executable::of(&head_of(&mut tar.content())?)
        {
            programs.push((String::from_utf8_lossy(name).into_owned(), executable));
        }
    }
    std::io::copy(&mut limited, &mut std::io::sink()).map_err(unreadable)?;
    let (unpacked, _) = content.finish()?;
    step.advance(layer.size);
    if unpacked != *diff_id {
        return Err(Error::damaged(format!(
            "it unpacks to {unpacked}, but its image says {diff_id}"
        )));
    }
    Ok(found)
}

/// The folder of a module or of the lifecycle that a path lies in, and the name of what may be a program there.
fn split(path: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let slashes: Vec<usize> = (0..path.len()).filter(|&at| path[at] == b'/').take(4).collect();
    let parts: Vec<&[u8]> = path.splitn(5, |&byte| byte == b'/').collect();
    match parts.as_slice() {
        [b"cnb", b"lifecycle", name] => Some((&path[..slashes[1]], Some(name))),
        [b"cnb", b"buildpacks" | b"extensions", _, _] => Some((path, None)),
        [b"cnb", b"buildpacks" | b"extensions", _, _, rest] => {
            Some((&path[..slashes[3]], rest.starts_with(b"bin/").then_some(rest)))
        }
        _ => None,
    }
}

/// The programs of a module that is not packaged yet.
pub(super) fn of_source(source: &ModuleSource, view: &TargetView) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    let below_bin = view.files.files.iter().filter(|file| file.path.starts_with(b"bin/"));
    let started = EXECUTABLES.iter().filter_map(|name| view.files.reach(name.as_bytes()));
    for file in below_bin.chain(started) {
        let NodeKind::File(node) = &file.kind else { continue };
        let head = head_of(&mut source.tree.open(&file.source, *node)?.take(HEAD_LEN as u64))?;
        if let Some(executable) = Executable::of(&head) {
            programs.push((String::from_utf8_lossy(&file.path).into_owned(), executable));
        }
    }
    Ok(programs)
}

/// Why the programs of a module that is not packaged yet do not run on an architecture. Those of a platform root folder have to; of what
/// several platforms share, only what the lifecycle starts.
pub(in crate::cnb_image) fn fault_of_source(
    source: &ModuleSource,
    view: &TargetView,
    arch: &str,
) -> Result<Option<String>> {
    let mut programs = of_source(source, view)?;
    if view.choice.folder.is_empty() {
        programs.retain(|(name, _)| EXECUTABLES.contains(&name.as_str()));
    }
    let reason = misfit(&programs, arch).and_then(|verdict| verdict.reason);
    Ok(reason.map(|reason| reason.text.clone()))
}

/// Why these programs do not run on an architecture; nothing where they do, or where that can not be told.
///
/// One whose name says what it is for is no fault where there is another that does run.
pub(super) fn misfit(programs: &[Program], arch: &str) -> Option<Verdict> {
    let runs = |(_, executable): &&Program| executable.runs_on_linux(arch);
    let other = || programs.iter().filter(|program| runs(program) == Some(false));
    let is_plain = |(name, executable): &&Program| {
        let mut names = executable.architectures.iter().flat_map(|own| names_of_arch(own));
        !names.any(|own| name.contains(own))
    };
    let some_run = programs.iter().any(|program| runs(&program) == Some(true));
    let fault = other()
        .find(is_plain)
        .or_else(|| other().next().filter(|_| !some_run))?;
    Some(wrong_machine(&fault.0, &fault.1, arch))
}

/// That a program is for another processor.
pub(super) fn wrong_machine(name: &str, executable: &Executable, arch: &str) -> Verdict {
    let text = format!("`{}` is {executable}, not ELF for {arch}", cut(name));
    Verdict::no(Reason::new(Cause::Machine, executable.to_string(), text))
}

fn unreadable(cause: std::io::Error) -> Error {
    from_io(cause, |cause| {
        Error::damaged("its content can not be read").with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::executable::Format;

    #[test]
    fn folders_of_modules_and_of_the_lifecycle() {
        let check = |path: &str, expected: Option<(&str, Option<&str>)>| {
            let expected = expected.map(|(folder, rest)| (folder.as_bytes(), rest.map(str::as_bytes)));
            assert_eq!(split(path.as_bytes()), expected, "{path}");
        };
        check("cnb/lifecycle/launcher", Some(("cnb/lifecycle", Some("launcher"))));
        check("cnb/lifecycle", None);
        check("cnb/buildpacks/a_b/1", Some(("cnb/buildpacks/a_b/1", None)));
        check(
            "cnb/buildpacks/a_b/1/bin/x/y",
            Some(("cnb/buildpacks/a_b/1", Some("bin/x/y"))),
        );
        check("cnb/extensions/a/1/lib/y", Some(("cnb/extensions/a/1", None)));
        check("cnb/other/a/1/bin/y", None);
        check("bin/sh", None);
    }

    #[test]
    fn programs_for_other_processors() {
        let elf = |arch: &'static [&'static str]| Executable {
            format: Format::Elf,
            architectures: arch,
            machine: 0,
        };
        let check = |programs: &[(&str, &'static [&'static str])], expected: Option<&str>| {
            let programs: Vec<Program> = programs
                .iter()
                .map(|(name, arch)| ((*name).to_owned(), elf(arch)))
                .collect();
            let found = misfit(&programs, "arm64").and_then(|verdict| verdict.reason);
            assert_eq!(
                found.as_ref().map(|reason| reason.text.as_str()),
                expected,
                "{programs:?}"
            );
        };
        check(&[], None);
        check(&[("bin/build", &["arm64"])], None);
        check(
            &[("bin/build", &["amd64"])],
            Some("`bin/build` is ELF for amd64, not ELF for arm64"),
        );
        check(&[("bin/a-amd64", &["amd64"]), ("bin/a-arm64", &["arm64"])], None);
        check(&[("bin/x86_64/a", &["amd64"]), ("bin/build", &["arm64"])], None);
        check(
            &[("bin/a-amd64", &["amd64"])],
            Some("`bin/a-amd64` is ELF for amd64, not ELF for arm64"),
        );
        check(
            &[("bin/build", &["arm64"]), ("bin/helper", &["amd64"])],
            Some("`bin/helper` is ELF for amd64, not ELF for arm64"),
        );
    }
}
