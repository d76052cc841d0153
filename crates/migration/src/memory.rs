// SPDX-License-Identifier: Apache-2.0
//! Having a collection in Milvus' memory, where alone it can be asked and searched.

use std::time::Duration;

use m2m_milvus::Client;

use crate::error::Result;
use crate::patience::Patience;

/// Longest time in which no further percent is loaded.
const LOAD_STALL: Duration = Duration::from_secs(600);

/// How much of a collection is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// All of it.
    Loaded,
    /// A part; somebody is loading it.
    Loading,
    /// Nothing.
    Absent,
}

/// Asks how much of a collection is in memory.
pub(crate) async fn memory_of(client: &Client, name: &str) -> Result<Memory> {
    let loaded = client.loaded_collections().await?;
    Ok(match loaded.get(name) {
        Some(percent) if *percent >= 100 => Memory::Loaded,
        Some(_) => Memory::Loading,
        None => Memory::Absent,
    })
}

/// Loads a collection, and waits for it.
pub(crate) async fn load(client: &Client, name: &str) -> Result<()> {
    client.load(name, false).await?;
    wait(client, name).await
}

/// Waits until a collection is in memory.
pub(crate) async fn wait(client: &Client, name: &str) -> Result<()> {
    let mut patience = Patience::new(LOAD_STALL);
    loop {
        let percent = client.load_percent(name).await?;
        if percent >= 100 {
            return Ok(());
        }
        let what = || format!("loading collection `{name}`");
        patience.wait(u64::from(percent), what, || format!("{percent} %")).await?;
    }
}
