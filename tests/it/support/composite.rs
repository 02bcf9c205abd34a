//! Composite buildpacks in a sandbox, and leaves for them.

use std::fmt::Write as _;

use super::Sandbox;
use super::tree::{SCRIPT, write_tree};

/// Writes a buildpack of version 1.0.0 with a folder for each of its targets (`os/arch[/variant]`), and in it
/// `bin/build`, `bin/detect` and `which`, which tells id and target.
pub(crate) fn leaf(sandbox: &Sandbox, folder: &str, id: &str, targets: &[&str]) {
    let name = id.rsplit('/').next().unwrap();
    let mut toml = format!(
        "api = \"0.10\"\n\n[buildpack]\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"{name}\"\n\
         homepage = \"https://acme.test/{name}\"\n"
    );
    toml += &target_tables(targets);
    sandbox.write(format!("{folder}/buildpack.toml"), toml);
    for target in targets {
        let which = format!("{id} {target}\n");
        write_tree(
            sandbox,
            &format!("{folder}/{target}"),
            &[("bin/build", SCRIPT), ("bin/detect", SCRIPT), ("which", &which)],
        );
    }
}

/// A composite that is to be written.
pub(crate) struct Composite<'a> {
    pub(crate) folder: &'a str,
    pub(crate) id: &'a str,
    /// Groups of ids, all of version 1.0.0; one that ends in `?` is optional.
    pub(crate) order: &'a [&'a [&'a str]],
    /// The `uri` of each dependency. The first one is in line 5 of `package.toml`, the next in line 8, and so on.
    pub(crate) uris: &'a [&'a str],
    pub(crate) targets: &'a [&'a str],
}

impl Composite<'_> {
    /// Writes `buildpack.toml` and `package.toml`.
    pub(crate) fn write(&self, sandbox: &Sandbox) {
        let name = self.id.rsplit('/').next().unwrap();
        let mut toml = format!(
            "api = \"0.10\"\n\n[buildpack]\nid = \"{}\"\nversion = \"1.0.0\"\nname = \"{name}\"\n\
             homepage = \"https://acme.test/{name}\"\n",
            self.id
        );
        for group in self.order {
            toml += "\n[[order]]\n";
            for id in *group {
                let (id, optional) = id.strip_suffix('?').map_or((*id, ""), |id| (id, "optional = true\n"));
                write!(toml, "[[order.group]]\nid = \"{id}\"\nversion = \"1.0.0\"\n{optional}").unwrap();
            }
        }
        sandbox.write(format!("{}/buildpack.toml", self.folder), toml);
        let mut package = "[buildpack]\nuri = \".\"\n".to_owned();
        for uri in self.uris {
            write!(package, "\n[[dependencies]]\nuri = \"{uri}\"\n").unwrap();
        }
        package += &target_tables(self.targets);
        sandbox.write(format!("{}/package.toml", self.folder), package);
    }
}

/// An empty line and a `[[targets]]` for each target.
fn target_tables(targets: &[&str]) -> String {
    let mut toml = String::new();
    for target in targets {
        toml += "\n[[targets]]\n";
        for (key, value) in ["os", "arch", "variant"].iter().zip(target.split('/')) {
            writeln!(toml, "{key} = \"{value}\"").unwrap();
        }
    }
    toml
}
