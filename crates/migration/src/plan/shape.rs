// SPDX-License-Identifier: Apache-2.0
//! What is known of a dump from what is chosen for it, without its rows: sizes,
//! and what the collection should be in Milvus 2.x.

use m2m_catalog::Collection;
use m2m_sink::ImportFormat;

use super::{PartitionPlan, Work};
use crate::fields::PlannedField;
use crate::settings::{Choices, DumpSettings};
use crate::target::Wanted;

/// What becomes of one collection or query.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Its name, or the one given to a query.
    pub(crate) name: &'a str,
    /// Its name in Milvus 2.x.
    pub(crate) target_name: &'a str,
    /// The collection whose metric and index it has.
    pub(crate) collection: &'a Collection,
    pub(crate) choices: &'a Choices,
    /// Its fields in Milvus 2.x.
    pub(crate) fields: &'a [PlannedField],
    /// Whether `IP` becomes `COSINE`.
    pub(crate) cosine: bool,
}

impl Shape<'_> {
    /// Bytes of a row in import files, about.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.fields.iter().map(PlannedField::row_bytes).sum()
    }

    /// Rows of an import file set, when it is cut by rows.
    pub(crate) fn rows_of_a_set(&self, settings: &DumpSettings) -> u64 {
        let bytes = match self.choices.format {
            // One file of a set holds the vectors, which are the longest as a rule.
            ImportFormat::Npy => self.fields.iter().map(PlannedField::row_bytes).max().unwrap_or(1),
            ImportFormat::Parquet => self.row_bytes(),
        };
        (settings.file_bytes / bytes.max(1)).max(1)
    }

    /// File sets of a partition, each of them an import job.
    pub(crate) fn file_sets(&self, partition: &PartitionPlan, settings: &DumpSettings) -> u64 {
        match &partition.work {
            Work::Nothing => 0,
            Work::Planned { groups, .. } => groups.iter().map(|group| group.len() as u64).sum(),
            Work::Streamed => partition.rows_at_most().div_ceil(self.rows_of_a_set(settings)),
        }
    }

    /// Files of a file set.
    pub(crate) fn files_of_a_set(&self) -> u64 {
        match self.choices.format {
            ImportFormat::Npy => self.fields.len() as u64,
            ImportFormat::Parquet => 1,
        }
    }

    /// What it should be in Milvus 2.x.
    pub(crate) fn wanted(&self, partitions: &[PartitionPlan], settings: &DumpSettings) -> Wanted {
        let rows_of_a_set = self.rows_of_the_longest_set(partitions, settings);
        let set_bytes = rows_of_a_set.saturating_mul(self.row_bytes());
        let of_a_file = self.fields.iter().map(PlannedField::row_bytes).max().unwrap_or(0);
        let names = partitions.iter().map(|partition| partition.name.clone());
        Wanted {
            name: self.target_name.into(),
            source: self.name.into(),
            fields: self.fields.iter().map(|planned| planned.field.clone()).collect(),
            metric: self.collection.metric.name().into(),
            cosine: self.cosine,
            engine: self.collection.engine.name().into(),
            index_params: self.collection.index_params.clone(),
            partitions: names.filter(|name| !name.is_empty()).collect(),
            rows: partitions.iter().map(|partition| partition.rows).sum(),
            is_parquet: self.choices.format == ImportFormat::Parquet,
            file_bytes: match self.choices.format {
                ImportFormat::Npy => rows_of_a_set.saturating_mul(of_a_file),
                ImportFormat::Parquet => set_bytes,
            },
            set_bytes,
        }
    }

    fn rows_of_the_longest_set(&self, partitions: &[PartitionPlan], settings: &DumpSettings) -> u64 {
        let of_partition = |partition: &PartitionPlan| match &partition.work {
            Work::Nothing => 0,
            Work::Planned { groups, .. } => {
                groups.iter().flatten().map(|planned| planned.set.rows).max().unwrap_or(0)
            }
            Work::Streamed => self.rows_of_a_set(settings).min(partition.rows_at_most()),
        };
        partitions.iter().map(of_partition).max().unwrap_or(0)
    }
}
