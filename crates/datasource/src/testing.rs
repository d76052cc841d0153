// SPDX-License-Identifier: Apache-2.0
//! Small installations for tests, written byte by byte.

mod bucket;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::catalog::MemTable;
use datafusion::prelude::SessionContext;
use m2m_catalog::{Install, MetaSource, Metadata};
use m2m_storage::{BucketOptions, Storage};
use object_store::ObjectStore;
use tempfile::TempDir;

use crate::locator::SegmentLocator;
use crate::roots::Roots;
use crate::session::{SessionOptions, session};
use crate::source::Source;

pub(crate) use bucket::{Bucket, Failure};

/// An installation whose collections have the same partitions and segments.
///
/// Row `r` of segment `s` has the id `1000 * s + r`. A float vector begins with
/// its id, a binary one with the lowest byte of its row.
pub(crate) struct TestInstall {
    root: TempDir,
    collections: Vec<String>,
    dimension: usize,
    binary: bool,
    /// Tag, segment id, rows.
    segments: Vec<(String, u32, u64)>,
}

impl TestInstall {
    /// An installation with the float collection `c`.
    pub(crate) fn float(dimension: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { root, collections: vec!["c".into()], dimension, binary: false, segments: Vec::new() }
    }

    /// An installation with the binary collection `c`.
    pub(crate) fn binary(dimension: usize) -> Self {
        Self { binary: true, ..Self::float(dimension) }
    }

    /// Has collections of these names instead of `c`. They have no segments.
    pub(crate) fn named(mut self, names: &[&str]) -> Self {
        self.collections = names.iter().map(|&name| name.into()).collect();
        self
    }

    /// Adds a segment to a partition of `c`.
    pub(crate) fn segment(mut self, tag: &str, segment: u32, rows: u64, deleted: &[i32]) -> Self {
        self.segments.push((tag.into(), segment, rows));
        let folder = self.file(segment, "");
        fs::create_dir_all(&folder).unwrap();
        let rows = u32::try_from(rows).unwrap();
        let ids = (0..rows).flat_map(|row| i64::from(1000 * segment + row).to_le_bytes());
        write(&folder.join(format!("{segment}.uid")), &ids.collect::<Vec<u8>>());
        let vectors = (0..rows).flat_map(|row| self.vector(1000 * segment + row, row));
        write(&folder.join(format!("{segment}.rv")), &vectors.collect::<Vec<u8>>());
        let deleted = deleted.iter().flat_map(|offset| offset.to_le_bytes());
        write(&folder.join("deleted_docs"), &deleted.collect::<Vec<u8>>());
        self
    }

    fn vector(&self, id: u32, row: u32) -> Vec<u8> {
        if self.binary {
            let mut vector = vec![0; self.dimension / 8];
            vector[0] = row.to_le_bytes()[0];
            return vector;
        }
        let mut vector = vec![0.5_f32; self.dimension];
        vector[0] = f32::from(u16::try_from(id).unwrap());
        vector.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// A file of a segment, in the first `tables` folder.
    pub(crate) fn file(&self, segment: u32, name: &str) -> PathBuf {
        let (tag, ..) = self.segments.iter().find(|(_, known, _)| *known == segment).unwrap();
        self.tables().join(table_id(tag)).join(segment.to_string()).join(name)
    }

    /// The first `tables` folder.
    pub(crate) fn tables(&self) -> PathBuf {
        self.root.path().join("tables")
    }

    /// The folder of the installation.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes the metadata and says where the installation is.
    pub(crate) fn install(&self) -> Install {
        fs::create_dir_all(self.tables()).unwrap();
        let meta = self.root.path().join("meta.json");
        let collections: Vec<String> = self.collections.iter().map(|name| self.json(name)).collect();
        let text = format!(r#"{{"version": 2, "collections": [{}]}}"#, collections.join(","));
        fs::write(&meta, text).unwrap();
        Install {
            tables: vec![self.tables()],
            metadata: Metadata { source: MetaSource::file(&meta).unwrap(), wal: None },
        }
    }

    fn json(&self, name: &str) -> String {
        let mut tags: Vec<&str> = Vec::new();
        for (tag, ..) in &self.segments {
            if tag != "_default" && !tags.contains(&tag.as_str()) {
                tags.push(tag);
            }
        }
        let partition = |tag: &&str| {
            let (table_id, segments) = (table_id(tag), self.segments_json(tag));
            format!(r#"{{"tag": "{tag}", "table_id": "{table_id}", "segments": [{segments}]}}"#)
        };
        let partitions = tags.iter().map(partition).collect::<Vec<_>>().join(",");
        let (dimension, metric) = (self.dimension, if self.binary { 3 } else { 1 });
        let segments = self.segments_json("_default");
        format!(
            r#"{{"collection": "{name}", "metric": {metric}, "dim": {dimension}, "segments": [{segments}], "partitions": [{partitions}]}}"#
        )
    }

    fn segments_json(&self, tag: &str) -> String {
        let segments = self.segments.iter().filter(|(known, ..)| known == tag).map(|(_, segment, rows)| {
            format!(r#"{{"segment": "{segment}", "rows": {rows}, "fileTypes": ["RAW"]}}"#)
        });
        segments.collect::<Vec<_>>().join(",")
    }

    /// Opens the installation.
    pub(crate) async fn open(&self) -> Source {
        Source::open(&self.install()).await.unwrap()
    }

    /// Opens the installation with its segments in a bucket instead.
    pub(crate) async fn open_in_bucket(&self) -> (Source, Arc<Bucket>) {
        let metadata = self.install().metadata;
        let examination = metadata.read().await.unwrap();
        let bucket = Arc::new(Bucket::default());
        bucket.upload(&self.tables(), "var/db/tables").await;
        let store = Arc::clone(&bucket) as Arc<dyn ObjectStore>;
        let folders = vec!["var/db/tables".into()];
        let locator = SegmentLocator { store, base: "s3://bucket/".into(), folders, is_local: false };
        let roots = Roots::in_bucket(locator, some_bucket("var/db"));
        (Source::of(metadata, examination, Arc::new(roots)), bucket)
    }

    /// A session of two workers over the installation.
    pub(crate) async fn session(&self) -> SessionContext {
        session_over(&self.open().await)
    }
}

/// A session of two workers over an installation.
pub(crate) fn session_over(source: &Source) -> SessionContext {
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    ctx
}

/// A bucket that nobody serves.
pub(crate) fn some_bucket(prefix: &str) -> Storage {
    let options = BucketOptions {
        endpoint: Some("127.0.0.1:1".into()),
        access_key: Some("key".into()),
        secret_key: Some("secret".into()),
        ..BucketOptions::default()
    };
    Storage::bucket("bucket", prefix, &options).unwrap()
}

/// Numbers that look random and are always the same.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 31) % end
    }
}

/// The folder of a partition of `c`.
fn table_id(tag: &str) -> String {
    if tag == "_default" { "c".into() } else { format!("c_{tag}") }
}

/// Writes a file with its length in front.
pub(crate) fn write(path: &Path, payload: &[u8]) {
    fs::write(path, counted(payload)).unwrap();
}

/// Bytes with their length in front.
pub(crate) fn counted(payload: &[u8]) -> Vec<u8> {
    [(payload.len() as u64).to_le_bytes().as_slice(), payload].concat()
}

/// What a query answers.
pub(crate) async fn query(ctx: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    ctx.sql(sql).await.unwrap().collect().await.unwrap()
}

/// The numbers of the first column, ascending.
pub(crate) async fn numbers(ctx: &SessionContext, sql: &str) -> Vec<i64> {
    sorted(&query(ctx, sql).await)
}

/// The numbers of the first column of batches, ascending.
pub(crate) fn sorted(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    let mut numbers: Vec<i64> = batches.iter().flat_map(column).collect();
    numbers.sort_unstable();
    numbers
}

/// The physical plan of a query.
pub(crate) async fn plan(ctx: &SessionContext, sql: &str) -> String {
    let plan = ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}

/// The error of a query with all its causes, whether planning or running finds it.
pub(crate) async fn failure(ctx: &SessionContext, sql: &str) -> String {
    let error = match ctx.sql(sql).await {
        Ok(frame) => frame.collect().await.unwrap_err(),
        Err(error) => error,
    };
    chain(&error)
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The rows of a table as the table `plain`, which leaves all filters to the engine.
pub(crate) async fn with_plain_copy(ctx: &SessionContext, table: &str) {
    let frame = ctx.sql(&format!("SELECT * FROM {table}")).await.unwrap();
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await.unwrap();
    ctx.register_table("plain", Arc::new(MemTable::try_new(schema, vec![rows]).unwrap())).unwrap();
}
