// SPDX-License-Identifier: Apache-2.0
//! Runs statements one after the other.

use std::collections::VecDeque;
use std::io::BufWriter;
use std::time::Instant;

use datafusion::error::Result as DFResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use futures::TryStreamExt;

use super::fault::explain;
use super::files::understood;
use super::guard::check;
use super::output::{Next, Output};
use super::rows::{self, Printed};
use super::save::save;
use crate::error::{Error, Result};
use crate::output::note;

/// Batches that are ready before they are printed.
const BATCHES_AHEAD: usize = 1;

/// Statements, and the file that they are from.
#[derive(Debug)]
pub(crate) struct Script {
    /// The file; none for what was typed.
    pub(crate) name: Option<String>,
    /// The statements, separated by semicolons.
    pub(crate) text: String,
}

impl Script {
    /// What was typed.
    pub(crate) fn typed(text: &str) -> Self {
        Self { name: None, text: text.into() }
    }
}

/// Runs statements, and knows how their results are wanted.
pub(crate) struct Runner {
    pub(crate) ctx: SessionContext,
    pub(crate) output: Output,
    /// The most rows of a table; 0 for all.
    pub(crate) max_rows: usize,
    /// Whether to tell how long each statement took.
    pub(crate) timing: bool,
    /// Whether to keep hints to itself.
    pub(crate) quiet: bool,
}

/// Runs a query in tasks of its own: one that computes for long does not keep
/// the signals waiting.
pub(super) async fn apart(frame: DataFrame) -> DFResult<SendableRecordBatchStream> {
    Ok(spawn_buffered(frame.execute_stream().await?, BATCHES_AHEAD))
}

/// Whether the rows of a plan are data, and not what was done or would be.
fn has_rows_to_keep(plan: &LogicalPlan) -> bool {
    !matches!(
        plan,
        LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::DescribeTable(_)
    )
}

impl Runner {
    /// Runs all statements of a script. None is run when one of them is no SQL;
    /// the first that fails is the last that is run.
    pub(crate) async fn run_script(&mut self, script: &Script) -> Result<()> {
        let fault = |error, ctx: &SessionContext| explain(error, script, ctx);
        let statements: VecDeque<Statement> =
            DFParser::parse_sql(&script.text).map_err(|error| fault(error, &self.ctx))?;
        for statement in &statements {
            check(statement).map_err(|fault| Error::Statement(Box::new(fault)))?;
        }
        for statement in statements {
            let begun = Instant::now();
            let plan = self.ctx.state().statement_to_plan(understood(statement)).await;
            let plan = plan.map_err(|error| fault(error, &self.ctx))?;
            let printed = self.execute(plan, script).await?;
            self.tell_time(begun, printed)?;
        }
        Ok(())
    }

    /// Runs one statement; returns what was printed when it has rows.
    async fn execute(&mut self, plan: LogicalPlan, script: &Script) -> Result<Option<Printed>> {
        let ctx = self.ctx.clone();
        let fault = |error| explain(error, script, &ctx);
        // A query is only planned by this; everything else is done by it.
        let frame = ctx.execute_logical_plan(plan).await.map_err(fault)?;
        // The plan does not tell: that of `CREATE VIEW` has columns, and that of `EXECUTE` none.
        if frame.schema().fields().is_empty() {
            apart(frame).await.map_err(fault)?.try_collect::<Vec<_>>().await?;
            return Ok(None);
        }
        let format = self.output.format();
        let printed = match self.output.next()? {
            Next::Data(place) => {
                let plan = frame.into_unoptimized_plan();
                if !has_rows_to_keep(&plan) {
                    return Err(Error::Setting {
                        setting: format!("-o {place}"),
                        reason: format!("{format} holds the rows of a query, and this statement is none"),
                    });
                }
                Printed { rows: save(&self.ctx, plan, &place, format).await?, is_cut: false }
            }
            Next::Text(out) => {
                let rows = apart(frame).await.map_err(fault)?;
                rows::print(rows, format, self.max_rows, BufWriter::new(out)).await?
            }
        };
        if printed.is_cut && !self.quiet {
            note(&format!(
                "note: the table shows the first {} rows; `--max-rows 0` shows all, `--format csv` or `ndjson` streams them",
                self.max_rows
            ))?;
        }
        Ok(Some(printed))
    }

    fn tell_time(&self, begun: Instant, printed: Option<Printed>) -> Result<()> {
        if !self.timing {
            return Ok(());
        }
        let seconds = begun.elapsed().as_secs_f64();
        match printed {
            Some(Printed { rows: 1, .. }) => note(&format!("time: {seconds:.3} s, 1 row")),
            Some(Printed { rows, .. }) => note(&format!("time: {seconds:.3} s, {rows} rows")),
            None => note(&format!("time: {seconds:.3} s")),
        }
    }
}
