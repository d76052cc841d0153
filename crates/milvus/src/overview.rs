// SPDX-License-Identifier: Apache-2.0
//! What a server holds, whoever made it: for people who look before and after
//! a migration.

use std::collections::BTreeMap;

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::{Error, Result};
use crate::index::NO_INDEX;
use crate::proto::common::{IndexState, KeyValuePair};
use crate::proto::milvus as pb;

/// An index of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexOverview {
    /// The index's name.
    pub name: String,
    /// The field it is of.
    pub field: String,
    /// Its parameters, such as `index_type`, `metric_type` and `params`.
    pub params: BTreeMap<String, String>,
    /// Rows that are in it.
    pub indexed_rows: i64,
    /// Rows that it is about.
    pub total_rows: i64,
    /// The server's name of its state, such as `Finished`.
    pub state: String,
}

impl Client {
    /// The names of the database's collections, in order of names.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn list_collections(&self) -> Result<Vec<String>> {
        let mut names = self.show_collections(pb::ShowType::All).await?.collection_names;
        names.sort();
        Ok(names)
    }

    /// The collections that are being loaded or are in memory, with the percentage that is.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn loaded_collections(&self) -> Result<BTreeMap<String, i64>> {
        let answer = self.show_collections(pb::ShowType::InMemory).await?;
        Ok(answer.collection_names.into_iter().zip(answer.in_memory_percentages).collect())
    }

    async fn show_collections(&self, kind: pb::ShowType) -> Result<pb::ShowCollectionsResponse> {
        let call = Call::read("ShowCollections", "the database".to_owned());
        let message = pb::ShowCollectionsRequest { db_name: self.database(), r#type: kind.into() };
        self.call(&call, message, |mut service: Service, request| async move {
            service.show_collections(request).await
        })
        .await
    }

    /// The rows of a collection, or of one partition, that the server has
    /// written to its storage. Deleted rows count until it compacts them away.
    ///
    /// # Errors
    ///
    /// When there is no such collection or partition, or the server does not answer.
    pub async fn stored_rows(&self, name: &str, partition: Option<&str>) -> Result<i64> {
        let (db_name, collection_name) = (self.database(), name.to_owned());
        let call = Call::read("GetStatistics", collection(name));
        let answer = match partition {
            None => {
                let message = pb::GetCollectionStatisticsRequest { db_name, collection_name };
                self.call(&call, message, |mut service: Service, request| async move {
                    service.get_collection_statistics(request).await
                })
                .await?
            }
            Some(partition) => {
                let partition_name = partition.to_owned();
                let message = pb::GetPartitionStatisticsRequest { db_name, collection_name, partition_name };
                self.call(&call, message, |mut service: Service, request| async move {
                    service.get_partition_statistics(request).await
                })
                .await?
            }
        };
        number(&answer.stats, "row_count").ok_or_else(|| call.unexpected("a `row_count`", "none"))
    }

    /// The indexes of a collection.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or the server does not answer.
    pub async fn indexes(&self, name: &str) -> Result<Vec<IndexOverview>> {
        match self.describe_indexes(name, "").await {
            Ok((_, indexes)) => Ok(indexes.into_iter().map(index).collect()),
            Err(Error::Refused { code, .. }) if NO_INDEX.contains(&code) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn index(index: pb::IndexDescription) -> IndexOverview {
    let state = IndexState::try_from(index.state);
    IndexOverview {
        name: index.index_name,
        field: index.field_name,
        indexed_rows: index.indexed_rows,
        total_rows: index.total_rows,
        state: state.map_or(index.state.to_string(), |state| state.as_str_name().to_owned()),
        params: index.params.into_iter().map(|pair| (pair.key, pair.value)).collect(),
    }
}

fn number(pairs: &[KeyValuePair], key: &str) -> Option<i64> {
    pairs.iter().find(|pair| pair.key == key)?.value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> KeyValuePair {
        KeyValuePair { key: key.into(), value: value.into() }
    }

    #[test]
    fn an_index_keeps_its_parameters() {
        let shown = index(pb::IndexDescription {
            index_name: "v".into(),
            params: vec![pair("index_type", "HNSW"), pair("metric_type", "L2")],
            state: 3,
            ..pb::IndexDescription::default()
        });
        assert_eq!((shown.state.as_str(), shown.params["index_type"].as_str()), ("Finished", "HNSW"));
    }
}
