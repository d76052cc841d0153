// SPDX-License-Identifier: Apache-2.0
//! A Milvus that fails at any call, in any way, between m2m and the real
//! server: a migration ends with the right rows or says why not, and the same
//! command then ends with the right rows, each once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::faults_s3;
use crate::support::command::Run;
use crate::support::hex::hex_of_floats;
use crate::support::install::Install;
use crate::support::kill::{self, Chance, block_on, run_within, seeds};
use crate::support::place::Place;
use crate::support::proxy::{Fault, Plan, Proxy, let_pass, nth};

/// Longer than all deadlines of one call.
const LIMIT: Duration = Duration::from_secs(240);
const UNAVAILABLE: Fault = Fault::Answer(14, "the proxy is unavailable");
const UNAVAILABLE_AFTERWARDS: Fault = Fault::AnswerInstead(14, "the proxy became unavailable");

fn vectors(ids: &[i64]) -> Vec<f32> {
    ids.iter().flat_map(|&id| [id as f32, 0.25]).collect()
}

fn write(place: &Place) {
    let mut install = Install::new(&place.path("old"));
    let (first, second) = ((0..40).collect::<Vec<i64>>(), (40..60).collect::<Vec<i64>>());
    install.collection("c", 2).segment("7", &first, &vectors(&first), &[3, 5]);
    install.partition("p").segment("8", &second, &vectors(&second), &[]).finish();
}

fn rows() -> Value {
    let hex = |id: i64| hex_of_floats(&[id as f32, 0.25]);
    let row =
        |id: i64| json!({"partition": if id < 40 { "_default" } else { "p" }, "id": id, "vector": hex(id)});
    let rows: Vec<Value> = (0..60).filter(|id| *id != 3 && *id != 5).map(row).collect();
    json!({
        "collection": "c", "loaded": true, "rows": rows,
        "index": {"index_type": "FLAT", "metric_type": "L2"},
        "fields": [{"name": "id", "type": "INT64", "primary": true}, {"name": "vector", "type": "FLOAT_VECTOR", "dim": 2}],
    })
}

/// A migration to a real Milvus behind a proxy.
struct Migration {
    place: Place,
    proxy: Proxy,
    more: &'static [&'static str],
}

impl Migration {
    fn new(plan: Plan) -> Self {
        let place = Place::on_disk("faulty");
        write(&place);
        let proxy = Proxy::of_grpc(&place.target.milvus, plan);
        Self { place, proxy, more: &["--set", "m2m.retry=20"] }
    }

    fn run(&self) -> Run {
        let args = self.place.args(&self.place.path("old"), "migrate", self.more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.place.target.m2m(&args);
        command.env("M2M_MILVUS", self.proxy.address());
        run_within(LIMIT, &args, command)
    }

    /// Runs with faults, and again without when that failed.
    fn spoiled(&self) -> &'static str {
        let run = self.run();
        let how = match run.code {
            0 => "rode through",
            1 => {
                let says = run.stderr.lines().any(|line| line.starts_with("error: "));
                assert!(says && run.stderr.contains("127.0.0.1"), "{}", run.observation(&[]));
                self.proxy.plan(let_pass());
                self.run().ends_with(0);
                "failed, and went on"
            }
            _ => panic!("{}", run.observation(&[])),
        };
        self.place.holds(&rows());
        how
    }
}

fn is_import(what: &str) -> bool {
    what == "Import"
}

#[test]
fn an_import_whose_answer_is_lost_is_started_once() {
    let faults = [(Fault::LoseAnswer, 0), (UNAVAILABLE_AFTERWARDS, 1), (Fault::CutAnswer(12), 0)];
    for (fault, after) in faults {
        let mut migration = Migration::new(nth(after, fault, is_import));
        // One after the other: what ends the connection would end another call on it too.
        migration.more = &["--jobs", "1"];
        let how = migration.spoiled();
        assert_eq!(migration.proxy.faults(), 1);
        // Two file sets; the server would take a third call as more rows.
        let imports = migration.proxy.calls().iter().filter(|call| is_import(call)).count();
        assert_eq!(imports, 2, "{fault:?}: {:?}", migration.proxy.calls());
        println!("{fault:?} at import {after}: {how}");
    }
}

#[test]
fn an_import_that_never_reached_the_server_is_started_again() {
    for fault in [Fault::Reset, UNAVAILABLE, Fault::Down(Duration::from_secs(2))] {
        let migration = Migration::new(nth(0, fault, is_import));
        let how = migration.spoiled();
        assert_eq!(migration.proxy.faults(), 1);
        println!("{fault:?}: {how}");
    }
}

fn any_fault(chance: &mut Chance) -> Fault {
    match chance.below(9) {
        0 => Fault::Reset,
        1 => UNAVAILABLE,
        2 => UNAVAILABLE_AFTERWARDS,
        3 | 4 => Fault::LoseAnswer,
        5 => Fault::CutAnswer(chance.below(60)),
        6 => Fault::Delay(Duration::from_millis(500)),
        7 => Fault::Answer(8, "the proxy has enough to do"),
        _ => Fault::Down(Duration::from_millis(1500)),
    }
}

/// Spoils one call of each method by chance, or any call.
fn by_chance(seed: u64) -> Plan {
    let mut chance = Chance(seed);
    if seed.is_multiple_of(2) {
        let (after, fault) = (chance.below(60) as usize, any_fault(&mut chance));
        return nth(after, fault, |_| true);
    }
    Box::new(move |_| (chance.below(12) == 0).then(|| any_fault(&mut chance)))
}

#[test]
fn migrations_through_faults_by_chance_end_with_each_row_once() {
    for seed in seeds("M2M_FAULTS_MILVUS", 2) {
        let migration = Migration::new(by_chance(seed));
        let how = migration.spoiled();
        println!("seed {seed}: {how}, faults {:?}", migration.proxy.injected());
    }
}

/// The bucket fails, and Milvus does not: it reads it on a way of its own.
#[test]
fn migrations_through_a_failing_bucket_end_with_each_row_once() {
    for seed in seeds("M2M_FAULTS_MILVUS", 2) {
        let place = Place::on_2_3("faulty");
        write(&place);
        let plan = faults_s3::by_chance(seed, 40);
        let proxy = Proxy::of_http(&place.target.s3_endpoint, plan);
        let args = place.args(&place.path("old"), "migrate", &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = || {
            let mut command = place.target.m2m(&args);
            command.env("M2M_S3_ENDPOINT", proxy.address()).env("AWS_TIMEOUT", faults_s3::CALL_LIMIT);
            run_within(LIMIT, &args, command)
        };
        let met = run();
        if met.code != 0 {
            assert_eq!(met.code, 1, "{}", met.observation(&[]));
            faults_s3::says_why(&met, &["127.0.0.1", "s3://"]);
            proxy.plan(let_pass());
            run().ends_with(0);
        }
        let how = if met.code == 0 { "rode through" } else { "failed, and went on" };
        println!("seed {seed}: {how}, faults {:?}", proxy.injected());
        place.holds(&rows());
        block_on(kill::assert_finished(&place.out));
    }
}

/// A call that nobody answers ends by its deadline. One of the shortest is enough here.
#[test]
fn a_call_that_never_is_answered_has_an_end() {
    let migration = Migration::new(nth(0, Fault::Stall, |what| what == "GetImportState"));
    println!("{}", migration.spoiled());
    assert_eq!(migration.proxy.faults(), 1);
}

/// A connection on which nothing comes any more is given up, and another one is made.
#[test]
fn a_connection_that_went_silent_has_an_end() {
    let migration = Migration::new(nth(0, Fault::StallAnswer(0), |what| what == "GetImportState"));
    println!("{}", migration.spoiled());
    assert_eq!(migration.proxy.faults(), 1);
}
