// SPDX-License-Identifier: Apache-2.0
//! What ends a run from outside: a full disk, a place that cannot be written,
//! credentials that expire, servers that stop. Each time m2m says what is wrong,
//! and the same command ends right when it is well again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command::{Run, m2m};
use crate::support::fixtures::project;
use crate::support::hex::hex_of_floats;
use crate::support::install::Install;
use crate::support::kill::{self, Signal, block_on, run_until, run_within};
use crate::support::place::Place;
use crate::support::proxy::{Fault, Proxy, from, let_pass};
use crate::support::services::{self, Target, unique};

const LIMIT: Duration = Duration::from_secs(240);

/// Compares an observation with its snapshot.
macro_rules! snapshot {
    ($name:literal, $observation:expr) => {{
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $observation);
        });
    }};
}

/// A file system of its own, of a few MiB.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path());
        Self { folder }
    }

    fn again(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], self.folder.path());
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

fn mount(options: &[&str], place: &Path) {
    let output = Command::new("mount").args(options).arg(place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "this test mounts a small file system, and therefore needs root: {said}"
    );
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.folder.path()).output().unwrap();
    }
}

/// An installation of some 10 MiB in two partitions.
fn large(folder: &Path) -> String {
    let mut install = Install::new(folder);
    install.collection("c", 128).large_segments(1, 9_000, 0);
    install.partition("p").large_segments(1, 9_000, 9).finish();
    folder.to_str().unwrap().to_owned()
}

fn dump(install: &str, out: &str) -> Run {
    let args = ["dump", "--install", install, "--out", out];
    run_within(LIMIT, &args, services::open().m2m(&args))
}

/// The import files of a dump where nothing fails.
fn expected(install: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    dump(install, out).ends_with(0);
    block_on(kill::import_files(&kill::open(out))).unwrap()
}

/// Everything that was told of the end, without what differs from run to run.
fn error(run: &Run, folders: &[(&Path, &str)]) -> String {
    let text = run.observation(folders);
    let at = text.find("error: ").unwrap_or_else(|| panic!("{text}"));
    // Which of the files that are written at once is met first is chance.
    let words = text[at..].split('`').map(|word| match word.find("/c/") {
        Some(at) if word.ends_with(".npy") => format!("{}/<file>", &word[..at]),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join("`")
}

#[test]
fn a_full_disk_is_told_and_a_larger_one_is_filled_on() {
    let disk = Disk::new("size=7m");
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    let out = disk.path();
    let out = out.to_str().unwrap();
    let run = dump(&install, out).ends_with(1).says(&[out, "No space left"]);
    snapshot!("interrupted_full_disk", error(&run, &[(disk.folder.path(), "<disk>")]));
    assert!(block_on(kill::import_files(&kill::open(out))).is_none());
    // Still full: said again, and nothing is worse.
    dump(&install, out).ends_with(1).says(&[out, "No space left"]);
    disk.again("size=64m");
    dump(&install, out).ends_with(0);
    assert_eq!(block_on(kill::import_files(&kill::open(out))).unwrap(), expected(&install));
    block_on(kill::assert_finished(out));
}

#[test]
fn a_disk_without_room_for_the_first_byte_is_told() {
    let disk = Disk::new("size=4k");
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    fs::write(disk.folder.path().join("other"), [0; 4096]).unwrap();
    let out = disk.path();
    let out = out.to_str().unwrap();
    dump(&install, out).ends_with(1).says(&["No space left"]);
    disk.again("size=64m");
    dump(&install, out).ends_with(0);
    block_on(kill::assert_finished(out));
}

#[test]
fn a_place_that_can_only_be_read_is_told_before_anything_is_done() {
    let disk = Disk::new("size=64m,ro");
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    let out = disk.path();
    let out = out.to_str().unwrap();
    let run = dump(&install, out).ends_with(1).says(&[out, "Read-only file system"]);
    snapshot!("interrupted_read_only", error(&run, &[(disk.folder.path(), "<disk>")]));
    disk.again("rw");
    dump(&install, out).ends_with(0);
    block_on(kill::assert_finished(out));
}

/// A disk that becomes read-only while it is written to, as one does that is about to die.
#[test]
fn a_disk_that_turns_read_only_is_told() {
    let disk = Disk::new("size=64m");
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    let out = disk.path();
    let out = out.to_str().unwrap();
    let args = ["dump", "--install", &install, "--out", out];
    run_until(LIMIT, &args, m2m(&args), Some((Duration::from_millis(150), Signal::Kill)));
    disk.again("ro");
    dump(&install, out).ends_with(1).says(&["Read-only file system"]);
    disk.again("rw");
    dump(&install, out).ends_with(0);
    block_on(kill::assert_finished(out));
}

#[test]
fn a_file_where_a_folder_shall_be_is_told() {
    let source = tempfile::tempdir().unwrap();
    let install = large(&source.path().join("old"));
    let out = source.path().join("out");
    fs::write(&out, "mine").unwrap();
    let out = out.to_str().unwrap();
    let run = dump(&install, out);
    assert!([1, 2].contains(&run.code), "{}", run.observation(&[]));
    snapshot!("interrupted_file_for_folder", error(&run, &[(source.path(), "<folder>")]));
    assert_eq!(fs::read_to_string(out).unwrap(), "mine");
}

/// The server's keys hold as long as it runs, so the proxy answers for it.
#[test]
fn credentials_that_expire_in_the_middle_are_told_at_once() {
    let target = services::open();
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    for code in ["ExpiredToken", "AccessDenied", "InvalidAccessKeyId"] {
        // From any call on; with the parts of files, the message is always the same.
        for after in [0, 4, 8] {
            let out = format!("s3://{}/{}", target.bucket, unique("expired"));
            let proxy = Proxy::of_http(
                &target.s3_endpoint,
                from(after, Fault::Answer(403, code), move |what| after > 0 || what.contains("partNumber=")),
            );
            let args = ["dump", "--install", &install, "--out", &out];
            let run = || {
                let mut command = target.m2m(&args);
                command.env("M2M_S3_ENDPOINT", proxy.address());
                run_within(LIMIT, &args, command)
            };
            let began = Instant::now();
            let refused = run().ends_with(1).says(&["error: ", &target.bucket]);
            assert!(began.elapsed() < Duration::from_secs(20), "it was tried again and again");
            if (code, after) == ("ExpiredToken", 0) {
                let text = error(&refused, &[]).replace(&proxy.address(), "<proxy>").replace(&out, "<out>");
                let prefix = out.trim_start_matches("s3://").split_once('/').unwrap().1;
                snapshot!("interrupted_expired_token", text.replace(prefix, "<prefix>"));
            }
            proxy.plan(let_pass());
            run().ends_with(0);
            block_on(kill::assert_finished(&out));
        }
    }
}

/// Servers of one test, which it may stop and start.
struct Services {
    folder: tempfile::TempDir,
}

/// Ports below those that Linux gives away, one set for each test.
static NEXT_PORT: AtomicU16 = AtomicU16::new(27100);

fn ports() -> u16 {
    NEXT_PORT.fetch_add(20, Ordering::Relaxed)
}

impl Services {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Runs one of `tests/services`.
    fn script(&self, name: &str, args: &[&str]) {
        let mut command = Command::new(project().join("tests/services").join(name));
        command.args(args).env("RUN_DIR", self.folder.path());
        command.env("S3_ACCESS_KEY", services::s3_access()).env("S3_SECRET_KEY", services::s3_secret());
        command.env("BUCKET", "m2m-test");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Kills what a script started, by the process that it noted.
    fn kill(&self, name: &str) {
        let noted = fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).unwrap();
        let pid = noted.split(' ').next().unwrap();
        assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
        let gone = || !Path::new("/proc").join(pid).exists();
        assert!(
            (0..200).any(|_| gone() || {
                thread::sleep(Duration::from_millis(20));
                false
            }),
            "{name}"
        );
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.script("stop_target.sh", &["--purge"]);
    }
}

fn vectors(ids: &[i64]) -> Vec<f32> {
    ids.iter().flat_map(|&id| [id as f32, 0.25]).collect()
}

/// What is said of a job that does not move.
const STUCK: &str = "did not end within";
const PARTITIONS: [&str; 4] = ["_default", "p", "q", "r"];

/// Four file sets of a collection.
fn write_sets(folder: &Path) {
    let mut install = Install::new(folder);
    for (at, tag) in PARTITIONS.into_iter().enumerate() {
        let ids: Vec<i64> = (at as i64 * 100..at as i64 * 100 + 30).collect();
        if at == 0 {
            install.collection("c", 2);
        } else {
            install.partition(tag);
        }
        install.segment(&format!("{}", 7 + at), &ids, &vectors(&ids), &[2]);
    }
    install.finish();
}

fn rows() -> Value {
    let hex = |id: i64| hex_of_floats(&[id as f32, 0.25]);
    let ids = |at: usize| (at as i64 * 100..at as i64 * 100 + 30).filter(move |id| id % 100 != 2);
    let rows: Vec<Value> = PARTITIONS
        .into_iter()
        .enumerate()
        .flat_map(|(at, tag)| ids(at).map(move |id| (tag, id)))
        .map(|(tag, id)| json!({"partition": tag, "id": id, "vector": hex(id)}))
        .collect();
    json!({
        "collection": "c", "loaded": true, "rows": rows,
        "index": {"index_type": "FLAT", "metric_type": "L2"},
        "fields": [{"name": "id", "type": "INT64", "primary": true}, {"name": "vector", "type": "FLOAT_VECTOR", "dim": 2}],
    })
}

/// Runs `migrate` at a place, which goes wrong or not.
fn migrate(place: &Place, more: &[&str]) -> Run {
    let more = [&["--set", "m2m.importStall=20"], more].concat();
    let args = place.args(&place.path("old"), "migrate", &more);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run_within(LIMIT, &args, place.target.m2m(&args))
}

/// What a run must be that met a server which stopped: right, or failed with a reason.
fn rode_through_or_said_why(run: &Run, words: &[&str]) -> bool {
    let said = run.code == 1 && run.stderr.lines().any(|line| line.starts_with("error: "));
    let why = words.iter().any(|word| run.stderr.contains(word));
    assert!(run.code == 0 || said && why, "{}", run.observation(&[]));
    run.code == 0
}

#[test]
fn a_milvus_that_is_killed_while_it_imports_is_waited_for_or_told() {
    let servers = Services::new();
    let port = ports();
    let start = || servers.script("start_milvus.sh", &[&port.to_string()]);
    start();
    let target = Target { milvus: format!("http://127.0.0.1:{port}"), ..services::open() };
    // The proxy sees when the first import begins, and spoils nothing.
    let proxy = Proxy::of_grpc(&target.milvus, let_pass());
    for pause in [0, 2500] {
        let mut place =
            Place::beside(Target { milvus: target.milvus.clone(), ..services::open() }, "restart");
        write_sets(&place.path("old"));
        place.target.milvus = proxy.address();
        let before = proxy.calls().len();
        let run = thread::scope(|scope| {
            let run = scope.spawn(|| migrate(&place, &[]));
            let is_importing = || proxy.calls()[before..].iter().any(|call| call == "Import");
            while !is_importing() && !run.is_finished() {
                thread::sleep(Duration::from_millis(10));
            }
            thread::sleep(Duration::from_millis(pause));
            servers.kill(&format!("milvus-{port}"));
            start();
            run.join().unwrap()
        });
        let rode =
            rode_through_or_said_why(&run, &["127.0.0.1", "marked failed as service restarted", STUCK]);
        println!(
            "killed {pause} ms after the first import: {}",
            if rode { "rode through" } else { "failed" }
        );
        if !rode {
            println!("{}", run.stderr.lines().last().unwrap_or_default());
            let is_stuck = |run: &Run| run.code == 1 && run.stderr.contains(STUCK);
            let mut again = migrate(&place, &[]);
            // For half a minute, a server that was killed has trouble with its own last life.
            for _ in 0..5 {
                if again.code == 0 || is_stuck(&again) {
                    break;
                }
                println!("{}", again.stderr.lines().find(|line| line.starts_with("error: ")).unwrap());
                thread::sleep(Duration::from_secs(8));
                again = migrate(&place, &[]);
            }
            // A job that the server has forgotten stays as it is for a quarter of an hour, and may
            // not be started again as long: what is there can be thrown away instead.
            assert!(again.code == 0 || is_stuck(&again), "{}", again.observation(&[]));
            if is_stuck(&again) {
                migrate(&place, &["--overwrite", "--if-exists", "replace"]).ends_with(0);
            }
        }
        place.target.milvus.clone_from(&target.milvus);
        place.holds(&rows());
        block_on(kill::assert_finished(&place.out));
    }
}

#[test]
fn an_s3_server_that_is_killed_is_waited_for_or_told() {
    let servers = Services::new();
    let port = ports();
    let start = || servers.script("start_s3.sh", &[&port.to_string()]);
    start();
    let endpoint = format!("http://127.0.0.1:{port}");
    let source = tempfile::tempdir().unwrap();
    let install = large(source.path());
    let right = expected(&install);
    for pause in [0, 3000] {
        let out = format!("s3://m2m-test/{}", unique("s3_killed"));
        let args = ["dump", "--install", &install, "--out", &out];
        // Slow enough to be met in the middle.
        let slow = Fault::Delay(Duration::from_millis(300));
        let proxy = Proxy::of_http(&endpoint, from(0, slow, |_| true));
        let run = || {
            let mut command = services::open().m2m(&args);
            command.env("M2M_S3_ENDPOINT", proxy.address());
            run_within(LIMIT, &args, command)
        };
        let met = thread::scope(|scope| {
            let met = scope.spawn(run);
            while proxy.calls().len() < 6 && !met.is_finished() {
                thread::sleep(Duration::from_millis(5));
            }
            servers.kill(&format!("s3-{port}"));
            thread::sleep(Duration::from_millis(pause));
            start();
            met.join().unwrap()
        });
        let rode = rode_through_or_said_why(&met, &[&proxy.address()[7..], &out]);
        println!("away for {pause} ms and its start: {}", if rode { "rode through" } else { "failed" });
        proxy.plan(let_pass());
        if !rode {
            run().ends_with(0);
        }
        let options = m2m_storage::BucketOptions {
            endpoint: Some(endpoint.clone()),
            access_key: Some(services::s3_access().into()),
            secret_key: Some(m2m_storage::Secret::from(services::s3_secret())),
            ..m2m_storage::BucketOptions::default()
        };
        let storage = m2m_storage::Storage::open(&out, &options).unwrap();
        assert_eq!(block_on(kill::import_files(&storage)).unwrap(), right);
    }
}
