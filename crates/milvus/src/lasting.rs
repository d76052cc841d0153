// SPDX-License-Identifier: Apache-2.0
//! Calls that go on when nobody waits for them any more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many of them are on their way, of all clients: a program ends as a whole.
static OPEN: AtomicUsize = AtomicUsize::new(0);
const PAUSE: Duration = Duration::from_millis(10);

/// Counts a call as long as it lives.
struct Open;

impl Open {
    fn new() -> Self {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Begins a call that ends by its answer.
pub(crate) fn spawn<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let open = Open::new();
    tokio::spawn(async move {
        let _open = open;
        call.await
    })
}

/// Waits until no call is on its way that a server does not survive to be broken off: a
/// program that is about to end waits for that, and no longer than `limit`.
pub async fn let_calls_end(limit: Duration) {
    let end = Instant::now() + limit;
    while OPEN.load(Ordering::SeqCst) > 0 && Instant::now() < end {
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_call_that_nobody_waits_for_is_waited_for() {
        drop(spawn(tokio::time::sleep(Duration::from_millis(200))));
        let began = Instant::now();
        let_calls_end(Duration::from_millis(20)).await;
        assert!(OPEN.load(Ordering::SeqCst) > 0 && began.elapsed() < Duration::from_millis(150));
        let_calls_end(Duration::from_secs(10)).await;
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
}
