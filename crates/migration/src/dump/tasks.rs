// SPDX-License-Identifier: Apache-2.0
//! The query plan of each partition.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast, ident};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::{DataFrame, SessionContext, lit};
use m2m_datasource::{ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET};
use m2m_sink::{
    CommitExec, ImportField, NpyWriteExec, NpyWriteOptions, PlannedSet, SetNaming, StreamWriteExec,
    StreamWriteOptions,
};
use m2m_storage::Storage;

use super::open_target;
use crate::error::Result;
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan, Work, pieces};
use crate::settings::DumpSettings;

/// Parts of a local file: a disk gains nothing by larger ones.
const LOCAL_PART_BYTES: usize = 4 << 20;
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
}

/// The tasks of all partitions that have rows.
pub(super) async fn tasks<'a>(
    plan: &'a DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
) -> Result<Vec<Task<'a>>> {
    let mut tasks = Vec::new();
    for (at, collection) in plan.collections.iter().enumerate() {
        open_target(&collection.rows.ctx, target);
        for (index, partition) in collection.partitions.iter().enumerate() {
            let writing = Writing { collection, partition, target, settings };
            let (ctx, groups, (write, commit)) = match &partition.work {
                Work::Nothing => continue,
                Work::Planned { groups, segments } => {
                    let nodes = writing.planned(groups, segments)?;
                    (collection.rows.ctx.clone(), groups.len(), nodes)
                }
                Work::Streamed => writing.streamed().await?,
            };
            tasks.push(Task { place: (at, index), groups, ctx, write, commit, plan: collection });
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

/// The node that writes, and the one that commits.
type Nodes = (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>);

/// A partition that is to be written.
struct Writing<'a> {
    collection: &'a CollectionPlan,
    partition: &'a PartitionPlan,
    target: &'a Storage,
    settings: &'a DumpSettings,
}

impl Writing<'_> {
    /// Scan, write once per scan partition, commit once.
    fn planned(&self, groups: &[Vec<PlannedSet>], segments: &[usize]) -> Result<Nodes> {
        let columns = ["id", "vector", "segment_id", "segment_offset"];
        let scan = self.collection.table().scan_pieces(pieces(groups, segments), &columns)?;
        let sets: Vec<_> = groups.iter().flatten().map(|planned| planned.set.clone()).collect();
        let fields = &self.collection.fields;
        let options = NpyWriteOptions {
            base_url: self.target.base_url().clone(),
            prefix: self.target.prefix().clone(),
            collection: self.collection.name.clone(),
            fields: fields.iter().map(|field| field.column.clone()).collect(),
            field_names: fields.iter().map(|field| field.field.name.clone()).collect(),
            sets: sets.clone(),
            check_finite: true,
            part_bytes: self.part_bytes(),
        };
        let write: Arc<dyn ExecutionPlan> = Arc::new(NpyWriteExec::try_new(scan, options)?);
        let gather = Arc::new(CoalescePartitionsExec::new(Arc::clone(&write)));
        let commit = Arc::new(CommitExec::of_sets(gather, sets)?);
        Ok((write, commit))
    }

    /// The rows of the partition as a query gives them; files end where they are full.
    async fn streamed(&self) -> Result<(SessionContext, usize, Nodes)> {
        let ctx = self.session();
        let is_collection = self.collection.query.is_none();
        let mut input = self.rows(&ctx, is_collection)?.create_physical_plan().await?;
        let partitions = input.output_partitioning().partition_count();
        if !is_collection && partitions > 1 {
            input = Arc::new(CoalescePartitionsExec::new(input));
        }
        let options = self.options(is_collection);
        let fields = options.fields.iter().map(|field| field.field.clone()).collect();
        let format = options.format;
        let write: Arc<dyn ExecutionPlan> = Arc::new(StreamWriteExec::try_new(input, options)?);
        let gather = Arc::new(CoalescePartitionsExec::new(Arc::clone(&write)));
        let commit = Arc::new(CommitExec::of_fields(gather, fields, format)?);
        Ok((ctx, partitions, (write, commit)))
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
        SessionContext::new_with_state(state)
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
        let folder = match self.partition.name.as_str() {
            "" => format!("{}/_all", collection.name),
            name => format!("{}/{name}", collection.name),
        };
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
            part_bytes: self.part_bytes(),
        }
    }

    fn part_bytes(&self) -> usize {
        match self.target.is_local() {
            true => self.settings.part_bytes.min(LOCAL_PART_BYTES),
            false => self.settings.part_bytes,
        }
    }
}
