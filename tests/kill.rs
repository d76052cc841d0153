// SPDX-License-Identifier: Apache-2.0
//! `migrate` is killed at any moment, and again, and then run to its end: Milvus
//! holds each row exactly as often as the installation does, and nothing that is
//! half done is left.
//!
//! `M2M_KILLS` says how many points are tried; `M2M_KILLS_SEED` repeats one. Each
//! point prints a line (`--nocapture` shows it).

use std::iter;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command::Run;
use crate::support::hex::{hex, hex_of_floats};
use crate::support::install::Install;
use crate::support::kill::{self, Chance, Signal, block_on, run_until, run_within, seeds};
use crate::support::place::Place;
use crate::support::proxy::{Proxy, let_pass};

const LIMIT: Duration = Duration::from_secs(240);
const DIMENSION: usize = 4;
const BYTES: usize = 8;

/// Ways to migrate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Npy,
    Parquet,
    Where,
    /// Onto a collection that has other rows.
    Append,
    /// In place of one.
    Replace,
    /// With tags as a partition key.
    Key,
}

const WAYS: [Way; 6] = [Way::Npy, Way::Append, Way::Parquet, Way::Replace, Way::Where, Way::Key];

impl Way {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::Npy => &[],
            Self::Parquet => &["--to-format", "parquet"],
            Self::Where => &["--where", "id % 3 <> 0"],
            Self::Append => &["--if-exists", "append"],
            Self::Replace => &["--if-exists", "replace"],
            Self::Key => &["--set", "m2m.partitions=key", "--set", "m2m.partitionField=tag"],
        }
    }

    fn takes(self, id: i64) -> bool {
        self != Self::Where || id % 3 != 0
    }
}

/// A partition: collection, tag, ids, and which of them are deleted.
struct Part {
    collection: &'static str,
    tag: &'static str,
    ids: std::ops::Range<i64>,
    deleted: &'static [i64],
}

const fn part(
    collection: &'static str,
    tag: &'static str,
    ids: std::ops::Range<i64>,
    deleted: &'static [i64],
) -> Part {
    Part { collection, tag, ids, deleted }
}

/// Three collections, nine partitions, one of them empty. `bits` holds binary vectors.
const PARTS: [Part; 9] = [
    part("floats", "_default", 0..90, &[0, 17, 44, 89]),
    part("floats", "red", 100..130, &[]),
    part("floats", "blue", 130..131, &[]),
    part("bits", "_default", 0..50, &[]),
    part("bits", "one", 50..80, &[]),
    part("bits", "none", 0..0, &[]),
    part("single", "_default", 0..40, &[]),
    part("single", "x", 40..60, &[41]),
    part("single", "y", 60..64, &[60, 61, 62, 63]),
];
/// An id that `single` has a second time, with another vector.
const TWICE: i64 = 7;
/// Ids of rows that were in Milvus before.
const BEFORE: std::ops::Range<i64> = 5000..5040;

fn is_binary(collection: &str) -> bool {
    collection == "bits"
}

fn floats(id: i64) -> Vec<f32> {
    vec![id as f32, -0.0, 1e-45, (id * 31 % 17) as f32 / 8.0]
}

fn bits(id: i64) -> [u8; BYTES] {
    (id.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ id).to_le_bytes()
}

fn write(place: &Place) {
    let mut install = Install::new(&place.path("old"));
    for part in &PARTS {
        let ids: Vec<i64> = part.ids.clone().collect();
        match (part.tag, is_binary(part.collection)) {
            ("_default", true) => drop(install.collection(part.collection, 8 * BYTES as u32).metric(3)),
            ("_default", false) => drop(install.collection(part.collection, DIMENSION as u32)),
            (tag, _) => drop(install.partition(tag)),
        }
        if ids.is_empty() {
            continue;
        }
        let deleted: Vec<i32> = part.deleted.iter().map(|id| (id - part.ids.start) as i32).collect();
        let segment = format!("16{:03}", part.ids.start);
        if is_binary(part.collection) {
            let vectors: Vec<u8> = ids.iter().flat_map(|&id| bits(id)).collect();
            install.binary_segment(&segment, &ids, &vectors);
        } else {
            let vectors: Vec<f32> = ids.iter().flat_map(|&id| floats(id)).collect();
            install.segment(&segment, &ids, &vectors, &deleted);
        }
        if (part.collection, part.tag) == ("single", "_default") {
            install.segment("17000", &[TWICE], &floats(-TWICE), &[]);
        }
    }
    install.finish();
}

/// Fills a collection of the name `floats` before the migration begins.
fn fill_before(place: &Place) {
    let other = place.path("before");
    let ids: Vec<i64> = BEFORE.collect();
    let vectors: Vec<f32> = ids.iter().flat_map(|&id| floats(id)).collect();
    Install::new(&other).collection("floats", DIMENSION as u32).segment("9", &ids, &vectors, &[]).finish();
    let args = place.args(&other, "migrate", &[]);
    let args: Vec<String> =
        args.iter().map(|arg| arg.replace(&place.out, &format!("{}-before", place.out))).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run_within(LIMIT, &args, place.target.m2m(&args)).ends_with(0);
}

fn expected(way: Way) -> Value {
    let collections = ["floats", "bits", "single"].map(|name| {
        let mut rows = Vec::new();
        for part in PARTS.iter().filter(|part| part.collection == name) {
            for id in part.ids.clone().filter(|id| !part.deleted.contains(id) && way.takes(*id)) {
                let vector = if is_binary(name) { hex(&bits(id)) } else { hex_of_floats(&floats(id)) };
                rows.push((part.tag, id, vector));
            }
        }
        match name {
            "single" => rows.push(("_default", TWICE, hex_of_floats(&floats(-TWICE)))),
            "floats" if way == Way::Append => {
                rows.extend(BEFORE.map(|id| ("_default", id, hex_of_floats(&floats(id)))));
            }
            _ => {}
        }
        let place = if way == Way::Key { "tag" } else { "partition" };
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|(tag, id, vector)| json!({place: tag, "id": id, "vector": vector}))
            .collect();
        let (kind, dimension) =
            if is_binary(name) { ("BINARY_VECTOR", 8 * BYTES) } else { ("FLOAT_VECTOR", DIMENSION) };
        let mut fields = vec![
            json!({"name": "id", "type": "INT64", "primary": true}),
            json!({"name": "vector", "type": kind, "dim": dimension}),
        ];
        if way == Way::Key {
            fields.push(json!({"name": "tag", "type": "VARCHAR", "max_length": 16, "partition_key": true}));
        }
        let index = if is_binary(name) { ("BIN_FLAT", "HAMMING") } else { ("FLAT", "L2") };
        let index = json!({"index_type": index.0, "metric_type": index.1});
        json!({"collection": name, "fields": fields, "index": index, "loaded": true, "rows": rows})
    });
    json!(collections)
}

/// A migration that is stopped, and goes on.
struct Point {
    seed: u64,
    way: Way,
    place: Place,
    /// It changes nothing, but has a Milvus 2.3.5 answer what it would not survive to be
    /// asked by somebody who is killed.
    proxy: Proxy,
}

impl Point {
    fn new(seed: u64) -> Self {
        let way = WAYS[(seed % 6) as usize];
        // Every way meets both kinds of places.
        let place =
            if (seed + seed / 6).is_multiple_of(2) { Place::on_2_3("kill") } else { Place::on_disk("kill") };
        write(&place);
        if matches!(way, Way::Append | Way::Replace) {
            fill_before(&place);
        }
        let proxy = Proxy::of_grpc(&place.target.milvus, let_pass());
        Self { seed, way, place, proxy }
    }

    /// Runs the command, and stops it after a while.
    fn run(&self, stop: Option<(Duration, Signal)>) -> (Run, bool) {
        let more = [self.way.args(), &["--progress", "json"]].concat();
        let args = self.place.args(&self.place.path("old"), "migrate", &more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.place.target.m2m(&args);
        command.env("M2M_MILVUS", self.proxy.address());
        run_until(LIMIT, &args, command, stop)
    }

    /// Stops the migration once or more often, lets it end, and compares.
    fn try_out(self, whole: Duration) -> usize {
        let mut chance = Chance(self.seed);
        // Spread over the whole time, however many seeds there are: steps of the golden ratio.
        let fraction = (self.seed as f64 * 0.618_033_988_749_895 + 0.05).fract();
        let stops = 1 + usize::from(chance.below(3) == 0) + usize::from(chance.below(5) == 0);
        let mut line = format!("seed {}: {:?} into {}", self.seed, self.way, self.place.out);
        let (mut kills, mut was_finished, mut is_done) = (0, false, false);
        for nth in 0..stops {
            let signals = [Signal::Kill, Signal::Kill, Signal::Kill, Signal::Terminate, Signal::Interrupt];
            let signal = *chance.one_of(&signals);
            let fraction = if nth == 0 { fraction } else { chance.below(900) as f64 / 1000.0 };
            let after = whole.mul_f64(fraction);
            let (run, stopped) = self.run(Some((after, signal)));
            line.push_str(&format!("; {signal:?} after {:.2} s: {}", after.as_secs_f64(), phase(&run)));
            println!("{line}");
            if !stopped {
                run.ends_with(0);
                is_done = true;
                break;
            }
            kills += 1;
            was_finished = phase(&run) == "finished verify";
            self.stopped_well(&run, signal, &line);
        }
        if !is_done {
            let (run, _) = self.run(None);
            // What was killed when all was done is done: the command once more finds its rows there.
            let is_refused = was_finished && self.way == Way::Append && run.stderr.contains("already has");
            assert!(run.code == 0 || (run.code == 1 && is_refused), "{line}\n{}", run.observation(&[]));
        }
        println!("{line}; {}", if is_done { "ended before" } else { "went on, and ended" });
        self.place.holds(&expected(self.way));
        block_on(kill::assert_finished(&self.place.out));
        if self.way == Way::Append {
            self.adds_nothing_again();
        }
        kills
    }

    /// The same command once more adds nothing to a collection that it has added to.
    fn adds_nothing_again(&self) {
        let (again, _) = self.run(None);
        assert!([0, 1].contains(&again.code), "{}", again.observation(&[]));
        self.place.holds(&expected(self.way));
    }

    /// SIGKILL leaves no code; to the others m2m says that it was interrupted, unless it was at its end.
    fn stopped_well(&self, run: &Run, signal: Signal, line: &str) {
        let right: &[i32] = if signal == Signal::Kill { &[-1] } else { &[130, 0] };
        assert!(right.contains(&run.code), "{line}\n{}", run.observation(&[]));
    }
}

/// The last thing that was told.
fn phase(run: &Run) -> String {
    let mut events = run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let Some(last) = events.rfind(|event| event["event"] != "note") else {
        return "before anything".into();
    };
    let words = ["event", "phase", "set", "collection"].map(|key| last[key].as_str().unwrap_or_default());
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// How long a migration takes that nobody stops, which is right too.
fn whole() -> Duration {
    let point = Point::new(0);
    let began = Instant::now();
    point.run(None).0.ends_with(0);
    let whole = began.elapsed();
    point.place.holds(&expected(point.way));
    block_on(kill::assert_finished(&point.place.out));
    println!("a whole migration takes {:.1} s", whole.as_secs_f64());
    whole
}

#[test]
fn a_migration_killed_at_any_moment_goes_on_with_the_same_command() {
    let whole = whole();
    let all = seeds("M2M_KILLS", 4);
    let left = Mutex::new(all.clone().into_iter());
    let next = || left.lock().unwrap().next();
    let failed = Mutex::new(Vec::new());
    // A point that fails keeps nobody from trying the others.
    let try_out = |seed| thread::spawn(move || Point::new(seed).try_out(whole)).join();
    let work = || {
        let tried = iter::from_fn(next).map(|seed| {
            try_out(seed).unwrap_or_else(|_| {
                failed.lock().unwrap().push(seed);
                0
            })
        });
        tried.sum::<usize>()
    };
    // Two at a time: mostly they wait for two servers.
    let kills = thread::scope(|scope| {
        let (first, second) = (scope.spawn(work), scope.spawn(work));
        first.join().unwrap() + second.join().unwrap()
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "M2M_KILLS_SEED repeats each of {failed:?}");
    println!("{} points, {kills} kills, all right", all.len());
    assert!(kills > 0 || all.len() < 3, "nothing was killed");
}
