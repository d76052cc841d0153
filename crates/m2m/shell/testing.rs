// SPDX-License-Identifier: Apache-2.0
//! What the tests of the shell share.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::prelude::{SessionConfig, SessionContext};

/// Pieces that texts are put together from.
const FRAGMENTS: &[&str] = &[
    "SELECT",
    "from",
    " ",
    "\n",
    "\t",
    "\r\n",
    "'",
    "''",
    "\"",
    "`",
    "$$",
    "$tag$",
    "$1",
    "--",
    "/*",
    "*/",
    ";",
    "\\",
    "\\d",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "1",
    "1_",
    "0x",
    "1e",
    "1.5e3",
    "E'",
    "X'",
    "U&'",
    "b'",
    "é",
    "👩‍🚀",
    "日本",
    "=",
    "<->",
    "|>",
    "::",
    ":",
    "?",
    "#",
    "@",
    "&&",
    "quit",
    "id",
    "_",
    "\u{0}",
    "\u{1b}",
    "\u{feff}",
    "!",
    "~*",
    "\\'",
];

/// Texts of random fragments, the same ones each time.
pub(super) fn texts(count: usize) -> impl Iterator<Item = String> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    (0..count).map(move |_| {
        let length = random(14);
        (0..length).map(|_| FRAGMENTS[random(FRAGMENTS.len())]).collect()
    })
}

/// A session with two schemas and a few tables.
pub(super) async fn session() -> SessionContext {
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema("milvus", "collections")
        .with_information_schema(true);
    let ctx = SessionContext::new_with_config(config);
    let catalog = MemoryCatalogProvider::new();
    for schema in ["collections", "meta"] {
        catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new())).unwrap();
    }
    ctx.register_catalog("milvus", Arc::new(catalog));
    for statement in [
        "CREATE TABLE float_l2 AS SELECT 1 AS id, [0.5] AS vector, '_default' AS partition_tag",
        "CREATE TABLE \"Photos\" AS SELECT 1 AS \"Name\", 2 AS \"order\"",
        "CREATE TABLE tables AS SELECT 1 AS x",
        "CREATE VIEW few AS SELECT id FROM float_l2 LIMIT 1",
        "CREATE TABLE meta.segments AS SELECT 'float_l2' AS collection, 1 AS live",
        "CREATE TABLE meta.tables AS SELECT 1 AS y",
        "CREATE TABLE meta.collections AS SELECT 'float_l2' AS collection, 1 AS dimension, 'L2' AS metric, \
         'FLAT' AS engine, '{}' AS index_params, 1 AS partitions, 1 AS segments",
        "CREATE TABLE meta.partitions AS SELECT 'float_l2' AS collection, '_default' AS partition_tag, 1 AS segments",
    ] {
        ctx.sql(statement).await.unwrap().collect().await.unwrap();
    }
    ctx
}
