// SPDX-License-Identifier: Apache-2.0
//! The functions that libFuzzer calls (`tests/fuzz`), with its seeds and with changed ones:
//! the same at each run, and enough that a decoder that panics is found soon.
//!
//! `M2M_FUZZ_INPUTS` is how many changed inputs each function gets, in thousands; a tenth of
//! them those that write files, a thousandth those that ask the query engine or the program.

#[path = "fuzz/bodies"]
mod bodies {
    mod arrays;
    pub(crate) mod bloom_filter;
    mod database;
    pub(crate) mod deleted_docs;
    mod input;
    mod inventory;
    pub(crate) mod log;
    pub(crate) mod manifest;
    pub(crate) mod meta_file;
    pub(crate) mod meta_json;
    pub(crate) mod meta_rows;
    pub(crate) mod milvus_address;
    pub(crate) mod mysql_address;
    pub(crate) mod names;
    pub(crate) mod npy;
    pub(crate) mod npz;
    pub(crate) mod segment;
    pub(crate) mod storage_location;
    pub(crate) mod vectors;
    pub(crate) mod wal;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::support::command::run;
use crate::support::fixtures;
use crate::support::kill::Chance;

/// The longest input.
const LONGEST: usize = 16 << 10;

/// What an input costs.
#[derive(Clone, Copy)]
enum Cost {
    Bytes,
    Files,
    Engine,
}

impl Cost {
    fn inputs(self) -> u64 {
        let thousands: u64 = std::env::var("M2M_FUZZ_INPUTS").map_or(5, |text| text.parse().unwrap());
        match self {
            Self::Bytes => thousands * 1000,
            Self::Files => thousands * 20,
            Self::Engine => thousands * 4,
        }
    }
}

fn folder() -> PathBuf {
    fixtures::project().join("tests/fuzz/seeds")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder().join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Calls a function with the seeds of a target and with changed ones.
fn feed(target: &str, cost: Cost, body: impl Fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds.iter().for_each(|seed| body(seed));
    let mut chance = Chance(target.len() as u64);
    for _ in 0..cost.inputs() {
        body(&changed(&seeds, &mut chance));
    }
}

/// A seed with a few changes.
fn changed(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = chance.one_of(seeds).clone();
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() as u64 + 1) as usize;
        let length = (chance.below(16) as usize).min(input.len() - at);
        match chance.below(7) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.below(256) as u8,
            2 => input.truncate(at),
            3 => drop(input.drain(at..at + length)),
            4 => drop(input.splice(at..at, (0..length).map(|_| chance.below(256) as u8).collect::<Vec<_>>())),
            5 => {
                // A number at its end, or a small one.
                let number = *chance.one_of(&[0_u64, 1, 7, 8, 1 << 31, 1 << 32, u64::MAX - 7, u64::MAX]);
                let bytes = number.to_le_bytes();
                let length = (*chance.one_of(&[1, 2, 4, 8])).min(input.len() - at);
                input[at..at + length].copy_from_slice(&bytes[..length]);
            }
            _ => {
                let other = chance.one_of(seeds).clone();
                let from = chance.below(other.len() as u64 + 1) as usize;
                input.truncate(at);
                input.extend(&other[from..]);
            }
        }
    }
    input.truncate(LONGEST);
    input
}

/// Makes a test of each target.
macro_rules! targets {
    ($($target:ident: $cost:ident;)*) => {
        const TARGETS: &[&str] = &["configuration", $(stringify!($target)),*];

        $(
            #[test]
            fn $target() {
                feed(stringify!($target), Cost::$cost, bodies::$target::run);
            }
        )*
    };
}

targets! {
    bloom_filter: Bytes;
    deleted_docs: Bytes;
    log: Files;
    manifest: Files;
    meta_file: Files;
    meta_json: Bytes;
    meta_rows: Files;
    milvus_address: Bytes;
    mysql_address: Bytes;
    names: Bytes;
    npy: Engine;
    npz: Engine;
    segment: Bytes;
    storage_location: Engine;
    vectors: Bytes;
    wal: Bytes;
}

/// What reads the configuration is inside of the program.
#[test]
fn configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("migration.yaml");
    feed("configuration", Cost::Engine, |text| {
        fs::write(&path, text).unwrap();
        let shown = run(&["-c", path.to_str().unwrap(), "config", "show"]);
        assert!(matches!(shown.code, 0..=2), "{}", shown.observation(&[]));
        assert!(!shown.stderr.contains("panicked"), "{}", shown.observation(&[]));
    });
}

#[test]
fn every_target_has_seeds_and_is_called_here() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let called: BTreeSet<String> = TARGETS.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(names(folder()), called);
    assert_eq!(names(fixtures::project().join("tests/fuzz/fuzz_targets")), called);
}
