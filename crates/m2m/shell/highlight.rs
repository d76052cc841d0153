// SPDX-License-Identifier: Apache-2.0
//! Colours for what is typed.

use super::command::find;
use super::keywords::is_keyword;
use super::lexer::{Kind, Piece, pieces};
use super::script::{Script, Step};

const KEYWORD: &str = "\x1b[1m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[33m";
const NAME: &str = "\x1b[36m";
const COMMAND: &str = "\x1b[35m";
const MISTAKE: &str = "\x1b[31m";
const MATCH: &str = "\x1b[1;7m";
pub(super) const DIM: &str = "\x1b[2m";
pub(super) const RESET: &str = "\x1b[0m";

/// Longer texts are shown as they are: colours are not worth waiting for.
const LONGEST: usize = 64 << 10;

/// Returns the text with colours, and the bracket that belongs to the one at the cursor marked.
pub(super) fn paint(text: &str, cursor: Option<usize>) -> String {
    if text.len() > LONGEST {
        return text.to_owned();
    }
    let mut painted = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (start, step) in &Script::new(text).steps {
        if let Step::Command(line) = step {
            paint_sql(&mut painted, text.get(at..*start).unwrap_or_default(), shifted(cursor, at));
            paint_command(&mut painted, line);
            at = start + line.len();
        }
    }
    paint_sql(&mut painted, text.get(at..).unwrap_or_default(), shifted(cursor, at));
    painted
}

fn shifted(cursor: Option<usize>, by: usize) -> Option<usize> {
    cursor.and_then(|cursor| cursor.checked_sub(by))
}

fn paint_command(painted: &mut String, line: &str) {
    let end = line.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    colour(painted, word, if find(word).is_some() { COMMAND } else { MISTAKE });
    painted.push_str(rest);
}

fn paint_sql(painted: &mut String, sql: &str, cursor: Option<usize>) {
    let (pieces, _) = pieces(sql);
    let partner = cursor.and_then(|cursor| partner(&pieces, cursor));
    for piece in &pieces {
        match piece.kind {
            _ if partner == Some(piece.start) => colour(painted, piece.text, MATCH),
            Kind::Word if is_keyword(piece.text) => colour(painted, piece.text, KEYWORD),
            Kind::Text => colour(painted, piece.text, TEXT),
            Kind::Number => colour(painted, piece.text, NUMBER),
            Kind::Quoted => colour(painted, piece.text, NAME),
            Kind::Comment => colour(painted, piece.text, DIM),
            _ => painted.push_str(piece.text),
        }
    }
}

fn colour(painted: &mut String, text: &str, code: &str) {
    painted.push_str(code);
    painted.push_str(text);
    painted.push_str(RESET);
}

/// Whether there is a bracket under the cursor or before it.
pub(super) fn is_at_bracket(text: &str, cursor: usize) -> bool {
    let under = text.get(cursor..).and_then(|rest| rest.chars().next());
    let before = text.get(..cursor).and_then(|rest| rest.chars().next_back());
    [under, before].into_iter().flatten().any(|c| "()[]{}".contains(c))
}

/// Where the bracket is that belongs to the one under the cursor, or else before it.
fn partner(pieces: &[Piece<'_>], cursor: usize) -> Option<usize> {
    let is_bracket = |piece: &Piece<'_>| matches!(piece.kind, Kind::Open | Kind::Close);
    let brackets: Vec<&Piece<'_>> = pieces.iter().filter(|piece| is_bracket(piece)).collect();
    let at = |place: usize| brackets.iter().position(|piece| piece.start == place);
    let index = at(cursor).or_else(|| at(cursor.checked_sub(1)?))?;
    let bracket = brackets.get(index)?;
    let (own, other) = match bracket.text {
        "(" => ("(", ")"),
        ")" => (")", "("),
        "[" => ("[", "]"),
        "]" => ("]", "["),
        "{" => ("{", "}"),
        _ => ("}", "{"),
    };
    let mut depth = 0_usize;
    let mut matching = |piece: &&&Piece<'_>| {
        if piece.text == own {
            depth += 1;
        } else if piece.text == other {
            depth -= 1;
        }
        depth == 0
    };
    if bracket.kind == Kind::Open {
        brackets.get(index..)?.iter().find(&mut matching).map(|piece| piece.start)
    } else {
        brackets.get(..=index)?.iter().rev().find(&mut matching).map(|piece| piece.start)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn stripped(painted: &str) -> String {
        [KEYWORD, TEXT, NUMBER, NAME, COMMAND, MISTAKE, MATCH, DIM, RESET]
            .iter()
            .fold(painted.to_owned(), |text, code| text.replace(code, ""))
    }

    #[test]
    fn each_kind_has_its_colour() {
        let painted = paint("SELECT \"A\", 'b', 1 -- c", None);
        for part in [
            format!("{KEYWORD}SELECT{RESET}"),
            format!("{NAME}\"A\"{RESET}"),
            format!("{TEXT}'b'{RESET}"),
            format!("{NUMBER}1{RESET}"),
            format!("{DIM}-- c{RESET}"),
        ] {
            assert!(painted.contains(&part), "{painted:?}");
        }
        assert_eq!(paint("SELECT 'open", None), format!("{KEYWORD}SELECT{RESET} {TEXT}'open{RESET}"));
        assert_eq!(paint("id", None), "id");
    }

    #[test]
    fn commands_are_told_from_mistakes() {
        assert_eq!(paint("\\d it's", None), format!("{COMMAND}\\d{RESET} it's"));
        assert_eq!(paint("\\zz x", None), format!("{MISTAKE}\\zz{RESET} x"));
        assert_eq!(paint("\\x\nSELECT", None), format!("{COMMAND}\\x{RESET}\n{KEYWORD}SELECT{RESET}"));
    }

    #[test]
    fn the_bracket_that_belongs_to_the_one_at_the_cursor_is_marked() {
        let marked = |text: &str, cursor| {
            let painted = paint(text, Some(cursor));
            painted.find(MATCH).map(|at| stripped(&painted[..at]).len())
        };
        assert_eq!(marked("abs((1))", 3), Some(7));
        assert_eq!(marked("abs((1))", 4), Some(6));
        assert_eq!(marked("abs((1))", 8), Some(3));
        assert_eq!(marked("[')', 1]", 0), Some(7));
        assert_eq!(marked("[1, (2]", 0), Some(6));
        assert_eq!(marked("((1)", 0), None);
        assert_eq!(marked(")", 1), None);
        assert_eq!(marked("\\d\n(1)", 3), Some(5));
        assert!(is_at_bracket("(é)", 1) && is_at_bracket("(é)", 4) && !is_at_bracket("é(", 1));
    }

    #[test]
    fn no_character_is_lost_or_added_whatever_is_typed() {
        for text in testing::texts(3000) {
            for cursor in [None, Some(0), Some(text.len() / 2), Some(text.len())] {
                assert_eq!(stripped(&paint(&text, cursor)), text);
            }
        }
        let long = "(".repeat(LONGEST + 1);
        assert_eq!(paint(&long, None), long);
    }
}
