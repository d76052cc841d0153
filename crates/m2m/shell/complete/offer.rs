// SPDX-License-Identifier: Apache-2.0
//! Collecting what fits to what was typed.

use std::collections::HashSet;

use super::Candidate;
use super::place::{Reference, Statement};
use crate::shell::keywords::{KEYWORDS, quoted, quoted_if_needed};
use crate::shell::names::{Names, Table};

/// The most candidates that are offered.
const MOST: usize = 5000;

/// The candidates so far, and what they have to begin with.
pub(super) struct Offer {
    /// In lowercase.
    prefix: String,
    /// Whether it begins with a quote.
    is_quoted: bool,
    /// Whether the quote at its end is there already.
    pub(super) is_closed: bool,
    /// Whether the language's words are written in lowercase.
    is_lower: bool,
    pub(super) candidates: Vec<Candidate>,
    seen: HashSet<Candidate>,
}

impl Offer {
    /// Nothing yet, for what is typed at the end of a statement.
    pub(super) fn new(reference: &Reference, statement: &str) -> Self {
        let letters = if reference.prefix.is_empty() { statement } else { &reference.prefix };
        let first = letters.chars().find(|c| c.is_alphabetic());
        Self {
            prefix: reference.prefix.to_lowercase(),
            is_quoted: reference.is_quoted,
            is_closed: false,
            is_lower: first.is_some_and(char::is_lowercase),
            candidates: Vec::new(),
            seen: HashSet::new(),
        }
    }

    fn fits(&self, name: &str) -> bool {
        name.to_lowercase().starts_with(&self.prefix)
    }

    fn push(&mut self, shown: String, typed: String) {
        let candidate = Candidate { shown, typed };
        if self.candidates.len() < MOST && self.seen.insert(candidate.clone()) {
            self.candidates.push(candidate);
        }
    }

    fn name(&mut self, name: &str, then: &str) {
        if self.fits(name) {
            let mut typed = if self.is_quoted { quoted(name) } else { quoted_if_needed(name) };
            if self.is_closed {
                typed.pop();
            }
            self.push(format!("{name}{then}"), format!("{typed}{then}"));
        }
    }

    /// Names as they are.
    pub(super) fn names<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            self.name(name, "");
        }
    }

    /// Words of the language.
    pub(super) fn keywords(&mut self, words: &[&str]) {
        for word in words {
            if !self.is_quoted && self.fits(word) {
                let typed = if self.is_lower { word.to_lowercase() } else { (*word).to_owned() };
                self.push(typed.clone(), typed);
            }
        }
    }

    /// Functions, with the parenthesis that follows.
    pub(super) fn functions(&mut self, functions: &[String]) {
        for function in functions {
            if !self.is_quoted && self.fits(function) {
                self.push(format!("{function}("), format!("{function}("));
            }
        }
    }

    /// Tables of the schema that the path names; without one those of the default
    /// schema, and all schemas.
    pub(super) fn tables(&mut self, names: &Names, path: &[String]) {
        let schema = match path {
            [] => &names.default_schema,
            [.., schema] => schema,
        };
        let tables = names.schema(schema).map(|schema| schema.tables.as_slice()).unwrap_or_default();
        self.names(tables.iter().map(|table| table.name.as_str()));
        if path.is_empty() {
            for schema in &names.schemas {
                self.name(&schema.name, ".");
            }
        }
    }

    /// Columns of the table that the path names in this statement.
    pub(super) fn columns_of(&mut self, names: &Names, statement: &Statement, path: &[String]) {
        if let Some(table) = statement.resolve(names, path) {
            self.names(table.columns.iter().map(String::as_str));
        }
    }

    /// What may stand in an expression. When nothing is typed yet, only columns and tables.
    pub(super) fn expression(&mut self, names: &Names, statement: &Statement) {
        let mut tables = statement.tables(names);
        if tables.is_empty() {
            // The tables come later in a statement: any of the default schema may be meant.
            let default = names.schema(&names.default_schema);
            tables = default.map(|schema| schema.tables.iter().collect()).unwrap_or_default();
        }
        self.names(in_order(&tables));
        self.names(statement.aliases());
        if !self.prefix.is_empty() {
            self.functions(&names.functions);
            self.keywords(KEYWORDS);
        }
    }
}

/// Columns of all tables, each once; those of one table as they stand.
fn in_order<'a>(tables: &[&'a Table]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let columns = tables.iter().flat_map(|table| table.columns.iter().map(String::as_str));
    columns.filter(|column| seen.insert(*column)).collect()
}
