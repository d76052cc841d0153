// SPDX-License-Identifier: Apache-2.0
//! A text of SQL in pieces, as the parser sees them, whether it is finished or not.

use std::iter::Peekable;
use std::str::CharIndices;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A text, in quotes or between dollar signs.
    Text,
    Number,
    Comment,
    Space,
    Semicolon,
    Period,
    Comma,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// An operator, or what cannot be read.
    Other,
}

/// A part of the text with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) kind: Kind,
    /// Bytes before it.
    pub(super) start: usize,
    pub(super) text: &'a str,
}

impl Piece<'_> {
    /// Whether it is this word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it means something to the parser.
    pub(super) fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// How a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a whole piece.
    Whole,
    /// Inside the last piece: a text, a quoted name or a comment is not closed.
    Open,
    /// With something that cannot be read, whatever follows.
    Wrong,
}

/// Cuts a text into pieces. Together they are the text, byte for byte.
pub(super) fn pieces(sql: &str) -> (Vec<Piece<'_>>, End) {
    let dialect = GenericDialect {};
    let mut tokens = Vec::new();
    let read =
        Tokenizer::new(&dialect, sql).with_unescape(false).tokenize_with_location_into_buf(&mut tokens);
    let mut walk = Walk { chars: sql.char_indices().peekable(), line: 1, column: 1, length: sql.len() };
    let mut pieces = Vec::with_capacity(tokens.len() + 1);
    let mut start = 0;
    for token in &tokens {
        let end = walk.to(token.span.end);
        if let Some(text) = sql.get(start..end).filter(|text| !text.is_empty()) {
            pieces.push(Piece { kind: kind(&token.token), start, text });
            start = end;
        }
    }
    let rest = sql.get(start..).unwrap_or_default();
    let end = match read {
        Ok(()) => End::Whole,
        Err(error) if is_open(&error.message) => End::Open,
        Err(_) => End::Wrong,
    };
    if !rest.is_empty() {
        let kind = if end == End::Open { kind_of_open(rest) } else { Kind::Other };
        pieces.push(Piece { kind, start, text: rest });
    }
    (pieces, end)
}

fn is_open(message: &str) -> bool {
    // The same is said of a text with a wrong escape, which nothing that follows repairs.
    if message.contains("encoded") {
        return false;
    }
    ["Unterminated", "before EOF", "Unexpected EOF"].iter().any(|words| message.contains(words))
}

fn kind_of_open(text: &str) -> Kind {
    match text.chars().next() {
        Some('/') => Kind::Comment,
        Some('"' | '`') => Kind::Quoted,
        _ => Kind::Text,
    }
}

fn kind(token: &Token) -> Kind {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Kind::Quoted,
        Token::Word(_) => Kind::Word,
        Token::Number(..) => Kind::Number,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
            Kind::Comment
        }
        Token::Whitespace(_) => Kind::Space,
        Token::SemiColon => Kind::Semicolon,
        Token::Period => Kind::Period,
        Token::Comma => Kind::Comma,
        Token::LParen | Token::LBracket | Token::LBrace => Kind::Open,
        Token::RParen | Token::RBracket | Token::RBrace => Kind::Close,
        Token::SingleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_) => Kind::Text,
        _ => Kind::Other,
    }
}

/// Turns the tokenizer's lines and columns into bytes.
struct Walk<'a> {
    chars: Peekable<CharIndices<'a>>,
    line: u64,
    column: u64,
    length: usize,
}

impl Walk<'_> {
    /// Goes on to a place and returns the bytes before it.
    fn to(&mut self, place: Location) -> usize {
        while (self.line, self.column) < (place.line, place.column) {
            let Some((_, c)) = self.chars.next() else { break };
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.chars.peek().map_or(self.length, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        pieces(sql)
            .0
            .into_iter()
            .filter(Piece::is_significant)
            .map(|piece| (piece.kind, piece.text))
            .collect()
    }

    #[test]
    fn pieces_have_the_parsers_meaning() {
        assert_eq!(
            kinds("SELECT \"A b\".x, 'it''s', 1.5e3, $q$;$q$ -- c\n;"),
            [
                (Kind::Word, "SELECT"),
                (Kind::Quoted, "\"A b\""),
                (Kind::Period, "."),
                (Kind::Word, "x"),
                (Kind::Comma, ","),
                (Kind::Text, "'it''s'"),
                (Kind::Comma, ","),
                (Kind::Number, "1.5e3"),
                (Kind::Comma, ","),
                (Kind::Text, "$q$;$q$"),
                (Kind::Semicolon, ";"),
            ]
        );
    }

    #[test]
    fn what_is_not_closed_is_one_last_piece() {
        for (sql, kind) in [
            ("SELECT 'a; b", Kind::Text),
            ("SELECT X'00", Kind::Text),
            ("SELECT $$ ; ", Kind::Text),
            ("SELECT $tag$ ;", Kind::Text),
            ("SELECT \"a; b", Kind::Quoted),
            ("SELECT /* a /* b */ ;", Kind::Comment),
        ] {
            let (pieces, end) = pieces(sql);
            assert_eq!(end, End::Open, "{sql}");
            let last = pieces.last().unwrap();
            assert_eq!((last.kind, last.start + last.text.len()), (kind, sql.len()), "{sql}");
            assert!(!pieces.iter().any(|piece| piece.kind == Kind::Semicolon), "{sql}");
        }
        assert_eq!(pieces("SELECT 1 -- ;").1, End::Whole);
    }

    #[test]
    fn pieces_are_the_text_whatever_it_is() {
        for sql in super::super::testing::texts(3000) {
            let (pieces, _) = pieces(&sql);
            let mut joined = String::new();
            for piece in pieces {
                assert_eq!(piece.start, joined.len(), "{sql:?}");
                joined.push_str(piece.text);
            }
            assert_eq!(joined, sql);
        }
    }
}
