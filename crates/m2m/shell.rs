// SPDX-License-Identifier: Apache-2.0
//! The interactive shell of `m2m sql`: a prompt with history, completion and
//! colours, and commands that begin with `\`.
//!
//! What is typed goes from [`editor`] as one text to [`session`], which cuts it
//! into statements and commands with [`script`] and does them; statements are
//! run by an [`Engine`]. Rows go to standard output, whatever the shell itself
//! says to standard error, and the prompt to the terminal.

mod command;
mod complete;
mod describe;
mod editor;
mod engine;
mod highlight;
mod history;
mod keywords;
mod lexer;
mod names;
mod script;
mod session;
#[cfg(test)]
mod testing;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, Result};
use crate::output::note;
use editor::{Editor, Input};
pub(crate) use engine::Engine;
pub(crate) use history::may_be_kept;
use session::{Flow, Session};

/// The file in the home folder with what is done first.
const RC_FILE: &str = ".m2mrc";
/// Names another file; an empty one does nothing.
const RC_VARIABLE: &str = "M2M_RC";

/// How a shell begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShellOptions {
    /// The file with what is done first, as it was named; an empty name is no file.
    pub(crate) rc: Option<PathBuf>,
    /// Whether there is no greeting.
    pub(crate) quiet: bool,
    /// What is open, for the greeting.
    pub(crate) opened: String,
}

/// Reads statements and commands from the terminal and does them, until somebody
/// quits. What fails is told, and the shell goes on.
///
/// # Errors
///
/// When the terminal cannot be read, or nothing can be printed any more.
pub(crate) async fn run(engine: &mut impl Engine, options: ShellOptions) -> Result<()> {
    take_interrupts()?;
    let mut session = Session::new(engine).await;
    if !options.quiet {
        note(&format!("m2m {}, {}", env!("CARGO_PKG_VERSION"), options.opened))?;
        note("`\\?` is for help, `\\d` lists tables, `\\q` quits; a statement ends with `;`")?;
    }
    if let Some(rc) = rc_file(options.rc, std::env::var_os(RC_VARIABLE)) {
        session.file(&rc).await?;
    }
    let history = history::file(std::env::var_os(history::VARIABLE));
    let mut editor = Editor::new(Arc::clone(&session.names), history)?;
    loop {
        let text = match editor.read().await? {
            Input::Text(text) => text,
            Input::Dropped => continue,
            Input::End => return Ok(()),
        };
        if text.trim().is_empty() {
            continue;
        }
        editor.keep(&text)?;
        if session.input(&text).await? == Flow::Quit {
            return Ok(());
        }
        editor.set_names(Arc::clone(&session.names));
    }
}

/// From now on Ctrl-C ends no program, whenever it comes: a statement that runs
/// is cancelled by its engine, and the editor reads keys.
fn take_interrupts() -> Result<()> {
    let taken = signal(SignalKind::interrupt()).map(drop);
    taken.map_err(|source| Error::Io { what: "listen for signals", source })
}

/// The file with what is done first: the one that is named, or else the one in
/// the home folder, if it is there.
fn rc_file(named: Option<PathBuf>, variable: Option<OsString>) -> Option<PathBuf> {
    match named.or_else(|| variable.map(PathBuf::from)) {
        Some(path) if path.as_os_str().is_empty() => None,
        Some(path) => Some(path),
        None => std::env::home_dir().map(|home| home.join(RC_FILE)).filter(|path| path.is_file()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rc_file_is_named_by_the_flag_then_the_variable() {
        let path = |text: &str| Some(PathBuf::from(text));
        let variable = |text: &str| Some(OsString::from(text));
        assert_eq!(rc_file(path("a"), variable("b")), path("a"));
        assert_eq!(rc_file(None, variable("b")), path("b"));
        assert_eq!(rc_file(path(""), variable("b")), None);
        assert_eq!(rc_file(None, variable("")), None);
    }
}
