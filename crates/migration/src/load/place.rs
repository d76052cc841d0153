// SPDX-License-Identifier: Apache-2.0
//! Making the collections that files are imported into.

use m2m_milvus::{Client, NewCollection, mapping};

use super::prepare::CollectionLoad;
use crate::error::Result;
use crate::target::{TargetState, Wanted};

/// Creates a collection with its partitions, or what is missing of it.
pub(super) async fn make(client: &Client, load: &CollectionLoad<'_>, shards: i32) -> Result<()> {
    let wanted = &load.wanted;
    match &load.state {
        TargetState::Skip => Ok(()),
        TargetState::Absent => create(client, wanted, shards).await,
        TargetState::Replace => {
            client.drop_collection(&wanted.name).await?;
            create(client, wanted, shards).await
        }
        TargetState::Append(appended) => {
            let missing =
                wanted.partitions.iter().filter(|name| !appended.partition_rows.contains_key(*name));
            create_partitions(client, &wanted.name, missing).await
        }
    }
}

async fn create(client: &Client, wanted: &Wanted, shards: i32) -> Result<()> {
    client
        .create_collection(&NewCollection {
            name: wanted.name.clone(),
            fields: wanted.fields.clone(),
            shards,
            description: format!("migrated from Milvus 1.x collection {}", wanted.source),
        })
        .await?;
    let others = wanted.partitions.iter().filter(|name| *name != mapping::DEFAULT_PARTITION);
    create_partitions(client, &wanted.name, others).await
}

async fn create_partitions(
    client: &Client,
    collection: &str,
    partitions: impl Iterator<Item = &String>,
) -> Result<()> {
    for partition in partitions {
        client.create_partition(collection, partition).await?;
    }
    Ok(())
}
