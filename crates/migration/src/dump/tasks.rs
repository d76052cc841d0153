// SPDX-License-Identifier: Apache-2.0
//! The query plan of each partition.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{Expr, cast, ident};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::{DataFrame, SessionContext, lit};
use m2m_datasource::{
    ID, PARTITION_TAG, RemoteEngine, SCAN_BATCH_ROWS, SEGMENT_ID, SEGMENT_OFFSET, planning_here,
};
use m2m_sink::manifest::SetEntry;
use m2m_sink::{
    CommitExec, ImportField, NpyWriteExec, NpyWriteOptions, PlannedSet, SetNaming, StreamWriteExec,
    StreamWriteOptions, WrittenFile, keeps_source_order, split_by_partition,
};
use m2m_storage::Storage;

use super::journal::Journal;
use super::leftovers::folder;
use super::open_target;
use super::sets::{planned, whole};
use crate::error::{Error, Result};
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan, Work, pieces};
use crate::settings::DumpSettings;

/// Parts of a local file: they are written while the processor's cache still holds them.
const LOCAL_PART_BYTES: usize = 1 << 20;
/// Another writer is worth a file of its own when it has so much to do.
const WORTH_A_WRITER_BYTES: u64 = 64 << 20;

/// One partition on its way: where it stands in the plan, and its query plan.
pub(super) struct Task<'a> {
    /// Place of collection and partition in the plan.
    pub(super) place: (usize, usize),
    pub(super) groups: usize,
    pub(super) ctx: SessionContext,
    pub(super) write: Arc<dyn ExecutionPlan>,
    pub(super) commit: Arc<dyn ExecutionPlan>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) partition: &'a PartitionPlan,
    /// Whether a file set that is complete is the same whenever it is written, and so need not
    /// wait for the others of its partition.
    pub(super) is_known_by_name: bool,
    /// Whether its files are written by others than this process.
    pub(super) is_remote: bool,
}

/// The tasks of all partitions of which something is still to be written.
pub(super) async fn tasks<'a>(
    plan: &'a DumpPlan,
    journal: &Journal<'_>,
    target: &Storage,
    settings: &DumpSettings,
) -> Result<Vec<Task<'a>>> {
    let mut tasks = Vec::new();
    for (at, collection) in plan.collections.iter().enumerate() {
        open_target(&collection.rows.ctx, target);
        for (index, partition) in collection.partitions.iter().enumerate() {
            let place = (at, index);
            let Some(entry) = journal.partition(place).filter(|entry| entry.unfinished) else { continue };
            let writing = Writing { collection, partition, target, settings };
            let nodes = match &partition.work {
                Work::Nothing => continue,
                Work::Planned { groups, .. } if writing.missing(groups, &entry.sets)?.is_empty() => {
                    // Nothing was missing but the note that it is all.
                    journal.end(place, whole(entry.sets, collection, partition)?, true);
                    continue;
                }
                Work::Planned { groups, segments } => writing.planned(groups, segments, &entry.sets)?,
                Work::Streamed => writing.streamed(&entry.sets).await?,
            };
            if !nodes.is_known_by_name {
                journal.forget(place);
            }
            let Nodes { ctx, groups, write, commit, is_known_by_name, is_remote } = nodes;
            tasks.push(Task {
                place,
                groups,
                ctx,
                write,
                commit,
                plan: collection,
                partition,
                is_known_by_name,
                is_remote,
            });
        }
    }
    Ok(tasks)
}

/// The tag of a row as text. One that is text stays as it is, so that a scan can tell segments by it.
fn tag_of(frame: &DataFrame) -> Expr {
    let tag = frame.schema().as_arrow().column_with_name(PARTITION_TAG);
    match tag.map(|(_, field)| field.data_type()) {
        Some(other) if !other.is_string() => cast(ident(PARTITION_TAG), DataType::Utf8),
        _ => ident(PARTITION_TAG),
    }
}

/// The node that writes, the one that commits, and how they are run.
struct Nodes {
    ctx: SessionContext,
    groups: usize,
    write: Arc<dyn ExecutionPlan>,
    commit: Arc<dyn ExecutionPlan>,
    is_known_by_name: bool,
    is_remote: bool,
}

/// A session whose scans hand out their batches uncut: rows that are written as they come need
/// not be few, as those that are sorted.
fn with_whole_batches(ctx: &SessionContext) -> SessionContext {
    let mut state = ctx.state();
    *state.config_mut() = state.config().clone().with_batch_size(SCAN_BATCH_ROWS);
    SessionContext::new_with_state(state)
}

/// A partition that is to be written.
struct Writing<'a> {
    collection: &'a CollectionPlan,
    partition: &'a PartitionPlan,
    target: &'a Storage,
    settings: &'a DumpSettings,
}

impl Writing<'_> {
    /// Scan, write once per scan partition, commit once. Sets that are complete are not read.
    fn planned(
        &self,
        groups: &[Vec<PlannedSet>],
        segments: &[usize],
        complete: &[SetEntry],
    ) -> Result<Nodes> {
        let groups = self.missing(groups, complete)?;
        let sets: Vec<_> = groups.iter().flatten().map(|planned| planned.set.clone()).collect();
        let ctx = &self.collection.rows.ctx;
        let engine = RemoteEngine::of(ctx.state_ref().read().config());
        let (is_remote, ctx) = (engine.is_some(), with_whole_batches(ctx));
        let write = match engine {
            None => self.scan_and_write(&groups, segments)?,
            // The files of a plan that runs elsewhere are known when it has ended.
            Some(engine) => together(
                groups
                    .iter()
                    .flatten()
                    .map(|set| engine.place(self.scan_and_write(&[vec![set.clone()]], segments)?))
                    .collect::<DFResult<_>>()?,
            )?,
        };
        let gather = Arc::new(CoalescePartitionsExec::new(Arc::clone(&write)));
        let commit = Arc::new(CommitExec::of_sets(gather, sets)?);
        Ok(Nodes { ctx, groups: groups.len(), write, commit, is_known_by_name: true, is_remote })
    }

    /// The rows of some file sets, and the node that writes them.
    fn scan_and_write(
        &self,
        groups: &[Vec<PlannedSet>],
        segments: &[usize],
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let columns = ["id", "vector", "segment_id", "segment_offset"];
        let scan = self.collection.table().scan_pieces(pieces(groups, segments), &columns)?;
        let fields = &self.collection.fields;
        let options = NpyWriteOptions {
            base_url: self.target.base_url().clone(),
            prefix: self.target.prefix().clone(),
            collection: self.collection.name.clone(),
            fields: fields.iter().map(|field| field.column.clone()).collect(),
            field_names: fields.iter().map(|field| field.field.name.clone()).collect(),
            sets: groups.iter().flatten().map(|planned| planned.set.clone()).collect(),
            check_finite: true,
            checksum: self.settings.checksum,
            part_bytes: self.part_bytes(),
        };
        Ok(Arc::new(NpyWriteExec::try_new(scan, options)?))
    }

    /// The planned sets without those that are complete, which must be planned as they are.
    fn missing(&self, groups: &[Vec<PlannedSet>], complete: &[SetEntry]) -> Result<Vec<Vec<PlannedSet>>> {
        for set in complete {
            let is_planned = planned(self.partition, &set.name).is_some_and(|planned| {
                (planned.rows, Some(planned.segment_offset)) == (set.rows, set.segment_offset)
            });
            if !is_planned {
                return Err(Error::DumpDiffers {
                    location: self.target.display(self.target.prefix()),
                    what: "an unfinished",
                    difference: format!("file set `{}` is cut otherwise now", set.name),
                });
            }
        }
        let is_missing = |set: &&PlannedSet| !complete.iter().any(|known| known.name == set.set.name);
        let groups = groups.iter().map(|group| group.iter().filter(is_missing).cloned().collect::<Vec<_>>());
        Ok(groups.filter(|group| !group.is_empty()).collect())
    }

    /// The rows of the partition as a query gives them; files end where they are full.
    ///
    /// Where they come in the order of the source, a file set is known by its name, and one that
    /// is complete is passed over; otherwise all are written again.
    async fn streamed(&self, complete: &[SetEntry]) -> Result<Nodes> {
        let ctx = self.session();
        let is_collection = self.collection.query.is_none();
        let mut input = self.rows(&ctx, is_collection)?.create_physical_plan().await?;
        let partitions = input.output_partitioning().partition_count();
        let is_known_by_name = is_collection && keeps_source_order(&input);
        if !is_known_by_name && partitions > 1 {
            input = Arc::new(CoalescePartitionsExec::new(input));
        }
        let mut options = self.options(is_known_by_name);
        if is_known_by_name {
            let is_full = |set: &&SetEntry| set.rows == options.set_rows;
            options.finished = complete.iter().filter(is_full).flat_map(written_files).collect();
        }
        let fields = options.fields.iter().map(|field| field.field.clone()).collect();
        let format = options.format;
        let write = |input, options: &StreamWriteOptions| -> DFResult<Arc<dyn ExecutionPlan>> {
            Ok(Arc::new(StreamWriteExec::try_new(input, options.clone())?))
        };
        let engine = RemoteEngine::of(ctx.state_ref().read().config());
        let is_remote = engine.is_some() && is_known_by_name;
        let write = match engine {
            None => write(input, &options)?,
            Some(engine) if is_known_by_name => {
                let parts = split_by_partition(&input)?.into_iter();
                together(parts.map(|part| engine.place(write(part, &options)?)).collect::<DFResult<_>>()?)?
            }
            // Rows that come in any order would be other files whenever they are written: only
            // one process writes them, and once.
            Some(engine) => write(engine.place(input)?, &options)?,
        };
        let gather = Arc::new(CoalescePartitionsExec::new(Arc::clone(&write)));
        let commit = Arc::new(CommitExec::of_fields(gather, fields, format)?);
        Ok(Nodes { ctx, groups: partitions, write, commit, is_known_by_name, is_remote })
    }

    /// A session with as many writers as have enough to do.
    fn session(&self) -> SessionContext {
        let bytes = self.partition.rows_at_most().saturating_mul(self.collection.row_bytes());
        let useful = usize::try_from(bytes / WORTH_A_WRITER_BYTES).unwrap_or(usize::MAX);
        let workers = useful.clamp(1, self.settings.workers.max(1));
        let ctx = &self.collection.rows.ctx;
        let mut state = ctx.state();
        let options = state.config_mut().options_mut();
        options.execution.target_partitions = workers;
        // Rows stay in the order of their segments, so that a file set is the same whenever it is written.
        options.optimizer.enable_round_robin_repartition = false;
        // Where it runs is decided of the plan that writes.
        SessionContext::new_with_state(planning_here(state))
    }

    /// The columns that are written, and where rows are stored.
    fn rows(&self, ctx: &SessionContext, with_origin: bool) -> Result<DataFrame> {
        let collection = self.collection;
        let plan = collection.rows.frame.logical_plan().clone();
        let mut frame = DataFrame::new(ctx.state(), plan);
        if collection.routes() {
            let tag = tag_of(&frame);
            frame = frame.filter(tag.eq(lit(self.partition.tag.as_str())))?;
        }
        let mut columns: Vec<_> = collection
            .fields
            .iter()
            .map(|field| cast(ident(&field.column), field.data_type.clone()).alias(&field.column))
            .collect();
        if with_origin {
            columns.extend([ident(SEGMENT_ID), ident(SEGMENT_OFFSET)]);
        }
        Ok(frame.select(columns)?)
    }

    fn options(&self, with_origin: bool) -> StreamWriteOptions {
        let collection = self.collection;
        let field = |planned: &crate::fields::PlannedField| ImportField {
            column: planned.column.clone(),
            field: planned.field.name.clone(),
            kind: planned.kind(),
            nullable: planned.field.nullable,
        };
        let folder = folder(&collection.name, &self.partition.name);
        StreamWriteOptions {
            base_url: self.target.base_url().clone(),
            prefix: self.target.prefix().clone(),
            collection: collection.name.clone(),
            folder,
            format: collection.choices.format,
            fields: collection.fields.iter().map(field).collect(),
            id_column: ID.into(),
            set_rows: collection.rows_of_a_set(self.settings),
            naming: if with_origin { SetNaming::Origin } else { SetNaming::Numbered },
            check_finite: true,
            checksum: self.settings.checksum,
            part_bytes: self.part_bytes(),
            finished: Vec::new(),
        }
    }

    fn part_bytes(&self) -> usize {
        match self.target.is_local() {
            true => self.settings.part_bytes.min(LOCAL_PART_BYTES),
            false => self.settings.part_bytes,
        }
    }
}

/// The partitions of several plans as those of one.
fn together(mut plans: Vec<Arc<dyn ExecutionPlan>>) -> DFResult<Arc<dyn ExecutionPlan>> {
    match (plans.pop(), plans.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            plans.extend(last);
            UnionExec::try_new(plans)
        }
    }
}

/// The files of a set, as the node that wrote them told of them.
fn written_files(set: &SetEntry) -> impl Iterator<Item = WrittenFile> + '_ {
    set.files.iter().map(|file| WrittenFile {
        set: set.name.clone(),
        path: file.path.clone(),
        field: file.field.clone(),
        rows: file.rows,
        bytes: file.bytes,
        crc32c: file.crc32c,
        sha256: file.sha256.clone(),
        dtype: file.dtype.clone(),
        width: None,
        segments: set.segments.clone(),
    })
}
