// SPDX-License-Identifier: Apache-2.0
//! What is measured, and with what.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The variables that the suite reads.
pub(crate) struct Settings {
    pub(crate) mib: u64,
    pub(crate) milvus_mib: u64,
    pub(crate) cluster_mib: u64,
    pub(crate) runs: u64,
    pub(crate) python: String,
    /// A command of another tool.
    pub(crate) old: Option<String>,
    pub(crate) write: Option<PathBuf>,
    /// The bucket of Milvus, on the S3 server that m2m is told of.
    pub(crate) bucket: Option<String>,
}

impl Settings {
    pub(crate) fn from_environment() -> Self {
        Self {
            mib: number("M2M_BENCH_MIB", 1024),
            milvus_mib: number("M2M_BENCH_MILVUS_MIB", 64),
            cluster_mib: number("M2M_BENCH_CLUSTER_MIB", 2048),
            runs: number("M2M_BENCH_RUNS", 5).max(1),
            python: text("M2M_BENCH_PYTHON").unwrap_or_else(|| "python3".into()),
            old: text("M2M_BENCH_OLD"),
            write: text("M2M_BENCH_WRITE").map(PathBuf::from),
            bucket: text("M2M_BENCH_BUCKET"),
        }
    }

    /// The bucket, without which a group cannot run.
    pub(crate) fn bucket(&self) -> &str {
        self.bucket.as_deref().expect("M2M_BENCH_BUCKET: `benches/run.sh` starts the servers")
    }

    /// What a peer is asked, in Python.
    pub(crate) fn peer(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tools/peers.py")).args(args);
        command
    }
}

/// The program under test, in the folder that is named after its profile.
pub(crate) fn program() -> PathBuf {
    text("M2M_BENCH_M2M").unwrap_or_else(|| env!("CARGO_BIN_EXE_m2m").into()).into()
}

/// The program under test, with arguments.
pub(crate) fn m2m(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null());
    command
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u64) -> u64 {
    text(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}
