// SPDX-License-Identifier: Apache-2.0
//! Ids that a query in Milvus cannot tell apart, or cannot find.

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, ident};
use datafusion::prelude::{DataFrame, SessionContext, lit};
use m2m_datasource::{ID, PARTITION_TAG};

use crate::error::{Error, Result};
use crate::rows::{UNQUERYABLE, integers};

const REPEATED_IDS: &str = include_str!("../../../../sql/verify/repeated_ids.sql");
const REPEATED_AMONG: &str = include_str!("../../../../sql/verify/repeated_among.sql");
const UNQUERYABLE_IDS: &str = include_str!("../../../../sql/verify/unqueryable_ids.sql");
/// The view that the queries ask.
const VIEW: &str = "m2m_ids_to_verify";
/// The most ids that one query names.
pub(crate) const IDS_AT_ONCE: usize = 16_384;

/// The ids of some rows, and the place of each: a partition, or all rows where
/// tags do not decide. A view of a session as long as this lives.
pub(crate) struct Ids<'a> {
    ctx: &'a SessionContext,
    facts: IdFacts,
}

/// Which rows a query by id cannot return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IdFacts {
    /// Ids that stand in more than one row.
    pub(super) repeated_ids: u64,
    /// Rows that a query of the whole collection does not return.
    pub(super) hidden_rows: u64,
    /// Rows whose id stands more than once in their place.
    pub(super) unseen_rows: u64,
    /// Rows with an id that no query finds.
    pub(super) unqueryable_rows: u64,
}

impl<'a> Ids<'a> {
    /// Looks at the ids of some rows; `has_places` says whether their tags are places.
    pub(super) async fn open(ctx: &'a SessionContext, frame: &DataFrame, has_places: bool) -> Result<Self> {
        let place = if has_places { cast(ident(PARTITION_TAG), DataType::Utf8) } else { lit("") };
        let ids = vec![cast(ident(ID), DataType::Int64).alias(ID), place.alias("place")];
        let view = frame.clone().select(ids)?.into_view();
        ctx.deregister_table(VIEW)?;
        ctx.register_table(VIEW, view)?;
        let mut ids = Self { ctx, facts: IdFacts::default() };
        let repeated = ids.answer("repeated_ids", REPEATED_IDS).await?;
        let unqueryable = ids.answer("unqueryable_ids", UNQUERYABLE_IDS).await?;
        ids.facts = IdFacts {
            repeated_ids: single(&repeated, "repeated_ids", "ids")?,
            hidden_rows: single(&repeated, "repeated_ids", "hidden_rows")?,
            unseen_rows: single(&repeated, "repeated_ids", "unseen_rows")?,
            unqueryable_rows: single(&unqueryable, "unqueryable_ids", "rows")?,
        };
        Ok(ids)
    }

    pub(super) fn facts(&self) -> IdFacts {
        self.facts
    }

    /// Those of some ids whose rows cannot be compared one by one.
    pub(crate) async fn incomparable(&self, ids: &HashSet<i64>) -> Result<HashSet<i64>> {
        let mut found: HashSet<i64> = UNQUERYABLE.into_iter().filter(|id| ids.contains(id)).collect();
        if self.facts.unseen_rows == 0 {
            return Ok(found);
        }
        let ids: Vec<i64> = ids.iter().copied().collect();
        for some in ids.chunks(IDS_AT_ONCE) {
            let list = some.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            let answer = self.answer("repeated_among", &REPEATED_AMONG.replace("{ids}", &list)).await?;
            for batch in &answer {
                found.extend(integers(batch, "repeated_among", ID)?);
            }
        }
        Ok(found)
    }

    async fn answer(&self, name: &'static str, sql: &str) -> Result<Vec<RecordBatch>> {
        tracing::debug!(query = name, "asking the source");
        Ok(self.ctx.sql(&sql.replace("{rows}", VIEW)).await?.collect().await?)
    }
}

impl Drop for Ids<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.ctx.deregister_table(VIEW) {
            tracing::debug!(%error, "the view of ids stays");
        }
    }
}

fn single(batches: &[RecordBatch], query: &'static str, column: &'static str) -> Result<u64> {
    for batch in batches {
        if let Some(value) = integers(batch, query, column)?.first() {
            return u64::try_from(*value).map_err(|_| Error::Answer { query, column });
        }
    }
    Err(Error::Answer { query, column })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};

    use super::*;

    fn rows(ctx: &SessionContext, rows: &[(i64, &str)]) -> DataFrame {
        let ids: Int64Array = rows.iter().map(|(id, _)| *id).collect();
        let tags: StringViewArray = rows.iter().map(|(_, tag)| Some(*tag)).collect();
        let columns = [(ID, Arc::new(ids) as ArrayRef), (PARTITION_TAG, Arc::new(tags))];
        ctx.read_batch(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
    }

    fn of(ids: impl IntoIterator<Item = i64>) -> HashSet<i64> {
        ids.into_iter().collect()
    }

    #[tokio::test]
    async fn ids_that_repeat_are_told_apart_by_where_they_repeat() {
        let ctx = SessionContext::new();
        // 1 repeats inside p, 2 in two partitions, 3 both; 4 does not.
        let frame =
            rows(&ctx, &[(1, "p"), (1, "p"), (2, "p"), (2, "q"), (3, "p"), (3, "q"), (3, "q"), (4, "q")]);
        let ids = Ids::open(&ctx, &frame, true).await.unwrap();
        let facts = IdFacts { repeated_ids: 3, hidden_rows: 4, unseen_rows: 4, unqueryable_rows: 0 };
        assert_eq!(ids.facts(), facts);
        assert_eq!(ids.incomparable(&of(1..=4)).await.unwrap(), of([1, 3]));
        assert_eq!(ids.incomparable(&of([2, 4])).await.unwrap(), of([]));
        drop(ids);
        // Where a partition key decides, all rows are in one place.
        let ids = Ids::open(&ctx, &frame, false).await.unwrap();
        assert_eq!(ids.facts(), IdFacts { unseen_rows: 7, ..facts });
        assert_eq!(ids.incomparable(&of(1..=4)).await.unwrap(), of([1, 2, 3]));
    }

    #[tokio::test]
    async fn the_largest_and_the_smallest_id_are_no_rows_to_ask_for() {
        let ctx = SessionContext::new();
        let frame = rows(&ctx, &[(i64::MAX, "p"), (i64::MIN, "p"), (i64::MAX - 1, "p"), (0, "p")]);
        let ids = Ids::open(&ctx, &frame, true).await.unwrap();
        assert_eq!(ids.facts(), IdFacts { unqueryable_rows: 2, ..IdFacts::default() });
        let asked = of([i64::MAX, i64::MIN, i64::MAX - 1, 0]);
        assert_eq!(ids.incomparable(&asked).await.unwrap(), of([i64::MAX, i64::MIN]));
        assert!(ids.incomparable(&of([0])).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn no_rows_have_no_such_ids_and_no_view_stays_behind() {
        let ctx = SessionContext::new();
        let frame = rows(&ctx, &[]);
        let ids = Ids::open(&ctx, &frame, true).await.unwrap();
        assert_eq!(ids.facts(), IdFacts::default());
        assert!(ctx.table_exist(VIEW).unwrap());
        drop(ids);
        assert!(!ctx.table_exist(VIEW).unwrap());
    }
}
