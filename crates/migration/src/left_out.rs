// SPDX-License-Identifier: Apache-2.0
//! Live rows that are left out on purpose: vectors that Milvus 2.x refuses, and
//! all but one of the rows that share an id.

use std::sync::Arc;

use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::ident;
use datafusion::prelude::{SessionContext, lit};
use m2m_datasource::{CollectionTable, ExcludedRows, ID, Keep, Source, invalid_rows, repeated_rows};

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::rows::{Rows, Sessions, integers, of_filter};
use crate::select::Selected;
use crate::settings::{Duplicates, InvalidVectors};

/// What was left out of a collection.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// Rows whose vectors have NaN or infinity.
    pub invalid: u64,
    /// Rows that repeat the id of another.
    pub repeated: u64,
    /// The collection before anything was left out, when there are invalid rows.
    pub(crate) original: Option<Arc<CollectionTable>>,
}

/// Opens the rows of a selection without those that are to be left out.
pub(crate) async fn open(
    ctx: &SessionContext,
    source: &Source,
    sessions: &dyn Sessions,
    selected: &Selected,
    observer: &dyn Observer,
) -> Result<(Rows, LeftOut)> {
    let choices = &selected.settings.choices;
    let mut rows = Rows::open(ctx, source, selected).await?;
    let mut left_out = LeftOut::default();
    // A query's own conditions come after: its collection is cleaned as a whole.
    let filter = selected.settings.filter.as_deref().filter(|_| selected.settings.query.is_none());
    let filter = filter.map(|filter| of_filter(&selected.name, Some(filter))).transpose()?;
    let filter = filter.as_deref();
    let is_float = !rows.base.collection().metric.is_binary();
    let mut cleaned = source.clone();
    if choices.invalid_vectors == InvalidVectors::Skip && is_float {
        say(observer, selected, "looking for vectors with NaN or infinity");
        let excluded = invalid_rows(&rows.ctx, &rows.base, filter).await?;
        if !excluded.is_empty() {
            left_out.invalid = excluded.len();
            left_out.original = Some(Arc::clone(&rows.base));
            (rows, cleaned) = without(&rows, &cleaned, sessions, selected, &excluded).await?;
        }
    }
    let keep = match choices.duplicates {
        Duplicates::Keep => return Ok((rows, left_out)),
        Duplicates::First | Duplicates::Fail => Keep::First,
        Duplicates::Last => Keep::Last,
    };
    say(observer, selected, "looking for ids that repeat");
    let (excluded, ids) = repeated_rows(&rows.ctx, &rows.base, filter, keep).await?;
    if choices.duplicates == Duplicates::Fail && ids.ids > 0 {
        return Err(Error::RepeatedIds { name: selected.name.clone(), ids: ids.ids, rows: ids.rows });
    }
    if !excluded.is_empty() {
        left_out.repeated = excluded.len();
        (rows, _) = without(&rows, &cleaned, sessions, selected, &excluded).await?;
    }
    Ok((rows, left_out))
}

/// Makes sure that no rows of a query share an id: repeated ids of its collection
/// are left out before a join can repeat others.
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
async fn without(
    rows: &Rows,
    source: &Source,
    sessions: &dyn Sessions,
    selected: &Selected,
    excluded: &ExcludedRows,
) -> Result<(Rows, Source)> {
    let table = Arc::new(rows.base.excluding(excluded).await?);
    let source = source.with_tables(vec![table]);
    let ctx = sessions.open(&source).await.map_err(Error::Query)?;
    Ok((Rows::open(&ctx, &source, selected).await?, source))
}

fn say(observer: &dyn Observer, selected: &Selected, text: &str) {
    observer.on_event(&Event::Note { subject: selected.name.clone(), text: text.into() });
}
