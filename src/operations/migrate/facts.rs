//! What is in a buildpack's folder.

use std::io::Read;
use std::path::Path;

use crate::archive::executable::{Executable, Format, HEAD_LEN};
use crate::archive::file_tree::{FileTree, Node, NodeKind};
use crate::archive::temporary::is_temporary;
use crate::cnb::document::{Document, Table};
use crate::cnb::migrate::{Program, SourceFile, SourceKind, System};
use crate::cnb_image::module_source::ModuleSource;
use crate::error::{Error, Finding, Findings, Place, Result};

/// What a run has left that died.
pub(super) fn is_left_out(path: &Path) -> bool {
    path.file_name().is_some_and(is_temporary)
}

/// Every file, folder and link; what can not be one is a fault.
pub(super) fn files(source: &ModuleSource, findings: &mut Findings) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for node in source.tree.nodes() {
        let place = Place {
            file: source.tree.display(&node.path),
            excerpt: None,
        };
        let Ok(path) = String::from_utf8(node.path.clone()) else {
            let finding = Finding::error("its name is not UTF-8, and can not be moved by this command");
            findings.push(finding.hint("rename it").at(place));
            continue;
        };
        let Some(kind) = kind(source, node)? else {
            let finding = Finding::error(format!("`{path}` is neither a file, a folder nor a link"));
            findings.push(finding.hint("remove it: it can be in no image").at(place));
            continue;
        };
        files.push(SourceFile {
            path,
            kind,
            is_executable: node.mode & 0o111 != 0,
        });
    }
    Ok(files)
}

fn kind(source: &ModuleSource, node: &Node) -> Result<Option<SourceKind>> {
    Ok(Some(match &node.kind {
        NodeKind::Dir => SourceKind::Folder,
        NodeKind::Symlink(_) => {
            let leads_to = source.leads_to(&node.path);
            SourceKind::Link(leads_to.and_then(|node| String::from_utf8(node.path.clone()).ok()))
        }
        NodeKind::Special(_) => return Ok(None),
        NodeKind::File(file) => {
            let failed = |cause| Error::io("read", &source.tree.display(&node.path), cause);
            let mut head = Vec::new();
            let content = source.tree.open(&node.path, *file)?;
            content.take(HEAD_LEN as u64).read_to_end(&mut head).map_err(failed)?;
            match Executable::of(&head) {
                None => SourceKind::Plain,
                Some(executable) => SourceKind::Program(program(&executable)),
            }
        }
    }))
}

fn program(executable: &Executable) -> Program {
    Program {
        system: match executable.format {
            Format::Elf => System::Linux,
            Format::MachO => System::Darwin,
            Format::Pe => System::Windows,
        },
        architectures: executable.architectures.iter().map(|name| (*name).to_owned()).collect(),
        description: executable.to_string(),
    }
}

/// Where each entry of `[[stacks]]` stands.
pub(super) fn stack_places(file: &Path, text: &str) -> Vec<Place> {
    let read = |root: &mut Table<'_>| Some(root.tables("stacks").iter().map(Table::place).collect());
    Document::read(file, text.as_bytes(), read).0.unwrap_or_default()
}

/// Whether two files are alike: kind, what is in them, and who may run them.
pub(super) fn is_same(tree: &FileTree, one: &str, other: &str) -> Result<bool> {
    let (Some(one), Some(other)) = (tree.get(one.as_bytes()), tree.get(other.as_bytes())) else {
        return Ok(false);
    };
    match (&one.kind, &other.kind) {
        (NodeKind::Dir, NodeKind::Dir) => Ok(true),
        (NodeKind::Symlink(one), NodeKind::Symlink(other)) => Ok(one == other),
        (NodeKind::File(a), NodeKind::File(b)) if a.size == b.size && one.mode & 0o111 == other.mode & 0o111 => {
            let (mut a, mut b) = (tree.open(&one.path, *a)?, tree.open(&other.path, *b)?);
            let failed = |cause| Error::io("read", &tree.display(&one.path), cause);
            same_content(&mut *a, &mut *b).map_err(failed)
        }
        _ => Ok(false),
    }
}

fn same_content(a: &mut dyn Read, b: &mut dyn Read) -> std::io::Result<bool> {
    const PART: u64 = 1 << 16;
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    loop {
        of_a.clear();
        of_b.clear();
        a.take(PART).read_to_end(&mut of_a)?;
        b.take(PART).read_to_end(&mut of_b)?;
        if of_a != of_b {
            return Ok(false);
        }
        if of_a.is_empty() {
            return Ok(true);
        }
    }
}
