// SPDX-License-Identifier: Apache-2.0
//! NumPy files as tables.

use std::fs;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::input::said;
use super::inventory::wait;

/// A table that can be made has the rows that it counts, or cannot be read; errors name the file.
pub(crate) fn read(data: &[u8], kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("x.{}", kind.to_lowercase()));
    fs::write(&path, data).unwrap();
    let sql = format!("CREATE EXTERNAL TABLE t STORED AS {kind} LOCATION '{}'", path.display());
    if let Err(error) = wait(query(&sql)) {
        let said = said(&error);
        assert!(said.contains("x.np") && !said.contains("panicked"), "{said}");
    }
}

async fn query(create: &str) -> Result<(), DataFusionError> {
    let ctx = SessionContext::new();
    m2m_numpy::register(&ctx);
    ctx.sql(create).await?;
    let counted = ctx.table("t").await?.count().await?;
    let batches = ctx.sql("SELECT * FROM t").await?.collect().await?;
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, counted);
    Ok(())
}
