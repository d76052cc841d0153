// SPDX-License-Identifier: Apache-2.0
//! Who is at work on a dump: two at once would have Milvus take the same rows twice.

use std::fs;
use std::process;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::now;

/// A holder on another machine who was not heard of for so long is gone.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
/// Words of `/proc/PID/stat` between the state and the start (proc_pid_stat(5), fields 3 and 22).
const BEGAN_BEHIND_STATE: usize = 18;
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
    /// When the process began, in the system's own count: numbers of processes are used again.
    began: String,
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
    /// It may be.
    Silent,
}

impl Holder {
    /// This process.
    pub(super) fn new() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let pid = process::id();
        Self { id, machine: machine(), pid, began: began(pid), seen_at: now() }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Whether it still is at work, as far as can be told from here.
    pub(super) fn presence(&self) -> Presence {
        let is_here = !self.machine.is_empty() && self.machine == machine();
        if is_here {
            let is_alive = self.pid != process::id() && began(self.pid) == self.began;
            return if is_alive { Presence::AtWork } else { Presence::Gone };
        }
        let is_gone = now().saturating_sub(self.seen_at) >= SILENCE.as_secs();
        if is_gone { Presence::Gone } else { Presence::Silent }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

/// When a process began; empty when there is none, or it has ended and waits for its parent.
pub(super) fn began(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything.
    let mut words = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    match words.next() {
        None | Some("Z" | "X") => String::new(),
        Some(_) => words.nth(BEGAN_BEHIND_STATE).unwrap_or_default().to_owned(),
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
        let other = Holder { pid: child.id(), began: began(child.id()), ..Holder::new() };
        assert_eq!(other.presence(), Presence::AtWork);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(other.presence(), Presence::Gone);
        // Another process that has its number is not it.
        let again = Holder { pid: process::id() + 1, began: "7".into(), ..Holder::new() };
        assert_eq!(again.presence(), Presence::Gone);
        // What this process left behind before is no hindrance to it.
        assert_eq!(Holder::new().presence(), Presence::Gone);
    }

    #[test]
    fn whoever_is_elsewhere_is_gone_when_nothing_was_heard_for_long() {
        let elsewhere = |age| Holder { machine: "another".into(), seen_at: now() - age, ..Holder::new() };
        assert_eq!(elsewhere(10).presence(), Presence::Silent);
        assert_eq!(elsewhere(SILENCE.as_secs()).presence(), Presence::Gone);
        // A clock that is ahead does not make it gone.
        let ahead = Holder { machine: "another".into(), seen_at: now() + 1000, ..Holder::new() };
        assert_eq!(ahead.presence(), Presence::Silent);
    }
}
