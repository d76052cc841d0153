// SPDX-License-Identifier: Apache-2.0
//! An S3 server that fails at any call, in any way: a dump, a source and a
//! migration end right or say why not, and the same command ends right when
//! the server is well again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::remote;
use crate::support::command::{Run, m2m};
use crate::support::fixtures;
use crate::support::install::Install;
use crate::support::kill::{self, Chance, block_on, run_within, seeds};
use crate::support::proxy::{Fault, Plan, Proxy, from, let_pass, nth};
use crate::support::services::{self, unique};

/// The client gives up a call that takes longer, which is sooner than by itself.
pub(crate) const CALL_LIMIT: &str = "3 seconds";
/// Long enough for a call that stalls, for a server that stays away and for a crowded machine.
const LIMIT: Duration = Duration::from_secs(150);
const DIMENSION: u64 = 128;
const ROWS: u64 = 18_000;

type Files = BTreeMap<String, Vec<u8>>;

/// An installation with a file that goes in several parts, and partitions.
fn install() -> &'static PathBuf {
    static INSTALL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let made = INSTALL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("old");
        let mut install = Install::new(&root);
        install.collection("large", DIMENSION as u32).large_segments(2, ROWS, 7);
        install.collection("small", 2).segment("7", &[1, 2, 3], &[0.5; 6], &[1]);
        install.partition("p").segment("8", &[4, 5], &[4.0; 4], &[]).finish();
        (folder, root)
    });
    &made.1
}

/// The import files of a dump to this machine, where nothing fails.
fn expected() -> &'static Files {
    static EXPECTED: OnceLock<Files> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        let args = ["dump", "--install", install().to_str().unwrap(), "--out", out.path().to_str().unwrap()];
        run_within(LIMIT, &args, m2m(&args)).ends_with(0);
        let files = block_on(kill::import_files(&kill::open(out.path().to_str().unwrap())));
        let files = files.unwrap();
        let bytes: usize = files.values().map(Vec::len).sum();
        assert!(files.len() == 6 && bytes > 15 << 20, "{} files of {bytes} bytes", files.len());
        files
    })
}

/// A dump into a bucket through a proxy.
struct Dump {
    proxy: Proxy,
    out: String,
}

impl Dump {
    fn new(plan: Plan) -> Self {
        let target = services::open();
        let out = format!("s3://{}/{}", target.bucket, unique("faults"));
        Self { proxy: Proxy::of_http(&target.s3_endpoint, plan), out }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = services::open().m2m(args);
        command.env("M2M_S3_ENDPOINT", self.proxy.address()).env("AWS_TIMEOUT", CALL_LIMIT);
        command
    }

    fn run(&self) -> Run {
        let args = ["dump", "--install", install().to_str().unwrap(), "--out", &self.out];
        run_within(LIMIT, &args, self.command(&args))
    }

    /// What the bucket holds: all of it, or nothing that looks like a dump.
    fn is_whole(&self) -> bool {
        let found = block_on(kill::import_files(&kill::open(&self.out)));
        let same = found.as_ref().map(|found| found == expected());
        assert!(
            same != Some(false),
            "other files than without faults: {:?}",
            found.map(|found| found.into_keys())
        );
        same == Some(true)
    }

    /// Runs with faults, and again without when that failed.
    fn spoiled(&self) -> &'static str {
        let run = self.run();
        let how = match run.code {
            0 => "rode through",
            1 => {
                says_why(&run, &["127.0.0.1", "s3://"]);
                self.is_whole();
                self.proxy.plan(let_pass());
                self.run().ends_with(0);
                "failed, and went on"
            }
            _ => panic!("{}", run.observation(&[])),
        };
        assert!(self.is_whole(), "no manifest");
        block_on(kill::assert_finished(&self.out));
        how
    }
}

/// A clear message: what was done, and where.
#[track_caller]
pub(crate) fn says_why(run: &Run, places: &[&str]) {
    let says = run.stderr.lines().any(|line| line.starts_with("error: "));
    let place = places.iter().any(|place| run.stderr.contains(place));
    assert!(says && place, "{}", run.observation(&[]));
}

/// The kinds of faults, at a place in the request or the answer that chance names.
fn any_fault(chance: &mut Chance) -> Fault {
    let bytes = *chance.one_of(&[0, 1, 17, 100, 150, 200, 300, 400, 600, 4096, 100_000, 5_000_000]);
    match chance.below(14) {
        0 => Fault::Reset,
        1 | 2 => Fault::ResetInside(bytes),
        3 => Fault::Answer(500, "InternalError"),
        4 => Fault::Answer(503, "SlowDown"),
        5 => Fault::Answer(429, "TooManyRequests"),
        6 => Fault::Answer(403, "AccessDenied"),
        7 | 8 => Fault::LoseAnswer,
        9 => Fault::AnswerInstead(500, "InternalError"),
        10 => Fault::CutAnswer(bytes),
        11 => Fault::EndAnswer(bytes),
        12 => Fault::Delay(Duration::from_millis(300)),
        _ => Fault::Down(Duration::from_millis(700)),
    }
}

/// Spoils calls by chance: one, several, or each with some probability.
pub(crate) fn by_chance(seed: u64, calls: u64) -> Plan {
    let mut chance = Chance(seed);
    match chance.below(3) {
        0 => nth(chance.below(calls) as usize, any_fault(&mut chance), |_| true),
        1 => {
            let first = chance.below(calls) as usize;
            let mut faults: Vec<Fault> = (0..3).map(|_| any_fault(&mut chance)).collect();
            Box::new(move |call| (call.number >= first).then(|| faults.pop()).flatten())
        }
        _ => {
            let one_in = 4 + chance.below(12);
            Box::new(move |_| (chance.below(one_in) == 0).then(|| any_fault(&mut chance)))
        }
    }
}

fn is_put(what: &str) -> bool {
    what.starts_with("PUT ")
}

fn is_part(what: &str) -> bool {
    is_put(what) && what.contains("partNumber=")
}

fn ends_upload(what: &str) -> bool {
    what.starts_with("POST ") && what.contains("uploadId=")
}

fn begins_upload(what: &str) -> bool {
    what.starts_with("POST ") && what.contains("uploads")
}

fn is_manifest(what: &str) -> bool {
    is_put(what) && what.ends_with("/manifest.json")
}

fn is_list(what: &str) -> bool {
    what.starts_with("GET ") && what.contains("list-type")
}

/// A choice of calls by their names.
type Calls = (&'static str, fn(&str) -> bool);

const CALLS: [Calls; 6] = [
    ("list", is_list),
    ("begin", begins_upload),
    ("part", is_part),
    ("end", ends_upload),
    ("put", is_put),
    ("manifest", is_manifest),
];

#[test]
fn a_dump_through_the_proxy_makes_every_kind_of_call() {
    let dump = Dump::new(let_pass());
    dump.run().ends_with(0);
    assert!(dump.is_whole());
    let calls = dump.proxy.calls();
    for (name, is_one) in CALLS {
        assert!(calls.iter().any(|call| is_one(call)), "no call `{name}` in {calls:#?}");
    }
}

/// What can pass, once at each kind of call: nobody notices.
#[test]
fn a_fault_that_passes_is_ridden_through() {
    let faults = [
        Fault::Reset,
        Fault::Answer(500, "InternalError"),
        Fault::Answer(503, "SlowDown"),
        Fault::Answer(429, "TooManyRequests"),
        Fault::Delay(Duration::from_millis(200)),
        Fault::Down(Duration::from_millis(400)),
    ];
    let mut failed = Vec::new();
    for (at, (name, is_one)) in CALLS.into_iter().enumerate() {
        // Half of the kinds at each call, so that it is over soon.
        for fault in faults.into_iter().skip(at % 2).step_by(2) {
            let dump = Dump::new(nth(0, fault, is_one));
            let run = dump.run();
            assert_eq!(dump.proxy.faults(), 1, "{name}");
            if run.code != 0 || !dump.is_whole() {
                failed.push(format!("{name}, {fault:?}: {}", run.observation(&[])));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_lost_answer_does_no_harm() {
    for (name, is_one) in CALLS {
        for fault in [Fault::LoseAnswer, Fault::AnswerInstead(500, "InternalError")] {
            let dump = Dump::new(nth(0, fault, is_one));
            let how = dump.spoiled();
            println!("{name}, {fault:?}: {how}");
            assert_eq!(dump.proxy.faults(), 1, "{name}");
        }
    }
}

#[test]
fn a_request_or_an_answer_that_breaks_off_is_sent_again() {
    for (name, is_one, fault) in [
        ("part", is_part as fn(&str) -> bool, Fault::ResetInside(0)),
        ("part", is_part, Fault::ResetInside(5_000_000)),
        ("end", ends_upload, Fault::ResetInside(20)),
        ("manifest", is_manifest, Fault::ResetInside(100)),
        ("begin", begins_upload, Fault::CutAnswer(120)),
        ("begin", begins_upload, Fault::EndAnswer(300)),
        ("end", ends_upload, Fault::EndAnswer(250)),
        ("end", ends_upload, Fault::CutAnswer(10)),
        ("list", is_list, Fault::EndAnswer(300)),
        ("part", is_part, Fault::EndAnswer(30)),
    ] {
        let dump = Dump::new(nth(0, fault, is_one));
        let how = dump.spoiled();
        println!("{name}, {fault:?}: {how}");
        assert_eq!(dump.proxy.faults(), 1, "{name}");
    }
}

#[test]
fn what_never_answers_has_an_end() {
    for (name, is_one, fault) in [
        ("part", is_part as fn(&str) -> bool, Fault::Stall),
        ("manifest", is_manifest, Fault::Stall),
        ("end", ends_upload, Fault::StallAnswer(60)),
        ("list", is_list, Fault::StallAnswer(250)),
    ] {
        let dump = Dump::new(nth(0, fault, is_one));
        let how = dump.spoiled();
        println!("{name}, {fault:?}: {how}");
        assert_eq!(dump.proxy.faults(), 1, "{name}");
    }
}

#[test]
fn dumps_through_faults_by_chance_end_right() {
    for seed in seeds("M2M_FAULTS", 12) {
        let dump = Dump::new(by_chance(seed, 25));
        let how = dump.spoiled();
        println!("seed {seed}: {how}, faults {:?}", dump.proxy.injected());
    }
}

const INSTALL: &str = "install-1.1.1";
const QUESTION: &str = "SELECT partition_tag, count(*) AS n, sum(id) AS ids, sum(vector[1]) AS first, max(vector[3]) AS third \
     FROM ip_parts GROUP BY partition_tag ORDER BY partition_tag";

/// Runs a command on a source in a bucket, behind the proxy.
fn of_source(proxy: &Proxy, prefix: &str, args: &[&str]) -> Run {
    let mut command = m2m(args);
    command.envs(remote::of_first(prefix)).env("M2M_SOURCE_REMOTE_ENDPOINT", proxy.address());
    command.env("AWS_TIMEOUT", CALL_LIMIT);
    run_within(LIMIT, args, command)
}

#[test]
fn a_source_behind_faults_gives_the_same_rows_or_none() {
    let prefix = block_on(remote::upload());
    let proxy = Proxy::of_http(&services::open().s3_endpoint, let_pass());
    let truth = fixtures::truth(INSTALL);
    let collection = truth.collections.iter().find(|one| one.partitions.len() > 2).unwrap();
    let question = QUESTION.replace("ip_parts", &collection.collection);
    let args = ["sql", "--format", "csv", &question];
    let right = of_source(&proxy, &prefix, &args).ends_with(0).stdout;
    let rows: u64 =
        right.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(rows, collection.live_rows);
    let calls = proxy.calls().len() as u64;
    for seed in seeds("M2M_FAULTS", 16) {
        let proxy = Proxy::of_http(&services::open().s3_endpoint, by_chance(seed, calls));
        let run = of_source(&proxy, &prefix, &args);
        let how = if run.code == 0 {
            assert_eq!(run.stdout, right, "seed {seed}");
            "rode through"
        } else {
            says_why(&run, &["127.0.0.1", "s3://"]);
            // A query that fails may have shown what it had, and nothing else.
            assert!(right.starts_with(&run.stdout), "seed {seed}: {}", run.stdout);
            proxy.plan(let_pass());
            assert_eq!(of_source(&proxy, &prefix, &args).ends_with(0).stdout, right);
            "failed"
        };
        println!("seed {seed}: {how}, faults {:?}", proxy.injected());
    }
}

#[test]
fn a_source_that_is_refused_is_told_and_not_asked_again_and_again() {
    let prefix = block_on(remote::upload());
    let denied = from(5, Fault::Answer(403, "AccessDenied"), |_| true);
    let proxy = Proxy::of_http(&services::open().s3_endpoint, denied);
    let run = of_source(&proxy, &prefix, &["sql", "SELECT sum(vector[1]) FROM float_l2"]).ends_with(1);
    says_why(&run, &["s3://"]);
    let mut calls = proxy.calls();
    calls.sort();
    // Two guesses about where segments are may look at the same key, and that is all.
    let again = calls.windows(3).find(|three| three[0] == three[2]);
    assert!(again.is_none(), "a refusal was asked for again and again: {again:?}");
}
