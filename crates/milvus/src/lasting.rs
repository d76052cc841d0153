// SPDX-License-Identifier: Apache-2.0
//! Calls that go on when nobody waits for them any more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Those of all clients: a program ends as a whole.
static OPEN: Underway = Underway::new();
const PAUSE: Duration = Duration::from_millis(10);

/// Counts work that goes on when nobody waits for it any more, so that the end of a program can.
#[derive(Debug)]
pub struct Underway(AtomicUsize);

impl Underway {
    /// Counts from none.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Counts work until what is returned is dropped.
    pub fn begin(&'static self) -> impl Send + use<> {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(&self.0)
    }

    /// Waits until all of it has ended, and no longer than `limit`.
    pub async fn ended(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while self.0.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Default for Underway {
    fn default() -> Self {
        Self::new()
    }
}

/// Counted as long as it lives.
struct One(&'static AtomicUsize);

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Begins a call that ends by its answer.
pub(crate) fn spawn<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let open = OPEN.begin();
    tokio::spawn(async move {
        let _open = open;
        call.await
    })
}

/// Waits until no call is on its way that a server does not survive to be broken off: a
/// program that is about to end waits for that, and no longer than `limit`.
pub async fn let_calls_end(limit: Duration) {
    OPEN.ended(limit).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_call_that_nobody_waits_for_is_waited_for() {
        drop(spawn(tokio::time::sleep(Duration::from_millis(200))));
        let began = Instant::now();
        let_calls_end(Duration::from_millis(20)).await;
        assert!(OPEN.0.load(Ordering::SeqCst) > 0 && began.elapsed() < Duration::from_millis(150));
        let_calls_end(Duration::from_secs(10)).await;
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
}
