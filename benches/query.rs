// SPDX-License-Identifier: Apache-2.0
//! `m2m sql` beside DuckDB over the same rows as Parquet, and beside numpy over
//! the same bytes: exact top-10, a filter by id, a count. Page cache warm, in
//! turns, on as many threads each. Everybody is asked everything twice in one
//! process, and the second time counts: starting a program is not the question.
//!
//! ```text
//! cargo bench --profile dev --bench query       # the profile of the README
//! M2M_BENCH_MIB=1024     size of the vectors    (default 1024)
//! M2M_BENCH_RUNS=5       counted runs of each   (default 5)
//! M2M_BENCH_PYTHON       a Python with duckdb, pyarrow and numpy (default python3)
//! ```

#[path = "support/install.rs"]
mod install;
#[path = "support/large.rs"]
mod large;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use install::Install;

const DIMENSION: u64 = 128;
const SEGMENTS: u64 = 8;
/// The three questions, in the order in which everybody is asked.
const QUESTIONS: [&str; 3] = ["top-10 by l2_distance", "row of an id", "count(*)"];

/// What one run of one program measured: seconds of each question, and answers to compare.
struct Answers {
    seconds: Vec<f64>,
    ids: String,
}

fn main() {
    let mib = setting("M2M_BENCH_MIB", 1024);
    let runs = setting("M2M_BENCH_RUNS", 5).max(1);
    let rows = (mib << 20) / (DIMENSION * 4) / SEGMENTS;
    let folder = tempfile::tempdir().unwrap();
    let mut install = Install::new(folder.path());
    install.collection("big", u32::try_from(DIMENSION).unwrap()).large_segments(SEGMENTS, rows, 0).finish();
    peer(folder.path(), "prepare");

    let wanted = rows * SEGMENTS / 2 + 7;
    let mut measured: BTreeMap<&str, Vec<Answers>> = BTreeMap::new();
    for counted in 0..=runs {
        let round = [
            ("m2m", m2m(folder.path(), wanted)),
            ("duckdb", peer(folder.path(), "duckdb")),
            ("numpy", peer(folder.path(), "numpy")),
        ];
        let found = &round[0].1.ids;
        assert!(round.iter().all(|(_, answers)| answers.ids == *found), "the answers differ: {found}");
        if counted > 0 {
            for (name, answers) in round {
                measured.entry(name).or_default().push(answers);
            }
        }
    }
    report(mib, &measured);
}

/// Asks the three questions in one process; it says how long each took.
fn m2m(install: &Path, id: u64) -> Answers {
    let query = (0..DIMENSION).map(|at| format!("{}", component(at))).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT id FROM big ORDER BY l2_distance(vector, [{query}]), id LIMIT 10;
         SELECT id, vector FROM big WHERE id = {id};
         SELECT count(*) FROM big"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2m"));
    command
        .args(["sql", "--timing", "--format", "csv", "--install"])
        .arg(install)
        .arg(format!("{sql}; {sql}"));
    let output = command.output().unwrap();
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert!(output.status.success(), "{said}");
    let seconds =
        said.lines().filter_map(|line| line.strip_prefix("time: ")?.split(' ').next()?.parse().ok());
    let seconds = seconds.skip(QUESTIONS.len());
    let ids: Vec<&str> = printed.lines().skip(1).take(10).collect();
    Answers { seconds: seconds.collect(), ids: ids.join(" ") }
}

/// Has a peer ask the same questions.
fn peer(install: &Path, what: &str) -> Answers {
    let python = std::env::var("M2M_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tools/peers.py");
    let output = Command::new(python).arg(script).arg(what).arg(install).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let mut lines = printed.lines();
    let seconds = lines.next().unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok());
    Answers { seconds: seconds.collect(), ids: lines.next().unwrap_or_default().into() }
}

/// The query, the same in `tools/peers.py`.
fn component(at: u64) -> f64 {
    1.0 + at as f64 / DIMENSION as f64
}

fn report(mib: u64, measured: &BTreeMap<&str, Vec<Answers>>) {
    println!("{mib} MiB of vectors, dimension {DIMENSION}, {SEGMENTS} segments; medians in seconds");
    println!("{:<24}{:>10}{:>10}{:>10}{:>16}{:>15}", "", "m2m", "duckdb", "numpy", "m2m/duckdb", "m2m/numpy");
    for (at, question) in QUESTIONS.iter().enumerate() {
        let [m2m, duckdb, numpy] = ["m2m", "duckdb", "numpy"].map(|name| median(&measured[name], at));
        println!(
            "{question:<24}{m2m:>10.4}{duckdb:>10.4}{numpy:>10.4}{:>14.1} x{:>13.1} x",
            duckdb / m2m,
            numpy / m2m
        );
    }
    println!("the last two columns: how many times as fast m2m is");
}

fn median(runs: &[Answers], question: usize) -> f64 {
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.seconds[question]).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
