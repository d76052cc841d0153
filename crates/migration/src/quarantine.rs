// SPDX-License-Identifier: Apache-2.0
//! The file of rows that were left out because Milvus 2.x refuses their vectors.

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
    let path = target.child(file);
    let url = format!("{}{path}", target.base_url());
    let sql = format!("COPY ({rows}) TO '{}' STORED AS PARQUET", url.replace('\'', "''"));
    ctx.sql(&sql).await?.collect().await?;
    Ok(())
}
