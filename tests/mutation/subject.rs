// SPDX-License-Identifier: Apache-2.0
//! An installation that is changed, dumped, and made whole again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use m2m_segment::bloom_filter::BloomFilter;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::change::{Change, Kind};
use super::tally::Fate;
use super::{Rows, rows};
use crate::support::command::{Run, m2m};
use crate::support::fixtures;
use crate::support::kill::run_until;

/// No dump and no audit of these installations takes longer.
const LIMIT: Duration = Duration::from_secs(120);
/// Files that SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["db/meta.sqlite-wal", "db/meta.sqlite-shm", "db/meta.sqlite-journal"];

/// A finding of an audit: whether it is more than a note, its check, and what it says.
type Findings = BTreeSet<(bool, String, String)>;

/// A copy of an installation, and what is known of it when it is whole.
pub(crate) struct Subject {
    /// The whole installation, which nothing else can take away.
    original: Arc<TempDir>,
    copy: TempDir,
    /// Path and length of every file.
    files: BTreeMap<String, usize>,
    folders: Vec<String>,
    rows: Rows,
    findings: Findings,
    /// Whether rows stand only in the log.
    is_unflushed: bool,
}

impl Subject {
    /// A fixture, whose dump is that of its truth.
    pub(crate) fn of_fixture(name: &str) -> Self {
        let subject = Self::of(&fixtures::install(name));
        for collection in fixtures::truth(name).collections {
            for partition in collection.partitions {
                let place = (collection.collection.clone(), partition.tag);
                let rows = subject.rows.get(&place).map(Vec::as_slice).unwrap_or_default();
                let digest = Sha256::digest(rows.concat());
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(digest, partition.sorted_rows_sha256, "{name}: {place:?}");
            }
        }
        subject
    }

    /// A sound installation.
    pub(crate) fn of(original: &Path) -> Self {
        let mut subject = Self {
            original: Arc::new(tempfile::tempdir().unwrap()),
            copy: tempfile::tempdir().unwrap(),
            files: BTreeMap::new(),
            folders: Vec::new(),
            rows: Rows::new(),
            findings: Findings::new(),
            is_unflushed: false,
        };
        subject.list(original, "");
        let subject = &mut subject.again();
        subject.rows = subject.dump().1.unwrap_or_else(|| panic!("{}", subject.dump().0.observation(&[])));
        subject.findings = subject.audit().unwrap_or_else(|why| panic!("{why}"));
        subject.is_unflushed = subject.dump_with(&[]).0.code != 0;
        subject.again()
    }

    /// The same in another copy.
    pub(crate) fn again(&self) -> Self {
        let again = Self {
            original: Arc::clone(&self.original),
            copy: tempfile::tempdir().unwrap(),
            files: self.files.clone(),
            folders: self.folders.clone(),
            rows: self.rows.clone(),
            findings: self.findings.clone(),
            is_unflushed: self.is_unflushed,
        };
        again.folders.iter().for_each(|folder| fs::create_dir_all(again.path(folder)).unwrap());
        again.files.keys().for_each(|path| again.restore(path));
        again
    }

    /// Every file with its length.
    pub(crate) fn files(&self) -> &BTreeMap<String, usize> {
        &self.files
    }

    /// A file of the copy.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.copy.path().join(path)
    }

    /// Makes a change, looks what becomes of it, and takes it back.
    pub(crate) fn try_one(&self, change: &Change) -> Fate {
        let changed = self.make(change);
        let fate = self.fate(change);
        for path in changed {
            self.restore(&path);
        }
        fate
    }

    /// Takes what is in a folder of an installation.
    fn list(&mut self, from: &Path, folder: &str) {
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
            let (here, found) = (self.original.path().join(&path), entry.metadata().unwrap());
            if found.is_dir() {
                fs::create_dir(here).unwrap();
                self.list(from, &format!("{path}/"));
                self.folders.push(path);
            } else {
                link(&entry.path(), &here);
                self.files.insert(path, usize::try_from(found.len()).unwrap());
            }
        }
    }

    /// Puts the original of a file, or its absence, back.
    fn restore(&self, path: &str) {
        let (original, copy) = (self.original.path().join(path), self.path(path));
        if copy.exists() {
            fs::remove_file(&copy).unwrap();
        }
        if original.exists() {
            link(&original, &copy);
        }
    }

    /// Writes a file anew, since the copy may be another name of the original.
    fn write(&self, path: &str, bytes: &[u8]) {
        fs::remove_file(self.path(path)).unwrap();
        fs::write(self.path(path), bytes).unwrap();
    }

    /// Makes a change and returns the files that may be others now.
    fn make(&self, change: &Change) -> Vec<String> {
        let read = |path: &str| fs::read(self.original.path().join(path)).unwrap();
        match change {
            Change::Flip { path, at, bit } => {
                let mut bytes = read(path);
                bytes[*at] ^= 1 << bit;
                self.write(path, &bytes);
            }
            Change::Cut { path, length } => self.write(path, &read(path)[..*length]),
            Change::Extend { path, more } => self.write(path, &[&read(path), more.as_slice()].concat()),
            Change::Delete { path } => fs::remove_file(self.path(path)).unwrap(),
            Change::Swap { path, other } => {
                self.write(path, &read(other));
                self.write(other, &read(path));
                return vec![path.clone(), other.clone()];
            }
            Change::Row { statement } => {
                let database = "db/meta.sqlite";
                let of_database: Vec<String> =
                    BESIDE.iter().chain([&database]).map(|path| (*path).to_owned()).collect();
                for path in of_database.iter().filter(|path| self.files.contains_key(*path)) {
                    self.write(path, &read(path));
                }
                rows::change(&self.path(database), statement);
                return of_database;
            }
        }
        vec![change.path().unwrap_or_default().to_owned()]
    }

    fn fate(&self, change: &Change) -> Fate {
        let (run, dumped) = self.dump();
        let Some(dumped) = dumped else {
            return match run.code {
                1 | 2 if run.stderr.contains("error: ") => Fate::Refused,
                code => Fate::Wrong(format!("ended with {code}\n{}", run.observation(&[]))),
            };
        };
        let of_log = change.path().is_some_and(|path| Kind::of(path) == Kind::Log);
        if dumped == self.rows && of_log && self.is_unflushed {
            return self.fate_of_log();
        }
        if dumped == self.rows {
            return Fate::Same;
        }
        if self.is_in_values(change, &dumped) {
            return Fate::Values;
        }
        match self.audit() {
            Err(why) => return Fate::Wrong(why),
            Ok(findings) => {
                let mut new = findings.difference(&self.findings).map(|finding| finding.0).peekable();
                if new.peek().is_some() {
                    return if new.any(|is_more| is_more) { Fate::Reported } else { Fate::Noted };
                }
            }
        }
        let names_may_be = matches!(change, Change::Row { .. })
            || change.path().is_some_and(|path| Kind::of(path) == Kind::Metadata);
        if names_may_be && partitions(&dumped) == partitions(&self.rows) {
            return Fate::Renamed;
        }
        if self.is_by_chance(change, &dumped) {
            return Fate::Chance;
        }
        Fate::Wrong(format!("{} and nobody says so", self.difference(&dumped)))
    }

    /// Rows that stand only in the log stop a dump that was not told to leave them.
    fn fate_of_log(&self) -> Fate {
        if self.dump_with(&[]).0.code == 1 {
            return Fate::Refused;
        }
        match self.audit() {
            Ok(findings) if findings.is_subset(&self.findings) => {
                Fate::Wrong("rows of the log are left behind, and nobody says so".into())
            }
            Ok(_) => Fate::Reported,
            Err(why) => Fate::Wrong(why),
        }
    }

    /// Whether a dump differs in nothing but values of vectors, which were changed.
    fn is_in_values(&self, change: &Change, dumped: &Rows) -> bool {
        let segments: Vec<&str> = match change {
            Change::Flip { path, .. } => vec![path],
            Change::Swap { path, other } => vec![path, other],
            _ => return false,
        };
        if segments.iter().any(|path| Kind::of(path) != Kind::Vectors) {
            return false;
        }
        let known: BTreeSet<Vec<u8>> = segments.iter().flat_map(|path| self.ids(path)).collect();
        let Some((new, old)) = self.replaced(dumped) else { return false };
        let ids = |rows: &[Vec<u8>]| rows.iter().map(|row| row[..8].to_vec()).collect::<Vec<_>>();
        if ids(&new) != ids(&old) || !ids(&new).iter().all(|id| known.contains(id)) {
            return false;
        }
        // A flip is one bit of one row; of a swap nothing but the rows' ids can be said.
        let bits: u32 = new.iter().zip(&old).map(|(new, old)| distance(new, old)).sum();
        !matches!(change, Change::Flip { .. }) || (new.len(), bits) == (1, 1)
    }

    /// Whether a dump differs in one row, whose id the bloom filter of the changed segment has.
    fn is_by_chance(&self, change: &Change, dumped: &Rows) -> bool {
        let Change::Flip { path, .. } = change else { return false };
        let Some((new, old)) = self.replaced(dumped) else { return false };
        let is_one = match Kind::of(path) {
            Kind::Ids => new.len() == 1 && old.len() == 1 && distance(&new[0], &old[0]) == 1,
            Kind::DeletedDocs => new.len() == 1 && old.len() <= 1,
            _ => false,
        };
        let filter = self.original.path().join(path).with_file_name("bloom_filter");
        is_one
            && fs::read(filter).is_ok_and(|filter| {
                let id = i64::from_le_bytes(new[0][..8].try_into().unwrap());
                BloomFilter::parse(&filter).unwrap().contains(id)
            })
    }

    /// Rows that a dump has and should not have, and those that it lacks. None when it has
    /// other partitions.
    fn replaced(&self, dumped: &Rows) -> Option<(Vec<Vec<u8>>, Vec<Vec<u8>>)> {
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for (dumped, whole) in dumped.values().zip(self.rows.values()) {
            new.extend(without(dumped, whole));
            old.extend(without(whole, dumped));
        }
        dumped.keys().eq(self.rows.keys()).then_some((new, old))
    }

    /// The ids beside a file of vectors.
    fn ids(&self, vectors: &str) -> Vec<Vec<u8>> {
        let ids = fs::read(self.original.path().join(vectors.replace(".rv", ".uid"))).unwrap();
        ids[8..].chunks(8).map(<[u8]>::to_vec).collect()
    }

    fn difference(&self, dumped: &Rows) -> String {
        let places: BTreeSet<_> = dumped.keys().chain(self.rows.keys()).collect();
        let count = |rows: &Rows, place| rows.get(place).map_or(0, Vec::len);
        let differ = places.into_iter().filter(|place| dumped.get(place) != self.rows.get(place));
        let said = differ.map(|place| {
            format!("{}/{}: {} rows for {}", place.0, place.1, count(dumped, place), count(&self.rows, place))
        });
        said.collect::<Vec<_>>().join(", ")
    }

    /// Dumps the copy; there are rows when it ended well.
    fn dump(&self) -> (Run, Option<Rows>) {
        self.dump_with(&["--allow-unflushed"])
    }

    fn dump_with(&self, more: &[&str]) -> (Run, Option<Rows>) {
        let out = tempfile::tempdir().unwrap();
        let run = self.run("dump", &[&["--out", out.path().to_str().unwrap()], more].concat());
        let manifest = out.path().join("manifest.json");
        assert_eq!(manifest.exists(), run.code == 0, "{}", run.observation(&[]));
        let dumped = (run.code == 0).then(|| rows_of(out.path(), &fs::read(manifest).unwrap()));
        (run, dumped)
    }

    /// What an audit finds, or the reason why there is none.
    fn audit(&self) -> Result<Findings, String> {
        let run = self.run("audit", &["--format", "json"]);
        let report: Value = match (run.code, serde_json::from_str(&run.stdout)) {
            (0 | 3, Ok(report)) => report,
            _ => return Err(run.observation(&[])),
        };
        let mut findings = Findings::new();
        for check in report["checks"].as_array().unwrap() {
            let is_more = check["severity"] != "note" || check["outcome"] == "failed";
            let said = |text: &Value| (is_more, check["id"].as_str().unwrap().to_owned(), text.to_string());
            if check["outcome"] == "failed" {
                findings.insert(said(&check["problem"]));
            }
            // An estimate has times, which are others at each run.
            if check["id"] != "estimate" {
                findings.extend(check["rows"].as_array().unwrap().iter().map(said));
            }
        }
        Ok(findings)
    }

    fn run(&self, command: &str, more: &[&str]) -> Run {
        let mut args = vec![command, "--install", self.copy.path().to_str().unwrap()];
        args.extend(more);
        let command: Command = m2m(&args);
        run_until(LIMIT, &args, command, None).0
    }
}

/// Gives a file another name, or copies it where that cannot be.
fn link(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
    }
}

/// The rows of each partition that has some, whatever it is called.
fn partitions(rows: &Rows) -> Vec<&Vec<Vec<u8>>> {
    let mut partitions: Vec<_> = rows.values().filter(|rows| !rows.is_empty()).collect();
    partitions.sort();
    partitions
}

/// The rows of one that are not in the other, each as often as it is more often there.
fn without(one: &[Vec<u8>], other: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut rest: BTreeMap<&Vec<u8>, usize> = BTreeMap::new();
    other.iter().for_each(|row| *rest.entry(row).or_default() += 1);
    let mut is_more = |row: &&Vec<u8>| match rest.get_mut(*row) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    };
    one.iter().filter(|row| is_more(row)).cloned().collect()
}

fn distance(one: &[u8], other: &[u8]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum()
}

/// The rows of a dump, read without the code under test.
fn rows_of(dump: &Path, manifest: &[u8]) -> Rows {
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let list = |value: &Value, key: &str| value[key].as_array().unwrap().clone();
    let mut rows = Rows::new();
    for collection in list(&manifest, "collections") {
        for partition in list(&collection, "partitions") {
            let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
            let of_partition = rows.entry((text(&collection, "name"), text(&partition, "tag"))).or_default();
            for set in list(&partition, "sets") {
                let [ids, vectors] = ["id", "vector"].map(|field| {
                    let files = list(&set, "files");
                    let file = files.iter().find(|file| file["field"] == field).unwrap();
                    fs::read(dump.join(file["path"].as_str().unwrap())).unwrap()
                });
                let count = usize::try_from(set["rows"].as_u64().unwrap()).unwrap();
                assert_eq!(ids.len(), 128 + 8 * count);
                let width = (vectors.len() - 128).checked_div(count).unwrap_or(1);
                let both = ids[128..].chunks(8).zip(vectors[128..].chunks(width));
                of_partition.extend(both.map(|(id, vector)| [id, vector].concat()));
            }
            of_partition.sort();
            assert_eq!(of_partition.len() as u64, partition["rows"].as_u64().unwrap());
        }
    }
    rows
}
