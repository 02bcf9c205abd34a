//! Text as a tree with guides.

use crate::output::printable;

/// A line and what hangs below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) text: String,
    pub(crate) children: Vec<Tree>,
}

impl Tree {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            children: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, child: Tree) {
        self.children.push(child);
    }

    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.push(Self::new(text));
    }

    /// Files in their folders, in the order given, each with what is said of it: `bin/build` hangs below `bin/`.
    pub(crate) fn of_paths<'p>(root: impl Into<String>, paths: impl IntoIterator<Item = (&'p str, String)>) -> Self {
        let mut tree = Self::new(root);
        for (path, note) in paths {
            let mut at = &mut tree;
            for name in path.split_inclusive('/') {
                let known = at.children.iter().position(|child| child.text == name);
                let child = known.unwrap_or(at.children.len());
                if known.is_none() {
                    at.line(name);
                }
                at = &mut at.children[child];
            }
            at.text += &note;
        }
        tree
    }

    /// With at most `most` lines below each.
    pub(crate) fn summed_up(mut self, most: usize) -> Self {
        let more = self.children.len().saturating_sub(most);
        if more > 1 {
            self.children.truncate(most);
            self.line(format!("... {more} more"));
        }
        self.children = self.children.into_iter().map(|child| child.summed_up(most)).collect();
        self
    }

    /// The lines, each ended.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.render_into(&mut out, "", "");
        out
    }

    fn render_into(&self, out: &mut String, first: &str, rest: &str) {
        let text = printable(&self.text);
        for (at, line) in text.lines().enumerate() {
            out.push_str(if at == 0 { first } else { rest });
            out.push_str(line);
            out.push('\n');
        }
        for (at, child) in self.children.iter().enumerate() {
            let is_last = at + 1 == self.children.len();
            let (branch, guide) = if is_last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            child.render_into(out, &format!("{rest}{branch}"), &format!("{rest}{guide}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guides() {
        let mut tree = Tree::new("a");
        let mut b = Tree::new("b");
        b.line("c\nd");
        tree.push(b);
        tree.line("e");
        assert_eq!(tree.render(), "a\n├─ b\n│  └─ c\n│     d\n└─ e\n");
    }
}
