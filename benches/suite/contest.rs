// SPDX-License-Identifier: Apache-2.0
//! The same job done by m2m and by its peers, in turns.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How one of them did a job once.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// The peak of its resident memory, where it was looked at.
    pub(crate) peak_mib: Option<u64>,
    /// What it came to, which must be the same for all of whom it is known.
    pub(crate) result: Option<String>,
}

/// Someone who does the job.
pub(crate) struct Runner<'a> {
    name: String,
    run: Box<dyn FnMut() -> Run + 'a>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(name: impl Into<String>, run: impl FnMut() -> Run + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// One row of the table for each peer.
pub(crate) struct Outcome {
    job: String,
    data: String,
    /// Bytes that go through, where that says something.
    bytes: Option<u64>,
    m2m: Vec<Run>,
    peers: Vec<(String, Vec<Run>)>,
}

/// A job, and what it is done with.
pub(crate) struct Contest<'a> {
    pub(crate) job: &'a str,
    pub(crate) data: String,
    pub(crate) bytes: Option<u64>,
    pub(crate) runs: u64,
}

impl Contest<'_> {
    /// Has all do the job in turns. The first round warms the caches and is not counted.
    pub(crate) fn hold(self, mut m2m: Runner<'_>, mut peers: Vec<Runner<'_>>) -> Outcome {
        let mut own = Vec::new();
        let mut others: Vec<Vec<Run>> = peers.iter().map(|_| Vec::new()).collect();
        for round in 0..=self.runs {
            let run = (m2m.run)();
            for (peer, runs) in peers.iter_mut().zip(&mut others) {
                let other = (peer.run)();
                if let (Some(own), Some(result)) = (&run.result, &other.result) {
                    assert_eq!(own, result, "{}: m2m and {}", self.job, peer.name);
                }
                if round > 0 {
                    runs.push(other);
                }
            }
            if round > 0 {
                println!("{} ({}): {:.3} s", self.job, self.data, run.seconds);
                own.push(run);
            }
        }
        let peers = peers.into_iter().map(|peer| peer.name).zip(others).collect();
        Outcome { job: self.job.to_owned(), data: self.data, bytes: self.bytes, m2m: own, peers }
    }
}

/// Runs a program to its end.
pub(crate) fn time(command: &mut Command) -> Run {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        // The peak only grows, so the last value read is nearly the peak.
        peak_kib = peak_kib.max(peak_of(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let seconds = start.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?} failed");
    Run { seconds, peak_mib: Some(peak_kib / 1024), result: None }
}

/// Asks a peer that measures itself: its first line is the seconds, the rest what it came to.
pub(crate) fn ask(command: &mut Command) -> Run {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?} failed");
    let said = String::from_utf8_lossy(&output.stdout);
    let (seconds, result) = said.split_once('\n').unwrap();
    let result = Some(result.trim().to_owned()).filter(|result| !result.is_empty());
    Run { seconds: seconds.trim().parse().unwrap(), peak_mib: None, result }
}

fn peak_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The outcomes for the documentation.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| job | data | m2m, s | GiB/s | peak, MiB | beside | its time, s | m2m is × as fast (lowest to highest) |\n|---|---|--:|--:|--:|---|--:|--:|\n",
    );
    for outcome in outcomes {
        let own = seconds(&outcome.m2m);
        let gib =
            outcome.bytes.map(|bytes| format!("{:.2}", bytes as f64 / f64::from(1 << 30) / median(&own)));
        let peak = outcome.m2m.iter().filter_map(|run| run.peak_mib).max().map(|peak| peak.to_string());
        for (at, (name, runs)) in outcome.peers.iter().enumerate() {
            let other = seconds(runs);
            let mut ratios: Vec<f64> = own.iter().zip(&other).map(|(own, other)| other / own).collect();
            ratios.sort_by(f64::total_cmp);
            let first = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} | {name} | {:.3} | **{:.2}** ({:.2} to {:.2}) |\n",
                first(&outcome.job),
                first(&outcome.data),
                first(&format!("{:.3}", median(&own))),
                first(gib.as_deref().unwrap_or_default()),
                first(peak.as_deref().unwrap_or_default()),
                median(&other),
                median(&ratios),
                ratios[0],
                ratios[ratios.len() - 1],
            ));
        }
    }
    text
}

fn seconds(runs: &[Run]) -> Vec<f64> {
    runs.iter().map(|run| run.seconds).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
