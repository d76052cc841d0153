// SPDX-License-Identifier: Apache-2.0
//! What a migration would do, as plain values: for people and for programs.

use std::collections::BTreeMap;

use datafusion::physical_plan::displayable;
use m2m_milvus::{Client, IndexSpec, ServerVersion};
use m2m_sink::manifest::{CollectionEntry, Manifest};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::norms::NormReport;
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan};
use crate::settings::{DumpSettings, IfExists, IndexChoice, LoadSettings};
use crate::target::{TargetState, Wanted, inspect, map};

/// Bytes that a dump writes in a second, on a machine with two cores and a usual network.
const DUMPED_BYTES_A_SECOND: f64 = 200.0 * 1024.0 * 1024.0;
/// Bytes of vectors that Milvus 2.3 imports in a second: a million of 128 floats took it 20 s.
const IMPORTED_BYTES_A_SECOND: f64 = 25.0 * 1024.0 * 1024.0;
/// What Milvus 2.3 needs for an import job, however small.
const JOB_SECONDS: f64 = 2.0;
/// The server that is planned for when none is named.
pub(crate) const ASSUMED_VERSION: &str = "v2.3.5";

/// The server that a migration is planned for.
#[derive(Clone, Copy)]
pub enum Server<'a> {
    /// A server that can be asked.
    Connected(&'a Client),
    /// None is named: one of version 2.3 is assumed, with nothing in it.
    Assumed,
}

/// What a migration would do.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// The server's version.
    pub milvus: String,
    /// Whether no server was asked, and the version is an assumption.
    pub is_assumed: bool,
    /// Rows that would be migrated.
    pub rows: u64,
    /// Files that would be written.
    pub files: u64,
    /// Their bytes, about.
    pub bytes: u64,
    /// Import jobs.
    pub jobs: u64,
    /// Seconds that writing would take, about.
    pub dump_seconds: u64,
    /// Seconds that importing would take, about, without indexes.
    pub load_seconds: u64,
    /// What the user should know of the installation.
    pub notes: Vec<String>,
    /// Why it would fail; empty when nothing is known.
    pub problems: Vec<String>,
    /// The collections, by name.
    pub collections: Vec<CollectionReport>,
}

/// What would become of one collection.
#[derive(Clone, Debug, Serialize)]
pub struct CollectionReport {
    /// Its name in Milvus 1.x, or the name of a query.
    pub name: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// What is done there: `create`, `append`, `replace` or `skip`.
    pub action: &'static str,
    /// The condition of its rows.
    pub filter: Option<String>,
    /// The query of its rows.
    pub query: Option<String>,
    /// Live rows before any condition; none for a query.
    pub live_rows: Option<u64>,
    /// Rows with NaN or infinity that are left out.
    pub invalid_rows: u64,
    /// Rows that are left out because they repeat an id.
    pub repeated_rows: u64,
    /// Rows that would be migrated.
    pub rows: u64,
    /// The format of its files: `npy` or `parquet`.
    pub format: &'static str,
    /// Files that would be written.
    pub files: u64,
    /// Their bytes, about.
    pub bytes: u64,
    /// Import jobs.
    pub jobs: u64,
    /// Its fields in Milvus 2.x.
    pub fields: Vec<FieldReport>,
    /// The metric in Milvus 1.x.
    pub metric: String,
    /// The metric in Milvus 2.x, where it has one.
    pub target_metric: Option<String>,
    /// The index in Milvus 1.x, and its parameters.
    pub index: String,
    /// The index in Milvus 2.x; none is built otherwise.
    pub target_index: Option<IndexReport>,
    /// The lengths of its vectors, where the metric depends on them.
    pub norms: Option<NormReport>,
    /// Its partitions.
    pub partitions: Vec<PartitionReport>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Why it would fail.
    pub problems: Vec<String>,
    /// The query plan, when it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_plan: Option<String>,
}

/// A field, and the column that it is made of.
#[derive(Clone, Debug, Serialize)]
pub struct FieldReport {
    /// The column; none when it is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Its name in Milvus 2.x.
    pub name: String,
    /// Its type, with its dimension or length.
    #[serde(rename = "type")]
    pub field_type: String,
    /// `primary key`, `partition key`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// An index in Milvus 2.x.
#[derive(Clone, Debug, Serialize)]
pub struct IndexReport {
    /// Its type.
    #[serde(rename = "type")]
    pub index_type: String,
    /// Its build parameters.
    pub params: BTreeMap<String, String>,
}

/// What would become of one partition.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionReport {
    /// Its tag in Milvus 1.x; empty when a partition key decides.
    pub tag: String,
    /// Its name in Milvus 2.x; empty when a partition key decides.
    pub name: String,
    /// Live rows before any condition; none for a query.
    pub live_rows: Option<u64>,
    /// Rows that would be migrated.
    pub rows: u64,
    /// File sets, each of them an import job.
    pub file_sets: u64,
}

/// What is asked for besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportOptions {
    /// Whether to show query plans.
    pub explain: bool,
}

impl PlanReport {
    /// Says what would be done with a plan whose rows were counted. Nothing is
    /// written anywhere.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub async fn of_plan(
        plan: &DumpPlan,
        server: Server<'_>,
        dumping: &DumpSettings,
        loading: &LoadSettings,
        options: ReportOptions,
    ) -> Result<Self> {
        let mut collections = Vec::with_capacity(plan.collections.len());
        for collection in &plan.collections {
            let mut report = of_collection(collection, dumping);
            report.explain(collection, options).await;
            let index = collection.choices.index;
            report.meet(&collection.wanted(dumping), server, index, loading.if_exists).await?;
            collections.push(report);
        }
        Ok(Self::of(server, collections, plan.notes.clone()))
    }

    /// Says what a load of a dump would do. Nothing is written anywhere.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked, or the manifest is not one of a dump.
    pub async fn of_manifest(
        manifest: &Manifest,
        server: Server<'_>,
        loading: &LoadSettings,
    ) -> Result<Self> {
        let mut collections = Vec::with_capacity(manifest.collections.len());
        for entry in &manifest.collections {
            let mut report = of_entry(entry);
            let index = loading.index_of(&entry.name);
            report.meet(&Wanted::of_entry(entry)?, server, index, loading.if_exists).await?;
            collections.push(report);
        }
        let mut report = Self::of(server, collections, Vec::new());
        report.dump_seconds = 0;
        Ok(report)
    }

    fn of(server: Server<'_>, collections: Vec<CollectionReport>, notes: Vec<String>) -> Self {
        let sum = |of: fn(&CollectionReport) -> u64| {
            collections.iter().filter(|collection| collection.action != SKIP).map(of).sum::<u64>()
        };
        let (bytes, jobs) = (sum(|one| one.bytes), sum(|one| one.jobs));
        Self {
            milvus: server.version().to_string(),
            is_assumed: matches!(server, Server::Assumed),
            rows: sum(|one| one.rows),
            files: sum(|one| one.files),
            bytes,
            jobs,
            dump_seconds: whole(dump_seconds(bytes)),
            load_seconds: whole(load_seconds(bytes, jobs)),
            notes,
            problems: Vec::new(),
            collections,
        }
    }

    /// Whether something is known that would end the migration.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty() || self.collections.iter().any(|collection| !collection.problems.is_empty())
    }
}

const SKIP: &str = "skip";

impl Server<'_> {
    fn version(&self) -> ServerVersion {
        match self {
            Self::Connected(client) => client.version().clone(),
            Self::Assumed => ServerVersion::parse(ASSUMED_VERSION),
        }
    }
}

impl CollectionReport {
    /// Adds what the server makes of it.
    async fn meet(
        &mut self,
        wanted: &Wanted,
        server: Server<'_>,
        index: IndexChoice,
        if_exists: IfExists,
    ) -> Result<()> {
        let mapping = map(wanted, &server.version(), index);
        self.target_metric = Some(mapping.metric.value.clone());
        self.target_index = mapping.index.value.as_ref().map(index_report);
        self.notes.extend(mapping.notes().cloned());
        self.problems.extend(mapping.limits.iter().map(ToString::to_string));
        let Server::Connected(client) = server else { return Ok(()) };
        if !client.has_database().await? {
            return Ok(());
        }
        match inspect(client, wanted, &mapping, if_exists).await {
            Ok(TargetState::Absent) => {}
            Ok(TargetState::Skip) => self.action = SKIP,
            Ok(TargetState::Replace) => self.action = "replace",
            Ok(TargetState::Append(target)) => {
                self.action = "append";
                self.notes.push(format!("`{}` has {} rows already", self.target_name, target.rows));
                for (field, name) in self.fields.iter_mut().zip(target.field_names) {
                    field.name = name;
                }
            }
            Err(error @ (Error::CollectionExists { .. } | Error::TargetDiffers { .. })) => {
                self.problems.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn explain(&mut self, plan: &CollectionPlan, options: ReportOptions) {
        if !options.explain {
            return;
        }
        let physical = plan.rows.frame.clone().create_physical_plan().await;
        self.query_plan = Some(match physical {
            Ok(physical) => displayable(physical.as_ref()).indent(false).to_string(),
            Err(error) => error.to_string(),
        });
    }
}

fn index_report(spec: &IndexSpec) -> IndexReport {
    IndexReport { index_type: spec.index_type.clone(), params: spec.params.clone() }
}

fn of_collection(plan: &CollectionPlan, settings: &DumpSettings) -> CollectionReport {
    let partitions: Vec<PartitionReport> =
        plan.partitions.iter().map(|partition| of_partition(plan, partition, settings)).collect();
    let jobs = partitions.iter().map(|partition| partition.file_sets).sum();
    let collection = plan.collection();
    CollectionReport {
        name: plan.name.clone(),
        target_name: plan.target_name.clone(),
        action: "create",
        filter: plan.filter.clone(),
        query: plan.query.clone(),
        live_rows: plan.partitions.iter().map(|partition| partition.live_rows).sum(),
        invalid_rows: plan.left_out.invalid,
        repeated_rows: plan.left_out.repeated,
        rows: plan.rows(),
        format: plan.choices.format.name(),
        files: jobs * plan.shape().files_of_a_set(),
        bytes: plan.rows() * plan.row_bytes(),
        jobs,
        fields: plan.fields.iter().map(|field| field_report(Some(&field.column), &field.entry())).collect(),
        metric: collection.metric.name().into(),
        target_metric: None,
        index: index_words(collection.engine.name(), &collection.index_params),
        target_index: None,
        norms: plan.norms,
        partitions,
        notes: plan.notes.clone(),
        problems: Vec::new(),
        query_plan: None,
    }
}

fn of_partition(
    plan: &CollectionPlan,
    partition: &PartitionPlan,
    settings: &DumpSettings,
) -> PartitionReport {
    PartitionReport {
        tag: partition.tag.clone(),
        name: partition.name.clone(),
        live_rows: partition.live_rows,
        rows: partition.rows_at_most(),
        file_sets: plan.shape().file_sets(partition, settings),
    }
}

fn of_entry(entry: &CollectionEntry) -> CollectionReport {
    let sets = || entry.partitions.iter().flat_map(|partition| &partition.sets);
    let files = || sets().flat_map(|set| &set.files);
    let is_parquet = files().any(|file| file.field.is_empty());
    let partitions = entry.partitions.iter().map(|partition| PartitionReport {
        tag: partition.tag.clone(),
        name: partition.name.clone(),
        live_rows: None,
        rows: partition.rows,
        file_sets: partition.sets.len() as u64,
    });
    CollectionReport {
        name: entry.name.clone(),
        target_name: entry.target_name.clone(),
        action: "create",
        filter: entry.filter.clone(),
        query: entry.query.clone(),
        live_rows: None,
        invalid_rows: entry.left_out.invalid,
        repeated_rows: entry.left_out.repeated,
        rows: entry.rows,
        format: if is_parquet { "parquet" } else { "npy" },
        files: files().count() as u64,
        bytes: files().map(|file| file.bytes).sum(),
        jobs: sets().count() as u64,
        fields: entry.fields.iter().map(|field| field_report(None, field)).collect(),
        metric: entry.metric.clone(),
        target_metric: None,
        index: index_words(&entry.engine, &entry.index_params),
        target_index: None,
        norms: None,
        partitions: partitions.collect(),
        notes: Vec::new(),
        problems: Vec::new(),
        query_plan: None,
    }
}

fn field_report(column: Option<&String>, entry: &m2m_sink::manifest::FieldEntry) -> FieldReport {
    let role = match (entry.primary, entry.partition_key) {
        (true, _) => Some("primary key"),
        (_, true) => Some("partition key"),
        _ => None,
    };
    let field_type = match entry.max_length.or(entry.dimension) {
        Some(number) => format!("{}({number})", entry.field_type),
        None => entry.field_type.clone(),
    };
    FieldReport {
        column: column.cloned(),
        name: entry.name.clone(),
        field_type,
        role,
        nullable: entry.nullable,
    }
}

/// An index with its parameters, as that of Milvus 2.x is shown.
fn index_words(engine: &str, params: &str) -> String {
    let params: BTreeMap<String, serde_json::Value> = serde_json::from_str(params).unwrap_or_default();
    let words = params.into_iter().map(|(name, value)| format!("{name}={value}"));
    std::iter::once(engine.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Seconds that writing so many bytes takes, about.
pub(crate) fn dump_seconds(bytes: u64) -> f64 {
    bytes as f64 / DUMPED_BYTES_A_SECOND
}

/// Seconds that importing so many bytes in so many jobs takes, about, without indexes.
pub(crate) fn load_seconds(bytes: u64, jobs: u64) -> f64 {
    bytes as f64 / IMPORTED_BYTES_A_SECOND + jobs as f64 * JOB_SECONDS
}

/// Whole seconds, one at least.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, bounded above and below"
)]
fn whole(seconds: f64) -> u64 {
    seconds.ceil().clamp(1.0, 1e15) as u64
}
