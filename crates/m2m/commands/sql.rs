// SPDX-License-Identifier: Apache-2.0
//! `m2m sql`

use std::io::{BufWriter, IsTerminal, Read};

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

use crate::args::Sql;
use crate::error::{Error, Exit, Result};
use crate::output::{note, rows};
use crate::settings::Settings;

/// Runs statements in order and prints the rows of each.
pub(crate) async fn run(args: Sql, settings: &Settings) -> Result<Exit> {
    let scripts = scripts(&args)?;
    let source = settings.source().await?;
    let ctx = settings.session(&source)?;
    for script in scripts {
        run_script(&ctx, &script, &args, settings.is_quiet()).await?;
    }
    Ok(Exit::Done)
}

fn scripts(args: &Sql) -> Result<Vec<String>> {
    if !args.file.is_empty() {
        let read = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })
        };
        return args.file.iter().map(read).collect();
    }
    match args.sql.as_deref() {
        Some(sql) if sql != "-" => Ok(vec![sql.to_owned()]),
        None if std::io::stdin().is_terminal() => Err(Error::Missing {
            what: "a statement",
            remedy: "give it as an argument, with `-f FILE`, or on standard input",
        }),
        _ => {
            let mut sql = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut sql);
            read.map_err(|source| Error::Io { what: "read standard input", source })?;
            Ok(vec![sql])
        }
    }
}

async fn run_script(ctx: &SessionContext, script: &str, args: &Sql, quiet: bool) -> Result<()> {
    for statement in DFParser::parse_sql(script)? {
        let plan = ctx.state().statement_to_plan(statement).await?;
        let rows = ctx.execute_logical_plan(plan).await?.execute_stream().await?;
        let has_rows = !rows.schema().fields().is_empty();
        let out = BufWriter::new(std::io::stdout().lock());
        if has_rows {
            let cut = rows::print(rows, args.format, args.max_rows, out).await?;
            if cut && !quiet {
                hint(args.max_rows)?;
            }
        }
    }
    Ok(())
}

fn hint(max_rows: usize) -> Result<()> {
    note(&format!(
        "note: the table shows the first {max_rows} rows; `--max-rows 0` shows all, `--format csv` or `ndjson` streams them"
    ))
}
