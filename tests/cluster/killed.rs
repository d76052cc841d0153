// SPDX-License-Identifier: Apache-2.0
//! Executors and clients that are killed in the middle of a dump.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::{files, same};
use crate::support::cluster::Cluster;
use crate::support::command::{Run, finish, m2m, run};
use crate::support::install::Install;

/// Longer than it takes to notice that an executor is dead, and to write all again.
const LIMIT: Duration = Duration::from_secs(90);
const MIB: &str = "16";

/// A large installation, and a place for dumps.
struct Place {
    folder: tempfile::TempDir,
}

/// A dump that is on its way.
struct Dumping {
    child: Child,
    log: PathBuf,
    args: Vec<String>,
}

impl Place {
    /// Four segments of 80 MB, of which every tenth row is deleted.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut install = Install::new(&folder.path().join("old"));
        install.collection("c", 128).large_segments(4, 150_000, 10).finish();
        Self { folder }
    }

    fn old(&self) -> PathBuf {
        self.folder.path().join("old")
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cluster(&self, executors: usize) -> Cluster {
        Cluster::start(executors, &self.old(), Some(self.folder.path()))
    }

    fn args(&self, out: &Path, more: &[&str]) -> Vec<String> {
        let (old, out) = (self.old(), out.to_str().unwrap());
        let args = ["dump", "--install", old.to_str().unwrap(), "--out", out, "--workers", "2"];
        let args = [&args[..], &["--file-size", MIB], more].concat();
        args.into_iter().map(str::to_owned).collect()
    }

    /// What one process writes.
    fn alone(&self, more: &[&str]) -> PathBuf {
        let out = self.out("alone");
        let args = self.args(&out, more);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(0);
        out
    }

    /// Begins a dump by a cluster, and waits until it has written its first files.
    fn begin(&self, cluster: &Cluster, out: &Path, more: &[&str]) -> Dumping {
        let args = self.args(out, &[more, &["--cluster", &cluster.url()]].concat());
        let log = self.folder.path().join("log");
        let mut command: Command = m2m(&args.iter().map(String::as_str).collect::<Vec<_>>());
        command.stdout(File::create(&log).unwrap()).stderr(File::create(&log).unwrap());
        let mut dumping = Dumping { child: command.spawn().unwrap(), log, args };
        while written(out).len() < 2 {
            assert!(dumping.child.try_wait().unwrap().is_none(), "it ended before it wrote");
            sleep(Duration::from_millis(2));
        }
        dumping
    }

    /// Runs the same command once more.
    fn again(&self, cluster: &Cluster, out: &Path, more: &[&str]) -> Run {
        let args = self.args(out, more);
        cluster.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Dumping {
    fn end(mut self) -> Run {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LIMIT {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!("it had not ended after {LIMIT:?}: {}", fs::read_to_string(&self.log).unwrap());
            }
            sleep(Duration::from_millis(10));
        };
        let output = Output { status, stdout: Vec::new(), stderr: fs::read(&self.log).unwrap() };
        finish(&self.args.iter().map(String::as_str).collect::<Vec<_>>(), output)
    }

    fn interrupt(&self) {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
    }
}

/// Import files that have their name, and when they got it.
fn written(out: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    let mut folders = vec![out.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "npy" || ending == "parquet")
                && let Ok(metadata) = fs::metadata(&path)
            {
                found.insert(path, metadata.modified().unwrap());
            }
        }
    }
    found
}

/// What the journal of an unfinished dump has as complete, with the times of its files.
fn noted(out: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let text = fs::read_to_string(out.join("unfinished.json")).unwrap_or_default();
    written(out)
        .into_iter()
        .filter(|(path, _)| text.contains(path.strip_prefix(out).unwrap().to_str().unwrap()))
        .collect()
}

#[track_caller]
fn kept(before: &BTreeMap<PathBuf, SystemTime>, out: &Path) {
    let after = written(out);
    for (path, at) in before {
        assert_eq!(after.get(path), Some(at), "{} was written again", path.display());
    }
}

#[test]
fn an_executor_that_is_killed_is_replaced_by_another() {
    let place = Place::new();
    let alone = place.alone(&[]);
    let all = written(&alone).len();
    let mut cluster = place.cluster(2);
    let out = place.out("killed");
    let (began, dumping) = (Instant::now(), place.begin(&cluster, &out, &[]));
    cluster.kill_executor();
    let met = written(&out).len();
    assert!(met < all, "all was written before the executor was killed");
    dumping.end().ends_with(0);
    let compared = same(&alone, &out);
    println!("killed at {met} of {all} files; {compared} files are the same after {:?}", began.elapsed());
}

#[test]
fn without_its_only_executor_a_dump_ends_and_goes_on_with_a_new_one() {
    let place = Place::new();
    let alone = place.alone(&[]);
    let all = written(&alone).len();
    let mut cluster = place.cluster(1);
    let out = place.out("only");
    let mut dumping = place.begin(&cluster, &out, &[]);
    // What is complete is known by what the journal has; the rest is written again.
    while noted(&out).is_empty() {
        assert!(dumping.child.try_wait().unwrap().is_none(), "it ended before it noted something");
        sleep(Duration::from_millis(2));
    }
    cluster.kill_executor();
    let began = Instant::now();
    let ended = dumping.end().ends_with(1).says(&["error: "]);
    println!("ended {:?} after it was killed: {}", began.elapsed(), ended.stderr);
    let before = noted(&out);
    println!("{} of {all} files are complete", before.len());
    assert!(!before.is_empty() && before.len() < all && !out.join("manifest.json").exists());
    cluster.add_executor(&place.old(), Some(place.folder.path()));
    place.again(&cluster, &out, &[]).ends_with(0);
    kept(&before, &out);
    println!("{} files are the same", same(&alone, &out));
}

#[test]
fn an_interrupt_cancels_what_executors_do_and_the_same_command_goes_on() {
    let place = Place::new();
    for (name, more) in [("planned", &[][..]), ("streamed", &["--to-format", "parquet"])] {
        let alone = place.alone(more);
        let all = written(&alone).len();
        let cluster = place.cluster(2);
        let out = place.out(name);
        let dumping = place.begin(&cluster, &out, more);
        dumping.interrupt();
        dumping.end().ends_with(130);
        let (before, at) = (noted(&out), written(&out));
        assert!(at.len() < all, "{name}: all was written before the interrupt");
        sleep(Duration::from_secs(3));
        assert_eq!(written(&out), at, "{name}: something was written after the end");
        let left: Vec<_> = files(&out).into_keys().filter(|name| name.contains('#')).collect();
        println!("{name}: {} of {all} files, {} noted; left behind: {left:?}", at.len(), before.len());
        place.again(&cluster, &out, more).ends_with(0);
        kept(&before, &out);
        println!("{name}: {} files are the same", same(&alone, &out));
        fs::remove_dir_all(&alone).unwrap();
    }
}
