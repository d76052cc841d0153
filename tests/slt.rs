// SPDX-License-Identifier: Apache-2.0
//! Runs every `.slt` file below `tests/slt`; a new file needs no entry here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};
use m2m_migration::{DumpSettings, MappingServer, Selection, register_mapping};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, MakeConnection, Runner};

use crate::support::fixtures;

/// When this variable is set, the files are completed with today's answers first.
const COMPLETE: &str = "M2M_SLT_COMPLETE";

/// A session over the fixture `install-1.1.1`.
struct Session {
    ctx: SessionContext,
    folder: String,
}

/// An error as its text, so that records can match it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

#[async_trait]
impl AsyncDB for Session {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let frame = self.ctx.sql(sql).await.map_err(failed)?;
        let schema = Arc::clone(frame.schema().inner());
        let types = schema.fields().iter().map(|field| column_type(field.data_type())).collect::<Vec<_>>();
        let batches = frame.collect().await.map_err(failed)?;
        if types.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let rows = batches.iter().flat_map(|batch| text(batch, &self.folder)).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "m2m"
    }
}

fn failed(error: datafusion::error::DataFusionError) -> Failed {
    Failed(m2m_migration::Error::from(error).to_string())
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        data_type if data_type.is_integer() => DefaultColumnType::Integer,
        data_type if data_type.is_floating() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

fn text(batch: &RecordBatch, folder: &str) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let cell = |column: &ArrayFormatter<'_>, row| {
        let text = column.value(row).to_string().replace(folder, "<fixture>");
        if text.is_empty() { "(empty)".into() } else { text }
    };
    // Plans have several lines in one cell: each becomes a row, as it is read.
    let rows =
        (0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>());
    rows.flat_map(split_lines).collect()
}

fn split_lines(row: Vec<String>) -> Vec<Vec<String>> {
    match row.as_slice() {
        [kind, plan] if plan.contains('\n') => {
            plan.trim_end().lines().map(|line| vec![kind.clone(), line.to_owned()]).collect()
        }
        _ => vec![row],
    }
}

async fn open() -> Result<Session, Failed> {
    let install = fixtures::install("install-1.1.1");
    let folder = install.to_string_lossy().trim_start_matches('/').to_owned();
    let source = Source::open(&Install::locate(&install).unwrap()).await.unwrap();
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    let dumping = DumpSettings { workers: 2, ..DumpSettings::default() };
    let selection = Selection::default();
    register_mapping(&ctx, &source, MappingServer::Assumed, &selection, &dumping).unwrap();
    Ok(Session { ctx, folder })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "slt"))
        .collect();
    files.sort();
    files
}

/// Writes what the queries of a file answer today into the file, to be reviewed.
async fn complete<M: MakeConnection<Conn = Session>>(runner: &mut Runner<Session, M>, file: &Path) {
    let column = sqllogictest::strict_column_validator;
    let (validate, normalize) = (sqllogictest::default_validator, sqllogictest::default_normalizer);
    runner.update_test_file(file, " ", validate, normalize, column).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slt_file_passes() {
    let files = files(&fixtures::project().join("tests/slt"));
    assert!(files.len() >= 10, "only {} files found", files.len());
    let mut failures = Vec::new();
    for file in &files {
        let mut runner = Runner::new(open);
        if std::env::var_os(COMPLETE).is_some() {
            complete(&mut runner, file).await;
        }
        if let Err(error) = runner.run_file_async(file).await {
            failures.push(format!("{}", error.display(false)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
