// SPDX-License-Identifier: Apache-2.0
//! Which failures pass, and how long one is waited for.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use crate::client::Call;
use crate::error::Error;
use crate::fault::Fault;

/// A call that has been failing for so long is told about.
const WARN_AFTER: Duration = Duration::from_secs(5);

/// How long a call is repeated that meets a failure which may pass.
///
/// Pauses double from the first to the longest, and chance prolongs each by up
/// to its own length, so that many clients do not ask at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The pause after the first failure.
    pub first_pause: Duration,
    /// What pauses grow to.
    pub longest_pause: Duration,
    /// How long after its start a call may be sent once more; zero is never.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            total: Duration::from_secs(60),
        }
    }
}

/// Which failures a call is repeated after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing: after whatever may pass.
    Read,
    /// A change that does no harm when it is made twice: not after its deadline,
    /// because the server may still be at work on it.
    Change,
    /// Only when the server has certainly not taken it.
    Once,
}

impl Repeat {
    pub(crate) fn after(self, fault: Fault) -> bool {
        match fault {
            Fault::Unsent | Fault::TurnedAway => true,
            Fault::Broken => self != Self::Once,
            Fault::Late => self == Self::Read,
            Fault::Final => false,
        }
    }
}

/// The pauses of one call.
pub(crate) struct Patience<'a> {
    address: &'a str,
    pauses: <ExponentialBuilder as BackoffBuilder>::Backoff,
    began: Instant,
    total: Duration,
    has_warned: bool,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(policy: RetryPolicy, address: &'a str) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_factor(2.0)
            .with_min_delay(policy.first_pause)
            .with_max_delay(policy.longest_pause)
            .without_max_times()
            .with_jitter()
            .build();
        Self { address, pauses, began: Instant::now(), total: policy.total, has_warned: false }
    }

    /// Waits before the next attempt; false when there is to be none.
    pub(crate) async fn pause(&mut self, call: &Call, error: &Error) -> bool {
        let waited = self.began.elapsed();
        let Some(pause) = self.pauses.next().filter(|pause| waited + *pause <= self.total) else {
            return false;
        };
        let address = self.address;
        tracing::debug!(address, call = call.name, %error, ?pause, "asking Milvus again");
        if waited >= WARN_AFTER && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                "Milvus at `{address}` is unavailable: waiting, {} s so far: {error}",
                waited.as_secs()
            );
        }
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(first: u64, longest: u64, total: u64) -> RetryPolicy {
        RetryPolicy {
            first_pause: Duration::from_millis(first),
            longest_pause: Duration::from_millis(longest),
            total: Duration::from_millis(total),
        }
    }

    #[test]
    fn each_class_is_repeated_after_its_faults_only() {
        let faults = [Fault::Unsent, Fault::TurnedAway, Fault::Broken, Fault::Late, Fault::Final];
        let repeated = |class: Repeat| faults.map(|fault| class.after(fault));
        assert_eq!(repeated(Repeat::Read), [true, true, true, true, false]);
        assert_eq!(repeated(Repeat::Change), [true, true, true, false, false]);
        assert_eq!(repeated(Repeat::Once), [true, true, false, false, false]);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_chance_prolongs_them() {
        let pauses: Vec<_> = Patience::new(policy(100, 800, 60_000), "").pauses.take(6).collect();
        for (pause, least) in pauses.iter().zip([100, 200, 400, 800, 800, 800]) {
            let (least, most) = (Duration::from_millis(least), Duration::from_millis(2 * least));
            assert!((least..=most).contains(pause), "{pauses:?}");
        }
        let others: Vec<_> = Patience::new(policy(100, 800, 60_000), "").pauses.take(6).collect();
        assert_ne!(pauses, others);
    }

    #[tokio::test]
    async fn nothing_is_waited_for_beyond_the_total() {
        let call = Call::read("Query", "collection `films`".to_owned());
        let error = call.unexpected("rows", "none");
        assert!(!Patience::new(policy(1, 1, 0), "").pause(&call, &error).await);
        assert!(!Patience::new(policy(60_000, 60_000, 59_999), "").pause(&call, &error).await);
        let mut patience = Patience::new(policy(5, 5, 60), "");
        let mut pauses = 0;
        while patience.pause(&call, &error).await {
            pauses += 1;
        }
        assert!((1..=12).contains(&pauses), "{pauses}");
        assert!(patience.began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_call_that_fails_for_long_is_told_about_once() {
        let call = Call::read("Query", "collection `films`".to_owned());
        let error = call.unexpected("rows", "none");
        let mut patience = Patience::new(policy(1, 1, 60_000), "");
        assert!(patience.pause(&call, &error).await && !patience.has_warned);
        patience.began = Instant::now().checked_sub(WARN_AFTER).unwrap();
        assert!(patience.pause(&call, &error).await && patience.has_warned);
    }
}
