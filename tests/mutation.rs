// SPDX-License-Identifier: Apache-2.0
//! Whole installations with something wrong: a byte flipped, a file cut, extended, swapped
//! with another or gone, a row of the metadata changed, doubled or gone. A dump of each has
//! the rows of the truth, or is refused, or an audit reports what was changed.
//!
//! Files of 1.x have no checksums, so that some changes cannot be found. Of these the dump must
//! differ in exactly what was changed:
//!
//! * other values of vectors;
//! * an id, or the offset of a deleted row, that is changed so that the bloom filter of the
//!   segment has the id that then lives: it has one in a hundred by chance;
//! * a name or a tag, which only the metadata knows: all rows are there, under the other name.
//!
//! `M2M_MUTATIONS` says how many changes are tried of each kind and installation;
//! `--nocapture` shows a table of what became of them.

mod change;
mod rows;
mod subject;
mod tally;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use change::Change;
use serde_json::Value;
use subject::Subject;
use tally::Tally;

use crate::support::command::run;
use crate::support::fixtures;
use crate::support::kill::Chance;

/// Changes of each kind that are tried unless the environment says otherwise.
const DEFAULT: u64 = 6;
/// Runs of the program at once.
const WORKERS: u64 = 2;

fn number() -> u64 {
    std::env::var("M2M_MUTATIONS").map_or(DEFAULT, |text| text.parse().unwrap())
}

/// Tries changes, which each worker makes to a copy of its own, and fails at the end with
/// all that became of them and should not.
fn try_all(subject: &Subject, changes: &[Change]) {
    let tally = thread::scope(|scope| {
        let work = |worker: u64| {
            let subject = subject.again();
            let mine = changes.iter().zip(0_u64..).filter(move |(_, at)| at % WORKERS == worker);
            let mut tally = Tally::default();
            for (change, _) in mine {
                tally.add(change, subject.try_one(change));
            }
            tally
        };
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<Tally>()
    });
    tally.print();
    tally.fail();
}

fn fixture(name: &str, seed: u64) {
    let subject = Subject::of_fixture(name);
    let mut chance = Chance(seed);
    let mut changes = change::of_files(&subject, &mut chance, number());
    changes.extend(rows::of_metadata(&subject, &mut chance, number() * 4));
    try_all(&subject, &changes);
}

#[test]
fn an_installation_of_1_1_1_with_something_wrong() {
    fixture("install-1.1.1", 1);
}

#[test]
fn an_installation_of_1_0_0_with_something_wrong() {
    fixture("install-1.0.0", 2);
}

#[test]
fn an_installation_with_a_log_and_something_wrong() {
    fixture("install-1.1.1-unflushed", 3);
}

/// The smallest partitions of a fixture: two collections, five segments, some deleted rows; a
/// `meta.json`.
fn small() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (fixtures::install("install-1.1.1"), folder.path());
    let arg = |path: &Path| path.to_str().unwrap().to_owned();
    let (sqlite, out) = (arg(&from.join("db/meta.sqlite")), arg(to));
    run(&["export", "-s", &sqlite, "-o", &out]).ends_with(0);
    let text = fs::read(to.join("meta.json")).unwrap();
    let mut meta: Value = serde_json::from_slice(&text).unwrap();
    let tags = ["a-b", "a_b"];
    let collections = meta["collections"].as_array_mut().unwrap();
    collections.retain(|one| one["collection"] == "ip_parts" || one["collection"] == "indexed_ip_hnsw");
    let mut tables = Vec::new();
    for collection in collections {
        collection["segments"] = Value::Array(Vec::new());
        let partitions = collection["partitions"].as_array_mut().unwrap();
        partitions.retain(|one| tags.iter().chain(&["hot"]).any(|tag| one["tag"] == *tag));
        tables.extend(partitions.iter().map(|one| one["table_id"].as_str().unwrap().to_owned()));
    }
    fs::write(to.join("meta.json"), meta.to_string()).unwrap();
    for table in tables {
        let (from, to) = (from.join("db/tables").join(&table), to.join("tables"));
        fs::create_dir_all(&to).unwrap();
        assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    }
    folder
}

#[test]
fn every_byte_of_a_small_installation_is_flipped_and_every_length_tried() {
    let folder = small();
    let subject = Subject::of(folder.path());
    // All of it takes half an hour: some at each run, evenly.
    let all = change::all(&subject);
    let step = (all.len() as u64 / (number() * 12)).max(1);
    let some: Vec<Change> = all.into_iter().step_by(usize::try_from(step).unwrap()).collect();
    try_all(&subject, &some);
}

/// Rows of each partition, by collection and tag, as sorted bytes of id and vector.
type Rows = BTreeMap<(String, String), Vec<Vec<u8>>>;
