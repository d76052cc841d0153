// SPDX-License-Identifier: Apache-2.0
//! Distances of a search for the first rows, computed once.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection, Sort, SortExpr};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::is_of_vectors;

/// Has the distances of `ORDER BY … LIMIT` become a column below the sort.
///
/// The engine's sort computes its keys for each batch, and once more for every time that
/// they stand in the filter which it makes of the rows found so far: `ORDER BY l2_distance(…), id`
/// is three distances for each row. And it keeps batches with all columns that the keys are
/// made of; a column of distances lets it go without the vectors.
///
/// The engine may move such a column below a filter, to rows that the filter would have kept from
/// it. So only what has a value for every row becomes one: our functions of vectors whose
/// lengths are a matter of types.
#[derive(Debug, Default)]
pub(crate) struct SortKeysOnce;

impl OptimizerRule for SortKeysOnce {
    fn name(&self) -> &'static str {
        "sort_keys_once"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> DFResult<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Sort(sort) if is_worth_it(&sort) => rewritten(sort).map(Transformed::yes),
            plan => Ok(Transformed::no(plan)),
        }
    }
}

/// Without a limit there is no filter, and a wider row to sort.
fn is_worth_it(sort: &Sort) -> bool {
    let schema = sort.input.schema();
    sort.fetch.is_some() && sort.expr.iter().any(|key| is_distance(key, schema)) && !has_name_of_key(schema)
}

fn is_distance(key: &SortExpr, schema: &DFSchema) -> bool {
    match without_alias(&key.expr) {
        Expr::ScalarFunction(call) => {
            is_of_vectors(&call.func) && call.args.iter().all(|part| never_fails(part, schema))
        }
        _ => false,
    }
}

fn without_alias(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => without_alias(&alias.expr),
        other => other,
    }
}

fn never_fails(argument: &Expr, schema: &DFSchema) -> bool {
    match argument {
        // A subquery has run before.
        Expr::Literal(..) | Expr::ScalarSubquery(_) => true,
        Expr::Column(_) => match argument.get_type(schema) {
            // A vector with a NULL in it is an error.
            Ok(DataType::FixedSizeList(component, _)) => !component.is_nullable(),
            Ok(DataType::FixedSizeBinary(_)) => true,
            _ => false,
        },
        _ => false,
    }
}

fn has_name_of_key(schema: &DFSchema) -> bool {
    schema.fields().iter().any(|field| field.name().starts_with(KEY))
}

const KEY: &str = "__sort_key_";

fn rewritten(sort: Sort) -> DFResult<LogicalPlan> {
    let columns: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut with_keys = columns.clone();
    let mut keys = Vec::with_capacity(sort.expr.len());
    for (at, key) in sort.expr.into_iter().enumerate() {
        if !is_distance(&key, sort.input.schema()) {
            keys.push(key);
            continue;
        }
        let name = format!("{KEY}{at}");
        with_keys.push(key.expr.clone().unalias().alias(&name));
        keys.push(key.with_expr(Expr::Column(Column::new_unqualified(name))));
    }
    let input = Arc::new(LogicalPlan::Projection(Projection::try_new(with_keys, sort.input)?));
    let sorted = LogicalPlan::Sort(Sort { expr: keys, input, fetch: sort.fetch });
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(sorted))?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use crate::testing::TestInstall;

    fn install() -> TestInstall {
        TestInstall::float(4).segment("_default", 1, 500, &[3, 4])
    }

    async fn plan(ctx: &SessionContext, sql: &str) -> String {
        let plan = ctx.sql(sql).await.unwrap().into_optimized_plan().unwrap();
        plan.display_indent().to_string()
    }

    async fn rows(ctx: &SessionContext, sql: &str) -> String {
        let rows = ctx.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&rows).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_distance_is_computed_once_and_vectors_go_no_further() {
        let install = install();
        let ctx = install.session().await;
        let plan =
            plan(&ctx, "SELECT id FROM c ORDER BY l2_distance(vector, [1.0, 2.0, 3.0, 4.0]), id LIMIT 3")
                .await;
        let lines: Vec<&str> = plan.lines().map(str::trim).collect();
        assert!(
            lines[1].starts_with("Sort: __sort_key_0 ASC NULLS LAST, c.id ASC NULLS LAST, fetch=3"),
            "{plan}"
        );
        assert!(lines[2].starts_with("Projection: c.id, l2_distance("), "{plan}");
        assert_eq!(plan.matches("l2_distance").count(), 1, "{plan}");
    }

    #[tokio::test]
    async fn rows_and_their_columns_are_those_of_a_sort_of_all() {
        let install = install();
        let ctx = install.session().await;
        for order in [
            "l2_distance(vector, [1.0, 2.0, 3.0, 4.0]) DESC, id",
            "id % 7 DESC, l2_norm(vector) NULLS FIRST, abs(id - 1100)",
            "c.id DESC",
        ] {
            let first = format!("SELECT *, id + 1 AS next FROM c ORDER BY {order} LIMIT 9 OFFSET 2");
            let all = format!(
                "SELECT * FROM (SELECT *, id + 1 AS next, row_number() OVER (ORDER BY {order}) AS place FROM c)
                 WHERE place BETWEEN 3 AND 11 ORDER BY place"
            );
            let all = format!("SELECT * EXCEPT (place) FROM ({all})");
            assert_eq!(rows(&ctx, &first).await, rows(&ctx, &all).await, "{order}");
        }
    }

    #[tokio::test]
    async fn nothing_is_changed_without_a_limit_or_with_a_key_that_may_fail() {
        let install = install();
        let ctx = install.session().await;
        for sql in [
            "SELECT id FROM c ORDER BY l2_norm(vector)",
            "SELECT id FROM c ORDER BY random() LIMIT 3",
            "SELECT id FROM c ORDER BY abs(id) LIMIT 3",
            "SELECT id FROM c ORDER BY l2_norm(vector) / id LIMIT 3",
            "SELECT id FROM c ORDER BY l2_norm([id, 2]) LIMIT 3",
            "SELECT id FROM (SELECT id, vector, 1 AS __sort_key_0 FROM c) ORDER BY l2_norm(vector), __sort_key_0 LIMIT 3",
        ] {
            let plan = plan(&ctx, sql).await;
            assert!(!plan.contains("Sort: __sort_key_0"), "{plan}");
        }
    }
}
