// SPDX-License-Identifier: Apache-2.0
//! Runs every `.slt` file below `tests/slt`; a new file needs no entry here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{error, iter};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::SessionContext;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};
use m2m_distributed::Cluster;
use m2m_migration::{DumpSettings, MappingServer, Selection, register_mapping};
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, MakeConnection, Normalizer, QueryExpect, Record, Runner, Validator,
    default_validator, parse_file,
};

use crate::support::fixtures;

/// When this variable is set, the files are completed with today's answers first.
const COMPLETE: &str = "M2M_SLT_COMPLETE";
/// How long a cluster may take for a record; none of them needs a second.
const LIMIT: Duration = Duration::from_secs(15);

/// A session over the fixture `install-1.1.1`.
pub(crate) struct Session {
    ctx: SessionContext,
    folder: String,
    sent: Arc<AtomicUsize>,
}

/// An error as its text, so that records can match it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(String);

#[async_trait]
impl AsyncDB for Session {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let frame = self.ctx.sql(sql).await.map_err(failed)?;
        let schema = Arc::clone(frame.schema().inner());
        let types = schema.fields().iter().map(|field| column_type(field.data_type())).collect::<Vec<_>>();
        let context = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.map_err(failed)?;
        if displayable(plan.as_ref()).indent(false).to_string().contains("ClusterExec") {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        let batches = collect(plan, context).await.map_err(failed)?;
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

/// An error and its causes.
fn failed(error: datafusion::error::DataFusionError) -> Failed {
    let error = m2m_migration::Error::from(error);
    let causes = iter::successors(Some(&error as &dyn error::Error), |error| error.source());
    Failed(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
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
    open_on(None, Arc::default()).await
}

/// Opens a session whose plans run on a cluster, and which counts those that are sent there.
async fn open_on(cluster: Option<Cluster>, sent: Arc<AtomicUsize>) -> Result<Session, Failed> {
    let install = fixtures::install("install-1.1.1");
    let folder = install.to_string_lossy().trim_start_matches('/').to_owned();
    let source = Source::open(&Install::locate(&install).unwrap()).await.unwrap();
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    let dumping = DumpSettings { workers: 2, ..DumpSettings::default() };
    let selection = Selection::default();
    register_mapping(&ctx, &source, MappingServer::Assumed, &selection, &dumping).unwrap();
    let ctx = cluster.map_or_else(|| ctx.clone(), |cluster| cluster.session(&ctx));
    Ok(Session { ctx, folder, sent })
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
    let (validate, normalize) = (default_validator, sqllogictest::default_normalizer);
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

/// What became of the records of all files on a cluster.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// Records that ran.
    pub(crate) ran: usize,
    /// Of these, plans that were sent to the cluster.
    pub(crate) sent: usize,
    /// Of those that ran, queries whose rows have no order, which are compared in any.
    pub(crate) unordered: usize,
    /// EXPLAIN, which tells of a cluster.
    pub(crate) skipped: usize,
    /// What was answered otherwise.
    pub(crate) failures: Vec<String>,
}

/// Runs the records of all files on a cluster.
pub(crate) async fn run_on(cluster: &Cluster) -> Ran {
    let (mut ran, sent) = (Ran::default(), Arc::<AtomicUsize>::default());
    for file in files(&fixtures::project().join("tests/slt")) {
        let mut runner = Runner::new(|| open_on(Some(cluster.clone()), Arc::clone(&sent)));
        for record in parse_file::<DefaultColumnType>(&file).unwrap() {
            let Some(sql) = statement(&record) else { continue };
            if sql.to_uppercase().starts_with("EXPLAIN") {
                ran.skipped += 1;
                continue;
            }
            ran.ran += 1;
            let validator: Validator = match is_unordered(&record) {
                true => in_any_order,
                false => default_validator,
            };
            ran.unordered += usize::from(is_unordered(&record));
            runner.with_validator(validator);
            let text = format!("{record}");
            match tokio::time::timeout(LIMIT, runner.run_async(record)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => ran.failures.push(format!("{}", error.display(false))),
                Err(_) => ran.failures.push(format!("no answer within {LIMIT:?} to\n{text}")),
            }
        }
        runner.shutdown_async().await;
    }
    ran.sent = sent.load(Ordering::Relaxed);
    ran
}

fn statement(record: &Record<DefaultColumnType>) -> Option<&str> {
    match record {
        Record::Statement { sql, .. } | Record::Query { sql, .. } => Some(sql.trim()),
        _ => None,
    }
}

/// Whether a query has several rows, and says nothing of their order at its top.
fn is_unordered(record: &Record<DefaultColumnType>) -> bool {
    let Record::Query { sql, expected: QueryExpect::Results { results, .. }, .. } = record else {
        return false;
    };
    results.len() > 1 && !at_the_top(sql).to_uppercase().contains("ORDER BY")
}

/// A statement without what stands in brackets.
fn at_the_top(sql: &str) -> String {
    let mut depth = 0_usize;
    let outside = |letter: &char| {
        depth = match letter {
            '(' => depth + 1,
            ')' => depth - 1,
            _ => depth,
        };
        depth == 0
    };
    sql.chars().filter(outside).collect()
}

fn in_any_order(normalize: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    let mut actual: Vec<_> = actual.iter().map(|row| normalize(&row.join(" "))).collect();
    let mut expected: Vec<_> = expected.iter().map(normalize).collect();
    actual.sort();
    expected.sort();
    actual == expected
}
