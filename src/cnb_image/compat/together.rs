//! What can not do without something else is not there where that is not.

use std::collections::{HashMap, VecDeque};

use super::Row;
use crate::cnb::compat::{Cause, Reason, Verdict, cut};

/// Takes composites and builders away where a member of theirs is not there. What is left out on purpose is not missed.
pub(super) fn hold_together(rows: &mut [Row]) {
    let columns = rows.iter().map(|row| row.verdicts.len()).max().unwrap_or_default();
    let by_name: HashMap<String, usize> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.name.clone(), at))
        .collect();
    for column in 0..columns {
        in_column(rows, column, &by_name);
    }
}

fn in_column(rows: &mut [Row], column: usize, by_name: &HashMap<String, usize>) {
    let mut needed_by: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut gone: VecDeque<String> = VecDeque::new();
    for (at, row) in rows.iter().enumerate() {
        for need in row.needs.get(column).into_iter().flatten() {
            let needing = needed_by.entry(need).or_default();
            if needing.is_empty() && !is_there(rows, column, by_name.get(need)) {
                gone.push_back(need.clone());
            }
            needing.push(at);
        }
    }
    let needed_by: HashMap<String, Vec<usize>> = needed_by
        .into_iter()
        .map(|(name, rows)| (name.to_owned(), rows))
        .collect();
    while let Some(name) = gone.pop_front() {
        for at in needed_by.get(&name).into_iter().flatten() {
            let row = &mut rows[*at];
            if row.verdicts[column].is_there() {
                let text = format!("it needs {}, which is not there", cut(&name));
                row.verdicts[column] = Verdict::no(Reason::new(Cause::Members, "lacks a part", text));
                gone.push_back(row.name.clone());
            }
        }
    }
}

fn is_there(rows: &[Row], column: usize, at: Option<&usize>) -> bool {
    at.is_some_and(|at| {
        let verdict = &rows[*at].verdicts[column];
        verdict.is_there() || verdict.is_by(Cause::LeftOut)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn what_needs_something_that_is_gone_goes_too() {
        let row = |name: &str, verdict: Verdict, needs: &[&str]| Row {
            needs: vec![needs.iter().map(|need| (*need).to_owned()).collect()],
            ..Row::new(Kind::Buildpack, name, vec![verdict])
        };
        let out = |cause| Verdict::no(Reason::new(cause, "", ""));
        let mut rows = [
            row("top", Verdict::yes(), &["middle", "fine"]),
            row("middle", Verdict::yes(), &["gone", "middle"]),
            row("gone", out(Cause::Targets), &[]),
            row("fine", Verdict::any(), &["left-out"]),
            row("left-out", out(Cause::LeftOut), &[]),
            row("alone", Verdict::yes(), &["nowhere"]),
        ];
        hold_together(&mut rows);
        let there: Vec<bool> = rows.iter().map(|row| row.verdicts[0].is_there()).collect();
        assert_eq!(there, [false, false, false, true, false, false]);
        assert!(rows[0].verdicts[0].is_by(Cause::Members));
    }
}
