// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use m2m_milvus::{Client, ImportPhase};
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(250);

/// Waits until no import into a collection is at work, and says whether that came within `limit`.
///
/// Asked before a collection is dropped: a Milvus 2.3.5 whose collection goes while imported
/// rows are written and not yet visible keeps the data node for them, and starts no other
/// import for a quarter of an hour ("busy DataNode" in its log). Of a collection that is not
/// there, and of a server that does not answer, nothing is waited for.
pub(crate) async fn imports_end(client: &Client, name: &str, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let Ok(jobs) = client.imports(name).await else { return true };
        let mut phases = jobs.iter().map(|job| job.status.phase);
        if phases.all(|phase| matches!(phase, ImportPhase::Completed | ImportPhase::Failed)) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
