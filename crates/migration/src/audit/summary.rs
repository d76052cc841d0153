// SPDX-License-Identifier: Apache-2.0
//! The sums of a report: what there is, whether or not anything is wrong with it.

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::AuditSettings;
use super::histogram::{by_length, by_rows};
use super::report::{AuditedCollection, AuditedPartition, AuditedTarget, Bin, Norms, Totals};
use super::scope::Scope;
use super::values;
use crate::error::{Error, Result};

const COLLECTIONS: &str = include_str!("../../../../sql/report/collections.sql");
const PARTITIONS: &str = include_str!("../../../../sql/report/partitions.sql");
const SEGMENT_ROWS: &str = include_str!("../../../../sql/report/segment_rows.sql");
const ORPHANS: &str = include_str!("../../../../sql/report/orphans.sql");
const NORMS: &str = include_str!("../../../../sql/report/norms.sql");
const NORM_BINS: &str = include_str!("../../../../sql/report/norm_bins.sql");
const SERVER: &str = include_str!("../../../../sql/report/server.sql");

/// For whom an audit is made, and when.
pub(super) struct Server {
    pub(super) target: AuditedTarget,
    pub(super) made_at: String,
}

#[derive(Deserialize)]
struct CollectionRow {
    name: String,
    vectors: String,
    metric: String,
    dimension: u32,
    index: String,
    segments: u64,
    unreadable_segments: u64,
    live_rows: u64,
    deleted_rows: u64,
    live_bytes: u64,
    deleted_bytes: u64,
}

/// A value of a collection, and which one it is.
#[derive(Deserialize)]
struct Of<T> {
    collection: Option<String>,
    #[serde(flatten)]
    value: T,
}

#[derive(Deserialize)]
struct PartitionRow {
    tag: String,
    target_name: String,
    segments: u64,
    live_rows: u64,
    deleted_rows: u64,
    live_bytes: u64,
}

#[derive(Deserialize)]
struct Rows {
    rows: u64,
}

#[derive(Deserialize)]
struct Bytes {
    bytes: u64,
}

#[derive(Deserialize)]
struct NormRow {
    min: f64,
    mean: f64,
    max: f64,
    unit_share: f64,
}

#[derive(Deserialize)]
struct BinRow {
    from: f64,
    to: f64,
    count: u64,
}

#[derive(Deserialize)]
struct ServerRow {
    milvus: String,
    is_assumed: bool,
    made_at: String,
}

/// Asks for the server.
pub(super) async fn server(ctx: &SessionContext) -> Result<Server> {
    let server: Option<ServerRow> = rows(ctx, SERVER, None).await?.into_iter().next();
    let server = server.ok_or(Error::Answer { query: "server", column: "milvus" })?;
    let target = AuditedTarget { milvus: server.milvus, is_assumed: server.is_assumed };
    Ok(Server { target, made_at: server.made_at })
}

/// Sums up what is audited.
pub(super) async fn summary(
    ctx: &SessionContext,
    settings: &AuditSettings,
    scope: &Scope,
) -> Result<(Totals, Vec<AuditedCollection>)> {
    let mut partitions = by_collection::<PartitionRow>(rows(ctx, PARTITIONS, Some(scope)).await?);
    let mut segment_rows = by_collection::<Rows>(rows(ctx, SEGMENT_ROWS, Some(scope)).await?);
    // Why folders cannot be listed or vectors not be read, the checks say that do the same.
    let orphans = rows::<Of<Bytes>>(ctx, ORPHANS, Some(scope)).await.ok();
    let (mut norms, mut bins) = (BTreeMap::new(), BTreeMap::new());
    if !settings.quick {
        norms = by_collection::<NormRow>(rows(ctx, NORMS, Some(scope)).await.unwrap_or_default());
        bins = by_collection::<BinRow>(rows(ctx, NORM_BINS, Some(scope)).await.unwrap_or_default());
    }
    let mut collections = Vec::new();
    for row in rows::<CollectionRow>(ctx, COLLECTIONS, None).await? {
        if !scope.is_asked(&row.name) {
            continue;
        }
        let rows_of_segments: Vec<u64> =
            segment_rows.remove(&row.name).unwrap_or_default().into_iter().map(|row| row.rows).collect();
        let of_norms = norms.remove(&row.name).unwrap_or_default().into_iter().next();
        let bins = bins.remove(&row.name).unwrap_or_default();
        let is_of_this = |orphan: &&Of<Bytes>| orphan.collection.as_ref() == Some(&row.name);
        let orphan_bytes = orphans.as_ref().map(|all| bytes(all.iter().filter(is_of_this)));
        let of_collection = partitions.remove(&row.name).unwrap_or_default();
        collections.push(AuditedCollection {
            orphan_bytes,
            partitions: of_collection.into_iter().map(partition).collect(),
            norms: of_norms.map(|row| norms_of(&row, bins)),
            segment_rows: by_rows(&rows_of_segments),
            ..collection(row)
        });
    }
    // Without collections nothing tells which folders are orphans.
    let orphans = orphans.filter(|_| !collections.is_empty());
    let orphan_bytes = orphans.map(|orphans| match scope.has_all() {
        true => bytes(orphans.iter()),
        false => collections.iter().filter_map(|collection| collection.orphan_bytes).sum(),
    });
    Ok((totals(&collections, orphan_bytes), collections))
}

/// Sums over the collections, without their partitions and what lies beside them.
pub(super) async fn of_collections(ctx: &SessionContext, scope: &Scope) -> Result<Totals> {
    let all = rows::<CollectionRow>(ctx, COLLECTIONS, None).await?.into_iter();
    let asked: Vec<_> = all.filter(|row| scope.is_asked(&row.name)).map(collection).collect();
    Ok(totals(&asked, None))
}

fn bytes<'a>(orphans: impl Iterator<Item = &'a Of<Bytes>>) -> u64 {
    orphans.map(|orphan| orphan.value.bytes).sum()
}

fn collection(row: CollectionRow) -> AuditedCollection {
    AuditedCollection {
        name: row.name,
        vectors: row.vectors,
        metric: row.metric,
        dimension: row.dimension,
        index: row.index,
        segments: row.segments,
        unreadable_segments: row.unreadable_segments,
        live_rows: row.live_rows,
        deleted_rows: row.deleted_rows,
        live_bytes: row.live_bytes,
        deleted_bytes: row.deleted_bytes,
        orphan_bytes: None,
        partitions: Vec::new(),
        norms: None,
        segment_rows: Vec::new(),
    }
}

fn partition(row: PartitionRow) -> AuditedPartition {
    AuditedPartition {
        tag: row.tag,
        target_name: row.target_name,
        segments: row.segments,
        live_rows: row.live_rows,
        deleted_rows: row.deleted_rows,
        live_bytes: row.live_bytes,
    }
}

fn norms_of(row: &NormRow, bins: Vec<BinRow>) -> Norms {
    let fine: Vec<Bin> =
        bins.into_iter().map(|bin| Bin { from: bin.from, to: bin.to, count: bin.count }).collect();
    let bins = by_length(&fine, row.min, row.max);
    Norms { min: row.min, mean: row.mean, max: row.max, unit_share: row.unit_share, bins }
}

fn totals(collections: &[AuditedCollection], orphan_bytes: Option<u64>) -> Totals {
    let mut totals = Totals { orphan_bytes, ..Totals::default() };
    for collection in collections {
        totals.collections += 1;
        totals.partitions += collection.partitions.len() as u64;
        totals.segments += collection.segments;
        totals.live_rows += collection.live_rows;
        totals.deleted_rows += collection.deleted_rows;
        totals.live_bytes += collection.live_bytes;
        totals.deleted_bytes += collection.deleted_bytes;
    }
    totals
}

fn by_collection<T>(rows: Vec<Of<T>>) -> BTreeMap<String, Vec<T>> {
    let mut of: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for row in rows {
        if let Some(collection) = row.collection {
            of.entry(collection).or_default().push(row.value);
        }
    }
    of
}

/// The rows of a shipped query, of the collections that are asked for.
async fn rows<T: DeserializeOwned>(ctx: &SessionContext, sql: &str, scope: Option<&Scope>) -> Result<Vec<T>> {
    let frame = ctx.sql(sql).await?;
    let frame = match scope {
        Some(scope) => scope.narrow(frame)?,
        None => frame,
    };
    let mut all = Vec::new();
    for batch in frame.collect().await? {
        let schema = batch.schema();
        for row in values::rows(&batch)? {
            let names = schema.fields().iter().map(|field| field.name().clone());
            let object: Map<String, Value> = names.zip(row).collect();
            all.push(serde_json::from_value(object.into()).map_err(Error::Summary)?);
        }
    }
    Ok(all)
}
