// SPDX-License-Identifier: Apache-2.0
//! Every record of `tests/slt` on a cluster.

use futures::FutureExt;
use m2m_distributed::Cluster as Connection;

use crate::slt::{Ran, run_on};
use crate::support::cluster::{Cluster, Standalone};
use crate::support::fixtures;

/// Records of all files, and those of them that are EXPLAIN.
const RECORDS: usize = 216;
const EXPLAINED: usize = 27;

fn check(what: &str, ran: &Ran) {
    println!(
        "{what}: {} records ran, {} plans of them on the cluster, {} rows in any order; {} skipped",
        ran.ran, ran.sent, ran.unordered, ran.skipped
    );
    assert!(ran.failures.is_empty(), "{what}: {} records\n{}", ran.failures.len(), ran.failures.join("\n\n"));
    assert!(ran.ran >= RECORDS - EXPLAINED, "{ran:?}");
    assert_eq!(ran.skipped, EXPLAINED, "a new EXPLAIN is to be counted here");
    assert!(ran.sent >= 40, "{ran:?}");
}

/// Runs all records on the cluster of a scheduler.
fn run_all(scheduler: &str) -> Ran {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // Without their types: those of futures in futures are too deep for the compiler.
    let cluster = runtime.block_on(Connection::connect(scheduler).boxed_local()).unwrap();
    let ran = runtime.block_on(run_on(&cluster).boxed_local());
    runtime.block_on(cluster.close().boxed_local());
    ran
}

#[test]
fn every_record_passes_on_a_scheduler_and_an_executor_in_this_process() {
    let standalone = Standalone::start();
    check("standalone", &run_all(&standalone.url()));
}

#[test]
fn every_record_passes_on_a_scheduler_and_two_executors() {
    let cluster = Cluster::start(2, &fixtures::install("install-1.1.1"), None);
    check("two executors", &run_all(&cluster.url()));
}
