// SPDX-License-Identifier: Apache-2.0
//! Counting the rows of a collection that takes more of them.

use std::collections::BTreeMap;

use m2m_milvus::Client;

use crate::error::Result;

/// Counts the rows of a collection or of one partition. What is in memory is
/// counted as it is now; otherwise the server says what it stored, with rows
/// that were deleted since.
pub(crate) async fn count(
    client: &Client,
    name: &str,
    partition: Option<&str>,
    is_loaded: bool,
) -> Result<u64> {
    if is_loaded {
        return Ok(client.count(name, partition).await?);
    }
    let stored = client.stored_rows(name, partition).await?;
    Ok(u64::try_from(stored).unwrap_or_default())
}

/// Counts the rows of some partitions.
pub(crate) async fn count_each(
    client: &Client,
    name: &str,
    partitions: impl Iterator<Item = &str>,
    is_loaded: bool,
) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for partition in partitions {
        counts.insert(partition.to_owned(), count(client, name, Some(partition), is_loaded).await?);
    }
    Ok(counts)
}
