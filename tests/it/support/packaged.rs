//! Packaging that has to work, and a look at what came of it.

use serde_json::Value;

use super::layout_view::{ImageView, IndexView, LayoutView};
use super::refused::REFERENCE;
use super::snapshot::Snapshot;
use super::tree::{Tree, content_of, contents, file_names, write_tree};
use super::{Run, Sandbox};

/// The images that came of a source in a sandbox.
pub(crate) struct Packaged {
    pub(crate) sandbox: Sandbox,
    _out: Sandbox,
    pub(crate) run: Run,
    pub(crate) layout: LayoutView,
    pub(crate) index: IndexView,
}

impl Packaged {
    /// Packages a tree, written to `bp`.
    #[track_caller]
    pub(crate) fn tree(tree: Tree<'_>, args: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        write_tree(&sandbox, "bp", tree);
        Self::path(sandbox, "bp", args)
    }

    /// Packages what is at a path of the sandbox.
    #[track_caller]
    pub(crate) fn path(sandbox: Sandbox, path: &str, args: &[&str]) -> Self {
        Self::of(sandbox, &[&["--path", path], args].concat())
    }

    /// Packages with these arguments besides the reference and the layout, which is new. The source stays as it is.
    #[track_caller]
    pub(crate) fn of(sandbox: Sandbox, args: &[&str]) -> Self {
        Self::by(["buildpack", "package"], sandbox, args)
    }

    /// The same of an extension.
    #[track_caller]
    pub(crate) fn extension(sandbox: Sandbox, args: &[&str]) -> Self {
        Self::by(["extension", "package"], sandbox, args)
    }

    /// The same of a builder.
    #[track_caller]
    pub(crate) fn builder(sandbox: Sandbox, args: &[&str]) -> Self {
        Self::by(["builder", "create"], sandbox, args)
    }

    #[track_caller]
    fn by(command: [&str; 2], sandbox: Sandbox, args: &[&str]) -> Self {
        let out = Sandbox::new();
        let root = out.join("out.oci");
        let source = Snapshot::of(sandbox.path());
        let own = [REFERENCE, "--layout", root.to_str().unwrap()];
        let run = sandbox.airpack(&[&command[..], &own, args].concat());
        run.ok().stderr_lacks("error: ");
        source.assert_unchanged("packaging");
        let layout = LayoutView::open(root);
        layout.check_whole();
        if !args.contains(&"--json") {
            assert_eq!(run.digest(), layout.digest("1.0"), "the digest on stdout{run}");
        }
        let index = layout.image_index("1.0");
        Self {
            sandbox,
            _out: out,
            run,
            layout,
            index,
        }
    }

    /// No warning was told.
    #[track_caller]
    pub(crate) fn without_warnings(self) -> Self {
        self.run.stderr_lacks("warning");
        self
    }

    /// A warning that holds all these texts.
    #[track_caller]
    pub(crate) fn warned(self, texts: &[&str]) -> Self {
        let run = &self.run;
        // what is told of one warning ends where the next begins
        let found = run
            .stderr
            .split("warning: ")
            .skip(1)
            .any(|told| texts.iter().all(|text| told.contains(text)));
        assert!(found, "expected `warning: ` with {texts:?} on stderr{run}");
        self
    }

    /// The images, in their order, and the files in each, in the order of its layer.
    #[track_caller]
    pub(crate) fn expect(self, images: &[(&str, &[&str])]) -> Self {
        let found: Vec<_> = self
            .index
            .children
            .iter()
            .map(|image| (image.platform(), file_names(&self.layout, image)))
            .collect();
        let expected: Vec<_> = images
            .iter()
            .map(|(platform, files)| {
                (
                    (*platform).to_owned(),
                    files.iter().map(|&file| file.to_owned()).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{}", self.run);
        self
    }

    /// The content of a file of the image for a platform, in the words of a [`Tree`].
    #[track_caller]
    pub(crate) fn content(&self, platform: &str, name: &str) -> String {
        content_of(&self.layout, self.image(platform), name)
    }

    /// All that the image for a platform holds, folders too.
    #[track_caller]
    pub(crate) fn contents(&self, platform: &str) -> Vec<(String, String)> {
        contents(&self.layout, self.image(platform))
    }

    /// The image for a platform.
    #[track_caller]
    pub(crate) fn image(&self, platform: &str) -> &ImageView {
        self.index.child(platform)
    }

    /// The diff id of each image's layer.
    pub(crate) fn diff_ids(&self) -> Vec<&str> {
        self.index
            .children
            .iter()
            .map(|image| image.layers[0].diff_id.as_str())
            .collect()
    }
}

/// Every text in a JSON value, keys too.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| [vec![key.clone()], texts(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}
