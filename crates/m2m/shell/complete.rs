// SPDX-License-Identifier: Apache-2.0
//! What may follow at the cursor.

mod files;
mod offer;
mod place;

use clap::ValueEnum;

use super::command::{Argument, COMMANDS, find};
use super::keywords::{BEGINNINGS, KEYWORDS};
use super::lexer::pieces;
use super::names::Names;
use super::script::{Script, Step};
use crate::args::Format;
pub(super) use files::expand;
use offer::Offer;
use place::{Place, Reference, Statement};

/// What may follow a table, when nothing is typed yet.
const AFTER_TABLE: &[&str] = &[
    "AS", "CROSS", "FULL", "GROUP", "INNER", "JOIN", "LEFT", "LIMIT", "ON", "ORDER", "RIGHT", "UNION",
    "WHERE",
];

/// Something that may be typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    /// What a list shows.
    pub(super) shown: String,
    /// What takes the place of what was typed.
    pub(super) typed: String,
}

/// What may be typed at the cursor, and where what it replaces begins.
pub(super) fn complete(names: &Names, line: &str, cursor: usize) -> (usize, Vec<Candidate>) {
    let Some(before) = line.get(..cursor) else { return (cursor, Vec::new()) };
    let script = Script::new(before);
    if let Some((start, Step::Command(_))) = script.steps.last()
        && script.unfinished.is_none()
        && let Some(typed) =
            before.get(*start..).filter(|typed| typed.starts_with('\\') && !typed.contains('\n'))
    {
        let (at, candidates) = of_command(names, typed);
        return (start + at, candidates);
    }
    let start = script.unfinished.map_or(cursor, |(start, _)| start);
    let (Some(typed), Some(whole)) = (before.get(start..), line.get(start..)) else {
        return (cursor, Vec::new());
    };
    let (at, candidates) = of_statement(names, typed, whole);
    (start + at, candidates)
}

fn of_command(names: &Names, typed: &str) -> (usize, Vec<Candidate>) {
    let Some((word, rest)) = typed.split_once(char::is_whitespace) else {
        return (0, of_command_names(typed));
    };
    let rest = rest.trim_start();
    let at = typed.len() - rest.len();
    let argument = find(word).map_or(Argument::Nothing, |command| command.argument);
    let words: Vec<String> = match argument {
        Argument::Nothing => Vec::new(),
        Argument::Table => {
            let reference = Reference::at_end(&pieces(rest).0, rest.len());
            let mut offer = Offer::new(&reference, "");
            offer.tables(names, &reference.path);
            return (at + reference.start, offer.candidates);
        }
        Argument::File => {
            let (start, candidates) = files::complete(rest);
            return (at + start, candidates);
        }
        Argument::Function => names.functions.clone(),
        Argument::Schema => names.schemas.iter().map(|schema| schema.name.clone()).collect(),
        Argument::Switch => vec!["on".into(), "off".into()],
        Argument::Format => format_names(),
    };
    let fits = words.into_iter().filter(|word| word.starts_with(&rest.to_lowercase()));
    (at, fits.map(plain).collect())
}

fn of_command_names(typed: &str) -> Vec<Candidate> {
    let names = COMMANDS.iter().flat_map(|command| command.names.iter().copied());
    // A list of all is one of the main names.
    let main = COMMANDS.iter().filter_map(|command| command.names.first().copied());
    let names: Vec<&str> = if typed == "\\" { main.collect() } else { names.collect() };
    names.into_iter().filter(|name| name.starts_with(typed)).map(|name| plain(name.to_owned())).collect()
}

/// The names of all formats.
pub(super) fn format_names() -> Vec<String> {
    let values = Format::value_variants().iter().filter_map(Format::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

fn plain(text: String) -> Candidate {
    Candidate { shown: text.clone(), typed: text }
}

fn of_statement(names: &Names, typed: &str, whole: &str) -> (usize, Vec<Candidate>) {
    let (before, end) = pieces(typed);
    let reference = Reference::at_end(&before, typed.len());
    // The name that is being typed names no table yet, and its quote is not closed.
    let after = whole.get(typed.len()..).unwrap_or_default();
    let is_closed = reference.is_quoted && after.starts_with('"');
    let after = if is_closed { after.get(1..).unwrap_or_default() } else { after };
    let statement = Statement::new(&format!("{} {after}", typed.get(..reference.start).unwrap_or_default()));
    let place = Place::find(&before, end, &reference);
    if let Place::File(start) = place {
        let (at, candidates) = files::complete(typed.get(start..).unwrap_or_default());
        return (start + at, candidates);
    }
    let mut offer = Offer::new(&reference, typed);
    offer.is_closed = is_closed;
    match place {
        Place::File(_) | Place::Nothing => {}
        Place::Words(words) => offer.keywords(words),
        Place::Beginning => offer.keywords(BEGINNINGS),
        Place::Table => {
            if reference.path.is_empty() {
                offer.names(statement.definitions.iter().map(String::as_str));
                offer.functions(&names.table_functions);
            }
            offer.tables(names, &reference.path);
        }
        Place::AfterTable if reference.prefix.is_empty() => offer.keywords(AFTER_TABLE),
        Place::AfterTable => offer.keywords(KEYWORDS),
        Place::Expression if !reference.path.is_empty() => {
            offer.columns_of(names, &statement, &reference.path);
            offer.tables(names, &reference.path);
        }
        Place::Expression => offer.expression(names, &statement),
    }
    (reference.start, offer.candidates)
}

#[cfg(test)]
mod tests;
