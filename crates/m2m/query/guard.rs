// SPDX-License-Identifier: Apache-2.0
//! What the parser takes for something else than it says is refused.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Visit, visit_expressions};

use super::fault::Fault;

/// Refuses `a IS DISTINCT FROM b AND c` without parentheses: the parser takes
/// `b AND c` for what `a` is compared with, which is a wrong answer and no error.
pub(super) fn check(statement: &Statement) -> Result<(), Fault> {
    match statement {
        Statement::Statement(statement) => check_all(statement.as_ref()),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => check_all(query.as_ref()),
            CopyToSource::Relation(_) => Ok(()),
        },
        Statement::Explain(explain) => check(&explain.statement),
        _ => Ok(()),
    }
}

fn check_all(tree: &impl Visit) -> Result<(), Fault> {
    let found = visit_expressions(tree, |expression| match expression {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_loose(right) => {
            ControlFlow::Break(expression.to_string())
        }
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(text) => Err(Fault::new(
            format!("`{text}` can be read in two ways"),
            "put the comparison in parentheses: `(a IS DISTINCT FROM b) AND c`",
        )),
    }
}

/// Whether an expression binds looser than a comparison does.
fn is_loose(expression: &Expr) -> bool {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or, Xor};
    matches!(expression, Expr::BinaryOp { op: And | Or | Xor | Eq | NotEq | Lt | LtEq | Gt | GtEq, .. })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn is_refused(sql: &str) -> bool {
        check(&DFParser::parse_sql(sql).unwrap().pop_back().unwrap()).is_err()
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_wherever_it_stands() {
        for sql in [
            "SELECT true IS DISTINCT FROM true AND false",
            "SELECT 1 WHERE a IS NOT DISTINCT FROM 1 OR b",
            "EXPLAIN SELECT 1 FROM (SELECT 1 WHERE a IS DISTINCT FROM b AND c) AS t",
            "COPY (SELECT a IS DISTINCT FROM b AND c) TO 'x.csv'",
            "CREATE VIEW v AS SELECT a IS DISTINCT FROM b = c",
        ] {
            assert!(is_refused(sql), "{sql}");
        }
        for sql in [
            "SELECT (true IS DISTINCT FROM true) AND false",
            "SELECT a IS DISTINCT FROM (b AND c), a IS NOT DISTINCT FROM 1 + 2",
            "SELECT c AND a IS DISTINCT FROM b",
            "COPY t TO 'x.csv'",
        ] {
            assert!(!is_refused(sql), "{sql}");
        }
    }
}
