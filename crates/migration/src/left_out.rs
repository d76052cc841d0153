// SPDX-License-Identifier: Apache-2.0
//! Live rows that are left out on purpose: vectors that Milvus 2.x refuses, and
//! all but one of the rows that share an id.

use std::sync::Arc;

use datafusion::execution::registry::FunctionRegistry;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::{DataFrame, SessionContext, lit};
use m2m_datasource::{ExcludedRows, ID, Keep, Source, VECTOR, invalid_rows, reading, repeated_rows};

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::measure::measure;
use crate::rows::{Rows, integers, of_filter};
use crate::select::Selected;
use crate::settings::{Duplicates, InvalidVectors};

/// What was left out of a collection.
#[derive(Clone, Default)]
pub struct LeftOut {
    /// Rows whose vectors have NaN or infinity.
    pub invalid: u64,
    /// Rows that repeat the id of another.
    pub repeated: u64,
    /// The invalid rows with all of their columns, when there are some.
    pub(crate) quarantined: Option<DataFrame>,
}

/// Opens the rows of a selection without those that are to be left out.
///
/// What is left out is left out of the rows that a condition or a query chose: it
/// never changes what they choose.
pub(crate) async fn open(
    ctx: &SessionContext,
    source: &Source,
    selected: &Selected,
    observer: &dyn Observer,
) -> Result<(Rows, LeftOut)> {
    let rows = Rows::open(ctx, source, selected).await?;
    match &selected.settings.query {
        Some(_) => of_query(rows, selected, observer).await,
        None => of_collection(rows, selected, observer).await,
    }
}

/// Rows of a collection are known by their places, and count as deleted.
async fn of_collection(
    mut rows: Rows,
    selected: &Selected,
    observer: &dyn Observer,
) -> Result<(Rows, LeftOut)> {
    let choices = &selected.settings.choices;
    let mut left_out = LeftOut::default();
    let filter = of_filter(&selected.name, selected.settings.filter.as_deref())?;
    if choices.invalid_vectors == InvalidVectors::Skip {
        say(observer, selected, "looking for vectors with NaN or infinity");
        let excluded = invalid_rows(&rows.ctx, &rows.base, Some(&filter)).await?;
        if !excluded.is_empty() {
            left_out.invalid = excluded.len();
            left_out.quarantined = Some(rows.frame.clone().filter(is_finite(&rows)?.is_false())?);
            rows = without(rows, &excluded).await?;
        }
    }
    let keep = match choices.duplicates {
        Duplicates::Keep => return Ok((rows, left_out)),
        Duplicates::First | Duplicates::Fail => Keep::First,
        Duplicates::Last => Keep::Last,
    };
    say(observer, selected, "looking for ids that repeat");
    let (excluded, ids) = repeated_rows(&rows.ctx, &rows.base, Some(&filter), keep).await?;
    if choices.duplicates == Duplicates::Fail && ids.ids > 0 {
        return Err(Error::RepeatedIds { name: selected.name.clone(), ids: ids.ids, rows: ids.rows });
    }
    if !excluded.is_empty() {
        left_out.repeated = excluded.len();
        rows = without(rows, &excluded).await?;
    }
    Ok((rows, left_out))
}

/// Rows of a query are known by what they hold.
async fn of_query(mut rows: Rows, selected: &Selected, observer: &dyn Observer) -> Result<(Rows, LeftOut)> {
    let mut left_out = LeftOut::default();
    let is_float = !rows.base.collection().metric.is_binary();
    let has_vector = rows.frame.schema().has_column_with_unqualified_name(VECTOR);
    if selected.settings.choices.invalid_vectors == InvalidVectors::Skip && is_float && has_vector {
        say(observer, selected, "looking for vectors with NaN or infinity");
        let is_finite = is_finite(&rows)?;
        let invalid = rows.frame.clone().filter(is_finite.clone().is_false())?;
        left_out.invalid = measure(&invalid, false, &[]).await?.rows.values().sum();
        if left_out.invalid > 0 {
            left_out.quarantined = Some(invalid);
            // A vector that is missing is an error, and not passed over here.
            rows.frame = rows.frame.filter(is_finite.is_not_false())?;
        }
    }
    Ok((rows, left_out))
}

/// Whether the vector of a row is finite.
fn is_finite(rows: &Rows) -> Result<Expr> {
    Ok(rows.ctx.udf("is_finite")?.call(vec![ident(VECTOR)]))
}

/// Makes sure that no rows of a query share an id: which of them is first, a query says itself.
pub(crate) async fn refuse_repeated(name: &str, rows: &Rows) -> Result<()> {
    const QUERY: &str = "repeated ids";
    let frame = rows.frame.clone().aggregate(vec![ident(ID)], vec![count(lit(1_i64)).alias("rows")])?;
    let shared = frame.filter(ident("rows").gt(lit(1_i64)))?;
    let sums = vec![count(lit(1_i64)).alias("ids"), sum(ident("rows")).alias("rows")];
    for batch in shared.aggregate(Vec::new(), sums)?.collect().await? {
        let number = |column| {
            let value = integers(&batch, QUERY, column)?.first().copied().unwrap_or_default();
            u64::try_from(value).map_err(|_| Error::Answer { query: QUERY, column })
        };
        let ids = number("ids")?;
        if ids > 0 {
            return Err(Error::QueryRepeatsIds { name: name.into(), ids, rows: number("rows")? });
        }
    }
    Ok(())
}

/// The same rows, without some of their collection.
async fn without(mut rows: Rows, excluded: &ExcludedRows) -> Result<Rows> {
    rows.base = Arc::new(rows.base.excluding(excluded).await?);
    let (state, plan) = rows.frame.into_parts();
    rows.frame = DataFrame::new(state, reading(plan, &rows.base)?);
    Ok(rows)
}

fn say(observer: &dyn Observer, selected: &Selected, text: &str) {
    observer.on_event(&Event::Note { subject: selected.name.clone(), text: text.into() });
}
