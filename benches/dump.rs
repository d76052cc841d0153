// SPDX-License-Identifier: Apache-2.0
//! `m2m dump` beside `cp -r` of the same bytes, local to local, page cache
//! warm, in turns.
//!
//! ```text
//! cargo bench --profile dev --bench dump        # the profile of the README
//! M2M_BENCH_MIB=1024  size of the vectors        (default 1024)
//! M2M_BENCH_RUNS=5    counted runs of each       (default 5)
//! M2M_BENCH_DELETES=0 every n-th row is deleted  (default 0: none)
//! ```

#[path = "support/install.rs"]
mod install;
#[path = "support/large.rs"]
mod large;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use install::Install;

const DIMENSION: u64 = 128;
const SEGMENTS: u64 = 8;

fn main() {
    let mib = setting("M2M_BENCH_MIB", 1024);
    let runs = setting("M2M_BENCH_RUNS", 5).max(1);
    let deletes = setting("M2M_BENCH_DELETES", 0);
    let rows = (mib << 20) / (DIMENSION * 4) / SEGMENTS;
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("install");
    let mut install = Install::new(&source);
    install
        .collection("big", u32::try_from(DIMENSION).unwrap())
        .large_segments(SEGMENTS, rows, deletes)
        .finish();
    let (from, to) = (source.to_str().unwrap(), folder.path().join("out"));
    let to = to.to_str().unwrap();

    let mut copied = Vec::new();
    let mut dumped = Vec::new();
    for counted in 0..=runs {
        let copy = time(Command::new("cp").args(["-r", from, to]), to);
        let dump = time(m2m().args(["dump", "-q", "--install", from, "--out", to]), to);
        if counted > 0 {
            copied.push(copy);
            dumped.push(dump);
        }
    }
    report(mib, deletes, &copied, &dumped);
}

fn m2m() -> Command {
    Command::new(env!("CARGO_BIN_EXE_m2m"))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// One run: how long it took, and the peak of its resident memory in KiB.
struct Run {
    wall: Duration,
    peak_kib: u64,
}

fn time(command: &mut Command, output: &str) -> Run {
    if Path::new(output).exists() {
        fs::remove_dir_all(output).unwrap();
    }
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        // The peak only grows, so the last value read is nearly the peak.
        peak_kib = peak_kib.max(peak_of(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = start.elapsed();
    assert!(status.success(), "{command:?} failed");
    Run { wall, peak_kib }
}

fn peak_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn report(mib: u64, deletes: u64, copied: &[Run], dumped: &[Run]) {
    let (copy, dump) = (median(copied), median(dumped));
    let mut ratios: Vec<f64> = copied
        .iter()
        .zip(dumped)
        .map(|(copy, dump)| copy.wall.as_secs_f64() / dump.wall.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let peak = dumped.iter().map(|run| run.peak_kib).max().unwrap_or(0) / 1024;
    let rate = |wall: Duration| mib as f64 / 1024.0 / wall.as_secs_f64();
    println!(
        "{mib} MiB of vectors, dimension {DIMENSION}, {SEGMENTS} segments, every {deletes}th row deleted (0: none)"
    );
    println!("cp -r       median {:>8.3} s {:>6.2} GiB/s", copy.as_secs_f64(), rate(copy));
    println!(
        "m2m dump    median {:>8.3} s {:>6.2} GiB/s, peak memory {peak} MiB",
        dump.as_secs_f64(),
        rate(dump)
    );
    println!(
        "speed of m2m dump / cp -r: median {:.2}, min {:.2}, max {:.2}",
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1]
    );
}

fn median(runs: &[Run]) -> Duration {
    let mut walls: Vec<Duration> = runs.iter().map(|run| run.wall).collect();
    walls.sort();
    walls[walls.len() / 2]
}
