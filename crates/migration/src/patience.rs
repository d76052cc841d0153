// SPDX-License-Identifier: Apache-2.0
//! Waiting for a server, with pauses that grow and an end.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A pause is this part of the time that was waited: an end is seen so much late at most.
const SHARE: u32 = 16;

/// Waits between questions; gives up when nothing moved for `limit`.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    reached: u64,
    since: Instant,
    began: Instant,
}

impl Patience {
    /// Patience that ends after `limit` without progress.
    pub(crate) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, reached: 0, since: now, began: now }
    }

    /// Pauses before the next question. `reached` says how far things are; the
    /// clock starts anew whenever it grows.
    pub(crate) async fn wait(
        &mut self,
        reached: u64,
        what: impl FnOnce() -> String,
        last: impl FnOnce() -> String,
    ) -> Result<()> {
        if reached > self.reached {
            (self.reached, self.since) = (reached, Instant::now());
        }
        if self.since.elapsed() > self.limit {
            return Err(Error::TimedOut { what: what(), seconds: self.limit.as_secs(), last: last() });
        }
        tokio::time::sleep(pause(self.began.elapsed())).await;
        Ok(())
    }
}

fn pause(waited: Duration) -> Duration {
    (waited / SHARE).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waits(limit: Duration, questions: u64, reached: impl Fn(u64) -> u64) -> Result<()> {
        let mut patience = Patience::new(limit);
        for asked in 0..questions {
            patience
                .wait(reached(asked), || "the index".into(), || format!("{} rows", reached(asked)))
                .await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn it_ends_when_nothing_moves() {
        let ended = waits(Duration::from_millis(50), 9, |_| 7).await;
        assert_eq!(ended.unwrap_err().to_string(), "the index did not end within 0 s; last seen: 7 rows");
    }

    #[test]
    fn an_end_is_seen_soon_and_questions_are_few() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(Duration::ZERO), Duration::from_millis(100));
        assert_eq!(pause(seconds(8)), Duration::from_millis(500));
        assert_eq!(pause(seconds(900)), seconds(2));
    }

    #[tokio::test]
    async fn it_goes_on_while_something_moves() {
        waits(Duration::from_millis(50), 4, |asked| asked + 1).await.unwrap();
    }
}
