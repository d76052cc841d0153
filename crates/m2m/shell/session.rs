// SPDX-License-Identifier: Apache-2.0
//! Doing what was typed or read from a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::command::{self, Action, wrong};
use super::complete::{expand, format_names};
use super::describe::{self, Listed, Pattern};
use super::engine::Engine;
use super::names::Names;
use super::script::{Script, Step};
use crate::args::Format;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::output::note;

/// Files that may run files, one inside the other.
const DEEPEST: usize = 16;
/// Statements that begin with one of these words change no name.
const QUERIES: &[&str] = &["SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "COPY"];

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    /// Something failed, and it was said what.
    Failed,
    Quit,
}

/// A shell's state beside the line that is edited.
pub(super) struct Session<'a, E> {
    engine: &'a mut E,
    /// The names that the session knows.
    pub(super) names: Arc<Names>,
    /// The format before `\x` was turned on.
    before_vertical: Option<Format>,
}

/// Where a script comes from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    /// The file, unless it was typed.
    file: Option<&'a Path>,
    /// Files around it.
    depth: usize,
}

impl Origin<'_> {
    /// Tells who typed a command that it was done. A file knows what it says.
    fn confirm(self, text: &str) -> Result<()> {
        if self.file.is_some() { Ok(()) } else { note(text) }
    }
}

impl<'a, E: Engine> Session<'a, E> {
    pub(super) async fn new(engine: &'a mut E) -> Self {
        let names = Arc::new(Names::read(engine.context()).await);
        Self { engine, names, before_vertical: None }
    }

    /// Does what was typed. After a failure the rest of it is left.
    ///
    /// # Errors
    ///
    /// When nothing can be printed any more.
    pub(super) async fn input(&mut self, text: &str) -> Result<Flow> {
        let steps = Script::new(text).steps;
        self.steps(text, steps, Origin { file: None, depth: 0 }).await
    }

    /// Does what a file says.
    ///
    /// # Errors
    ///
    /// When nothing can be printed any more.
    pub(super) async fn file(&mut self, path: &Path) -> Result<Flow> {
        match self.include(path, 0).await {
            // It may end itself, not the shell.
            Ok(Flow::Quit) => Ok(Flow::Go),
            Ok(flow) => Ok(flow),
            Err(error) => self.tell(error, None),
        }
    }

    async fn include(&mut self, path: &Path, depth: usize) -> Result<Flow> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let steps = Script::new(text).into_steps();
        Box::pin(self.steps(text, steps, Origin { file: Some(path), depth })).await
    }

    async fn steps(&mut self, text: &str, steps: Vec<(usize, Step<'_>)>, origin: Origin<'_>) -> Result<Flow> {
        let (mut line, mut counted) = (1, 0);
        for (start, step) in steps {
            line += text.get(counted..start).unwrap_or_default().matches('\n').count();
            counted = start;
            let done = match step {
                Step::Statement(sql) => self.statement(sql, line, origin).await.map(|()| Flow::Go),
                Step::Command(command) => self.command(command, origin).await,
            };
            let flow = match done {
                Ok(flow) => flow,
                Err(error) => self.tell(error, origin.file.map(|file| (file, line)))?,
            };
            if flow != Flow::Go {
                return Ok(flow);
            }
        }
        Ok(Flow::Go)
    }

    /// Says what failed; when that cannot be said, or rows go nowhere any more, it is over.
    fn tell(&self, error: Error, place: Option<(&Path, usize)>) -> Result<Flow> {
        if error.is_broken_pipe() {
            return Err(error);
        }
        match error {
            // The terminal shows `^C` and stays behind it.
            Error::Interrupted => note("\ncancelled")?,
            error => note(error.report().trim_end())?,
        }
        if let Some((file, line)) = place {
            note(&format!("in `{}`, line {line}", file.display()))?;
        }
        Ok(Flow::Failed)
    }

    async fn statement(&mut self, sql: &str, line: usize, origin: Origin<'_>) -> Result<()> {
        let ran = if origin.file.is_some() {
            // Places in messages are those in the file.
            let lines_before = "\n".repeat(line - 1);
            self.engine.run(&format!("{lines_before}{sql}")).await
        } else {
            self.engine.run(sql).await
        };
        let first = sql.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if !QUERIES.iter().any(|word| word.eq_ignore_ascii_case(first)) {
            // One that failed may have done its first half.
            self.names = Arc::new(Names::read(self.engine.context()).await);
        }
        ran
    }

    async fn command(&mut self, line: &str, origin: Origin<'_>) -> Result<Flow> {
        let (command, argument) = command::parse(line)?;
        let name = command.names.first().copied().unwrap_or_default();
        let pattern = argument.map(Pattern::new);
        let pattern = pattern.as_ref();
        match command.action {
            Action::Help => note(&command::help())?,
            Action::Quit => return Ok(Flow::Quit),
            Action::Describe => self.describe(pattern).await?,
            Action::Tables => self.list(Listed::Tables, pattern).await?,
            Action::Views => self.list(Listed::Views, pattern).await?,
            Action::Functions => self.engine.run(&describe::functions(pattern)).await?,
            Action::Schemas => self.engine.run(&describe::schemas(pattern)).await?,
            Action::Timing => {
                let wanted = argument.map(|text| command::switch(name, text)).transpose()?;
                let is_on = self.engine.set_timing(wanted);
                origin.confirm(&format!("timing is {}", if is_on { "on" } else { "off" }))?;
            }
            Action::Format => self.format(argument, origin)?,
            Action::Vertical => {
                let wanted = argument.map(|text| command::switch(name, text)).transpose()?;
                self.vertical(wanted, origin)?;
            }
            Action::Output => self.output(argument, origin)?,
            Action::Include => return self.include_from(name, argument, origin).await,
        }
        Ok(Flow::Go)
    }

    async fn list(&mut self, listed: Listed, pattern: Option<&Pattern>) -> Result<()> {
        self.engine.run(&describe::tables(&self.names, listed, pattern)).await
    }

    async fn describe(&mut self, pattern: Option<&Pattern>) -> Result<()> {
        let Some(pattern) = pattern.filter(|pattern| !pattern.has_wildcard()) else {
            return self.list(Listed::All, pattern).await;
        };
        let schema = pattern.schema.as_ref().map(|schema| schema.plain.as_str());
        let Some((schema, table)) = self.names.table(schema, &pattern.name.plain) else {
            return Err(self.no_table(schema, &pattern.name.plain));
        };
        let about = describe::collection(&self.names, &schema.name, &table.name);
        let columns = describe::columns(&schema.name, &table.name);
        for query in about.into_iter().flatten().chain([columns]) {
            self.engine.run(&query).await?;
        }
        Ok(())
    }

    fn no_table(&self, schema: Option<&str>, table: &str) -> Error {
        let name = schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"));
        let places = self.names.schemas_with(table);
        let reason = if schema.is_none() && places.len() > 1 {
            format!("`{name}` could be any of {}", places.join(", "))
        } else {
            let near = self.names.nearest_table(&name);
            let near = near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
            format!("there is no table or view `{name}`{near}")
        };
        wrong("\\d", reason)
    }

    fn format(&mut self, argument: Option<&str>, origin: Origin<'_>) -> Result<()> {
        let names = format_names();
        let Some(text) = argument else {
            let now = self.engine.format().to_possible_value();
            let now = now.as_ref().map_or("", |value| value.get_name());
            return note(&format!("format is {now}; there are {}", names.join(", ")));
        };
        let format = Format::from_str(text, true).map_err(|_| {
            let near = nearest(text, names.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
            wrong("\\format", format!("there is no format `{text}`{near}; there are {}", names.join(", ")))
        })?;
        self.engine.set_format(format)?;
        self.before_vertical = None;
        origin.confirm(&format!("format is {}", text.to_lowercase()))
    }

    fn vertical(&mut self, wanted: Option<bool>, origin: Origin<'_>) -> Result<()> {
        let Ok(vertical) = Format::from_str("vertical", true) else { return Ok(()) };
        let now = self.engine.format();
        let is_on = wanted.unwrap_or(now != vertical);
        if is_on && now != vertical {
            self.engine.set_format(vertical)?;
            self.before_vertical = Some(now);
        } else if !is_on && now == vertical {
            self.engine.set_format(self.before_vertical.take().unwrap_or_default())?;
        }
        origin.confirm(&format!("vertical output is {}", if is_on { "on" } else { "off" }))
    }

    fn output(&mut self, argument: Option<&str>, origin: Origin<'_>) -> Result<()> {
        let file = argument.map(|text| expand(unquoted(text)));
        let name = file.as_ref().map(|file| file.to_string_lossy().into_owned());
        self.engine.set_output(name.as_deref())?;
        match name {
            Some(name) => origin.confirm(&format!("rows go to `{name}`")),
            None => origin.confirm("rows go to standard output"),
        }
    }

    async fn include_from(&mut self, name: &str, argument: Option<&str>, origin: Origin<'_>) -> Result<Flow> {
        let Some(argument) = argument else {
            return Err(wrong(name, "expected a file, found nothing".into()));
        };
        if origin.depth >= DEEPEST {
            let reason = format!("more than {DEEPEST} files run one another");
            return Err(wrong(name, reason));
        }
        let path = expand(unquoted(argument));
        let folder = origin.file.and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned);
        match self.include(&folder.join(path), origin.depth + 1).await? {
            Flow::Quit => Ok(Flow::Go),
            flow => Ok(flow),
        }
    }
}

/// A file's name without the quotes around it.
fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests;
