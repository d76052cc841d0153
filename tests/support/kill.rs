// SPDX-License-Identifier: Apache-2.0
//! Runs of m2m that are stopped or must end in time, and what they may leave
//! behind; and chance that a number repeats.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use m2m_sink::manifest::{MANIFEST_FILE, Manifest};
use m2m_storage::{BucketOptions, Secret, Storage};

use crate::support::command::{Run, finish};
use crate::support::services;

/// How a process is stopped from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signal {
    Kill,
    Terminate,
    Interrupt,
}

/// Runs a command to its end; one that is not at its end in time fails the test.
#[track_caller]
pub(crate) fn run_within(limit: Duration, args: &[&str], command: Command) -> Run {
    run_until(limit, args, command, None).0
}

/// Likewise, and stops the command after a while. Returns whether that was necessary.
#[track_caller]
pub(crate) fn run_until(
    limit: Duration,
    args: &[&str],
    mut command: Command,
    stop: Option<(Duration, Signal)>,
) -> (Run, bool) {
    // A file holds what a pipe would hold back.
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let (began, mut child) = (Instant::now(), command.spawn().unwrap());
    let early = stop.and_then(|(after, _)| wait(&mut child, began + after));
    let stopped = stop.filter(|_| early.is_none());
    if let Some((_, signal)) = stopped {
        send(&mut child, signal);
    }
    let status = early.or_else(|| wait(&mut child, began + limit));
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output =
        Output { status: status.unwrap_or_default(), stdout: read(&mut stdout), stderr: read(&mut stderr) };
    let run = finish(args, output);
    assert!(status.is_some(), "it had not ended after {limit:?}\n{}", run.observation(&[]));
    services::assert_no_secret(&run);
    assert!(!run.stderr.contains("panicked"), "{}", run.observation(&[]));
    (run, stopped.is_some())
}

fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        let left = until.checked_duration_since(Instant::now())?;
        sleep(left.min(Duration::from_millis(5)));
    }
}

fn send(child: &mut Child, signal: Signal) {
    let name = match signal {
        Signal::Kill => return child.kill().unwrap(),
        Signal::Terminate => "-TERM",
        Signal::Interrupt => "-INT",
    };
    // It may just have ended.
    Command::new("kill").args([name, &child.id().to_string()]).output().unwrap();
}

fn read(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Numbers that look like chance, and are the same for the same seed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// The seeds that a variable asks for: `COUNT` is the number of seeds from 0 on,
/// and `COUNT_SEED` names the only one, to repeat a failure.
pub(crate) fn seeds(count: &str, default: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number(&format!("{count}_SEED")) {
        Some(seed) => vec![seed],
        None => (0..number(count).unwrap_or(default)).collect(),
    }
}

/// Waits for one thing, in a thread that waits for nothing else.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A place for import files as the tests see it, on no proxy's way.
pub(crate) fn open(out: &str) -> Storage {
    let options = BucketOptions {
        endpoint: Some(services::open().s3_endpoint),
        access_key: Some(services::s3_access().into()),
        secret_key: Some(Secret::from(services::s3_secret())),
        ..BucketOptions::default()
    };
    let options = if out.starts_with("s3:") { options } else { BucketOptions::default() };
    Storage::open(out, &options).unwrap()
}

/// Files below a place by their names from there.
pub(crate) async fn files(storage: &Storage) -> BTreeMap<String, Vec<u8>> {
    let listed: Vec<_> = storage.store().list(Some(storage.prefix())).try_collect().await.unwrap();
    let mut files = BTreeMap::new();
    for file in listed {
        let name = file.location.prefix_match(storage.prefix()).unwrap();
        let name = name.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
        files.insert(name, storage.get(&file.location).await.unwrap().to_vec());
    }
    files
}

/// The import files of a dump, whole and as the manifest says; none without a manifest.
pub(crate) async fn import_files(storage: &Storage) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut all = files(storage).await;
    all.contains_key(MANIFEST_FILE).then_some(())?;
    let manifest = Manifest::read(storage).await.unwrap();
    let mut named = BTreeMap::new();
    for file in manifest.files() {
        let bytes = all.remove(&file.path);
        let bytes = bytes.unwrap_or_else(|| panic!("the manifest names `{}`, which is not there", file.path));
        assert_eq!(bytes.len() as u64, file.bytes, "{}: bytes", file.path);
        named.insert(file.path.clone(), bytes);
    }
    Some(named)
}

/// Fails the test unless a finished run left a whole dump and nothing that is half done.
pub(crate) async fn assert_finished(out: &str) {
    let storage = open(out);
    let named = import_files(&storage).await.unwrap_or_else(|| panic!("`{out}` has no manifest"));
    let ours = [MANIFEST_FILE, "meta.json", "ledger.json"];
    let others: Vec<String> =
        if storage.is_local() { names(Path::new(out)) } else { files(&storage).await.into_keys().collect() };
    let others: Vec<_> =
        others.iter().filter(|name| !named.contains_key(*name) && !ours.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "left behind in `{out}`: {others:?}");
}

/// All names below a folder, those too that a store does not list.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            names.extend(self::names(&path).iter().map(|below| format!("{name}/{below}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let numbers = |seed| {
        let mut chance = Chance(seed);
        (0..9).map(|_| chance.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
    let mut chance = Chance(3);
    let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| chance.below(5)).collect();
    assert_eq!(seen.len(), 5);
}

#[test]
fn a_process_is_stopped_and_one_that_ends_before_is_not() {
    let limit = Duration::from_secs(20);
    let with = |seconds: &str| {
        // Whoever starts the tests in the background has them ignore an interrupt.
        let mut command = Command::new("env");
        command.args(["--default-signal", "sleep", seconds]);
        command
    };
    for signal in [Signal::Kill, Signal::Terminate, Signal::Interrupt] {
        let began = Instant::now();
        let stop = Some((Duration::from_millis(50), signal));
        let (run, stopped) = run_until(limit, &["sleep"], with("10"), stop);
        assert!(stopped && run.code == -1 && began.elapsed() < Duration::from_secs(5), "{run:?}");
    }
    let stop = Some((Duration::from_secs(9), Signal::Kill));
    let (run, stopped) = run_until(limit, &["sleep"], with("0.01"), stop);
    assert!(!stopped && run.code == 0, "{run:?}");
}

#[test]
#[should_panic(expected = "it had not ended after 100ms")]
fn a_process_that_hangs_fails_the_test() {
    let mut command = Command::new("sleep");
    run_within(Duration::from_millis(100), &["sleep", "9"], {
        command.arg("9");
        command
    });
}
