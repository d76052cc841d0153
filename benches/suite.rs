// SPDX-License-Identifier: Apache-2.0
//! m2m beside its peers, in turns, in one run: who measures one alone measures the
//! machine. `benches/run.sh` starts the servers, runs this, and writes `RESULTS.md`.
//!
//! ```text
//! cargo bench --profile dev --all-features --bench suite [-- NAME…]  the groups to run: dump, query, start, milvus, cluster (default all)
//! M2M_BENCH_MIB=1024        size of the vectors of a dump and of a query
//! M2M_BENCH_MILVUS_MIB=64   size of those that go through Milvus
//! M2M_BENCH_CLUSTER_MIB=2048  size of the vectors that a cluster dumps
//! M2M_BENCH_M2M=            another build of m2m that is measured, in place of the one beside the suite
//! M2M_BENCH_RUNS=5          counted runs of each, after one that is not
//! M2M_BENCH_PYTHON=python3  a Python with duckdb, minio, numpy, pyarrow and pymilvus
//! M2M_BENCH_OLD=            a command of another tool that dumps $INSTALL to $OUT (optional)
//! M2M_BENCH_WRITE=          a file for the table, besides standard output
//! M2M_MILVUS, M2M_S3_…      the servers, as m2m itself is told of them; M2M_BENCH_BUCKET
//! ```

#[path = "suite/cluster.rs"]
mod cluster;
#[path = "suite/contest.rs"]
mod contest;
#[path = "suite/dump.rs"]
mod dump;
#[path = "support/install.rs"]
mod install;
#[path = "support/large.rs"]
mod large;
#[path = "suite/machine.rs"]
mod machine;
#[path = "suite/milvus.rs"]
mod milvus;
#[path = "suite/query.rs"]
mod query;
#[path = "suite/settings.rs"]
mod settings;
#[path = "suite/start.rs"]
mod start;

use contest::{Outcome, table};
use settings::Settings;

/// A group of contests.
type Group = fn(&Settings) -> Vec<Outcome>;

const GROUPS: [(&str, Group); 5] = [
    ("dump", dump::run),
    ("query", query::run),
    ("start", start::run),
    ("milvus", milvus::run),
    ("cluster", cluster::run),
];

fn main() {
    let settings = Settings::from_environment();
    // cargo passes `--bench` along.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    for name in &wanted {
        assert!(GROUPS.iter().any(|(known, _)| known == name), "no group `{name}`");
    }
    let mut text = machine::describe(&settings);
    print!("{text}");
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            let group = format!("\n## {name}\n\n{}", table(&run(&settings)));
            print!("{group}");
            text.push_str(&group);
        }
    }
    if let Some(file) = &settings.write {
        std::fs::write(file, text).unwrap();
    }
}
