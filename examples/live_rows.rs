// SPDX-License-Identifier: Apache-2.0
//! Opens a Milvus 1.x installation from Rust and counts the live rows of each
//! collection: `cargo run --example live_rows -- /var/lib/milvus`

use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).ok_or("give the root of a 1.x installation")?;
    let source = Source::open(&Install::locate(root.as_ref())?).await?;
    let ctx = session(SessionOptions::default())?;
    source.register(&ctx)?;
    let sql = "SELECT collection, sum(live) AS live_rows FROM meta.segments GROUP BY collection ORDER BY collection";
    ctx.sql(sql).await?.show().await?;
    Ok(())
}
