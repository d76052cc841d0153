// SPDX-License-Identifier: Apache-2.0
//! The file of rows that were left out because Milvus 2.x refuses their vectors.

use datafusion::object_store::path::Path;
use datafusion::prelude::SessionContext;
use m2m_datasource::Source;
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::plan::CollectionPlan;
use crate::rows::{Sessions, condition_of, quoted};

const QUARANTINE: &str = include_str!("../../../sql/migrate/quarantine.sql");

/// Writes the invalid rows of a collection, where there are some, and returns
/// the file's place in the dump.
pub(crate) async fn write(
    plan: &CollectionPlan,
    source: &Source,
    sessions: &dyn Sessions,
    target: &Storage,
) -> Result<Option<String>> {
    let Some(original) = &plan.left_out.original else { return Ok(None) };
    let name = quoted(&original.collection().name);
    let condition = condition_of(plan)?;
    let ctx = sessions.open(source).await.map_err(Error::Query)?;
    let rows = QUARANTINE.replace("{collection}", &name).replace("{where}", &condition);
    let file = format!("{}/quarantine.parquet", plan.name);
    copy(&ctx, &rows, target, &file).await?;
    Ok(Some(file))
}

async fn copy(ctx: &SessionContext, rows: &str, target: &Storage, file: &str) -> Result<()> {
    crate::dump::open_target(ctx, target);
    let url = url_of(target, &target.child(file));
    let sql = format!("COPY ({rows}) TO '{}' STORED AS PARQUET", url.replace('\'', "''"));
    ctx.sql(&sql).await?.collect().await?;
    Ok(())
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
