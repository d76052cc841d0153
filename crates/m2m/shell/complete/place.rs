// SPDX-License-Identifier: Apache-2.0
//! Where in a statement the cursor is, and which tables the statement names.

use crate::shell::keywords::is_keyword;
use crate::shell::lexer::{End, Kind, Piece, pieces};
use crate::shell::names::{Names, Table};

/// Words after which a table is named.
const BEFORE_TABLE: &[&str] = &["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "UPDATE", "COPY", "VIEW"];
/// Words that begin a part of a statement.
const CLAUSES: &[&str] = &[
    "SELECT",
    "FROM",
    "JOIN",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "ON",
    "USING",
    "LIMIT",
    "OFFSET",
    "SET",
    "VALUES",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "QUALIFY",
    "WINDOW",
    "WITH",
    "OPTIONS",
];
const SHOWN: &[&str] = &["ALL", "COLUMNS", "FUNCTIONS", "TABLES"];
const CREATED: &[&str] = &["EXTERNAL TABLE", "OR REPLACE", "SCHEMA", "TABLE", "VIEW"];
const DROPPED: &[&str] = &["SCHEMA", "TABLE", "VIEW"];
const STORED: &[&str] =
    &["ARROW", "AVRO", "CSV", "JSON", "MYSQL", "NDJSON", "NPY", "NPZ", "PARQUET", "SQLITE"];

/// What may stand at the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The first word of a statement or of a query in it.
    Beginning,
    Table,
    /// A table was named, and something may follow it.
    AfterTable,
    Expression,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A file, whose name begins at this byte.
    File(usize),
    /// What nobody can know: a text, a number, a comment.
    Nothing,
}

impl Place {
    /// Where a statement stops.
    pub(super) fn find(before: &[Piece<'_>], end: End, reference: &Reference) -> Self {
        let significant: Vec<&Piece<'_>> = before.iter().filter(|piece| piece.is_significant()).collect();
        if let Some(place) = in_open_piece(before, &significant, end) {
            return place;
        }
        let named = reference.pieces;
        let earlier = significant.get(..significant.len().saturating_sub(named)).unwrap_or_default();
        let Some((last, previous)) = earlier.split_last() else { return Self::Beginning };
        let first = earlier.first();
        match last.kind {
            Kind::Word => after_word(last, previous, first, earlier),
            Kind::Quoted => after_name(earlier),
            Kind::Number | Kind::Text if named == 0 => Self::Expression,
            Kind::Comma if is_in_from(earlier) => Self::Table,
            Kind::Open if previous.last().is_some_and(|piece| is_one_of(piece, BEFORE_TABLE)) => {
                Self::Beginning
            }
            Kind::Semicolon => Self::Beginning,
            Kind::Close if is_in_from(earlier) => Self::AfterTable,
            _ => Self::Expression,
        }
    }
}

fn is_one_of(piece: &Piece<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| piece.is(word))
}

/// The place when the cursor is inside of a piece that has no end, or in a comment or number.
fn in_open_piece(before: &[Piece<'_>], significant: &[&Piece<'_>], end: End) -> Option<Place> {
    let last = before.last()?;
    match last.kind {
        Kind::Text if end == End::Open => {
            let previous = significant.iter().rev().nth(1);
            let names_file = previous.is_some_and(|piece| is_one_of(piece, &["TO", "LOCATION"]));
            Some(if names_file { Place::File(last.start + 1) } else { Place::Nothing })
        }
        Kind::Comment if end == End::Open || !last.text.ends_with(['\n', '/']) => Some(Place::Nothing),
        Kind::Number | Kind::Text => Some(Place::Nothing),
        Kind::Other if end == End::Wrong => Some(Place::Nothing),
        _ => None,
    }
}

fn after_word(
    last: &Piece<'_>,
    previous: &[&Piece<'_>],
    first: Option<&&Piece<'_>>,
    all: &[&Piece<'_>],
) -> Place {
    let begins = |word: &str| first.is_some_and(|piece| piece.is(word));
    let follows = |word: &str| previous.last().is_some_and(|piece| piece.is(word));
    let is_alone = previous.is_empty();
    if is_alone && last.is("SHOW") {
        return Place::Words(SHOWN);
    }
    if last.is("EXPLAIN") || (begins("EXPLAIN") && is_one_of(last, &["ANALYZE", "VERBOSE"])) {
        return Place::Beginning;
    }
    if last.is("CREATE") {
        return Place::Words(CREATED);
    }
    if last.is("DROP") {
        return Place::Words(DROPPED);
    }
    if last.is("STORED") {
        return Place::Words(&["AS"]);
    }
    if last.is("AS") {
        return if follows("STORED") { Place::Words(STORED) } else { after_as(begins("CREATE")) };
    }
    let names_new = begins("CREATE") && is_one_of(last, &["TABLE", "VIEW"]);
    if names_new || last.is("LIMIT") || last.is("OFFSET") {
        return Place::Nothing;
    }
    let drops = begins("DROP") && last.is("EXISTS");
    if drops || is_one_of(last, BEFORE_TABLE) || (is_alone && last.is("DESC")) {
        return Place::Table;
    }
    if is_one_of(last, &["ORDER", "GROUP", "PARTITION"]) {
        return Place::Words(&["BY"]);
    }
    if is_keyword(last.text) { Place::Expression } else { after_name(all) }
}

/// After `AS` stands a query, or a name that is made up.
fn after_as(is_creation: bool) -> Place {
    if is_creation { Place::Beginning } else { Place::Nothing }
}

fn after_name(all: &[&Piece<'_>]) -> Place {
    if is_in_from(all) { Place::AfterTable } else { Place::Expression }
}

/// Whether the end of these pieces is a list of tables.
fn is_in_from(pieces: &[&Piece<'_>]) -> bool {
    let mut depth = 0_usize;
    for piece in pieces.iter().rev() {
        match piece.kind {
            Kind::Close => depth += 1,
            Kind::Open if depth == 0 => return false,
            Kind::Open => depth -= 1,
            Kind::Word if depth == 0 && is_one_of(piece, CLAUSES) => {
                return is_one_of(piece, &["FROM", "JOIN"]);
            }
            _ => {}
        }
    }
    false
}

/// The name that is being typed: `schema.tab` is a prefix with a path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reference {
    /// Names with a dot behind them.
    pub(super) path: Vec<String>,
    pub(super) prefix: String,
    /// Whether the prefix begins with a quote.
    pub(super) is_quoted: bool,
    /// Where the prefix begins.
    pub(super) start: usize,
    /// How many pieces it is made of.
    pieces: usize,
}

impl Reference {
    /// Reads the name at the end of a text of so many bytes.
    pub(super) fn at_end(pieces: &[Piece<'_>], length: usize) -> Self {
        let mut reference = Self { start: length, ..Self::default() };
        let mut left = pieces;
        if let Some((last, rest)) = left.split_last()
            && is_name(last)
        {
            // A name in quotes that is whole is complete: what follows is something else.
            reference.prefix = unquoted(last);
            reference.is_quoted = last.kind == Kind::Quoted;
            reference.start = last.start;
            reference.pieces = 1;
            left = rest;
        }
        while let [rest @ .., name, dot] = left
            && dot.kind == Kind::Period
            && is_name(name)
        {
            reference.path.insert(0, unquoted(name));
            reference.pieces += 2;
            left = rest;
        }
        reference
    }
}

fn is_name(piece: &Piece<'_>) -> bool {
    matches!(piece.kind, Kind::Word | Kind::Quoted)
}

/// A name without its quotes, closed or not.
fn unquoted(piece: &Piece<'_>) -> String {
    let Some(quote) = piece.text.chars().next().filter(|_| piece.kind == Kind::Quoted) else {
        return piece.text.to_owned();
    };
    let text = piece.text.get(1..).unwrap_or_default();
    text.strip_suffix(quote).unwrap_or(text).replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// The tables that a statement names, wherever the cursor is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    sources: Vec<Source>,
    /// Names that it gives to queries with `WITH`.
    pub(super) definitions: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Source {
    path: Vec<String>,
    alias: Option<String>,
}

impl Statement {
    /// Reads the first statement of a text.
    pub(super) fn new(text: &str) -> Self {
        let (pieces, _) = pieces(text);
        let significant = pieces.iter().filter(|piece| piece.is_significant());
        let pieces: Vec<&Piece<'_>> = significant.take_while(|piece| piece.kind != Kind::Semicolon).collect();
        let mut statement = Self::default();
        for (at, piece) in pieces.iter().enumerate() {
            let rest = pieces.get(at + 1..).unwrap_or_default();
            let is_listed = piece.kind == Kind::Comma && is_in_from(pieces.get(..at).unwrap_or_default());
            if is_one_of(piece, BEFORE_TABLE) || is_listed {
                statement.sources.extend(source(rest));
            }
            if let [as_, open, ..] = rest
                && is_name(piece)
                && as_.is("AS")
                && open.kind == Kind::Open
            {
                statement.definitions.push(unquoted(piece));
            }
        }
        statement
    }

    /// The table that a name means here: by its alias, or by its own name.
    pub(super) fn resolve<'n>(&self, names: &'n Names, path: &[String]) -> Option<&'n Table> {
        if let [name] = path {
            let alias = |source: &&Source| {
                source.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
            };
            if let Some(source) = self.sources.iter().find(alias) {
                return look_up(names, &source.path);
            }
        }
        look_up(names, path)
    }

    /// All tables that it names and the session knows.
    pub(super) fn tables<'n>(&self, names: &'n Names) -> Vec<&'n Table> {
        self.sources.iter().filter_map(|source| look_up(names, &source.path)).collect()
    }

    /// How it calls its tables.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.sources
            .iter()
            .filter_map(|source| source.alias.as_ref().or(source.path.last()))
            .map(String::as_str)
    }
}

fn look_up<'n>(names: &'n Names, path: &[String]) -> Option<&'n Table> {
    let (table, schemas) = path.split_last()?;
    names.table(schemas.last().map(String::as_str), table).map(|(_, table)| table)
}

/// The table at the beginning of these pieces, and its alias.
fn source(pieces: &[&Piece<'_>]) -> Option<Source> {
    let (first, mut rest) = pieces.split_first()?;
    if !is_name(first) || (first.kind == Kind::Word && is_keyword(first.text)) {
        return None;
    }
    let mut path = vec![unquoted(first)];
    while let [dot, name, after @ ..] = rest
        && dot.kind == Kind::Period
        && is_name(name)
    {
        path.push(unquoted(name));
        rest = after;
    }
    if rest.first().is_some_and(|piece| piece.kind == Kind::Open) {
        // A function's call is no table.
        return None;
    }
    let has_as = rest.first().is_some_and(|piece| piece.is("AS"));
    let alias = rest.get(usize::from(has_as)).filter(|piece| is_name(piece));
    let alias = alias.filter(|piece| piece.kind == Kind::Quoted || !is_keyword(piece.text));
    Some(Source { path, alias: alias.map(|piece| unquoted(piece)) })
}
