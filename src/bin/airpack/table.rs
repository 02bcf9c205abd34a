//! Rows with their cells below each other, for a terminal of any width, or as Markdown.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use crate::output::{one_line, printable};

/// Between two columns.
const GAP: usize = 2;
/// No column is made narrower than this to fit a terminal.
const LEAST: usize = 8;

/// A head, and rows of as many cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// The head of a column that goes before words are broken.
    least_wanted: Option<&'static str>,
}

impl Table {
    pub(crate) fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut table = Self::default();
        table.row(head);
        table
    }

    /// The column with this head is not shown where the terminal has no room for it.
    pub(crate) fn left_out_where_narrow(mut self, head: &'static str) -> Self {
        self.least_wanted = Some(head);
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| one_line(&printable(&cell.into())))
                .collect(),
        );
    }

    /// Lines, each ended. On a terminal that is too narrow, cells take several lines; elsewhere each row is one line.
    pub(crate) fn text(&self) -> String {
        let width = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        self.fitted(width.map(|(width, _)| usize::from(width.0)))
    }

    fn fitted(&self, width: Option<usize>) -> String {
        let mut widths = self.widths();
        if let Some(width) = width {
            if let Some(smaller) = self.without_least_wanted(&widths, width) {
                return smaller.fitted(Some(width));
            }
            self.fit(&mut widths, width);
        }
        let mut out = String::new();
        for row in &self.rows {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| wrapped(cell, *width))
                .collect();
            for at in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
                let mut line = String::new();
                for (lines, width) in cells.iter().zip(&widths) {
                    let text = lines.get(at).map(String::as_str).unwrap_or_default();
                    let _ = write!(line, "{text:<width$}{:GAP$}", "");
                }
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        out
    }

    /// A table of Markdown (GitHub's).
    pub(crate) fn markdown(&self) -> String {
        let escaped = |cell: &String| cell.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;");
        let line = |row: &Vec<String>| format!("| {} |\n", row.iter().map(escaped).collect::<Vec<_>>().join(" | "));
        let mut rows = self.rows.iter();
        let Some(head) = rows.next() else { return String::new() };
        let rule = format!("|{}\n", " --- |".repeat(head.len()));
        line(head) + &rule + &rows.map(line).collect::<String>()
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }

    /// The table without the column that is wanted least, where words would be broken with it.
    fn without_least_wanted(&self, widths: &[usize], width: usize) -> Option<Self> {
        let head = self.least_wanted?;
        let at = self.rows.first()?.iter().position(|cell| cell == head)?;
        let mut smallest = widths.to_vec();
        shrink(&mut smallest, &self.longest(words), width);
        if smallest.iter().sum::<usize>() + gaps(widths.len()) <= width {
            return None;
        }
        let mut rows = self.rows.clone();
        for row in &mut rows {
            row.remove(at);
        }
        Some(Self {
            rows,
            least_wanted: None,
        })
    }

    /// For each column, the longest piece of a cell.
    fn longest(&self, pieces: fn(&str) -> Vec<&str>) -> Vec<usize> {
        let of_column = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let pieces = cells.flat_map(|cell| pieces(cell)).map(|piece| piece.chars().count());
            pieces.max().unwrap_or_default().max(LEAST)
        };
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        (0..columns).map(of_column).collect()
    }

    /// Takes from the widest columns until all fit into `width`, as far as that goes: first as long as no word has to be broken, then as
    /// long as names break where they have a sign, then anywhere.
    fn fit(&self, widths: &mut [usize], width: usize) {
        let anywhere = vec![LEAST; widths.len()];
        for least in [self.longest(words), self.longest(parts), anywhere] {
            shrink(widths, &least, width);
        }
    }
}

/// Takes from the widest column that has more than its least, until all fit.
fn shrink(widths: &mut [usize], least: &[usize], width: usize) {
    while widths.iter().sum::<usize>() + gaps(widths.len()) > width {
        let wide = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least);
        match wide.map(|(width, _)| width).max() {
            Some(widest) => *widest -= 1,
            None => return,
        }
    }
}

fn gaps(columns: usize) -> usize {
    GAP * columns.saturating_sub(1)
}

fn words(cell: &str) -> Vec<&str> {
    cell.split(' ').collect()
}

/// What a name or a word is made of, each with the sign that ends it.
fn parts(cell: &str) -> Vec<&str> {
    let ended = cell.split_inclusive(['/', ':', '@', ',', ' ']);
    ended.map(|part| part.trim_end_matches(' ')).collect()
}

/// The cell in lines of at most `width` characters, broken at spaces; where a word is longer, at its signs, else anywhere.
fn wrapped(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut filled = 0;
    let breaks_words = words(cell).iter().any(|word| word.chars().count() > width);
    let pieces: Vec<&str> = if breaks_words {
        cell.split_inclusive(['/', ':', '@', ',', ' ']).collect()
    } else {
        cell.split_inclusive(' ').collect()
    };
    for piece in pieces {
        let length = piece.trim_end().chars().count();
        if filled > 0 && filled + length > width {
            lines.push(String::new());
            filled = 0;
        }
        for character in piece.chars() {
            if filled >= width && character != ' ' {
                lines.push(String::new());
                filled = 0;
            }
            filled += 1;
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["NAME", "WHAT IT SAYS"]);
        table.row(["a", "one two three four"]);
        table.row(["long-name", "x|y"]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        assert_eq!(
            table().fitted(None),
            "NAME       WHAT IT SAYS\na          one two three four\nlong-name  x|y\n"
        );
    }

    #[test]
    fn a_narrow_terminal_breaks_cells_at_spaces() {
        assert_eq!(
            table().fitted(Some(21)),
            "NAME       WHAT IT\n           SAYS\na          one two\n           three four\nlong-name  x|y\n"
        );
        let mut listed = Table::new(["NAME", "PLATFORMS", "DIGEST"]);
        listed.row([
            "docker.io/acme/hello:1.0",
            "linux/amd64, linux/arm64",
            "sha256:0123456789ab",
        ]);
        assert_eq!(
            listed.fitted(Some(59)),
            "NAME                      PLATFORMS     DIGEST\n\
             docker.io/acme/hello:1.0  linux/amd64,  sha256:0123456789ab\n\
             \u{20}                         linux/arm64\n"
        );
        assert_eq!(
            listed.fitted(Some(44)),
            "NAME            PLATFORMS     DIGEST\n\
             docker.io/      linux/amd64,  sha256:\n\
             acme/hello:1.0  linux/arm64   0123456789ab\n"
        );
        // no narrower than can be read
        assert!(
            table()
                .fitted(Some(1))
                .lines()
                .all(|line| line.len() <= 2 * LEAST + GAP)
        );
    }

    #[test]
    fn markdown_keeps_its_columns() {
        assert_eq!(
            table().markdown(),
            "| NAME | WHAT IT SAYS |\n| --- | --- |\n| a | one two three four |\n| long-name | x\\|y |\n"
        );
    }
}
