// SPDX-License-Identifier: Apache-2.0
//! Making the collections that files are imported into.

use std::collections::BTreeMap;
use std::time::Duration;

use m2m_milvus::{Client, NewCollection, mapping};
use uuid::Uuid;

use super::prepare::CollectionLoad;
use crate::error::Result;
use crate::ledger::{Claim, Entry, Ledger};
use crate::target::{Appended, TargetState, Wanted, imports_end};

/// How long imports into a collection that is to be dropped are waited for.
const IMPORTS_END: Duration = Duration::from_secs(20);
/// What stands in the description of every collection that a load created.
pub(crate) const MARK: &str = "(m2m load ";

/// Creates a collection with its partitions, or what is missing of it, and returns what the
/// ledger knows it by. The ledger is first: whatever is made is known to be ours.
pub(super) async fn make(
    client: &Client,
    ledger: &Ledger,
    dump: &str,
    load: &CollectionLoad,
    shards: i32,
) -> Result<Entry> {
    let wanted = &load.wanted;
    if let Some(begun) = &load.taken_up {
        let there = client.list_partitions(&wanted.name).await?;
        create_partitions(client, wanted, |name| there.contains(name)).await?;
        return Ok(begun.clone());
    }
    let claim = match &load.state {
        TargetState::Append(appended) => appending(client, wanted, appended).await?,
        state => {
            let token = Uuid::new_v4().simple().to_string();
            Claim::Created { token, is_replacing: *state == TargetState::Replace }
        }
    };
    let entry = Entry {
        dump: dump.to_owned(),
        name: wanted.name.clone(),
        database: client.database(),
        address: client.address().to_owned(),
        claim,
        jobs: BTreeMap::new(),
        is_ended: false,
    };
    ledger.claim(entry.clone()).await?;
    if load.state == TargetState::Replace {
        drop_collection(client, &wanted.name).await?;
    }
    match (&entry.claim, &load.state) {
        (Claim::Created { token, .. }, _) => {
            create(client, wanted, shards, token).await?;
            create_partitions(client, wanted, |name| name == mapping::DEFAULT_PARTITION).await?;
        }
        (_, TargetState::Append(appended)) => {
            create_partitions(client, wanted, |name| appended.partition_rows.contains_key(name)).await?;
        }
        _ => {}
    }
    Ok(entry)
}

/// Drops a collection, as a rule when no import into it is at work any more.
pub(super) async fn drop_collection(client: &Client, name: &str) -> Result<()> {
    if !imports_end(client, name, IMPORTS_END).await {
        tracing::warn!(collection = name, "imports into it are still at work while it is dropped");
    }
    Ok(client.drop_collection(name).await?)
}

/// The number of a collection tells it from another that would take its name.
async fn appending(client: &Client, wanted: &Wanted, appended: &Appended) -> Result<Claim> {
    let info = client.describe_collection(&wanted.name).await?;
    Ok(Claim::Appended {
        collection_id: info.map(|info| info.id).unwrap_or_default(),
        rows: appended.rows,
        partition_rows: appended.partition_rows.clone(),
        index_rows: appended.index_rows,
        is_loaded: appended.is_loaded,
    })
}

async fn create(client: &Client, wanted: &Wanted, shards: i32, token: &str) -> Result<()> {
    let new = NewCollection {
        name: wanted.name.clone(),
        fields: wanted.fields.clone(),
        shards,
        description: format!("migrated from Milvus 1.x collection {} {MARK}{token})", wanted.source),
    };
    Ok(client.create_collection(&new).await?)
}

async fn create_partitions(
    client: &Client,
    wanted: &Wanted,
    is_there: impl Fn(&String) -> bool,
) -> Result<()> {
    for partition in wanted.partitions.iter().filter(|name| !is_there(name)) {
        client.create_partition(&wanted.name, partition).await?;
    }
    Ok(())
}
