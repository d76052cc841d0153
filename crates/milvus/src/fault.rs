// SPDX-License-Identifier: Apache-2.0
//! What a failed call says about another try.

use std::error::Error as _;
use std::iter::successors;

use tonic::{Code, ConnectError, Status};

use crate::proto::common;
use crate::tls::Problem;

/// Codes of 2.3 and newer that pass: the server starts, is busy, or its parts
/// have not yet found one another after a restart.
const PASSING: [i32; 18] = [
    1,
    2,
    4,
    RATE_LIMIT,
    11,
    12,
    103,
    106,
    202,
    401,
    503,
    901,
    902,
    903,
    904,
    905,
    SERVER_CANCELED,
    SERVER_LATE,
];
const RATE_LIMIT: i32 = 8;
/// What a server ends its own calls with, from one of its parts to another.
const SERVER_CANCELED: i32 = 10_000;
const SERVER_LATE: i32 = 10_001;
/// The first servers of 2.3 add this to a code that passes.
const PASSES: i32 = 1 << 16;
/// Likewise, of 2.2: no shard leader or replica, another node at the address,
/// the clock is late, not ready, a coordinator takes over, no data coordinator,
/// definitions race.
const OLD_PASSING: [i32; 9] = [45, 46, OLD_RATE_LIMIT, 50, 55, 56, 57, 100, 1000];
const OLD_RATE_LIMIT: i32 = 49;
/// A failure that 2.2 has no code for is told by its words alone.
const OLD_UNEXPECTED: i32 = 1;
const OLD_PASSING_WORDS: [&str; 4] = ["not healthy", "not ready", "StateCode=", "is not serving"];
/// What servers say when one of their parts lost another: whether the call was
/// carried out is open.
const LOST_WORDS: [&str; 4] = [
    "context deadline exceeded",
    "context canceled",
    "rpc error: code = Unavailable",
    "transport is closing",
];
/// What servers, proxies and this client say of a message that is too long,
/// with the code of throttling.
const TOO_LONG_WORDS: [&str; 3] = ["larger than max", "too large", "exceeds the max"];

/// What a failed attempt says about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was sent: no connection could be made.
    Unsent,
    /// The server is asked too often, and did not look at the call.
    TurnedAway,
    /// The server, or the way to it, is gone for now. Whether the call was
    /// carried out is not known.
    Broken,
    /// The deadline is over.
    Late,
    /// Another attempt would end the same.
    Final,
}

impl Fault {
    /// Of a call that got no answer of its own.
    pub(crate) fn of(status: &Status) -> Self {
        if is_time_up(status) {
            return Self::Late;
        }
        if status.source().and_then(Problem::of).is_some() {
            return Self::Final;
        }
        let mut causes = successors(status.source(), |cause| (**cause).source());
        if causes.any(|cause| cause.is::<ConnectError>()) {
            return Self::Unsent;
        }
        match status.code() {
            Code::Unavailable => Self::Broken,
            Code::ResourceExhausted if !is_too_long(status.message()) => Self::Broken,
            // Only the transport's own failures have a cause: a connection that
            // breaks under a call is told with any code.
            _ if status.source().is_some() => Self::Broken,
            // An answer that ends before its end.
            Code::Internal if status.message().contains("Unexpected EOF") => Self::Broken,
            _ => Self::Final,
        }
    }

    /// Of a call that the server refused in an ordinary answer.
    pub(crate) fn of_refusal(refusal: &common::Status) -> Self {
        let (code, old) = (refusal.code & !PASSES, refusal.error_code);
        if is_too_long(&refusal.reason) {
            return Self::Final;
        }
        if code == RATE_LIMIT || old == OLD_RATE_LIMIT {
            return Self::TurnedAway;
        }
        let says = |words: &[&str]| words.iter().any(|words| refusal.reason.contains(words));
        let passes = refusal.retriable
            || refusal.code & PASSES != 0
            || PASSING.contains(&code)
            || OLD_PASSING.contains(&old)
            || (code == 0 && old == OLD_UNEXPECTED && says(&OLD_PASSING_WORDS))
            || says(&LOST_WORDS);
        if passes { Self::Broken } else { Self::Final }
    }
}

/// Whether the deadline is over: the transport's own clock can run out before
/// ours, by a hair.
fn is_time_up(status: &Status) -> bool {
    match status.code() {
        Code::DeadlineExceeded => true,
        Code::Cancelled => status.message().contains("Timeout expired"),
        _ => false,
    }
}

fn is_too_long(words: &str) -> bool {
    TOO_LONG_WORDS.iter().any(|too_long| words.contains(too_long))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::transport::Endpoint;

    use super::*;

    fn refusal(code: i32, error_code: i32, reason: &str) -> common::Status {
        common::Status { code, error_code, reason: reason.to_owned(), retriable: false }
    }

    fn of_refusal(code: i32, error_code: i32, reason: &str) -> Fault {
        Fault::of_refusal(&refusal(code, error_code, reason))
    }

    #[test]
    fn a_rate_limit_turns_a_call_away_on_every_version() {
        for (code, old) in [(8, 49), (8 | PASSES, 49), (65535, 49), (0, 49)] {
            assert_eq!(of_refusal(code, old, "rate limit exceeded"), Fault::TurnedAway, "{code} {old}");
        }
    }

    #[test]
    fn a_server_that_is_not_ready_is_waited_for() {
        for (code, old, reason) in [
            (1, 56, "service not ready"),
            (1 | PASSES, 1, "service not ready"),
            (901, 1, "node not found"),
            (904, 50, "node not match"),
            (503, 46, "channel not available"),
            (0, 50, "expected node 3, found 4"),
            (0, 57, "activating"),
            (0, 1, "proxy not healthy"),
            (0, 1, "StateCode=Initializing"),
            (65535, 1, "rpc error: code = Unavailable desc = error reading from server: EOF"),
            (10_001, 1, "took too long"),
        ] {
            assert_eq!(of_refusal(code, old, reason), Fault::Broken, "{code} {old} {reason}");
        }
        let retriable = common::Status { retriable: true, ..refusal(4711, 1, "a newer code") };
        assert_eq!(Fault::of_refusal(&retriable), Fault::Broken);
    }

    #[test]
    fn what_is_wrong_with_a_call_stays_wrong() {
        for (code, old, reason) in [
            (100, 4, "collection not found"),
            (101, 1, "collection not loaded"),
            (1100, 5, "invalid parameter"),
            (1401, 1, "privilege not permitted"),
            (65535, 1, "create duplicate collection with different parameters"),
            (0, 1, "create duplicate collection with different parameters"),
            (0, 25, "index not exist"),
            (9, 48, "quota exceeded"),
            (7, 54, "disk limit exceeded"),
            (3, 53, "memory limit exceeded"),
            (1 | PASSES, 1, "grpc: received message larger than max (70000000 vs. 67108864)"),
        ] {
            assert_eq!(of_refusal(code, old, reason), Fault::Final, "{code} {old} {reason}");
        }
    }

    #[test]
    fn a_status_is_told_by_its_code() {
        for (status, fault) in [
            (Status::unavailable("starting"), Fault::Broken),
            (Status::resource_exhausted("too many requests"), Fault::Broken),
            (Status::resource_exhausted("grpc: received message larger than max (5 vs. 4)"), Fault::Final),
            (Status::out_of_range("decoded message length too large"), Fault::Final),
            (Status::deadline_exceeded("late"), Fault::Late),
            (Status::cancelled("Timeout expired"), Fault::Late),
            (Status::cancelled("closed"), Fault::Final),
            (Status::unauthenticated("auth check failure"), Fault::Final),
            (Status::permission_denied("no"), Fault::Final),
            (Status::unimplemented("unknown method"), Fault::Final),
            (Status::internal("broken"), Fault::Final),
            (Status::internal("Unexpected EOF decoding stream."), Fault::Broken),
        ] {
            assert_eq!(Fault::of(&status), fault, "{status}");
        }
    }

    #[test]
    fn a_transports_failure_is_one_whatever_its_code() {
        let mut broken = Status::unknown("transport error");
        broken.set_source(Arc::new(Endpoint::from_shared("").unwrap_err()));
        assert_eq!(Fault::of(&broken), Fault::Broken);
        let refused = ConnectError(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)));
        assert_eq!(Fault::of(&Status::from_error(Box::new(refused))), Fault::Unsent);
    }
}
