// SPDX-License-Identifier: Apache-2.0
//! What an audit found, for people, programs and pages alike.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::check::Severity;

/// Version of the report's shape. It grows when a field changes its meaning or goes.
pub const REPORT_FORMAT: u32 = 1;

/// The audit of an installation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditReport {
    /// Version of this shape: 1.
    pub format: u32,
    /// Version of m2m that made the audit.
    pub m2m_version: String,
    /// When the audit began, as RFC 3339.
    pub made_at: String,
    /// Whether it is safe to go on.
    pub verdict: Verdict,
    /// Findings of this severity stand in the way too, where errors alone are not enough.
    pub denied: Option<Severity>,
    /// Whether the checks that read all data were left out.
    pub is_quick: bool,
    /// What was audited.
    pub source: AuditedSource,
    /// The collections that were asked for; none when all were.
    pub only: Vec<String>,
    /// What it was audited for.
    pub target: AuditedTarget,
    /// Sums over the audited collections.
    pub totals: Totals,
    /// The audited collections, by name.
    pub collections: Vec<AuditedCollection>,
    /// Every check: errors first, then warnings, then notes, each by id.
    pub checks: Vec<CheckReport>,
    /// How long the audit took.
    pub seconds: f64,
}

/// Whether it is safe to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No error and no warning.
    Ready,
    /// Warnings: everything arrives, but not quite as it was.
    ReadyWithWarnings,
    /// Errors: something would be lost, or the migration would stop.
    NotReady,
}

/// Where the installation is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditedSource {
    /// Its metadata.
    pub metadata: String,
    /// Its `tables` folders.
    pub tables: Vec<String>,
    /// Its write-ahead log, where one was found or named.
    pub wal: Option<String>,
}

/// The server that the collections are meant for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditedTarget {
    /// Version of Milvus.
    pub milvus: String,
    /// Whether the version is assumed, because no server was named.
    pub is_assumed: bool,
}

/// Sums over collections.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Live collections.
    pub collections: u64,
    /// Their partitions.
    pub partitions: u64,
    /// Their segments.
    pub segments: u64,
    /// Rows that would be migrated if nothing were left out.
    pub live_rows: u64,
    /// Rows that are stored and deleted.
    pub deleted_rows: u64,
    /// Bytes of ids and vectors of live rows.
    pub live_bytes: u64,
    /// Bytes of ids and vectors of deleted rows.
    pub deleted_bytes: u64,
    /// Bytes in folders that hold no live segment; none when folders were not listed.
    pub orphan_bytes: Option<u64>,
}

/// A collection.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditedCollection {
    /// Its name.
    pub name: String,
    /// `float` or `binary`.
    pub vectors: String,
    /// Its metric in Milvus 1.x.
    pub metric: String,
    /// Components of a vector, bits for binary ones.
    pub dimension: u32,
    /// Its index in Milvus 1.x.
    pub index: String,
    /// Segments.
    pub segments: u64,
    /// Segments whose files cannot be read; nothing of them is in the sums.
    pub unreadable_segments: u64,
    /// Live rows.
    pub live_rows: u64,
    /// Deleted rows.
    pub deleted_rows: u64,
    /// Bytes of ids and vectors of live rows.
    pub live_bytes: u64,
    /// Bytes of ids and vectors of deleted rows.
    pub deleted_bytes: u64,
    /// Bytes in folders of this collection that hold no live segment.
    pub orphan_bytes: Option<u64>,
    /// Its partitions, `_default` first.
    pub partitions: Vec<AuditedPartition>,
    /// Lengths of its float vectors; none when vectors were not read, or are binary.
    pub norms: Option<Norms>,
    /// Live rows of its segments: how many segments have from so many rows to so many.
    pub segment_rows: Vec<Bin>,
}

/// A partition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AuditedPartition {
    /// Its tag in Milvus 1.x.
    pub tag: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// Segments.
    pub segments: u64,
    /// Live rows.
    pub live_rows: u64,
    /// Deleted rows.
    pub deleted_rows: u64,
    /// Bytes of ids and vectors of live rows.
    pub live_bytes: u64,
}

/// The lengths of float vectors.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Norms {
    /// The smallest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// The share of the live rows, from 0 to 1, whose length is 1 to within 0.001.
    pub unit_share: f64,
    /// How many vectors are from so long to so long.
    pub bins: Vec<Bin>,
}

/// A bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Bin {
    /// Its lower bound, which belongs to it.
    pub from: f64,
    /// Its upper bound, which belongs to the next one, or to the last one.
    pub to: f64,
    /// How many there are.
    pub count: u64,
}

/// A check, and what it found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckReport {
    /// Its id, which is also the name of its view in the schema `audit`.
    pub id: String,
    /// How serious a finding is.
    pub severity: Severity,
    /// What it looks for, one sentence.
    pub title: String,
    /// Why it matters.
    pub explanation: String,
    /// What to do about a finding.
    pub remedy: String,
    /// Its query.
    pub sql: String,
    /// Whether it was added with `--checks`.
    pub is_own: bool,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its findings were allowed: they are shown, and have no part in the verdict.
    pub is_allowed: bool,
    /// How many rows it found.
    pub findings: u64,
    /// Names of the columns of `rows`.
    pub columns: Vec<String>,
    /// The first rows, at most 100 of them. Integers beyond 2^53, which many programs
    /// cannot hold, are texts; texts are cut after 1,000 characters.
    pub rows: Vec<Vec<Value>>,
    /// Why it could not be run.
    pub problem: Option<String>,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It found nothing.
    Passed,
    /// It found something.
    Found,
    /// It reads all data, and was left out.
    NotRun,
    /// It could not be run: nothing is known.
    Failed,
}
