// SPDX-License-Identifier: Apache-2.0
//! A check that found something, as it is shown.

use indicatif::HumanCount;
use m2m_migration::audit::{CheckReport, Outcome, Severity};
use serde_json::Value;

use super::text::rounded;
use crate::output::words::counted;

/// Characters of a text that needs no wide column.
const SHORT: usize = 40;
/// Characters that are shown of a value.
const LONGEST: usize = 1000;
/// Bytes of values that a page shows. Past it, findings are counted only.
const MOST_BYTES: usize = 300_000;

/// Checks of one severity that found something.
pub(super) struct Group<'a> {
    pub(super) severity: Severity,
    pub(super) title: &'static str,
    /// How many findings are not allowed.
    pub(super) count: u64,
    pub(super) findings: Vec<Finding<'a>>,
}

/// A check that found something.
pub(super) struct Finding<'a> {
    pub(super) check: &'a CheckReport,
    pub(super) columns: Vec<Column<'a>>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A column of rows.
pub(super) struct Column<'a> {
    /// That of its first value, and none without values.
    pub(super) class: &'static str,
    pub(super) name: &'a str,
}

/// A value of a row.
pub(super) struct Cell {
    /// `text`, `long`, `number` or `null`.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Groups what was found, the worst first.
pub(super) fn groups(checks: &[CheckReport]) -> Vec<Group<'_>> {
    let mut left = MOST_BYTES;
    let mut group = |severity: Severity, title: &'static str| {
        let found =
            checks.iter().filter(|check| check.outcome == Outcome::Found && check.severity == severity);
        let findings: Vec<_> = found.map(|check| Finding::new(check, &mut left)).collect();
        let checks = findings.iter().map(|finding| finding.check);
        let count = checks.filter(|check| !check.is_allowed).map(|check| check.findings).sum();
        (!findings.is_empty()).then_some(Group { severity, title, count, findings })
    };
    [group(Severity::Error, "Errors"), group(Severity::Warning, "Warnings"), group(Severity::Note, "Notes")]
        .into_iter()
        .flatten()
        .collect()
}

impl<'a> Finding<'a> {
    /// Takes as many rows as fit into the bytes that are left.
    fn new(check: &'a CheckReport, left: &mut usize) -> Self {
        let fits = |row: &Vec<Cell>| {
            let size = row.iter().map(|cell| cell.text.len() + "<td class=\"text\"></td>".len()).sum();
            let rest = left.checked_sub(size);
            *left = rest.unwrap_or(0);
            rest.is_some()
        };
        let rows = check.rows.iter().map(|row| row.iter().map(cell).collect());
        let rows: Vec<Vec<Cell>> = rows.take_while(fits).collect();
        let class = |at: usize| {
            let mut cells = rows.iter().filter_map(|row| row.get(at));
            cells.find(|cell| cell.class != "null").map_or("", |cell| cell.class)
        };
        let columns = check.columns.iter().enumerate();
        let columns = columns.map(|(at, name)| Column { class: class(at), name }).collect();
        Self { check, columns, rows }
    }

    /// How many of the findings are shown.
    pub(super) fn caption(&self) -> String {
        let shown = self.rows.len() as u64;
        match shown < self.check.findings {
            true => format!("first {} of {}", HumanCount(shown), HumanCount(self.check.findings)),
            false => counted(shown, "finding"),
        }
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell { class: "null", text: "NULL".into() },
        Value::Number(number) => {
            // What is whole may be an id, so its digits stay as they are.
            let fraction = number.as_f64().filter(|_| number.is_f64()).map(rounded);
            Cell { class: "number", text: fraction.unwrap_or_else(|| number.to_string()) }
        }
        Value::String(text) => words(text),
        other => words(&other.to_string()),
    }
}

fn words(text: &str) -> Cell {
    let class = if text.chars().count() > SHORT { "long" } else { "text" };
    Cell { class, text: shortened(text) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text.to_owned(),
    }
}
