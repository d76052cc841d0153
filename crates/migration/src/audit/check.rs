// SPDX-License-Identifier: Apache-2.0
//! A check: a query, and what stands above it.
//!
//! ```sql
//! -- Segments whose file of ids or of vectors is not there.
//! --
//! -- severity: error
//! -- remedy: Restore the file from a backup. …
//! --
//! -- Milvus 1.x serves what it has in memory, …
//! SELECT collection, partition_tag, segment_id, problem AS message
//! FROM meta.segments
//! WHERE problem_kind IN ('missing ids', 'missing vectors')
//! ORDER BY segment_id
//! ```
//!
//! The first paragraph of the comment is the title, `severity` and `remedy` are given by
//! name, all other paragraphs explain. Each row of the query is a finding; its column
//! `message` says what was found, the other columns where, and what else is known.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something would be lost or come back, or the migration would stop.
    Error,
    /// Everything arrives, but not quite as it was.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Note].into_iter().find(|severity| severity.name() == name)
    }
}

/// A query that finds what stands in the way of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its id, which is also the name of its view.
    pub id: String,
    /// How serious a finding is.
    pub severity: Severity,
    /// What it looks for, one sentence.
    pub title: String,
    /// Why it matters; empty when the title says enough.
    pub explanation: String,
    /// What to do about a finding.
    pub remedy: String,
    /// The query, with the comment above it.
    pub sql: String,
    /// Whether it is a user's.
    pub is_own: bool,
}

impl Check {
    /// Reads a check from a file of SQL.
    ///
    /// # Errors
    ///
    /// When the id cannot be a name, or the comment lacks the title, the severity or the
    /// remedy.
    pub fn parse(id: &str, sql: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::Check { id: id.into(), reason: reason.into() };
        let is_name = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !is_name {
            return Err(wrong("expected a name of the letters a to z, digits and `_`"));
        }
        // Some editors begin a file with a mark of its encoding.
        let sql = sql.trim_start_matches('\u{feff}');
        let mut check = Self {
            id: id.into(),
            severity: Severity::Note,
            title: String::new(),
            explanation: String::new(),
            remedy: String::new(),
            sql: sql.trim_end().into(),
            is_own: false,
        };
        let mut severity = None;
        for (at, paragraph) in paragraphs(sql).into_iter().enumerate() {
            for (name, text) in named(&paragraph) {
                match name {
                    Some("severity") => severity = Some(text),
                    Some("remedy") => check.remedy = text,
                    _ if at == 0 => check.title = text,
                    _ => add(&mut check.explanation, &text),
                }
            }
        }
        let severity = severity.ok_or_else(|| wrong("the comment has no `severity:`"))?;
        check.severity = Severity::of(&severity)
            .ok_or_else(|| wrong(&format!("expected severity error, warning or note, found `{severity}`")))?;
        if check.title.is_empty() {
            return Err(wrong("the comment has no title, which is its first paragraph"));
        }
        if check.remedy.is_empty() {
            return Err(wrong("the comment has no `remedy:`"));
        }
        Ok(check)
    }
}

/// The paragraphs of the comment that a file begins with, line by line.
fn paragraphs(sql: &str) -> Vec<Vec<&str>> {
    let mut paragraphs: Vec<Vec<&str>> = vec![Vec::new()];
    for line in sql.lines() {
        let Some(text) = line.strip_prefix("--").map(str::trim) else { break };
        match paragraphs.last_mut() {
            Some(last) if !text.is_empty() => last.push(text),
            Some(last) if last.is_empty() => {}
            _ => paragraphs.push(Vec::new()),
        }
    }
    paragraphs
}

/// The parts of a paragraph: each begins with its name, `severity:` or `remedy:`, or has none.
fn named<'a>(lines: &[&'a str]) -> Vec<(Option<&'a str>, String)> {
    let mut parts: Vec<(Option<&str>, String)> = Vec::new();
    for line in lines {
        let name = line.split_once(':').filter(|(name, _)| matches!(*name, "severity" | "remedy"));
        match (name, parts.last_mut()) {
            (Some((name, text)), _) => parts.push((Some(name), text.trim().into())),
            (None, Some((_, text))) => add(text, line),
            (None, None) => parts.push((None, (*line).into())),
        }
    }
    parts
}

fn add(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "-- Segments whose file\n-- is not there.\n--\n-- severity: error\n-- remedy: Restore it:\n-- from a backup.\n--\n-- The server\n-- does not notice.\n--\n-- Twice.\nSELECT 1 AS message\n-- severity: none\n";

    #[test]
    fn the_comment_says_what_a_check_is() {
        let check = Check::parse("missing_files", SQL).unwrap();
        assert_eq!(check.title, "Segments whose file is not there.");
        assert_eq!(check.severity, Severity::Error);
        assert_eq!(check.remedy, "Restore it: from a backup.");
        assert_eq!(check.explanation, "The server does not notice. Twice.");
        assert_eq!(check.sql, SQL.trim_end());
        let marked = format!("\u{feff}{}", SQL.replace('\n', "\r\n"));
        assert_eq!(Check::parse("missing_files", &marked).unwrap().remedy, check.remedy);
    }

    #[test]
    fn what_is_missing_is_told() {
        let fails = |id: &str, sql: &str| Check::parse(id, sql).unwrap_err().to_string();
        assert!(fails("a", "SELECT 1").contains("no `severity:`"));
        assert!(fails("a", "").contains("no `severity:`"));
        assert!(fails("a", "-- severity: error\n-- remedy: x\nSELECT 1").contains("no title"));
        assert!(fails("a", "-- T.\n--\n-- severity: error\nSELECT 1").contains("no `remedy:`"));
        assert!(fails("a", "-- T.\n--\n-- severity: bad\n-- remedy: x").contains("found `bad`"));
        for id in ["", "A", "a-b", "../a", "1a", "é"] {
            assert!(fails(id, SQL).contains("a name of the letters"), "{id}");
        }
    }
}
