// SPDX-License-Identifier: Apache-2.0
//! `m2m sql`

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use m2m_migration::refuse_file_in_source;

use crate::args::Sql;
use crate::error::{Error, Exit, Result};
use crate::query::{Output, Runner, Script};
use crate::settings::Settings;
use crate::shell::{self, ShellOptions};

/// Runs statements in order and prints the rows of each.
pub(crate) async fn run(args: Sql, settings: &Settings) -> Result<Exit> {
    let is_shell = is_shell(&args);
    let scripts = if is_shell { Vec::new() } else { scripts(&args)? };
    let output = match settings.typed_output() {
        Some(place) if is_shell => Output::growing(place, args.format)?,
        Some(place) => Output::to(place, args.format)?,
        None => Output::stdout(args.format.unwrap_or_default()),
    };
    let source = settings.source().await?;
    if let Some(place) = settings.typed_output().filter(|place| !place.contains("://")) {
        refuse_file_in_source(&source, Path::new(place))?;
    }
    let ctx = settings.sql_session(&source)?;
    let (max_rows, timing, quiet) = (args.max_rows, args.timing, settings.is_quiet());
    let mut runner = Runner { ctx, output, max_rows, timing, quiet };
    if is_shell {
        let opened =
            format!("{} collections in {}", source.inventory().collections.len(), source.tables().join(", "));
        shell::run(&mut runner, ShellOptions { rc: args.rc, quiet, opened }).await?;
        return Ok(Exit::Done);
    }
    for script in &scripts {
        runner.run_script(script).await?;
    }
    runner.output.finish()?;
    Ok(Exit::Done)
}

/// Whether statements are read from a prompt: then Ctrl-C ends one of them, not the program.
pub(crate) fn is_shell(args: &Sql) -> bool {
    args.sql.is_none() && args.file.is_empty() && std::io::stdin().is_terminal()
}

fn scripts(args: &Sql) -> Result<Vec<Script>> {
    if !args.file.is_empty() {
        return args.file.iter().map(script).collect();
    }
    match args.sql.as_deref() {
        Some(sql) if sql != "-" => Ok(vec![Script::typed(sql)]),
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|source| Error::Io { what: "read standard input", source })?;
            Ok(vec![Script { name: Some("standard input".into()), text }])
        }
    }
}

fn script(path: &PathBuf) -> Result<Script> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| Error::Read { path: path.clone(), source })?;
    Ok(Script { name: Some(path.display().to_string()), text })
}
