// SPDX-License-Identifier: Apache-2.0
//! A collection that is in Milvus' memory no longer than it is compared.

use std::time::Duration;

use m2m_milvus::Client;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::memory;

/// Less than the program has for an orderly end.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// Frees the memory of a collection at the end, also at one that comes early.
pub(super) struct Held<'a> {
    client: &'a Client,
    name: &'a str,
    is_held: bool,
}

impl<'a> Held<'a> {
    /// Loads a collection. A half-loaded one takes memory as well, and is released too.
    pub(super) async fn load(client: &'a Client, name: &'a str) -> Result<Self> {
        let held = Self { client, name, is_held: true };
        match memory::load(client, name).await {
            Ok(()) => Ok(held),
            Err(error) => {
                // Why it cannot be loaded says more than that it cannot be released.
                if let Err(error) = held.release().await {
                    tracing::debug!(%error, "the collection is not released");
                }
                Err(error)
            }
        }
    }

    /// Releases it.
    pub(super) async fn release(mut self) -> Result<()> {
        self.is_held = false;
        Ok(self.client.release(self.name).await?)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Nobody waits for an answer when a verification is interrupted.
        let Some(runtime) = self.is_held.then(Handle::try_current).and_then(|found| found.ok()) else {
            return;
        };
        let (client, name) = (self.client.clone(), self.name.to_owned());
        runtime.spawn(async move {
            let released = tokio::time::timeout(LAST_WORDS, client.release(&name)).await;
            if !matches!(released, Ok(Ok(()))) {
                tracing::warn!("collection `{name}` was loaded to be compared, and stays in Milvus' memory");
            }
        });
    }
}
