// SPDX-License-Identifier: Apache-2.0
//! What a configuration says of single collections: `m2m.collections`.

use std::collections::BTreeMap;

use super::keys::{Key, collection, field};
use super::names::Owner;
use super::{Config, Value};
use crate::error::{Error, Result};

/// What is said of one collection. Where nothing is, what is said of all counts.
///
/// Choices are words in their documented spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CollectionConfig {
    /// `where`: the condition that its rows meet.
    pub(crate) filter: Option<String>,
    /// `query`: where its rows come from; never beside a filter.
    pub(crate) query: Option<String>,
    /// The 1.x collection whose metric and index a query's rows have.
    pub(crate) from: Option<String>,
    /// The name in Milvus 2.x.
    pub(crate) name: Option<String>,
    pub(crate) id_field: Option<String>,
    pub(crate) vector_field: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) partitions: Option<String>,
    pub(crate) partition_field: Option<String>,
    pub(crate) ip_to_cosine: Option<String>,
    pub(crate) index: Option<String>,
    pub(crate) duplicates: Option<String>,
    pub(crate) invalid_vectors: Option<String>,
    /// What is said of columns, by their names.
    pub(crate) fields: BTreeMap<String, FieldConfig>,
}

/// What is said of one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldConfig {
    /// The name in Milvus 2.x.
    pub(crate) name: Option<String>,
    /// `type`: the type in Milvus 2.x, in lower case.
    pub(crate) field_type: Option<String>,
    /// Bytes of the longest text, for a `varchar`.
    pub(crate) max_length: Option<u32>,
}

impl Config {
    /// What is said of single collections, by their names.
    pub(crate) fn collections(&self) -> BTreeMap<String, CollectionConfig> {
        let mut collections: BTreeMap<String, CollectionConfig> = BTreeMap::new();
        for owner in self.owners() {
            let Owner::Of { collection, column } = owner else { continue };
            // The collection itself comes before its columns.
            let of_it = collections.entry(collection.clone()).or_default();
            match column {
                None => *of_it = self.collection(owner),
                Some(column) => drop(of_it.fields.insert(column.clone(), self.field(owner))),
            }
        }
        collections
    }

    fn collection(&self, owner: &Owner) -> CollectionConfig {
        let text = |key: &Key| self.text_of(owner, key).map(str::to_owned);
        CollectionConfig {
            filter: text(&collection::WHERE),
            query: text(&collection::QUERY),
            from: text(&collection::FROM),
            name: text(&collection::TARGET_NAME),
            id_field: text(&collection::ID_FIELD),
            vector_field: text(&collection::VECTOR_FIELD),
            format: text(&collection::FORMAT),
            partitions: text(&collection::PARTITIONS),
            partition_field: text(&collection::PARTITION_FIELD),
            ip_to_cosine: text(&collection::IP_TO_COSINE),
            index: text(&collection::INDEX),
            duplicates: text(&collection::DUPLICATES),
            invalid_vectors: text(&collection::INVALID_VECTORS),
            fields: BTreeMap::new(),
        }
    }

    fn field(&self, owner: &Owner) -> FieldConfig {
        let text = |key: &Key| self.text_of(owner, key).map(str::to_owned);
        let max_length = match self.get_of(owner, &field::MAX_LENGTH) {
            Some((Value::Integer(length), _)) => u32::try_from(*length).ok(),
            _ => None,
        };
        FieldConfig { name: text(&field::FIELD_NAME), field_type: text(&field::FIELD_TYPE), max_length }
    }

    /// Refuses settings of which each is fine, but not beside the other.
    pub(super) fn check_collections(&self) -> Result<()> {
        for owner in self.owners() {
            self.refuse_both(owner, &collection::WHERE, &collection::QUERY)?;
            let is_text = self.text_of(owner, &field::FIELD_TYPE).is_none_or(|found| found == field::VARCHAR);
            if !is_text {
                self.refuse_both(owner, &field::FIELD_TYPE, &field::MAX_LENGTH)?;
            }
        }
        Ok(())
    }

    fn refuse_both(&self, owner: &Owner, one: &Key, other: &Key) -> Result<()> {
        let (Some((_, of_one)), Some((_, of_other))) = (self.get_of(owner, one), self.get_of(owner, other))
        else {
            return Ok(());
        };
        let (one, other) = (one.name(), other.name());
        let reason = format!(
            "`{one}` ({of_one}) and `{other}` ({of_other}) do not go together: leave one of them out"
        );
        Err(Error::Setting { setting: owner.to_string(), reason })
    }
}

#[cfg(test)]
mod tests;
