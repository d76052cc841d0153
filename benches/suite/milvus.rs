// SPDX-License-Identifier: Apache-2.0
//! What goes through Milvus 2.x: a migration beside the import of the same files alone,
//! and a verification beside a loop that reads the same rows with pymilvus.

use super::contest::{Contest, Outcome, Runner, ask, time};
use super::install::Install;
use super::settings::{Settings, m2m};

const DIMENSION: u64 = 128;
const SEGMENTS: u64 = 4;

pub(crate) fn run(settings: &Settings) -> Vec<Outcome> {
    let rows = (settings.milvus_mib << 20) / (DIMENSION * 4) / SEGMENTS;
    let folder = tempfile::tempdir().unwrap();
    let mut install = Install::new(folder.path());
    install.collection("big", u32::try_from(DIMENSION).unwrap()).large_segments(SEGMENTS, rows, 0).finish();
    let install = folder.path().to_str().unwrap();
    let out = format!("s3://{}/bench-milvus", settings.bucket());
    let (database, path) = ("m2m_bench", ["--install", install]);
    let place = ["--out", &out, "--milvus-database", database];
    let migrate = || {
        // Into a new collection, as most are: file sets are imported while others are written.
        assert!(settings.peer(&["forget", database]).status().unwrap().success());
        let more = ["--overwrite"];
        time(&mut m2m(&[&["migrate", "-q"][..], &path, &place, &more].concat()))
    };
    let import = || ask(&mut settings.peer(&["import", settings.bucket(), "bench-milvus"]));
    let verify =
        || time(&mut m2m(&[&["verify", "-q", "--full", "--milvus-database", database][..], &path].concat()));
    let read = || ask(&mut settings.peer(&["verify", install, database]));
    let contest = |job| {
        let data = format!("{} MiB, float {DIMENSION}, {SEGMENTS} segments", settings.milvus_mib);
        Contest { job, data, bytes: Some(settings.milvus_mib << 20), runs: settings.runs.min(3) }
    };
    vec![
        contest("migrate (dump, import, index, load, verify a sample)")
            .hold(Runner::new("m2m", migrate), vec![Runner::new("pymilvus: import, index, load", import)]),
        contest("verify --full").hold(Runner::new("m2m", verify), vec![Runner::new("pymilvus loop", read)]),
    ]
}
