// SPDX-License-Identifier: Apache-2.0
//! The file of rows that were left out because Milvus 2.x refuses their vectors.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::object_store::path::Path;
use m2m_datasource::{ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, VECTOR};
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::plan::CollectionPlan;

const QUARANTINE: &str = include_str!("../../../sql/migrate/quarantine.sql");
/// The view that the query asks.
const VIEW: &str = "m2m_rows_in_quarantine";

/// Writes the invalid rows of a collection, where there are some, and returns
/// the file's place in the dump.
pub(crate) async fn write(plan: &CollectionPlan, target: &Storage) -> Result<Option<String>> {
    let Some(rows) = &plan.left_out.quarantined else { return Ok(None) };
    // A query need not say where its rows are stored.
    let columns = [PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, ID, VECTOR];
    let columns = columns.into_iter().filter(|column| rows.schema().has_column_with_unqualified_name(column));
    let rows = rows.clone().select_columns(&columns.collect::<Vec<_>>())?;
    let file = format!("{}/quarantine.parquet", plan.name);
    let url = url_of(target, &target.child(&file)).replace('\'', "''");
    let query = QUARANTINE.replace("{rows}", VIEW);
    let ctx = &plan.rows.ctx;
    crate::dump::open_target(ctx, target);
    ctx.deregister_table(VIEW)?;
    ctx.register_table(VIEW, rows.into_view())?;
    let written = ctx.sql(&format!("COPY ({query}) TO '{url}' STORED AS PARQUET")).await?.collect().await?;
    ctx.deregister_table(VIEW)?;
    let (expected, found) = (plan.left_out.invalid, rows_of(&written));
    if found != expected {
        return Err(Error::DumpedRows { collection: file, expected, found });
    }
    Ok(Some(file))
}

/// How many rows a statement says that it wrote.
fn rows_of(answer: &[RecordBatch]) -> u64 {
    let count =
        |batch: &RecordBatch| batch.columns().first()?.as_primitive_opt::<UInt64Type>()?.iter().next()?;
    answer.iter().find_map(count).unwrap_or(0)
}

/// The URL of a file. Each part of the path stands for itself: `#`, `?` and `%`
/// mean something in a URL.
fn url_of(target: &Storage, path: &Path) -> String {
    let mut url = target.base_url().clone();
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.clear().extend(path.parts());
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::listing::ListingTableUrl;

    use super::*;

    #[test]
    fn a_file_goes_where_it_is_meant_to_be_whatever_its_folder_is_called() {
        for folder in ["/old milvus", "/a#b", "/why?", "/100%", "/%41", "/it's [1]*"] {
            let target = Storage::local(folder.as_ref()).unwrap();
            let path = target.child("c/quarantine.parquet");
            let understood = ListingTableUrl::parse(url_of(&target, &path)).unwrap();
            assert_eq!(understood.prefix(), &path, "{folder}");
        }
    }
}
