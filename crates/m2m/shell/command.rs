// SPDX-License-Identifier: Apache-2.0
//! The commands of the shell: lines that begin with `\`. Their names and habits
//! are psql's.

use crate::error::{Error, Result};
use crate::nearest::nearest;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Help,
    Quit,
    Describe,
    Tables,
    Views,
    Functions,
    Schemas,
    Timing,
    Format,
    Vertical,
    Output,
    Include,
}

/// What may follow a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Nothing,
    /// A table's name, or a pattern of names.
    Table,
    /// A pattern of function names.
    Function,
    /// A pattern of schema names.
    Schema,
    Switch,
    Format,
    File,
}

/// A command and its help.
#[derive(Debug)]
pub(super) struct Command {
    /// What is typed; the first is shown.
    pub(super) names: &'static [&'static str],
    pub(super) action: Action,
    pub(super) argument: Argument,
    /// The argument as the help shows it.
    usage: &'static str,
    help: &'static str,
}

const fn command(
    names: &'static [&'static str],
    action: Action,
    argument: Argument,
    usage: &'static str,
    help: &'static str,
) -> Command {
    Command { names, action, argument, usage, help }
}

/// All commands, as the help lists them.
pub(super) const COMMANDS: &[Command] = &[
    command(&["\\?", "\\h", "\\help"], Action::Help, Argument::Nothing, "", "show this help"),
    command(&["\\q", "\\quit", "\\exit"], Action::Quit, Argument::Nothing, "", "quit (also Ctrl-D)"),
    command(&["\\d"], Action::Describe, Argument::Table, "[NAME]", "list tables and views, or describe one"),
    command(
        &["\\dt", "\\l"],
        Action::Tables,
        Argument::Table,
        "[PATTERN]",
        "list tables, such as `\\dt float*` or `\\dt meta.*`",
    ),
    command(&["\\dv"], Action::Views, Argument::Table, "[PATTERN]", "list views"),
    command(
        &["\\df"],
        Action::Functions,
        Argument::Function,
        "[PATTERN]",
        "list functions, such as `\\df *distance`",
    ),
    command(&["\\dn"], Action::Schemas, Argument::Schema, "[PATTERN]", "list schemas"),
    command(
        &["\\timing"],
        Action::Timing,
        Argument::Switch,
        "[on|off]",
        "tell how long each statement took, or not",
    ),
    command(
        &["\\format", "\\f"],
        Action::Format,
        Argument::Format,
        "[NAME]",
        "print rows in this format, or list all formats",
    ),
    command(
        &["\\x"],
        Action::Vertical,
        Argument::Switch,
        "[on|off]",
        "print each row as lines of its own, or not",
    ),
    command(
        &["\\o"],
        Action::Output,
        Argument::File,
        "[FILE]",
        "write rows to a file, or to the terminal again",
    ),
    command(&["\\i"], Action::Include, Argument::File, "FILE", "run the statements and commands of a file"),
];

/// Reads a line that begins with `\`, or one of the plain words.
///
/// # Errors
///
/// When there is no such command, the nearest one being in the message.
pub(super) fn parse(line: &str) -> Result<(&'static Command, Option<&str>)> {
    let line = line.trim().trim_end_matches([';', ' ']);
    let (word, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
    let command = find(word).ok_or_else(|| unknown(word))?;
    match argument {
        Some(_) if command.argument == Argument::Nothing => {
            Err(wrong(word, format!("expected nothing after it, found `{}`", argument.unwrap_or_default())))
        }
        argument => Ok((command, argument)),
    }
}

/// Returns the command of this name; `quit` is as good as `\q`, and `\d+` as `\d`.
pub(super) fn find(word: &str) -> Option<&'static Command> {
    let word = word.to_ascii_lowercase();
    let word = word.strip_suffix('+').filter(|word| word.len() > 1).unwrap_or(&word);
    let with_backslash = format!("\\{word}");
    let is_named =
        |command: &&Command| command.names.iter().any(|name| *name == word || *name == with_backslash);
    COMMANDS.iter().find(is_named)
}

fn unknown(word: &str) -> Error {
    let names = || COMMANDS.iter().flat_map(|command| command.names.iter().copied());
    // All begin with `\`, which says nothing about likeness.
    let near = nearest(word.trim_start_matches('\\'), names().map(|name| name.trim_start_matches('\\')));
    let near = near.map_or_else(String::new, |near| format!("; the nearest is `\\{near}`"));
    wrong(word, format!("there is no such command{near}; `\\?` lists all"))
}

/// Reads `on` or `off`.
///
/// # Errors
///
/// When it is something else.
pub(super) fn switch(command: &str, text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err(wrong(command, format!("expected `on` or `off`, found `{text}`"))),
    }
}

/// An error about a command.
pub(super) fn wrong(command: &str, reason: String) -> Error {
    Error::Setting { setting: command.to_owned(), reason }
}

/// All commands, a line each, and what else there is to know.
pub(super) fn help() -> String {
    let shown = |command: &Command| {
        let name = command.names.first().copied().unwrap_or_default();
        if command.usage.is_empty() { name.to_owned() } else { format!("{name} {}", command.usage) }
    };
    let width = COMMANDS.iter().map(|command| shown(command).len()).max().unwrap_or_default();
    let mut text = String::from("A statement may have many lines and ends with `;`.\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:width$}  {}\n", shown(command), command.help));
    }
    text.push_str(
        "\nTab completes names, Up and Ctrl-R find earlier statements, Ctrl-C drops what is typed\n\
         or stops what runs. Try `SHOW TABLES;`, `\\d meta.segments`, `EXPLAIN SELECT …;`.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &str) -> Action {
        parse(line).unwrap().0.action
    }

    #[test]
    fn commands_are_read_with_their_arguments() {
        for (line, expected, argument) in [
            ("\\d", Action::Describe, None),
            ("\\d  float_l2 ;", Action::Describe, Some("float_l2")),
            ("\\D+ x", Action::Describe, Some("x")),
            ("\\dt\tmeta.* ", Action::Tables, Some("meta.*")),
            ("\\i a b.sql", Action::Include, Some("a b.sql")),
            ("\\timing;", Action::Timing, None),
            ("quit;", Action::Quit, None),
            ("EXIT", Action::Quit, None),
            ("help", Action::Help, None),
        ] {
            let (command, found) = parse(line).unwrap();
            assert_eq!((command.action, found), (expected, argument), "{line}");
        }
        assert_eq!(action("\\q"), action("exit ;"));
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        for (line, near) in [
            ("\\fromat csv", "`\\format`"),
            ("\\tming", "`\\timing`"),
            ("\\qiut", "`\\quit`"),
            ("\\hlep", "`\\help`"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(near) && error.contains("`\\?`"), "{error}");
        }
        for line in ["\\", "\\zz", "\\+", "\\é"] {
            assert!(parse(line).unwrap_err().to_string().contains("no such command"), "{line}");
        }
    }

    #[test]
    fn what_takes_no_argument_refuses_one() {
        let error = parse("\\q now").unwrap_err().to_string();
        assert_eq!(error, "\\q: expected nothing after it, found `now`");
    }

    #[test]
    fn switches_are_on_or_off() {
        assert!(switch("\\timing", "ON").unwrap());
        assert!(!switch("\\timing", "off").unwrap());
        let error = switch("\\timing", "maybe").unwrap_err().to_string();
        assert_eq!(error, "\\timing: expected `on` or `off`, found `maybe`");
    }

    #[test]
    fn the_help_has_every_command_and_fits_a_terminal() {
        let help = help();
        for command in COMMANDS {
            assert!(help.contains(&format!("  {}", command.names[0])), "{command:?}");
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
