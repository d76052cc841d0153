// SPDX-License-Identifier: Apache-2.0
//! What was typed, pasted or read from a file, as statements and commands.

use super::lexer::{End, Kind, Piece, pieces};

/// Words that are commands when they stand alone in a line: what people type
/// who do not know the commands.
const PLAIN_COMMANDS: [&str; 3] = ["quit", "exit", "help"];

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A statement, with its semicolon if it has one.
    Statement(&'a str),
    /// A line that begins with `\`, or a word such as `quit`.
    Command(&'a str),
}

/// A text in steps, each with the bytes before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script<'a> {
    pub(super) steps: Vec<(usize, Step<'a>)>,
    /// A statement at the end without a semicolon, or a comment without an end.
    pub(super) unfinished: Option<(usize, &'a str)>,
}

impl<'a> Script<'a> {
    /// Splits a text at semicolons outside of quotes and comments. A command
    /// begins where a statement could, and ends with its line.
    pub(super) fn new(text: &'a str) -> Self {
        let mut script = Self::default();
        let mut at = 0;
        while let Some(next) = script.read(text, at) {
            at = next;
        }
        script
    }

    /// All steps of a file: its last statement needs no semicolon.
    pub(super) fn into_steps(mut self) -> Vec<(usize, Step<'a>)> {
        let last = self.unfinished.map(|(start, text)| (start, Step::Statement(text)));
        self.steps.extend(last);
        self.steps
    }

    /// Reads statements from `at` on, up to the end or to a command's end, which it returns.
    fn read(&mut self, text: &'a str, at: usize) -> Option<usize> {
        let (pieces, end) = pieces(text.get(at..)?);
        let mut begin = None;
        for piece in &pieces {
            let start = at + piece.start;
            if !piece.is_significant() {
                continue;
            }
            if begin.is_none() {
                if let Some(line) = command(text.get(start..)?, piece) {
                    self.steps.push((start, Step::Command(line)));
                    return Some(start + line.len());
                }
                // A semicolon alone is no statement.
                if piece.kind == Kind::Semicolon {
                    continue;
                }
            }
            let from = *begin.get_or_insert(start);
            if piece.kind == Kind::Semicolon {
                self.steps.push((from, Step::Statement(text.get(from..=start)?)));
                begin = None;
            }
        }
        self.end(text, at, &pieces, begin, end);
        None
    }

    fn end(&mut self, text: &'a str, at: usize, pieces: &[Piece<'_>], begin: Option<usize>, end: End) {
        let open = || pieces.last().filter(|_| end == End::Open).map(|piece| at + piece.start);
        let Some(from) = begin.or_else(open) else { return };
        let rest = text.get(from..).unwrap_or_default().trim_end();
        if end == End::Wrong && rest.ends_with(';') {
            // Nothing that is typed would repair it: the parser says what is wrong.
            self.steps.push((from, Step::Statement(rest)));
        } else {
            self.unfinished = Some((from, rest));
        }
    }
}

/// The command that begins here, if one does: the rest of its line.
fn command<'a>(text: &'a str, first: &Piece<'_>) -> Option<&'a str> {
    let line = text.lines().next().unwrap_or_default().trim_end();
    let is_first = first.kind == Kind::Word || line.starts_with('\\');
    (is_first && is_command(line)).then_some(line)
}

/// Whether a line would be a command where a statement can begin.
pub(super) fn is_command(line: &str) -> bool {
    let word = line.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    line.starts_with('\\') || PLAIN_COMMANDS.iter().any(|plain| plain.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::Step::{Command, Statement};
    use super::*;

    fn with_lines<'a>(text: &str, steps: &[(usize, Step<'a>)]) -> Vec<(usize, Step<'a>)> {
        steps.iter().map(|(start, step)| (text[..*start].matches('\n').count() + 1, *step)).collect()
    }

    #[test]
    fn statements_end_with_semicolons_outside_of_quotes_and_comments() {
        for (text, expected) in [
            ("SELECT ';';", vec![(1, Statement("SELECT ';';"))]),
            ("SELECT \";\" -- ;\n;", vec![(1, Statement("SELECT \";\" -- ;\n;"))]),
            ("SELECT $$;$$; /* ; */ ;", vec![(1, Statement("SELECT $$;$$;"))]),
            (
                "-- first\nSELECT 1;\n\nSELECT 2;",
                vec![(2, Statement("SELECT 1;")), (4, Statement("SELECT 2;"))],
            ),
            (";;\n ;", vec![]),
            ("", vec![]),
            ("-- nothing\n", vec![]),
        ] {
            let script = Script::new(text);
            assert_eq!(with_lines(text, &script.steps), expected, "{text}");
            assert_eq!(script.unfinished, None, "{text}");
        }
    }

    #[test]
    fn what_is_not_ended_is_unfinished() {
        for (text, unfinished) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1;\nSELECT 'a;\n", "SELECT 'a;"),
            ("SELECT 1 -- ;", "SELECT 1 -- ;"),
            ("/* ;", "/* ;"),
            ("SELECT 1;\n/* about\n", "/* about"),
            ("SELECT $a$ ; $b$ ;", "SELECT $a$ ; $b$ ;"),
            ("SELECT 1 \\q", "SELECT 1 \\q"),
        ] {
            let script = Script::new(text);
            assert_eq!(script.unfinished.map(|(_, rest)| rest), Some(unfinished), "{text}");
        }
    }

    #[test]
    fn commands_are_lines_where_a_statement_could_begin() {
        let text = "\\i it's.sql ; \nSELECT 1;\n\\timing\n -- c\n  \\d a\"b\nSELECT\n\\x;";
        assert_eq!(
            with_lines(text, &Script::new(text).steps),
            [
                (1, Command("\\i it's.sql ;")),
                (2, Statement("SELECT 1;")),
                (3, Command("\\timing")),
                (5, Command("\\d a\"b")),
                (6, Statement("SELECT\n\\x;")),
            ]
        );
    }

    #[test]
    fn plain_words_are_commands_only_alone_in_their_line() {
        for text in ["quit", "EXIT;", "help ;  ", "\n quit\n"] {
            let script = Script::new(text);
            assert!(matches!(script.steps.as_slice(), [(_, Command(_))]), "{text}: {script:?}");
        }
        assert_eq!(Script::new("exit from").unfinished, Some((0, "exit from")));
        assert_eq!(Script::new("SELECT\nquit").unfinished, Some((0, "SELECT\nquit")));
    }

    #[test]
    fn what_can_never_be_read_is_given_to_the_parser_when_it_ends() {
        let script = Script::new("SELECT 1;\nSELECT E'\\u00' ; SELECT 2;\n");
        assert_eq!(script.steps.last(), Some(&(10, Statement("SELECT E'\\u00' ; SELECT 2;"))));
        assert_eq!(script.unfinished, None);
        assert_eq!(Script::new("SELECT E'\\u00'").unfinished, Some((0, "SELECT E'\\u00'")));
    }

    #[test]
    fn the_last_statement_of_a_file_needs_no_semicolon() {
        let text = "SELECT 1;\nSELECT 2\n";
        let steps = Script::new(text).into_steps();
        assert_eq!(with_lines(text, &steps), [(1, Statement("SELECT 1;")), (2, Statement("SELECT 2"))]);
    }

    #[test]
    fn no_text_is_lost_whatever_it_is() {
        for text in super::super::testing::texts(3000) {
            let script = Script::new(&text);
            let steps = script.steps.iter().map(|(_, step)| match step {
                Statement(text) | Command(text) => *text,
            });
            let mut rest = text.as_str();
            for part in steps.chain(script.unfinished.map(|(_, rest)| rest)) {
                let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not in {rest:?}"));
                rest = &rest[at + part.len()..];
            }
        }
    }
}
