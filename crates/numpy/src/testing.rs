// SPDX-License-Identifier: Apache-2.0
//! Files written by hand, and sessions that read them.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A `.npy` file of version 1.0 as NumPy writes it.
pub(crate) fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), values)
}

/// A file of version 1.0 with any text.
pub(crate) fn file(text: &str, values: &[u8]) -> Vec<u8> {
    let padded = (11 + text.len()).div_ceil(64) * 64 - 10;
    let mut text = text.as_bytes().to_vec();
    text.resize(padded - 1, b' ');
    text.push(b'\n');
    let length = u16::try_from(padded).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], &text, values].concat()
}

/// Little-endian numbers, `0..rows`.
pub(crate) fn int64s(rows: u16) -> Vec<u8> {
    (0..i64::from(rows)).flat_map(i64::to_le_bytes).collect()
}

pub(crate) fn float32s(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

pub(crate) fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

pub(crate) fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

/// A zip archive.
pub(crate) fn archive(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A folder and a session that reads it.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) ctx: SessionContext,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_partitions(4)
    }

    pub(crate) fn with_partitions(partitions: usize) -> Self {
        let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions));
        crate::register(&ctx);
        Self { folder: tempfile::tempdir().unwrap(), ctx }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Makes table `t` of a file or folder.
    pub(crate) async fn create(&self, kind: &str, name: &str) -> Result<(), String> {
        self.create_with(kind, name, "").await
    }

    pub(crate) async fn create_with(&self, kind: &str, name: &str, more: &str) -> Result<(), String> {
        let path = self.folder.path().display();
        let sql =
            format!("CREATE OR REPLACE EXTERNAL TABLE t STORED AS {kind} LOCATION '{path}/{name}' {more}");
        self.sql(&sql).await.map(drop)
    }

    /// The cells of the answer, lines joined by `; ` and cells by ` | `.
    pub(crate) async fn sql(&self, sql: &str) -> Result<String, String> {
        let batches = self.batches(sql).await?;
        let table = pretty_format_batches(&batches).map_err(|error| error.to_string())?.to_string();
        let cells =
            |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ");
        let lines: Vec<_> = table.lines().filter(|line| line.starts_with('|')).skip(1).map(cells).collect();
        Ok(lines.join("; "))
    }

    pub(crate) async fn batches(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let frame = self.ctx.sql(sql).await.map_err(|error| in_full(&error))?;
        frame.collect().await.map_err(|error| in_full(&error))
    }

    /// The bytes that a query reads.
    pub(crate) async fn bytes_scanned(&self, sql: &str) -> usize {
        let plan = self.ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        collect(Arc::clone(&plan), self.ctx.task_ctx()).await.unwrap();
        scanned(&plan)
    }
}

fn scanned(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
    let own = own.map_or(0, |metric| metric.as_usize());
    own + plan.children().into_iter().map(scanned).sum::<usize>()
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
