// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a statement: in words, with the place, and with the names
//! that may have been meant.

use std::collections::BTreeSet;
use std::fmt;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::parser::ParserError;
use m2m_datasource::{CATALOG, COLLECTIONS};

use super::runner::Script;
use crate::error::Error;
use crate::nearest::nearest_few;

/// Names that are shown when one is not known.
const SHOWN: usize = 3;
/// Characters of a line that are shown before and after a place.
const AROUND: usize = 60;

/// A mistake in a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    message: String,
    place: Option<Place>,
    help: Option<String>,
}

/// Where in a script something stands.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The file of the script.
    file: Option<String>,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// Characters that are marked.
    width: usize,
    /// The line, or what is around the place of a long one.
    excerpt: String,
    /// Characters of the excerpt before the place.
    indent: usize,
}

impl Fault {
    /// A mistake without a place.
    pub(super) fn new(message: String, help: &str) -> Self {
        Self { message, place: None, help: Some(help.into()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(place) = &self.place {
            let file = place.file.as_ref().map(|file| format!("{file}, "));
            write!(f, "\n  {}line {}, column {}:", file.unwrap_or_default(), place.line, place.column)?;
            write!(f, "\n    {}", place.excerpt)?;
            write!(f, "\n    {:indent$}{}", "", "^".repeat(place.width), indent = place.indent)?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhint: {help}"),
            None => Ok(()),
        }
    }
}

/// Says what is wrong with a statement of a script that could not be planned.
pub(super) fn explain(error: DataFusionError, script: &Script, ctx: &SessionContext) -> Error {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let place = span.and_then(|span| {
        let (start, end) = (span.start, span.end);
        let width = if end.line == start.line { end.column.saturating_sub(start.column) } else { 1 };
        Place::new(script, start.line, start.column, width)
    });
    let fault = match error.find_root() {
        DataFusionError::SQL(parse, _) => of_syntax(parse, script),
        DataFusionError::SchemaError(schema, _) => of_schema(schema, place),
        DataFusionError::Plan(message) => of_plan(message, place, ctx),
        DataFusionError::Execution(message) => of_execution(message, place, ctx),
        DataFusionError::Configuration(message) => Fault { message: lower_first(message), place, help: None },
        DataFusionError::NotImplemented(message) => {
            Fault { message: format!("not supported: {}", first_line(message)), place, help: None }
        }
        // An error of a table keeps its causes.
        _ => return error.into(),
    };
    Error::Statement(Box::new(fault))
}

fn of_syntax(error: &ParserError, script: &Script) -> Fault {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply",
    };
    let (message, place) = match split_place(message) {
        Some((message, line, column)) => (message, Place::new(script, line, column, 1)),
        None if message.ends_with("EOF") => (message, Place::end(script)),
        None => (message, None),
    };
    Fault { message: format!("syntax error: {}", lower_first(message)), place, help: None }
}

/// The parser writes the place behind its message.
fn split_place(message: &str) -> Option<(&str, u64, u64)> {
    let (text, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some((text, line.trim().parse().ok()?, column.trim().parse().ok()?))
}

fn of_schema(error: &SchemaError, place: Option<Place>) -> Fault {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return Fault { message: lower_first(&error.to_string()), place, help: None };
    };
    let relation = field.relation.as_ref().map(|relation| format!(" in `{}`", relation.table()));
    let message = format!("there is no column `{}`{}", field.name, relation.unwrap_or_default());
    // Those of other tables have other names in front.
    let same_table = valid_fields.iter().filter(|valid| {
        field.relation.as_ref().is_none_or(|table| valid.relation.as_ref().is_none_or(|of| of == table))
    });
    let names: BTreeSet<String> = same_table.map(|valid| valid.name.clone()).collect();
    let help = if names.is_empty() { None } else { Some(among(&field.name, &names, "column")) };
    Fault { message, place, help }
}

fn of_plan(message: &str, place: Option<Place>, ctx: &SessionContext) -> Fault {
    let message = first_line(message);
    if let Some(table) = quoted(message, "table '", "' not found") {
        let known = tables(ctx);
        let shown = table.strip_prefix(&format!("{CATALOG}.")).unwrap_or(table);
        let shown = shown.strip_prefix(&format!("{COLLECTIONS}.")).unwrap_or(shown);
        let help = match shown.strip_prefix("milvus2x.") {
            Some(_) if !known.iter().any(|known| known.starts_with("milvus2x.")) => {
                "name Milvus 2.x with `--milvus`, or `target.milvus2x.endpoint` in the configuration".into()
            }
            _ if known.is_empty() => "the installation has no collection".into(),
            _ => among(shown, &known, "table"),
        };
        return Fault { message: format!("there is no table `{shown}`"), place, help: Some(help) };
    }
    if let Some(function) = quoted(message, "Invalid function '", "'") {
        let help = among(function, &functions(ctx), "function");
        return Fault { message: format!("there is no function `{function}`"), place, help: Some(help) };
    }
    if let Some(function) = quoted(message, "table function '", "' not found") {
        let known = ctx.state().table_functions().keys().cloned().collect();
        let help = among(function, &known, "table function");
        return Fault {
            message: format!("there is no table function `{function}`"),
            place,
            help: Some(help),
        };
    }
    Fault { message: lower_first(message), place, help: None }
}

fn of_execution(message: &str, place: Option<Place>, ctx: &SessionContext) -> Fault {
    let dropped = ["Table '", "View '"].iter().find_map(|before| quoted(message, before, "' doesn't exist"));
    match dropped {
        // The engine says so of what it may not drop, too.
        Some(name) if tables(ctx).contains(name) => Fault {
            message: format!("`{name}` is of the installation, which is never changed"),
            place,
            help: Some("tables and views that this session made can be dropped".into()),
        },
        _ => Fault { message: lower_first(message), place, help: None },
    }
}

/// The names that are near, or all of them when they are few.
fn among(name: &str, known: &BTreeSet<String>, what: &str) -> String {
    let listed =
        |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest_few(name, known.iter().cloned(), SHOWN) {
        near if near.len() == 1 => format!("the nearest {what} is {}", listed(near)),
        near if !near.is_empty() => format!("the nearest {what}s are {}", listed(near)),
        _ if known.len() <= 2 * SHOWN => {
            format!("the {what}s are {}", listed(known.iter().cloned().collect()))
        }
        _ if what == "table" => "`SHOW TABLES` lists all tables".into(),
        _ if what == "function" => "`SHOW FUNCTIONS` lists all functions".into(),
        _ => format!("none of the {} {what}s has such a name", known.len()),
    }
}

/// Every table, as a statement names it.
fn tables(ctx: &SessionContext) -> BTreeSet<String> {
    let Some(catalog) = ctx.catalog(CATALOG) else { return BTreeSet::new() };
    let mut tables = BTreeSet::new();
    for name in catalog.schema_names() {
        let Some(schema) = catalog.schema(&name) else { continue };
        let prefix = if name == COLLECTIONS { String::new() } else { format!("{name}.") };
        tables.extend(schema.table_names().into_iter().map(|table| format!("{prefix}{table}")));
    }
    tables
}

fn functions(ctx: &SessionContext) -> BTreeSet<String> {
    let state = ctx.state();
    let scalar = state.scalar_functions().keys();
    scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys()).cloned().collect()
}

fn quoted<'a>(message: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    rest.rsplit_once(after).map(|(name, _)| name)
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// Words of the engine begin like sentences, ours do not.
fn lower_first(message: &str) -> String {
    let message = message.trim();
    let mut letters = message.chars();
    match (letters.next(), letters.next()) {
        // A name in capitals stays one.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(message.chars().skip(1)).collect()
        }
        _ => message.to_owned(),
    }
}

impl Place {
    /// The place behind the last letter.
    fn end(script: &Script) -> Option<Self> {
        let text = script.text.trim_end();
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let last = text.lines().last()?;
        Self::new(script, number(text.lines().count()), number(last.chars().count() + 1), 1)
    }

    /// The place at a line and a column, both from 1, unless the script has no such line.
    fn new(script: &Script, line: u64, column: u64, width: u64) -> Option<Self> {
        let number = |number: u64| usize::try_from(number).ok();
        let (line, column) = (number(line)?, number(column)?);
        let text: Vec<char> = script.text.lines().nth(line.checked_sub(1)?)?.chars().collect();
        let at = column.checked_sub(1)?.min(text.len());
        let start = at.saturating_sub(AROUND);
        let end = (at + AROUND).min(text.len());
        let excerpt: String = text.get(start..end)?.iter().map(|&letter| visible(letter)).collect();
        let width = number(width)?.clamp(1, (end - at).max(1));
        // The excerpt begins at its first letter.
        let blank = excerpt.chars().take_while(|letter| *letter == ' ').count().min(at - start);
        let excerpt = excerpt.chars().skip(blank).collect::<String>().trim_end().to_owned();
        Some(Self { file: script.name.clone(), line, column, width, excerpt, indent: at - start - blank })
    }
}

/// A tab is as wide as one letter here, so that the mark stands below its place.
fn visible(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

#[cfg(test)]
mod tests;
