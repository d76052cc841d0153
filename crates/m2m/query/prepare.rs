// SPDX-License-Identifier: Apache-2.0
//! Queries of a migration: one `SELECT`, and statements that make known what it names.

use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;

use super::fault::{Fault, explain};
use super::files::understood;
use super::guard::check;
use super::runner::Script;
use crate::error::{Error, Result};

/// A query, and what has to be run before it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Statements that make tables and views known.
    pub(crate) before: Vec<Statement>,
    /// The query.
    pub(crate) query: Statement,
}

/// Takes the last statement of a script for its query.
pub(crate) fn split(script: &Script, ctx: &SessionContext) -> Result<Prepared> {
    let parsed = DFParser::parse_sql(&script.text);
    let mut statements: Vec<Statement> = parsed.map_err(|error| explain(error, script, ctx))?.into();
    for statement in &statements {
        check(statement).map_err(fault)?;
    }
    let Some(query) = statements.pop().filter(is_query) else {
        return Err(fault(Fault::new(
            "the rows of a migration come from a query, and the last statement is none".into(),
            "end with a SELECT",
        )));
    };
    if let Some(other) = statements.iter().find(|statement| !is_preparation(statement)) {
        return Err(fault(Fault::new(
            format!("`{other}` does not stand before the query of a migration, which writes nothing else"),
            "expected CREATE EXTERNAL TABLE, CREATE VIEW or SET",
        )));
    }
    Ok(Prepared { before: statements, query })
}

/// Refuses a condition that can be read in two ways. Whether it is one at all is
/// found when it is planned.
pub(crate) fn check_condition(condition: &str) -> Result<()> {
    let parsed = DFParser::parse_sql(&format!("SELECT 1 WHERE {condition}")).unwrap_or_default();
    parsed.iter().try_for_each(check).map_err(|fault| Error::Rows(Box::new(fault)))
}

/// Plans a query, so that its mistakes are told with their places.
pub(crate) async fn plan(ctx: &SessionContext, script: &Script, query: Statement) -> Result<()> {
    ctx.state().statement_to_plan(query).await.map_err(|error| explain(error, script, ctx))?;
    Ok(())
}

/// Runs what has to be run before a query.
pub(crate) async fn run(ctx: &SessionContext, statements: &[Statement]) -> DFResult<()> {
    for statement in statements {
        let plan = ctx.state().statement_to_plan(understood(statement.clone())).await?;
        ctx.execute_logical_plan(plan).await?.collect().await.map_err(|error| named(statement, error))?;
    }
    Ok(())
}

fn named(statement: &Statement, error: DataFusionError) -> DataFusionError {
    match statement {
        Statement::CreateExternalTable(table) => error.context(format!("cannot open table `{}`", table.name)),
        _ => error,
    }
}

fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)))
}

fn is_preparation(statement: &Statement) -> bool {
    match statement {
        Statement::CreateExternalTable(_) => true,
        Statement::Statement(statement) => {
            matches!(**statement, ast::Statement::CreateView(_) | ast::Statement::Set(_))
        }
        _ => false,
    }
}

fn fault(fault: Fault) -> Error {
    Error::Statement(Box::new(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Prepared> {
        super::split(&Script::typed(text), &SessionContext::new())
    }

    #[test]
    fn the_last_statement_is_the_query_and_the_others_come_before() {
        let prepared =
            split("CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION 'a.parquet'; SELECT 1;").unwrap();
        assert_eq!((prepared.before.len(), prepared.query.to_string()), (1, "SELECT 1".to_owned()));
        let with = split("WITH x AS (SELECT 1) SELECT * FROM x").unwrap();
        assert_eq!(with.query.to_string(), "WITH x AS (SELECT 1) SELECT * FROM x");
    }

    #[test]
    fn a_condition_that_can_be_read_in_two_ways_is_refused() {
        assert!(check_condition("partition_tag IS DISTINCT FROM NULL AND id < 9").is_err());
        check_condition("(partition_tag IS DISTINCT FROM NULL) AND id < 9").unwrap();
        // No condition at all is found out later, with what is wrong with it.
        check_condition("id <").unwrap();
    }

    #[test]
    fn what_writes_or_yields_nothing_is_refused() {
        for text in ["", "SET a = 1", "SELECT 1; CREATE VIEW v AS SELECT 1", "INSERT INTO a SELECT 1"] {
            assert!(split(text).unwrap_err().report().contains("the last statement is none"), "{text}");
        }
        for text in ["COPY (SELECT 1) TO 'a.csv'; SELECT 1", "DROP TABLE a; SELECT 1", "SELECT 1; SELECT 2"] {
            assert!(split(text).unwrap_err().report().contains("before the query"), "{text}");
        }
        assert!(split("SELECT FROM (").is_err());
    }
}
