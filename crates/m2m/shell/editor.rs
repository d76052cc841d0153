// SPDX-License-Identifier: Apache-2.0
//! The line editor: a whole statement is edited at once, in as many lines as it has.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustyline::completion::{Candidate as Offered, Completer};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::{DefaultHistory, History, SearchDirection};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, CompletionType, Config, Context, Editor as Rustyline, Helper};
use tokio::sync::oneshot;

use super::complete::{Candidate, complete};
use super::highlight::{DIM, RESET, is_at_bracket, paint};
use super::history;
use super::names::Names;
use super::script::{Script, is_command};
use crate::error::{Error, Result};
use crate::output::note;

const PROMPT: &str = "m2m> ";
/// Beyond so many candidates a list is shown only on request.
const LISTED: usize = 100;
/// What is said in the first empty line of a statement.
const ENDING: &str = "  -- a statement ends with `;`";
/// What is said to who types a command in the middle of a statement.
const LEAVING: &str = "  -- this is still the statement above: Ctrl-C drops it";

/// What came from the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Text(String),
    /// Ctrl-C: what was typed is dropped.
    Dropped,
    /// Ctrl-D, or the terminal went away.
    End,
}

/// The editor and its history.
pub(super) struct Editor {
    /// Away while a line is read.
    rustyline: Option<Box<Rustyline<Assistant, DefaultHistory>>>,
    /// Where the history is kept.
    file: Option<PathBuf>,
    /// Whether it was said that something is not kept.
    has_told: bool,
}

impl Editor {
    /// An editor that knows `names`, with the history of `file`.
    pub(super) fn new(names: Arc<Names>, file: Option<PathBuf>) -> Result<Self> {
        let config = Config::builder()
            // Prompts are no data: they go to the terminal wherever rows go.
            .behavior(Behavior::PreferTerm)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .completion_prompt_limit(LISTED)
            .history_ignore_space(true)
            .history_ignore_dups(true)
            .and_then(|config| config.max_history_size(history::MOST))
            .map_err(failed)?
            .build();
        let mut rustyline = Rustyline::with_config(config).map_err(failed)?;
        rustyline.set_helper(Some(Assistant { names, has_colours: has_colours(), bracket: Cell::new(None) }));
        let mut editor = Self { rustyline: Some(Box::new(rustyline)), file, has_told: false };
        editor.load()?;
        Ok(editor)
    }

    fn load(&mut self) -> Result<()> {
        let (Some(rustyline), Some(file)) = (&mut self.rustyline, &self.file) else { return Ok(()) };
        match rustyline.load_history(file) {
            Ok(()) => Ok(()),
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                // What cannot be read is not written over.
                let text = format!("note: the history `{}` is not used: {error}", file.display());
                self.file = None;
                note(&text)
            }
        }
    }

    /// Says which names can be completed.
    pub(super) fn set_names(&mut self, names: Arc<Names>) {
        if let Some(helper) = self.rustyline.as_mut().and_then(|rustyline| rustyline.helper_mut()) {
            helper.names = names;
        }
    }

    /// Reads one input. A thread of its own waits for the keys, so that nothing
    /// else has to.
    pub(super) async fn read(&mut self) -> Result<Input> {
        let Some(mut rustyline) = self.rustyline.take() else { return Ok(Input::End) };
        let (sender, receiver) = oneshot::channel();
        let read = move || {
            let line = rustyline.readline(PROMPT);
            // Nobody waits any more when the program ends.
            drop(sender.send((rustyline, line)));
        };
        std::thread::Builder::new().name("prompt".into()).spawn(read).map_err(Self::io)?;
        let Ok((rustyline, line)) = receiver.await else { return Ok(Input::End) };
        self.rustyline = Some(rustyline);
        match line {
            Ok(text) => Ok(Input::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Input::Dropped),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(failed(error)),
        }
    }

    fn io(source: io::Error) -> Error {
        Error::Io { what: "read from the terminal", source }
    }

    /// Keeps an input in the history, unless it may hold a secret.
    pub(super) fn keep(&mut self, input: &str) -> Result<()> {
        if !history::may_be_kept(input) {
            if self.has_told {
                return Ok(());
            }
            self.has_told = true;
            return note("note: this is not kept in the history, because it may hold a secret");
        }
        let Some(rustyline) = &mut self.rustyline else { return Ok(()) };
        let kept = rustyline.add_history_entry(input.trim_end()).and_then(|_| match &self.file {
            Some(file) => rustyline.append_history(file),
            None => Ok(()),
        });
        if let (Err(error), Some(file)) = (kept, &self.file) {
            let text = format!("note: the history cannot be written to `{}`: {error}", file.display());
            self.file = None;
            return note(&text);
        }
        Ok(())
    }
}

fn failed(error: ReadlineError) -> Error {
    Editor::io(io::Error::other(error))
}

/// Colours are for terminals that can show them, and people who like them.
fn has_colours() -> bool {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}

/// What the editor asks while somebody types.
struct Assistant {
    names: Arc<Names>,
    has_colours: bool,
    /// The cursor, when there is a bracket at it.
    bracket: Cell<Option<usize>>,
}

impl Helper for Assistant {}

impl Validator for Assistant {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match Script::new(ctx.input()).unfinished {
            Some(_) => ValidationResult::Incomplete,
            None => ValidationResult::Valid(None),
        })
    }
}

impl Offered for Candidate {
    fn display(&self) -> &str {
        &self.shown
    }

    fn replacement(&self) -> &str {
        &self.typed
    }
}

impl Completer for Assistant {
    type Candidate = Candidate;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Candidate>)> {
        Ok(complete(&self.names, line, cursor))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.has_colours { Cow::Owned(paint(line, self.bracket.get())) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{DIM}{hint}{RESET}"))
    }

    fn highlight_char(&self, line: &str, cursor: usize, kind: CmdKind) -> bool {
        if !self.has_colours {
            return false;
        }
        let is_shown = kind != CmdKind::ForcedRefresh && is_at_bracket(line, cursor);
        self.bracket.set(is_shown.then_some(cursor));
        // What is typed may change the colour of all that follows.
        kind != CmdKind::MoveCursor || is_shown
    }
}

/// The rest of an earlier input, or an advice that cannot be taken over.
#[derive(Debug, PartialEq, Eq)]
struct Proposal {
    shown: String,
    typed: Option<String>,
}

impl Hint for Proposal {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.typed.as_deref()
    }
}

impl Hinter for Assistant {
    type Hint = Proposal;

    fn hint(&self, line: &str, cursor: usize, ctx: &Context<'_>) -> Option<Proposal> {
        // Without colours a hint looks as if it had been typed.
        if !self.has_colours || cursor < line.len() {
            return None;
        }
        propose(line, ctx.history(), ctx.history_index())
    }
}

fn propose(line: &str, history: &dyn History, index: usize) -> Option<Proposal> {
    if line.trim().is_empty() {
        return None;
    }
    let from = if index == history.len() { index.saturating_sub(1) } else { index };
    let found = history.starts_with(line, from, SearchDirection::Reverse).ok().flatten();
    if let Some(typed) = found.as_ref().and_then(|found| found.entry.get(line.len()..))
        && !typed.is_empty()
    {
        // One line is enough to recognise it.
        let (first, rest) = typed.split_once('\n').unwrap_or((typed, ""));
        let shown = if rest.is_empty() { first.to_owned() } else { format!("{first} …") };
        return Some(Proposal { shown, typed: Some(typed.to_owned()) });
    }
    let (above, last) = line.rsplit_once('\n')?;
    Script::new(line).unfinished?;
    let advice = match last {
        "" if !above.contains('\n') => ENDING,
        last if is_command(last) => LEAVING,
        _ => return None,
    };
    Some(Proposal { shown: advice.to_owned(), typed: None })
}

#[cfg(test)]
mod tests {
    use rustyline::history::MemHistory;

    use super::*;

    fn history(entries: &[&str]) -> MemHistory {
        let mut history = MemHistory::new();
        for entry in entries {
            history.add(entry).unwrap();
        }
        history
    }

    #[test]
    fn the_rest_of_an_earlier_input_is_proposed() {
        let history = history(&["SELECT 1;", "SELECT 2\nFROM t;"]);
        let proposed = |line: &str| propose(line, &history, history.len());
        let expected = Proposal { shown: " 2 …".into(), typed: Some(" 2\nFROM t;".into()) };
        assert_eq!(proposed("SELECT"), Some(expected));
        assert_eq!(proposed("SELECT 1").unwrap().typed.as_deref(), Some(";"));
        assert_eq!(proposed("SELECT 1;"), None);
        assert_eq!(proposed("é"), None);
        assert_eq!(proposed(""), None);
        assert_eq!(propose("SELECT", &MemHistory::new(), 0), None);
    }

    #[test]
    fn who_does_not_end_a_statement_is_told_how() {
        let history = history(&[]);
        let shown = |line: &str| propose(line, &history, 0).map(|proposal| (proposal.shown, proposal.typed));
        assert_eq!(shown("SELECT 1\n"), Some((ENDING.to_owned(), None)));
        assert_eq!(shown("SELECT 1\n\n"), None);
        for command in ["quit", "EXIT", "\\q"] {
            assert_eq!(shown(&format!("SELECT 1\n{command}")), Some((LEAVING.to_owned(), None)));
        }
        for line in ["SELECT 1\nFROM", "SELECT 1;\n\\q", "SELECT 1;\n", "-- c\n"] {
            assert_eq!(shown(line), None);
        }
        assert_eq!(shown("\n"), None);
    }

    #[tokio::test]
    async fn the_history_file_is_made_for_its_owner_alone_and_holds_no_secrets() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        let mut editor = Editor::new(Arc::default(), Some(file.clone())).unwrap();
        for input in ["SELECT 1;", "SELECT 1;", " SELECT 2;", "SET aws.secret = 'x';", "SELECT\n3;\n"] {
            editor.keep(input).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "#V2\nSELECT 1;\nSELECT\\n3;\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Editor::new(Arc::default(), Some(file)).unwrap();
        let known: Vec<String> = again.rustyline.unwrap().history().iter().cloned().collect();
        assert_eq!(known, ["SELECT 1;", "SELECT\n3;"]);
    }

    #[tokio::test]
    async fn a_history_that_cannot_be_read_or_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        std::fs::write(&file, b"\xff\xfe\n").unwrap();
        let mut editor = Editor::new(Arc::default(), Some(file.clone())).unwrap();
        editor.keep("SELECT 1;").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"\xff\xfe\n");
        let nowhere = folder.path().join("no/such/folder");
        let mut editor = Editor::new(Arc::default(), Some(nowhere)).unwrap();
        editor.keep("SELECT 1;").unwrap();
        assert!(editor.file.is_none());
    }
}
