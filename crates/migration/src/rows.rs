// SPDX-License-Identifier: Apache-2.0
//! The rows that are migrated under one name, as a relation of a session.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{TableProvider, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, SortExpr, Volatility, WindowFrameUnits};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use m2m_datasource::{
    CATALOG, COLLECTIONS, CollectionTable, DELETED, ID, SEGMENT_ID, SEGMENT_OFFSET, Source,
};

use crate::error::{Error, Result};
use crate::select::Selected;

/// Ids that Milvus 2.x counts and searches, but does not find by a query.
pub(crate) const UNQUERYABLE: [i64; 2] = [i64::MIN, i64::MAX];

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
        reason = reason.take().or_else(|| changing_node(node));
        for expression in node.expressions() {
            reason = reason.take().or_else(|| changing(&expression));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match reason {
        Some(reason) => Err(Error::NotRepeatable { name: name.into(), reason }),
        None => Ok(()),
    }
}

/// Why a node takes other rows each time, if it does.
fn changing_node(node: &LogicalPlan) -> Option<String> {
    let (what, order) = match node {
        LogicalPlan::Limit(limit) => ("LIMIT", order_of(&limit.input)),
        LogicalPlan::Distinct(Distinct::On(on)) => ("DISTINCT ON", on.sort_expr.as_deref()),
        _ => return None,
    };
    is_loose(order.unwrap_or_default()).then(|| format!("{what} {UNSURE}"))
}

const UNSURE: &str =
    "takes any of several rows, unless an ORDER BY has `id`, or `segment_id` and `segment_offset`";

/// The order of rows before a limit takes some.
fn order_of(plan: &LogicalPlan) -> Option<&[SortExpr]> {
    match plan {
        LogicalPlan::Sort(sort) => Some(&sort.expr),
        LogicalPlan::Projection(projection) => order_of(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => order_of(&alias.input),
        _ => None,
    }
}

/// Whether two rows can be the same to an order: it has none of the columns that tell rows apart.
fn is_loose(order: &[SortExpr]) -> bool {
    let has = |name: &str| order.iter().any(|key| is_column(&key.expr, name));
    !(has(ID) || (has(SEGMENT_ID) && has(SEGMENT_OFFSET)))
}

fn is_column(expression: &Expr, name: &str) -> bool {
    matches!(unaliased(expression), Expr::Column(column) if column.name == name)
}

/// Functions whose values depend on the order of rows.
const ORDERED: [&str; 10] = [
    "any_value",
    "array_agg",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "row_number",
    "string_agg",
];
/// Functions whose values depend on the order in which parts of them are put together.
const SUMMARIES: [&str; 3] =
    ["approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight"];
/// Functions over an order that are the same for rows that are the same to it.
const RANKS: [&str; 4] = ["cume_dist", "dense_rank", "percent_rank", "rank"];

/// Why an expression has other values each time, if it has.
fn changing(expression: &Expr) -> Option<String> {
    let mut reason = None;
    let seen = expression.apply(|part| {
        let found = match part {
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                Some("is another value each time".to_owned())
            }
            Expr::AggregateFunction(call) if SUMMARIES.contains(&call.func.name()) => {
                Some("is another value each time".to_owned())
            }
            Expr::AggregateFunction(call) => {
                let is_ordered = ORDERED.contains(&call.func.name());
                (is_ordered && is_loose(&call.params.order_by)).then(|| UNSURE.to_owned())
            }
            Expr::WindowFunction(call) => {
                let (name, order) = (call.fun.name(), &call.params.order_by);
                let counts_rows = call.params.window_frame.units != WindowFrameUnits::Range;
                let is_ordered = ORDERED.contains(&name) || (counts_rows && !order.is_empty());
                let is_rank = RANKS.contains(&name);
                let is_changing = if is_rank { order.is_empty() } else { is_ordered && is_loose(order) };
                is_changing.then(|| UNSURE.to_owned())
            }
            _ => None,
        };
        reason = reason.take().or(found);
        Ok(TreeNodeRecursion::Continue)
    });
    let reason = reason.or_else(|| seen.is_err().then(|| "cannot be looked into".to_owned()))?;
    Some(format!("`{}` {reason}", unaliased(expression)))
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
