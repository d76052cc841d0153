// SPDX-License-Identifier: Apache-2.0
//! Having a server store what it holds in memory.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::Result;
use crate::proto::milvus as pb;

/// Pause before a server is asked again whether it has stored everything.
const PAUSE: Duration = Duration::from_millis(250);

impl Client {
    /// Has the server write what a collection holds in memory to its storage,
    /// and waits until it has, 60 s at most.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or when the server does not end in time.
    pub async fn flush(&self, name: &str) -> Result<()> {
        let call = Call::change("Flush", collection(name));
        let message = pb::FlushRequest { db_name: self.database(), collection_names: vec![name.to_owned()] };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move { service.flush(request).await })
            .await?;
        let end = Instant::now() + call.deadline;
        let state = state_request(self.database(), name, answer);
        while !self.is_flushed(name, state.clone()).await? {
            if Instant::now() + PAUSE > end {
                return Err(self.timed_out(&call));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn is_flushed(&self, name: &str, message: pb::GetFlushStateRequest) -> Result<bool> {
        let call = Call::read("GetFlushState", collection(name));
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.get_flush_state(request).await
            })
            .await?;
        Ok(answer.flushed)
    }
}

/// The question whether what a flush has begun is done: 2.2 knows it by the
/// segments, newer servers by the time as well.
fn state_request(db_name: String, name: &str, mut begun: pb::FlushResponse) -> pb::GetFlushStateRequest {
    let segments = begun.coll_seg_i_ds.remove(name);
    pb::GetFlushStateRequest {
        segment_i_ds: segments.map(|segments| segments.data).unwrap_or_default(),
        flush_ts: begun.coll_flush_ts.get(name).copied().unwrap_or_default(),
        db_name,
        collection_name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::schema::LongArray;

    #[test]
    fn the_state_is_asked_of_what_the_flush_has_begun() {
        let segments = |data: &[i64]| LongArray { data: data.to_vec() };
        let begun = pb::FlushResponse {
            coll_seg_i_ds: [("films".into(), segments(&[7, 9])), ("other".into(), segments(&[8]))].into(),
            coll_flush_ts: [("films".into(), 42)].into(),
            ..pb::FlushResponse::default()
        };
        let asked = state_request("db".to_owned(), "films", begun.clone());
        assert_eq!((asked.segment_i_ds, asked.flush_ts), (vec![7, 9], 42));
        assert_eq!((asked.db_name.as_str(), asked.collection_name.as_str()), ("db", "films"));
        let old = pb::FlushResponse { coll_flush_ts: [].into(), ..begun };
        let asked = state_request(String::new(), "other", old);
        assert_eq!((asked.segment_i_ds, asked.flush_ts), (vec![8], 0));
        let nothing = state_request(String::new(), "films", pb::FlushResponse::default());
        assert_eq!((nothing.segment_i_ds.len(), nothing.flush_ts), (0, 0));
    }
}
