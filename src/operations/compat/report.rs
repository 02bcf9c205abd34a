//! [`CompatReport`]: what is told of components and platforms.

use serde::Serialize;

use crate::cnb::compat::{Cause, Reason, Status, Verdict};
use crate::cnb::target::Target;
use crate::cnb_image::compat::columns::{is_meant, title};
use crate::cnb_image::compat::{Kind, Row};
use crate::oci::platform::Platform;

/// Components and platforms.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompatReport {
    /// The columns: `os/architecture[/variant][:distribution]`.
    pub platforms: Vec<String>,
    /// How many more platforms there are than columns.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_off: usize,
    /// The rows.
    pub components: Vec<Component>,
    /// For each platform, what is there.
    pub summary: Vec<Summary>,
    /// What was required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<Requirement>,
}

/// A component, and whether it is there for each platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// What it is.
    pub kind: Kind,
    /// `id@version` of a module, the name of an image, the version of a lifecycle.
    pub name: String,
    /// The builder or composite that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// Where it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
}

/// One component for one platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The column.
    pub platform: String,
    /// Whether it is there.
    pub status: Status,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// How many components are there for a platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The column.
    pub platform: String,
    /// Components that are there.
    pub there: usize,
    /// All components, but for those that were not looked at.
    pub total: usize,
    /// Components that are not there, with their kinds.
    pub missing: Vec<String>,
    /// Run images that were not found, so that nothing is known of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_looked_at: Vec<String>,
}

/// Whether a platform that is required is there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// As it was asked for.
    pub platform: Platform,
    /// Whether every component has a column of it that it is there for.
    pub is_met: bool,
    /// The components that have none.
    pub lacking: Vec<Lack>,
}

/// A component that is not there for a required platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    /// The component with its kind.
    pub component: String,
    /// Why not.
    pub reason: Option<Reason>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Component {
    /// The component with its kind.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.kind.name(), self.name)
    }

    /// A run image that was not found: a builder can be made without it, and runs where it can be had.
    fn is_unseen(&self, cell: &Cell) -> bool {
        self.kind == Kind::RunImage
            && cell
                .reason
                .as_ref()
                .is_some_and(|reason| reason.cause == Cause::NotFound)
    }
}

impl Cell {
    fn is_there(&self) -> bool {
        matches!(self.status, Status::Yes | Status::Any)
    }
}

impl CompatReport {
    /// Of rows with a verdict for each column.
    pub(super) fn of(required: &[Platform], columns: &[Target], left_off: usize, rows: Vec<Row>) -> Self {
        report(required, columns, left_off, rows)
    }

    /// Whether every platform that is required is there.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.required.iter().all(|required| required.is_met)
    }
}

fn report(required: &[Platform], columns: &[Target], left_off: usize, rows: Vec<Row>) -> CompatReport {
    let platforms: Vec<String> = columns.iter().map(title).collect();
    let cell = |(platform, verdict): (&String, Verdict)| Cell {
        platform: platform.clone(),
        status: verdict.status,
        reason: verdict.reason.map(|reason| (*reason).clone()),
    };
    let component = |row: Row| Component {
        kind: row.kind,
        name: row.name,
        part_of: row.part_of,
        source: row.source,
        cells: platforms.iter().zip(row.verdicts).map(cell).collect(),
    };
    let components: Vec<Component> = rows.into_iter().map(component).collect();
    let summary = (0..columns.len()).map(|at| summary(&components, at, &platforms[at]));
    let required = required.iter().map(|wanted| requirement(wanted, columns, &components));
    CompatReport {
        summary: summary.collect(),
        required: required.collect(),
        left_off,
        components,
        platforms,
    }
}

fn summary(components: &[Component], at: usize, platform: &str) -> Summary {
    let (unseen, seen): (Vec<&Component>, Vec<&Component>) = components
        .iter()
        .partition(|component| component.is_unseen(&component.cells[at]));
    let missing: Vec<String> = seen
        .iter()
        .filter(|component| !component.cells[at].is_there())
        .map(|component| component.full_name())
        .collect();
    Summary {
        platform: platform.to_owned(),
        there: seen.len() - missing.len(),
        total: seen.len(),
        missing,
        not_looked_at: unseen.iter().map(|component| component.full_name()).collect(),
    }
}

fn requirement(wanted: &Platform, columns: &[Target], components: &[Component]) -> Requirement {
    let meant: Vec<usize> = (0..columns.len())
        .filter(|at| is_meant(&columns[*at], wanted))
        .collect();
    let lacks = |component: &&Component| {
        let mut cells = meant.iter().map(|at| &component.cells[*at]);
        !cells.any(|cell| cell.is_there() || component.is_unseen(cell))
    };
    let lack = |component: &Component| Lack {
        component: component.full_name(),
        reason: meant.iter().find_map(|at| component.cells[*at].reason.clone()),
    };
    let lacking: Vec<Lack> = components.iter().filter(lacks).map(lack).collect();
    Requirement {
        platform: wanted.clone(),
        is_met: lacking.is_empty(),
        lacking,
    }
}
