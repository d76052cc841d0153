// SPDX-License-Identifier: Apache-2.0
//! Who is at work on a dump: two at once would have Milvus take the same rows twice.

use std::fs;
use std::path::Path;
use std::process;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::now;

/// A holder on another machine who was not heard of for so long is gone.
const SILENCE_SECONDS: u64 = 90;
/// Pause between two signs of life.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// The process that is at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// What tells it from every other.
    id: String,
    /// The machine since its last start, with the process space on it.
    machine: String,
    pid: u32,
    /// When it was heard of last, in seconds since 1970.
    pub(super) seen_at: u64,
}

/// Whether a holder stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has ended.
    Gone,
    /// It is at work.
    AtWork,
    /// It may be; it was heard of so many seconds ago.
    Silent(u64),
}

impl Holder {
    /// This process.
    pub(super) fn new() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        Self { id, machine: machine(), pid: process::id(), seen_at: now() }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Whether it still is at work, as far as can be told from here.
    pub(super) fn presence(&self) -> Presence {
        let is_here = !self.machine.is_empty() && self.machine == machine();
        if is_here {
            let is_alive = self.pid != process::id() && Path::new(&format!("/proc/{}", self.pid)).exists();
            return if is_alive { Presence::AtWork } else { Presence::Gone };
        }
        match now().saturating_sub(self.seen_at) {
            silent if silent >= SILENCE_SECONDS => Presence::Gone,
            silent => Presence::Silent(silent),
        }
    }

    /// Seconds until it is gone, should it not be heard of again.
    pub(super) fn left(silent: u64) -> u64 {
        SILENCE_SECONDS.saturating_sub(silent)
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

/// Empty where the system does not say.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let processes = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match boot.trim() {
        "" => String::new(),
        boot => format!("{boot} {}", processes.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_ended_on_this_machine_is_gone_at_once() {
        let mut child = process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Holder { pid: child.id(), ..Holder::new() };
        assert_eq!(other.presence(), Presence::AtWork);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(other.presence(), Presence::Gone);
        // What this process left behind before is no hindrance to it.
        assert_eq!(Holder::new().presence(), Presence::Gone);
    }

    #[test]
    fn whoever_is_elsewhere_is_gone_when_nothing_was_heard_for_long() {
        let elsewhere = |age| Holder { machine: "another".into(), seen_at: now() - age, ..Holder::new() };
        assert!(matches!(elsewhere(10).presence(), Presence::Silent(10 | 11)));
        assert_eq!(elsewhere(SILENCE_SECONDS).presence(), Presence::Gone);
        assert_eq!(Holder::left(10), SILENCE_SECONDS - 10);
        // A clock that is ahead does not make it gone.
        let ahead = Holder { machine: "another".into(), seen_at: now() + 1000, ..Holder::new() };
        assert_eq!(ahead.presence(), Presence::Silent(0));
    }
}
