// SPDX-License-Identifier: Apache-2.0
//! The rows that are migrated under one name, as a relation of a session.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{TableProvider, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Volatility};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use m2m_datasource::{CATALOG, COLLECTIONS, CollectionTable, DELETED, Source};

use crate::error::{Error, Result};
use crate::plan::CollectionPlan;
use crate::select::Selected;

/// Ids that Milvus 2.x counts and searches, but does not find by a query.
pub(crate) const UNQUERYABLE: [i64; 2] = [i64::MIN, i64::MAX];

/// Opens sessions for the queries of a migration.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Returns a session over an installation, with everything that a user's
    /// queries name besides.
    ///
    /// # Errors
    ///
    /// When the session cannot be made, or something that it should know is not there.
    async fn open(&self, source: &Source)
    -> Result<SessionContext, Box<dyn std::error::Error + Send + Sync>>;
}

/// Rows under a name, before it is decided which columns are migrated.
#[derive(Clone)]
pub(crate) struct Rows {
    /// The session that knows everything that the rows are made of.
    pub(crate) ctx: SessionContext,
    /// The rows, with all of their columns.
    pub(crate) frame: DataFrame,
    /// The collection that they come from: its metric and index are theirs.
    pub(crate) base: Arc<CollectionTable>,
    /// The names of all collections that are read for them.
    pub(crate) read: BTreeSet<String>,
}

impl Rows {
    /// The rows of a selection in a session.
    pub(crate) async fn open(ctx: &SessionContext, source: &Source, selected: &Selected) -> Result<Self> {
        match (&selected.settings.query, &selected.table) {
            (None, Some(table)) => {
                let table = source.collection(&table.collection().name)?;
                of_collection(ctx, table, selected.settings.filter.as_deref()).await
            }
            (query, _) => of_query(ctx, source, selected, query.as_deref().unwrap_or_default()).await,
        }
    }
}

async fn of_collection(
    ctx: &SessionContext,
    base: Arc<CollectionTable>,
    filter: Option<&str>,
) -> Result<Rows> {
    let name = &base.collection().name;
    let mut sql = format!("SELECT * FROM {CATALOG}.{COLLECTIONS}.{}", quoted(name));
    if let Some(filter) = filter {
        // What is rendered again cannot reach out of its place.
        sql.push_str(&format!(" WHERE {}", of_filter(name, Some(filter))?));
    }
    let frame = ctx.sql(&sql).await.map_err(|error| match filter {
        Some(filter) => {
            Error::Filter { collection: name.clone(), filter: filter.into(), source: Box::new(error) }
        }
        None => error.into(),
    })?;
    check_repeatable(name, frame.logical_plan())?;
    let read = scanned(frame.logical_plan())?.collections;
    Ok(Rows { ctx: ctx.clone(), frame, base, read })
}

/// The condition of a plan's collection, or one that is always true.
pub(crate) fn condition_of(plan: &CollectionPlan) -> Result<String> {
    of_filter(&plan.name, plan.filter.as_deref())
}

/// A filter as a condition, or one that is always true.
pub(crate) fn of_filter(name: &str, filter: Option<&str>) -> Result<String> {
    let Some(filter) = filter else { return Ok("true".into()) };
    condition(filter).map_err(|source| Error::Filter {
        collection: name.into(),
        filter: filter.into(),
        source,
    })
}

/// A single condition, as the parser understood it.
fn condition(filter: &str) -> Result<String, Box<DataFusionError>> {
    let fault = |error| Box::new(DataFusionError::from(error));
    let dialect = GenericDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(filter).map_err(fault)?;
    let expression = parser.parse_expr().map_err(fault)?;
    match parser.next_token().token {
        Token::EOF => Ok(expression.to_string()),
        other => {
            let reason = format!("expected one condition, found `{other}` after `{expression}`");
            Err(Box::new(DataFusionError::Plan(reason)))
        }
    }
}

async fn of_query(ctx: &SessionContext, source: &Source, selected: &Selected, sql: &str) -> Result<Rows> {
    let name = &selected.name;
    let fault = |error| Error::NamedQuery { name: name.clone(), source: Box::new(error) };
    let frame = ctx.sql(sql).await.map_err(fault)?;
    let plan = frame.logical_plan();
    if matches!(
        plan,
        LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_)
    ) || matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_))
    {
        return Err(fault(DataFusionError::Plan("expected a query that yields rows".into())));
    }
    check_repeatable(name, plan)?;
    let Scanned { collections: read, stored } = scanned(plan)?;
    if let Some(table) = stored {
        return Err(Error::StoredRows { name: name.clone(), table });
    }
    let base = match (&selected.settings.from, read.iter().collect::<Vec<_>>().as_slice()) {
        (Some(from), _) => source.collection(from)?,
        (None, [one]) => source.collection(one)?,
        (None, several) => {
            let found = several.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let found = if found.is_empty() { "none".to_owned() } else { found };
            return Err(Error::QueryBase { name: name.clone(), found });
        }
    };
    Ok(Rows { ctx: ctx.clone(), frame, base, read })
}

/// What a plan reads.
#[derive(Debug, Default)]
struct Scanned {
    collections: BTreeSet<String>,
    /// A table that shows deleted rows too.
    stored: Option<String>,
}

fn scanned(plan: &LogicalPlan) -> Result<Scanned> {
    let mut scanned = Scanned::default();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<CollectionTable>()
        {
            // Not by its name: a session may call it as it likes.
            if table.schema().column_with_name(DELETED).is_some() {
                scanned.stored = Some(scan.table_name.to_string());
            }
            scanned.collections.insert(table.collection().name.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(scanned)
}

/// Makes sure that rows are the same whenever they are asked for: they are
/// asked for once for each partition, and again when they are verified.
fn check_repeatable(name: &str, plan: &LogicalPlan) -> Result<()> {
    let mut reason = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node
            && !is_sorted(&limit.input)
        {
            reason = Some("LIMIT without ORDER BY takes any rows".to_owned());
        }
        if matches!(node, LogicalPlan::Distinct(Distinct::On(on)) if on.sort_expr.is_none()) {
            reason = Some("DISTINCT ON without ORDER BY takes any rows".to_owned());
        }
        for expression in node.expressions() {
            if is_changing(&expression) {
                reason = Some(format!("`{}` is another value each time", unaliased(&expression)));
            } else if takes_any(&expression) {
                reason = Some(format!("`{}` depends on an order that is not said", unaliased(&expression)));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match reason {
        Some(reason) => Err(Error::NotRepeatable { name: name.into(), reason }),
        None => Ok(()),
    }
}

/// Whether a function in it gives something else in each query, such as the time.
fn is_changing(expression: &Expr) -> bool {
    let mut is_changing = false;
    let seen = expression.apply(|part| {
        if let Expr::ScalarFunction(call) = part {
            is_changing |= call.func.signature().volatility != Volatility::Immutable;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    seen.is_err() || is_changing
}

/// Functions whose values depend on the order of rows.
const ORDERED: [&str; 14] = [
    "array_agg",
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
    "string_agg",
    "any_value",
];

/// Whether a function in it depends on the order of rows, and none is said.
fn takes_any(expression: &Expr) -> bool {
    let mut takes_any = false;
    let seen = expression.apply(|part| {
        let unordered = match part {
            Expr::AggregateFunction(call) if call.params.order_by.is_empty() => {
                Some(call.func.name().to_owned())
            }
            Expr::WindowFunction(call) if call.params.order_by.is_empty() => Some(call.fun.name().to_owned()),
            _ => None,
        };
        takes_any |= unordered.is_some_and(|name| ORDERED.contains(&name.as_str()));
        Ok(TreeNodeRecursion::Continue)
    });
    seen.is_err() || takes_any
}

fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_sorted(&alias.input),
        _ => false,
    }
}

fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// A name as SQL writes it, whatever stands in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The integers of a column of an answer.
pub(crate) fn integers<'a>(
    batch: &'a RecordBatch,
    query: &'static str,
    column: &'static str,
) -> Result<&'a [i64]> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;

    let array = batch.column_by_name(column).and_then(|array| array.as_primitive_opt::<Int64Type>());
    Ok(array.ok_or(Error::Answer { query, column })?.values())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_one_condition_and_no_more() {
        assert_eq!(
            condition("id % 2 = 0 AND partition_tag = 'p'").unwrap(),
            "id % 2 = 0 AND partition_tag = 'p'"
        );
        assert_eq!(condition("id = 1 -- all").unwrap(), "id = 1");
        for filter in [
            "",
            "id = 1) OR (true",
            "id = 1; DROP TABLE c",
            "id = 1 UNION SELECT 1",
            "id = 'a",
            "WHERE id = 1",
        ] {
            assert!(condition(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn names_are_quoted_whatever_stands_in_them() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
