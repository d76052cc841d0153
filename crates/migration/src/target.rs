// SPDX-License-Identifier: Apache-2.0
//! What a collection becomes on a server, and what is there already: decided
//! before anything is created, by a plan from what it intends to write and by
//! a load from the manifest.

mod count;
mod fields;
mod imports;
mod limit;
mod limits;
mod mapping;
mod repeated;
mod state;

use m2m_milvus::{Field, VectorType};
use m2m_sink::manifest::CollectionEntry;

use crate::error::Result;

pub(crate) use count::{count, count_each};
pub(crate) use imports::imports_end;
pub use limit::Limit;
pub(crate) use limit::said;
pub use mapping::{Mapping, map};
pub(crate) use repeated::find_rows;
pub use repeated::refuse_repeated;
pub use state::{Appended, TargetState, inspect};

/// A collection as it is wanted in Milvus 2.x.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name there.
    pub name: String,
    /// Its name in the source, or that of a query; for messages.
    pub source: String,
    /// Its fields, the primary key first.
    pub fields: Vec<Field>,
    /// The metric in Milvus 1.x, such as `L2`.
    pub metric: String,
    /// Whether `IP` becomes `COSINE`.
    pub cosine: bool,
    /// The index type in Milvus 1.x, such as `IVF_FLAT`.
    pub engine: String,
    /// The parameters of the index in Milvus 1.x, JSON.
    pub index_params: String,
    /// The partitions, by their names in Milvus 2.x; none where a partition key decides.
    pub partitions: Vec<String>,
    /// How many rows it gets, where that is known.
    pub rows: Option<u64>,
    /// Whether its import files are Parquet.
    pub is_parquet: bool,
    /// Bytes of the longest import file that is planned; 0 for files that are
    /// there, which are looked at one by one.
    pub file_bytes: u64,
    /// Bytes of the longest set of such files.
    pub set_bytes: u64,
}

impl Wanted {
    /// What a manifest says of a collection.
    ///
    /// # Errors
    ///
    /// When it has a field of a type that does not exist, or that lacks its
    /// dimension or its length.
    pub fn of_entry(entry: &CollectionEntry) -> Result<Self> {
        let sets = || entry.partitions.iter().flat_map(|partition| &partition.sets);
        let names = entry.partitions.iter().map(|partition| partition.name.clone());
        Ok(Self {
            name: entry.target_name.clone(),
            source: entry.name.clone(),
            fields: fields::of_entry(entry)?,
            metric: entry.metric.clone(),
            cosine: entry.cosine,
            engine: entry.engine.clone(),
            index_params: entry.index_params.clone(),
            partitions: names.filter(|name| !name.is_empty()).collect(),
            rows: Some(entry.rows),
            is_parquet: sets().flat_map(|set| &set.files).any(|file| file.field.is_empty()),
            file_bytes: 0,
            set_bytes: 0,
        })
    }

    /// Which of its fields is the primary key, and what it is.
    #[must_use]
    pub fn id_field(&self) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.is_primary)
    }

    /// Which of its fields is the vector, and what it is.
    #[must_use]
    pub fn vector_field(&self) -> Option<(usize, &Field, VectorType)> {
        let mut fields = self.fields.iter().enumerate();
        fields.find_map(|(at, field)| Some((at, field, field.field_type.vector()?)))
    }
}

#[cfg(test)]
mod testing;
